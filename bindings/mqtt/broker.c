/* broker: see broker.h. libmosquitto's client on the loop: its socket is watched, what its callbacks tell is worked on
 * after each packet, and what could not be written at once is when there is room. */
#include "bindings/mqtt/broker.h"

#include "bindings/mqtt/outbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <mqtt_protocol.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	READS_PER_TURN = 64,	/* packets, so that one broker does not keep the others waiting */
	DIALING_US = 10000000,	/* for the connection, */
	GREETING_US = 10000000, /* and for the answer to CONNECT */
	LASTING_US = 10000000,	/* a connection that was of use */
	TICK_US = 1000000,	/* libmosquitto counts in seconds */
	PAUSE_US = 1000000,	/* before the second try; doubled each time */
	LONGEST_PAUSE_US = 60000000,
	PARTING_MS = 200,
};

/* ---- the socket ---- */

static void stop_watching(struct broker *broker)
{
	if (broker->watch.fd < 0)
		return;
	loop_unwatch(broker->circle->loop, &broker->watch);
	broker->watch.fd = -1;
	broker->watched = 0;
}

static int watch(struct broker *broker, int fd, void (*ready)(struct loop_fd *watch, uint32_t events))
{
	broker->watch = (struct loop_fd){.ready = ready, .fd = fd};
	broker->watched = EPOLLIN;
	return loop_watch(broker->circle->loop, &broker->watch, EPOLLIN);
}

void broker_mark_dirty(struct broker *broker)
{
	list_remove(&broker->dirty);
	list_push(&broker->circle->dirty, &broker->dirty);
}

static bool is_connected(const struct broker *broker)
{
	return broker->state == BROKER_GREETED || broker->state == BROKER_UP;
}

/* ---- tries ---- */

static void try_again(struct timer *timer);

/* Doubled from try to try, and spread by a quarter, so that not all clients of a broker come back in one moment. */
static int64_t pause_us(struct broker *broker)
{
	int64_t pause = PAUSE_US;

	for (unsigned i = 1; i < broker->failures && pause < LONGEST_PAUSE_US; i++)
		pause *= 2;
	if (pause > LONGEST_PAUSE_US)
		pause = LONGEST_PAUSE_US;
	return pause * 3 / 4 + (int64_t)(id_next(&broker->circle->random) % (uint64_t)(pause / 2));
}

/* One line for each reason, not one for every try. */
static void log_loss(struct broker *broker, const char *why)
{
	bool is_new = strcmp(why, broker->logged) != 0;
	enum log_level level = broker->refusal[0] ? LOG_ERROR : LOG_WARN;

	snprintf(broker->logged, sizeof(broker->logged), "%s", why);
	log_event(broker->circle->log, is_new && broker->is_own ? level : LOG_DEBUG, "no connection to the broker",
		  "broker=%s:%u why=\"%s\"", broker->place.host, (unsigned)broker->place.port, why);
}

static void make_client(struct broker *broker);

/* The last thing that is done with the broker: lost may close it. */
static void lose(struct broker *broker, const char *why)
{
	char refused[160];

	snprintf(refused, sizeof(refused), "the broker refuses the connection: %s", broker->refusal);
	if (broker->refusal[0])
		why = refused;
	stop_watching(broker);
	loop_timer_cancel(broker->circle->loop, &broker->tick);
	list_remove(&broker->dirty);
	list_init(&broker->dirty);
	if (broker->state == BROKER_UP && outbox_lost(broker)) {
		mosquitto_destroy(broker->client);
		make_client(broker);
	}
	broker->state = BROKER_DOWN;
	broker->failures++;
	log_loss(broker, why);
	broker->refusal[0] = '\0';
	broker->timer.fire = try_again;
	loop_timer_set(broker->circle->loop, &broker->timer, pause_us(broker));
	broker->circle->lost(broker, why);
}

static void no_greeting(struct timer *timer)
{
	lose(container_of(timer, struct broker, timer), "no answer to CONNECT");
}

