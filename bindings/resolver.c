/* resolver: getaddrinfo on a few threads, which end when they have had nothing to do. What they share with the loop is
 * freed by whoever leaves last, since a thread may be waiting for a name server long after the loop has gone. */
#include "bindings/resolver.h"

#include "cse/base/thread.h"

#include <arpa/inet.h>
#include <stdlib.h>

enum { THREADS_MAX = 4, NAMES_MAX = 1000, HOST_SIZE = 256 };

struct resolver {
	pthread_mutex_t lock;
	struct loop *loop; /* NULL: it is gone */
	struct list waiting;
	unsigned waiting_count, thread_count, users; /* users: threads and the owner */
};

struct resolution {
	struct list link;
	struct loop_task task;
	struct resolver *resolver;
	char host[HOST_SIZE], port[6];
	struct addrinfo *infos;
	int failed;
	void (*done)(void *arg, const struct addrinfo *infos, const char *why); /* NULL: forgotten */
	void *arg;
};

static void free_resolution(struct resolution *resolution)
{
	if (resolution->infos)
		freeaddrinfo(resolution->infos);
	free(resolution);
}

/* With the lock held, which is given back. */
static void leave(struct resolver *resolver)
{
	bool is_last = --resolver->users == 0;

	pthread_mutex_unlock(&resolver->lock);
	if (!is_last)
		return;
	pthread_mutex_destroy(&resolver->lock);
	free(resolver);
}

static void deliver(struct loop_task *task)
{
	struct resolution *resolution = container_of(task, struct resolution, task);

	if (resolution->done)
		resolution->done(resolution->arg, resolution->infos,
				 resolution->failed ? "host name cannot be resolved" : NULL);
	free_resolution(resolution);
}

static void resolve(struct resolution *resolution)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};

	resolution->failed = getaddrinfo(resolution->host, resolution->port, &hints, &resolution->infos);
	if (resolution->failed)
		resolution->infos = NULL;
}

static void *work(void *arg)
{
	struct resolver *resolver = arg;

	pthread_mutex_lock(&resolver->lock);
	while (!list_empty(&resolver->waiting)) {
		struct resolution *resolution = container_of(resolver->waiting.next, struct resolution, link);

		list_remove(&resolution->link);
		resolver->waiting_count--;
		pthread_mutex_unlock(&resolver->lock);
		resolve(resolution);
		pthread_mutex_lock(&resolver->lock);
		if (resolver->loop)
			loop_post(resolver->loop, &resolution->task);
		else
			free_resolution(resolution);
	}
	resolver->thread_count--;
	leave(resolver);
	return NULL;
}

struct resolver *resolver_create(struct loop *loop)
{
	struct resolver *resolver = xzalloc(sizeof(*resolver));

	pthread_mutex_init(&resolver->lock, NULL);
	resolver->loop = loop;
	resolver->users = 1;
	list_init(&resolver->waiting);
	return resolver;
}

void resolver_destroy(struct resolver *resolver)
{
	pthread_mutex_lock(&resolver->lock);
	resolver->loop = NULL;
	list_each (item, &resolver->waiting) {
		list_remove(item);
		free_resolution(container_of(item, struct resolution, link));
	}
	leave(resolver);
}

bool resolver_is_literal(struct str host, uint16_t port, struct sockaddr_storage *address)
{
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)(void *)address;
	struct sockaddr_in *four = (struct sockaddr_in *)(void *)address;
	char text[HOST_SIZE];

	if (host.len >= sizeof(text))
		return false;
	snprintf(text, sizeof(text), "%" STR_FMT, STR_ARG(host));
	memset(address, 0, sizeof(*address));
	if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
		four->sin_family = AF_INET;
		four->sin_port = htons(port);
		return true;
	}
	if (inet_pton(AF_INET6, text, &six->sin6_addr) != 1)
		return false;
	six->sin6_family = AF_INET6;
	six->sin6_port = htons(port);
	return true;
}

/* With the lock held. Without a thread the name waits for one of those that there are. */
static bool have_thread(struct resolver *resolver)
{
	pthread_t thread;

	if (resolver->thread_count < THREADS_MAX && thread_start(&thread, work, resolver) == 0) {
		pthread_detach(thread);
		resolver->thread_count++;
		resolver->users++;
	}
	return resolver->thread_count > 0;
}

struct resolution *resolver_ask(struct resolver *resolver, struct str host, uint16_t port,
				void (*done)(void *arg, const struct addrinfo *infos, const char *why), void *arg)
{
	struct resolution *resolution;
	bool is_taken;

	if (host.len >= HOST_SIZE)
		return NULL;
	resolution = xzalloc(sizeof(*resolution));
	resolution->resolver = resolver;
	resolution->task.run = deliver;
	resolution->done = done;
	resolution->arg = arg;
	snprintf(resolution->host, sizeof(resolution->host), "%" STR_FMT, STR_ARG(host));
	snprintf(resolution->port, sizeof(resolution->port), "%u", port);
	pthread_mutex_lock(&resolver->lock);
	is_taken = resolver->waiting_count < NAMES_MAX;
	if (is_taken) {
		list_push(&resolver->waiting, &resolution->link);
		is_taken = have_thread(resolver);
		if (is_taken)
			resolver->waiting_count++;
		else
			list_remove(&resolution->link);
	}
	pthread_mutex_unlock(&resolver->lock);
	if (is_taken)
		return resolution;
	free(resolution);
	return NULL;
}

void resolver_forget(struct resolution *resolution)
{
	resolution->done = NULL;
}
