/* approach: see approach.h. The last of thread and owner to leave frees it. */
#include "bindings/mqtt/approach.h"

#include "cse/base/thread.h"

#include <errno.h>
#include <mqtt_protocol.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { CREW_MOST = 128 };

struct approach_crew {
	atomic_uint members; /* threads, and the owner */
};

struct approach {
	pthread_mutex_t lock; /* of is_over and is_abandoned */
	bool is_over, is_abandoned;
	struct mosquitto *client;
	struct approach_target target;
	char host[256];
	int event_fd;
	char why[160];
	bool is_connected;
};

struct approach_crew *approach_crew_create(void)
{
	struct approach_crew *crew = xzalloc(sizeof(*crew));

	atomic_init(&crew->members, 1);
	return crew;
}

void approach_crew_leave(struct approach_crew *crew)
{
	if (crew && atomic_fetch_sub(&crew->members, 1) == 1)
		free(crew);
}

/* Threads are started by one thread only. */
static bool join(struct approach_crew *crew)
{
	if (crew && atomic_load(&crew->members) > CREW_MOST)
		return false;
	if (crew)
		atomic_fetch_add(&crew->members, 1);
	return true;
}

static void destroy(struct approach *approach)
{
	close(approach->event_fd);
	pthread_mutex_destroy(&approach->lock);
	free(approach);
}

static bool is_allowed(struct approach *approach, const struct sockaddr *address)
{
	bool is_good;

	pthread_mutex_lock(&approach->lock); /* the guard is there as long as the owner is */
	is_good = !approach->is_abandoned && (!approach->target.guard || guard_allows(approach->target.guard, address));
	pthread_mutex_unlock(&approach->lock);
	return is_good;
}

/* With MQTT 5 a session lasts only as long as is asked for (3.1.2.11.2). */
static mosquitto_property *wishes(const struct approach_target *target)
{
	mosquitto_property *properties = NULL;

	if (!target->largest_packet)
		return NULL;
	if (mosquitto_property_add_int32(&properties, MQTT_PROP_SESSION_EXPIRY_INTERVAL,
					 target->keeps_session ? UINT32_MAX : 0) != MOSQ_ERR_SUCCESS ||
	    mosquitto_property_add_int32(&properties, MQTT_PROP_MAXIMUM_PACKET_SIZE, target->largest_packet) !=
		    MOSQ_ERR_SUCCESS)
		die_out_of_memory(0);
	return properties;
}

static int connect_client(struct approach *approach, const char *address)
{
	mosquitto_property *properties = wishes(&approach->target);
	int status = mosquitto_connect_bind_v5(approach->client, address, approach->target.port,
					       (int)approach->target.keep_alive_s, NULL, properties);

	mosquitto_property_free_all(&properties);
	return status;
}

static void try_address(struct approach *approach, const struct addrinfo *info)
{
	char address[NI_MAXHOST];
	int status;

	if (!is_allowed(approach, info->ai_addr)) {
		snprintf(approach->why, sizeof(approach->why),
			 "address is none that may be connected to (outgoing.networks)");
		return;
	}
	if (getnameinfo(info->ai_addr, info->ai_addrlen, address, sizeof(address), NULL, 0, NI_NUMERICHOST) != 0)
		return;
	errno = 0;
	status = connect_client(approach, address);
	approach->is_connected = status == MOSQ_ERR_SUCCESS;
	if (!approach->is_connected)
		snprintf(approach->why, sizeof(approach->why), "%s",
			 status == MOSQ_ERR_ERRNO && errno ? error_text(-errno) : mosquitto_strerror(status));
}

static void work(struct approach *approach)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *infos;
	int failed = getaddrinfo(approach->host, NULL, &hints, &infos);

	if (failed) {
		snprintf(approach->why, sizeof(approach->why), "host name cannot be resolved: %s",
			 gai_strerror(failed));
		return;
	}
	for (const struct addrinfo *info = infos; info && !approach->is_connected; info = info->ai_next)
		try_address(approach, info);
	freeaddrinfo(infos);
}

static void *run(void *arg)
{
	struct approach *approach = arg;
	struct approach_crew *crew = approach->target.crew;
	uint64_t one = 1;
	bool is_mine;

	work(approach);
	pthread_mutex_lock(&approach->lock);
	is_mine = approach->is_abandoned;
	approach->is_over = true;
	if (!is_mine)
		(void)!write(approach->event_fd, &one, sizeof(one));
	pthread_mutex_unlock(&approach->lock);
	if (is_mine) {
		mosquitto_destroy(approach->client);
		destroy(approach);
	}
	approach_crew_leave(crew);
	return NULL;
}

struct approach *approach_start(struct mosquitto *client, const struct approach_target *target)
{
	struct approach *approach;
	pthread_t thread;

	if (!join(target->crew))
		return NULL;
	approach = xzalloc(sizeof(*approach));
	approach->client = client;
	approach->target = *target;
	snprintf(approach->host, sizeof(approach->host), "%s", target->host);
	snprintf(approach->why, sizeof(approach->why), "no address to connect to");
	pthread_mutex_init(&approach->lock, NULL);
	approach->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (approach->event_fd >= 0 && thread_start(&thread, run, approach) == 0) {
		pthread_detach(thread);
		return approach;
	}
	destroy(approach);
	approach_crew_leave(target->crew);
	return NULL;
}

int approach_fd(const struct approach *approach)
{
	return approach->event_fd;
}

const char *approach_failure(struct approach *approach)
{
	const char *why;

	pthread_mutex_lock(&approach->lock); /* what the thread wrote before the descriptor could be read */
	why = approach->is_connected ? NULL : approach->why;
	pthread_mutex_unlock(&approach->lock);
	return why;
}

bool approach_end(struct approach *approach)
{
	bool is_over;

	pthread_mutex_lock(&approach->lock);
	is_over = approach->is_over;
	approach->is_abandoned = true;
	pthread_mutex_unlock(&approach->lock);
	if (is_over)
		destroy(approach);
	return is_over;
}