/* The thread goes on by itself, with the client that it has. */
static void leave_approach(struct broker *broker)
{
	struct approach *approach = broker->approach;

	broker->approach = NULL;
	if (!approach || approach_end(approach))
		return;
	outbox_take_back(broker);
	make_client(broker);
}

static void no_connection(struct timer *timer)
{
	struct broker *broker = container_of(timer, struct broker, timer);

	stop_watching(broker);
	leave_approach(broker);
	lose(broker, "it cannot be made in time");
}

static void keep_alive(struct timer *timer)
{
	struct broker *broker = container_of(timer, struct broker, tick);

	if (mosquitto_loop_misc(broker->client) != MOSQ_ERR_SUCCESS || mosquitto_socket(broker->client) < 0) {
		lose(broker, "the broker no longer answers");
		return;
	}
	loop_timer_set(broker->circle->loop, timer, TICK_US);
}

static void ready(struct loop_fd *watch, uint32_t events);

static void approached(struct loop_fd *watched, uint32_t events)
{
	struct broker *broker = container_of(watched, struct broker, watch);
	const char *failure = approach_failure(broker->approach);
	char why[160] = "";

	(void)events;
	if (failure)
		snprintf(why, sizeof(why), "%s", failure);
	stop_watching(broker);
	(void)approach_end(broker->approach);
	broker->approach = NULL;
	if (!failure && watch(broker, mosquitto_socket(broker->client), ready) < 0) {
		broker->watch.fd = -1;
		snprintf(why, sizeof(why), "connection cannot be watched");
	}
	if (why[0]) {
		lose(broker, why);
		return;
	}
	broker->state = BROKER_GREETED;
	broker->read_bytes = 0;
	broker->timer.fire = no_greeting;
	loop_timer_set(broker->circle->loop, &broker->timer, GREETING_US);
	loop_timer_set(broker->circle->loop, &broker->tick, TICK_US);
}

static void no_thread(struct timer *timer)
{
	lose(container_of(timer, struct broker, timer), "no thread to connect with");
}

static void begin(struct broker *broker)
{
	const struct approach_target target = {
		.host = broker->place.host,
		.port = broker->place.port,
		.keep_alive_s = broker->circle->keep_alive_s,
		.keeps_session = broker->is_own,
		.largest_packet = broker->circle->is_version5 ? (uint32_t)broker->circle->largest_packet : 0,
		.guard = broker->is_own ? NULL : &broker->circle->guard,
		.crew = broker->is_own ? NULL : broker->circle->crew,
	};

	broker->state = BROKER_DIALING;
	broker->timer.fire = no_connection;
	loop_timer_set(broker->circle->loop, &broker->timer, DIALING_US);
	broker->approach = approach_start(broker->client, &target);
	if (broker->approach && watch(broker, approach_fd(broker->approach), approached) == 0)
		return;
	broker->watch.fd = -1;
	leave_approach(broker);
	/* Whoever opens it does not hear of it from within. */
	broker->timer.fire = no_thread;
	loop_timer_set(broker->circle->loop, &broker->timer, 0);
}

static void try_again(struct timer *timer)
{
	begin(container_of(timer, struct broker, timer));
}

void broker_try_now(struct broker *broker)
{
	if (broker->state == BROKER_DOWN && broker->client)
		begin(broker);
}

void broker_subscribe(struct broker *broker, const char *filter)
{
	/* A failure is that of the connection, which is seen where it is read. */
	(void)mosquitto_subscribe(broker->client, NULL, filter, 1);
	broker_mark_dirty(broker);
}

void broker_unsubscribe(struct broker *broker, const char *filter)
{
	(void)mosquitto_unsubscribe(broker->client, NULL, filter);
	broker_mark_dirty(broker);
}

/* ---- what libmosquitto tells of ---- */

/* Its callbacks run under a lock of its own. What they tell is worked on when it is done with reading. */
struct event {
	struct list link;
	enum { EVENT_CONNECTED, EVENT_ACKNOWLEDGED, EVENT_ARRIVED } what;
	int mid, reason;
	struct arrival arrival; /* views of bytes, and of what libmosquitto has given away */
	char *response_topic;
	void *correlation;
	char bytes[];
};

static struct event *add_event(struct broker *broker, size_t bytes)
{
	struct event *event = xmalloc(sizeof(*event) + bytes);

	*event = (struct event){.what = EVENT_CONNECTED};
	list_push(&broker->events, &event->link);
	return event;
}

static void drop_event(struct event *event)
{
	list_remove(&event->link);
	free(event->response_topic);
	free(event->correlation);
	free(event);
}

static void on_connect(struct mosquitto *client, void *arg, int code, int flags, const mosquitto_property *properties)
{
	struct broker *broker = arg;
	uint32_t largest = 0;

	(void)client;
	(void)flags;
	if (code == 0) {
		add_event(broker, 0)->what = EVENT_CONNECTED;
		mosquitto_property_read_int32(properties, MQTT_PROP_MAXIMUM_PACKET_SIZE, &largest, false);
		broker->largest_taken = largest;
		return;
	}
	/* libmosquitto closes the connection */
	snprintf(broker->refusal, sizeof(broker->refusal), "%s",
		 broker->circle->is_version5 ? mosquitto_reason_string(code) : mosquitto_connack_string(code));
}

static void on_subscribe(struct mosquitto *client, void *arg, int mid, int count, const int *granted)
{
	struct broker *broker = arg;

	(void)client;
	(void)mid;
	for (int i = 0; i < count; i++)
		if (granted[i] >= 0x80)
			log_event(broker->circle->log, LOG_ERROR, "the broker refuses a subscription", "broker=%s:%u",
				  broker->place.host, (unsigned)broker->place.port);
}

static void on_publish(struct mosquitto *client, void *arg, int mid, int reason, const mosquitto_property *properties)
{
	struct event *event = add_event(arg, 0);

	(void)client;
	(void)properties;
	event->what = EVENT_ACKNOWLEDGED;
	event->mid = mid;
	event->reason = reason;
}

static void on_message(struct mosquitto *client, void *arg, const struct mosquitto_message *message,
		       const mosquitto_property *properties)
{
	size_t topic_len = strlen(message->topic), payload_len = (size_t)message->payloadlen;
	struct event *event = add_event(arg, topic_len + payload_len);
	uint16_t len = 0;

	(void)client;
	event->what = EVENT_ARRIVED;
	memcpy(event->bytes, message->topic, topic_len);
	if (payload_len)
		memcpy(event->bytes + topic_len, message->payload, payload_len);
	event->arrival = (struct arrival){.topic = str_make(event->bytes, topic_len),
					  .payload = str_make(event->bytes + topic_len, payload_len),
					  .is_retained = message->retain};
	if (properties) {
		mosquitto_property_read_string(properties, MQTT_PROP_RESPONSE_TOPIC, &event->response_topic, false);
		mosquitto_property_read_binary(properties, MQTT_PROP_CORRELATION_DATA, &event->correlation, &len,
					       false);
	}
	if (event->response_topic)
		event->arrival.response_topic = str_of(event->response_topic);
	if (event->correlation)
		event->arrival.correlation = str_make(event->correlation, len);
}

/* The pause grows as long as connections are of no use: not when one is made, which the broker may end at once. */
static void settle(struct broker *broker)
{
	broker->failures = 0;
	broker->logged[0] = '\0';
}

static void has_lasted(struct timer *timer)
{
	settle(container_of(timer, struct broker, timer));
}

static void connected(struct broker *broker)
{
	broker->timer.fire = has_lasted;
	loop_timer_set(broker->circle->loop, &broker->timer, LASTING_US);
	broker->state = BROKER_UP;
	log_event(broker->circle->log, LOG_INFO, "connected to the broker", "broker=%s:%u after=%u", broker->place.host,
		  (unsigned)broker->place.port, broker->failures);
	broker->circle->connected(broker);
}

static void acknowledged(struct broker *broker, const struct event *event)
{
	settle(broker);
	outbox_acknowledged(broker, event->mid, event->reason);
}

static void work_on_events(struct broker *broker)
{
	while (!list_empty(&broker->events)) {
		struct event *event = container_of(broker->events.next, struct event, link);

		if (event->what == EVENT_CONNECTED)
			connected(broker);
		else if (event->what == EVENT_ACKNOWLEDGED)
			acknowledged(broker, event);
		else
			broker->circle->received(broker, &event->arrival);
		drop_event(event);
	}
	outbox_send(broker);
}

/* ---- reading and writing ---- */

static void explain(char *why, size_t size, int status)
{
	if (status == MOSQ_ERR_ERRNO && errno)
		snprintf(why, size, "%s", error_text(-errno));
	else
		snprintf(why, size, "%s", mosquitto_strerror(status ? status : MOSQ_ERR_CONN_LOST));
}

/* False: the connection was lost. */
static bool write_out(struct broker *broker)
{
	char why[160];
	int status = mosquitto_want_write(broker->client) ? mosquitto_loop_write(broker->client, 1) : MOSQ_ERR_SUCCESS;
	uint32_t events = (broker->has_paused ? 0 : EPOLLIN) | (mosquitto_want_write(broker->client) ? EPOLLOUT : 0);

	if (status == MOSQ_ERR_SUCCESS && mosquitto_socket(broker->client) >= 0) {
		if (events != broker->watched && loop_rewatch(broker->circle->loop, &broker->watch, events) == 0)
			broker->watched = events;
		return true;
	}
	explain(why, sizeof(why), status);
	lose(broker, why);
	return false;
}

/* Bytes that libmosquitto has read from the connection. */
static uint64_t read_so_far(const struct broker *broker)
{
	struct tcp_info info = {0};
	socklen_t size = sizeof(info);
	int unread = 0;

	if (getsockopt(broker->watch.fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0 ||
	    ioctl(broker->watch.fd, FIONREAD, &unread) < 0 || info.tcpi_bytes_received < (uint64_t)unread)
		return 0;
	return info.tcpi_bytes_received - (uint64_t)unread;
}

/* libmosquitto would keep a packet of up to 256 MB. The brokers of the configuration are bounded by their own. */
static bool sends_too_much(struct broker *broker, bool has_packet)
{
	uint64_t read;

	if (broker->is_own)
		return false;
	read = read_so_far(broker);
	if (has_packet || read < broker->read_bytes)
		broker->read_bytes = read;
	return read - broker->read_bytes > broker->circle->largest_answer;
}

/* Packets, until nothing comes: what has come in together is worked on together. */
static int read_some(struct broker *broker)
{
	int status = MOSQ_ERR_SUCCESS;
	bool came = true;

	for (unsigned i = 0; i < READS_PER_TURN && came && status == MOSQ_ERR_SUCCESS; i++) {
		status = mosquitto_loop_read(broker->client, 1);
		came = !list_empty(&broker->events) && mosquitto_socket(broker->client) >= 0;
		if (sends_too_much(broker, came))
			status = MOSQ_ERR_OVERSIZE_PACKET;
		work_on_events(broker);
	}
	return status;
}

/* A broker that gathers small packets (Nagle) sends the next one only when the last is acknowledged by TCP. */
static void acknowledge(const struct broker *broker)
{
	int one = 1;

	(void)setsockopt(broker->watch.fd, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof(one));
}

static void ready(struct loop_fd *watched, uint32_t events)
{
	struct broker *broker = container_of(watched, struct broker, watch);
	int status = MOSQ_ERR_SUCCESS;
	char why[160];

	if (events & ~(uint32_t)EPOLLOUT)
		status = read_some(broker);
	if (status != MOSQ_ERR_SUCCESS || mosquitto_socket(broker->client) < 0) {
		explain(why, sizeof(why), status);
		lose(broker, why);
		return;
	}
	acknowledge(broker);
	if (events & EPOLLOUT)
		broker_mark_dirty(broker);
}

static void flush(struct loop_hook *hook)
{
	struct broker_circle *circle = container_of(hook, struct broker_circle, round_end);

	while (!list_empty(&circle->dirty)) {
		struct broker *broker = container_of(circle->dirty.next, struct broker, dirty);

		list_remove(&broker->dirty);
		if (is_connected(broker))
			(void)write_out(broker);
	}
}

void broker_pause(struct broker *broker)
{
	broker->has_paused = true;
	if (is_connected(broker))
		broker_mark_dirty(broker);
}

bool broker_is_flushed(const struct broker *broker)
{
	return broker->state != BROKER_UP || (list_empty(&broker->kept) && !mosquitto_want_write(broker->client));
}

/* ---- opening and closing ---- */

static void make_client(struct broker *broker)
{
	const struct broker_circle *circle = broker->circle;

	broker->client = mosquitto_new(broker->client_id, !broker->is_own, broker);
	if (!broker->client)
		die_out_of_memory(0);
	mosquitto_int_option(broker->client, MOSQ_OPT_PROTOCOL_VERSION,
			     circle->is_version5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311);
	mosquitto_int_option(broker->client, MOSQ_OPT_SEND_MAXIMUM, OUTBOX_WINDOW);
	mosquitto_int_option(broker->client, MOSQ_OPT_TCP_NODELAY, 1);
	if (circle->username && broker->is_own)
		mosquitto_username_pw_set(broker->client, circle->username, circle->password);
	mosquitto_connect_v5_callback_set(broker->client, on_connect);
	mosquitto_subscribe_callback_set(broker->client, on_subscribe);
	mosquitto_publish_v5_callback_set(broker->client, on_publish);
	mosquitto_message_v5_callback_set(broker->client, on_message);
}

void broker_open(struct broker *broker, struct broker_circle *circle, const struct place *place, const char *client_id,
		 bool is_own)
{
	*broker = (struct broker){
		.circle = circle, .place = *place, .is_own = is_own, .watch.fd = -1, .tick.fire = keep_alive};
	broker->seed = id_seed();
	list_init(&broker->link);
	list_init(&broker->dirty);
	list_init(&broker->kept);
	list_init(&broker->sent);
	list_init(&broker->events);
	snprintf(broker->client_id, sizeof(broker->client_id), "%s", client_id);
	make_client(broker);
	begin(broker);
}

/* To close a socket with something unread in it would take back what the broker has not read yet. */
static void part(struct broker *broker)
{
	int fd = fcntl(mosquitto_socket(broker->client), F_DUPFD_CLOEXEC, 0);
	struct pollfd end = {.fd = fd, .events = POLLIN};
	char unread[4096];

	(void)mosquitto_disconnect(broker->client);
	if (fd < 0)
		return;
	shutdown(fd, SHUT_WR);
	while (poll(&end, 1, PARTING_MS) > 0 && recv(fd, unread, sizeof(unread), MSG_DONTWAIT) > 0)
		;
	close(fd);
}

void broker_close(struct broker *broker)
{
	struct broker_circle *circle = broker->circle;

	if (!broker->client)
		return;
	stop_watching(broker);
	loop_timer_cancel(circle->loop, &broker->timer);
	loop_timer_cancel(circle->loop, &broker->tick);
	list_remove(&broker->dirty);
	if (is_connected(broker))
		part(broker);
	if (!broker->approach || approach_end(broker->approach))
		mosquitto_destroy(broker->client);
	broker->approach = NULL;
	broker->client = NULL;
	broker->state = BROKER_DOWN;
	list_each (item, &broker->events)
		drop_event(container_of(item, struct event, link));
	outbox_clear(broker);
}

void circle_init(struct broker_circle *circle, struct loop *loop, struct log *log)
{
	circle->loop = loop;
	circle->log = log;
	circle->crew = approach_crew_create();
	id_source_init(&circle->random, id_seed());
	list_init(&circle->dirty);
	circle->round_end.run = flush;
	loop_add_hook(loop, &circle->round_end);
	mosquitto_lib_init();
}

/* libmosquitto is not cleaned up: a thread that still resolves a name may be using it. */
void circle_finish(struct broker_circle *circle)
{
	loop_remove_hook(circle->loop, &circle->round_end);
	guard_finish(&circle->guard);
	approach_crew_leave(circle->crew);
}
