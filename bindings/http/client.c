/* client: which hop goes over which connection, and when.
 *
 * A hop takes an idle connection to its origin, the one used last. If there is none it waits in its origin's queue,
 * until a connection is made for it or another one to the same origin has become free. Connections are made for origins
 * in turn, few at once, so that a host that swallows packets does not hold up the others, and no more to one of them
 * than it may have, so that a slow host leaves connections for the others.
 *
 * A connection is freed as soon as it is closed, and a hop's `done` is the last thing that is called for it: it may
 * send and cancel, which opens and closes connections. */
#include "bindings/http/client.h"

#include "bindings/http/outbound.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	DIALS_MAX = 16,	   /* connections being made */
	IN_A_ROW_MAX = 16, /* waiting hops that one connection serves while other origins wait for a connection */
	RECEIVE_SIZE = 65536,
};

/* A hop that the client has. hop->link is in one of the queues, or alone. */
struct errand {
	struct errand *next; /* spare */
	struct client *client;
	struct hop *hop;
	struct origin *origin;	 /* NULL: its URL is of no use */
	struct connection *conn; /* NULL: it waits */
	struct timer timer;
	bool is_second;
};

struct connection {
	struct loop_fd watch; /* fd -1: being made */
	uint32_t watched;     /* events */
	struct dial dial;
	struct client *client;
	struct origin *origin;
	struct list idle, of_origin; /* links while it is idle */
	int64_t idle_since_us;
	struct errand *errand; /* NULL while it is idle */
	unsigned in_a_row;
	bool was_used;
	bool peer_is_done;
	struct strbuf unsent; /* the whole request, if it could not be sent at once */
	size_t sent;	      /* of it */
	struct reply reply;
};

static void feed(struct client *client);

static struct errand *take_first(struct list *hops)
{
	struct hop *hop;

	if (list_empty(hops))
		return NULL;
	hop = container_of(hops->next, struct hop, link);
	list_remove(&hop->link);
	return hop->of_binding;
}

/* ---- the end of hops ---- */

/* The hop is core's again; what came of it is filled in. */
static void release(struct errand *errand)
{
	struct client *client = errand->client;

	loop_timer_cancel(client->loop, &errand->timer);
	list_remove(&errand->hop->link);
	if (errand->origin) {
		origin_settle(errand->origin);
		origin_leave(errand->origin);
	}
	errand->hop->of_binding = NULL;
	errand->next = client->spare;
	client->spare = errand;
	client->hop_count--;
}

static void end_failed(struct timer *timer)
{
	struct client *client = container_of(timer, struct client, soon);
	struct list failed;

	list_init(&failed);
	list_splice(&failed, &client->failed);
	while (!list_empty(&failed)) {
		struct hop *hop = container_of(failed.next, struct hop, link);

		release(hop->of_binding);
		hop->done(hop);
	}
}

/* Ends it in the next round. */
static void fail_soon(struct errand *errand, const char *why)
{
	struct client *client = errand->client;

	outbound_fail(errand->hop, HOP_UNREACHABLE, why);
	loop_timer_cancel(client->loop, &errand->timer);
	list_push(&client->failed, &errand->hop->link);
	if (!client->soon.is_set)
		loop_timer_set(client->loop, &client->soon, 0);
}

/* ---- closing connections ---- */

static void close_connection(struct connection *conn)
{
	struct client *client = conn->client;

	if (conn->watch.fd >= 0) {
		loop_unwatch(client->loop, &conn->watch);
	} else {
		client->dialing_count--;
		conn->origin->dialing_count--;
	}
	conn->origin->open_count--;
	origin_settle(conn->origin);
	if (conn->dial.easy)
		dial_end(&conn->dial);
	else if (conn->watch.fd >= 0)
		close(conn->watch.fd);
	list_remove(&conn->idle);
	list_remove(&conn->of_origin);
	strbuf_finish(&conn->unsent);
	reply_finish(&conn->reply);
	client->open_count--;
	origin_leave(conn->origin);
	free(conn);
}

static struct connection *oldest_idle(const struct client *client)
{
	return list_empty(&client->idle) ? NULL : container_of(client->idle.next, struct connection, idle);
}

static void drop_stale(struct timer *timer)
{
	struct client *client = container_of(timer, struct client, stale);
	int64_t idle_us = (int64_t)client->config->outgoing_idle_ms * 1000;
	int64_t now_us = clock_mono_us(loop_clock(client->loop));
	struct connection *conn;

	while ((conn = oldest_idle(client)) != NULL && conn->idle_since_us + idle_us <= now_us)
		close_connection(conn);
	if (conn)
		loop_timer_set(client->loop, timer, conn->idle_since_us + idle_us - now_us);
}

/* Closes the connection and ends its hop. */
static void fail(struct connection *conn, enum hop_outcome outcome, const char *why)
{
	struct client *client = conn->client;
	struct hop *hop = conn->errand->hop;

	outbound_fail(hop, outcome, why);
	release(conn->errand);
	close_connection(conn);
	feed(client);
	hop->done(hop);
}

/* ---- sending ---- */

static bool write_request(struct errand *errand, const char **why)
{
	struct client *client = errand->client;
	const struct route *route = routes_find(&client->routes, errand->hop->url, why);

	return route &&
	       outbound_write(&client->out, errand->hop, route, cse_id(client->cse), &client->transcoder, why) == 0;
}

static void want(struct connection *conn, uint32_t events)
{
	if (conn->watched != events && loop_rewatch(conn->client->loop, &conn->watch, events) == 0)
		conn->watched = events;
}

static ssize_t send_some(struct connection *conn, struct str bytes)
{
	ssize_t sent;

	if (conn->dial.easy)
		return dial_send(&conn->dial, bytes);
	sent = send(conn->watch.fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
	return sent < 0 ? -errno : sent;
}

/* What the connection takes of bytes. If it takes none ever more, its end is read, which decides what becomes of the
 * hop: an answer may be there. */
static size_t offer(struct connection *conn, struct str bytes)
{
	ssize_t sent = send_some(conn, bytes);

	if (sent < 0 && sent != -EAGAIN && sent != -EINTR)
		shutdown(conn->watch.fd, SHUT_RDWR);
	return sent > 0 ? (size_t)sent : 0;
}

static void send_unsent(struct connection *conn)
{
	conn->sent += offer(conn, str_from(strbuf_str(&conn->unsent), conn->sent));
	if (conn->sent == conn->unsent.len) {
		strbuf_finish(&conn->unsent);
		conn->sent = 0;
	}
	want(conn, EPOLLIN | EPOLLRDHUP | (conn->unsent.len ? EPOLLOUT : 0));
}

/* The request is in client->out. TLS needs bytes that it did not take at the same address again. */
static void transmit(struct connection *conn, struct errand *errand)
{
	struct str bytes = strbuf_str(&conn->client->out);
	size_t sent = 0;

	conn->errand = errand;
	errand->conn = conn;
	reply_begin(&conn->reply, conn->client->config->max_answer);
	if (!conn->dial.easy)
		sent = offer(conn, bytes);
	if (sent == bytes.len)
		return;
	strbuf_add_str(&conn->unsent, str_from(bytes, sent));
	if (conn->dial.easy)
		send_unsent(conn);
	else
		want(conn, EPOLLIN | EPOLLRDHUP | EPOLLOUT);
}

/* ---- connections that become free ---- */

static void rest(struct connection *conn)
{
	struct client *client = conn->client;

	conn->in_a_row = 0;
	conn->idle_since_us = clock_mono_us(loop_clock(client->loop));
	list_push(&client->idle, &conn->idle);
	list_push(&conn->origin->idle, &conn->of_origin);
	if (!client->stale.is_set)
		loop_timer_set(client->loop, &client->stale, (int64_t)client->config->outgoing_idle_ms * 1000);
}

static bool others_starve(const struct connection *conn)
{
	const struct client *client = conn->client;

	return conn->in_a_row >= IN_A_ROW_MAX && client->open_count >= client->config->most_outgoing &&
	       client->dialing_count < DIALS_MAX && origin_is_in_the_way(conn->origin);
}

/* The hop that waits longest for this origin goes on over it. */
static void go_on(struct connection *conn)
{
	struct origin *origin = conn->origin;
	struct errand *errand;
	const char *why;

	conn->was_used = true;
	if (others_starve(conn)) {
		close_connection(conn);
		return;
	}
	while ((errand = take_first(&origin->waiting)) != NULL) {
		origin_settle(origin);
		if (write_request(errand, &why)) {
			conn->in_a_row++;
			transmit(conn, errand);
			return;
		}
		fail_soon(errand, why);
	}
	rest(conn);
}

/* ---- receiving ---- */

static void answered(struct connection *conn)
{
	struct client *client = conn->client;
	struct errand *errand = conn->errand;
	struct hop *hop = errand->hop;
	struct strbuf body;

	outbound_judge(&conn->reply, hop, &client->transcoder, &client->limits);
	body = conn->reply.body; /* the answer may be in it */
	conn->reply.body = (struct strbuf){0};
	conn->errand = NULL;
	release(errand);
	if (conn->reply.keeps_alive && !conn->peer_is_done && !conn->unsent.len)
		go_on(conn);
	else
		close_connection(conn);
	feed(client);
	hop->done(hop);
	strbuf_finish(&body);
}

/* A peer closes connections that have been idle; one that ends before the first byte of an answer is taken for that. */
static void begin_again(struct connection *conn)
{
	struct client *client = conn->client;
	struct errand *errand = conn->errand;

	errand->is_second = true;
	errand->conn = NULL;
	conn->errand = NULL;
	list_push(&errand->origin->again, &errand->hop->link);
	origin_settle(errand->origin);
	close_connection(conn);
	feed(client);
}

static void ended(struct connection *conn)
{
	if (conn->was_used && !conn->reply.received && !conn->errand->is_second)
		begin_again(conn);
	else if (reply_end(&conn->reply) == REPLY_DONE)
		answered(conn);
	else
		fail(conn, HOP_UNREACHABLE, conn->reply.why);
}

static ssize_t receive_some(struct connection *conn)
{
	char *bytes = conn->client->received;
	ssize_t got;

	if (conn->dial.easy)
		return dial_receive(&conn->dial, bytes, RECEIVE_SIZE);
	got = recv(conn->watch.fd, bytes, RECEIVE_SIZE, 0);
	return got < 0 ? -errno : got;
}

static enum reply_result read_reply(struct connection *conn, size_t len)
{
	enum reply_result result = reply_read(&conn->reply, str_make(conn->client->received, len));

	if (result == REPLY_DONE)
		answered(conn);
	else if (result == REPLY_BAD)
		fail(conn, HOP_UNREACHABLE, conn->reply.why);
	return result;
}

/* TLS may have decrypted more than was asked for, which no event would tell of. */
static void receive(struct connection *conn)
{
	bool is_tls = conn->dial.easy;
	ssize_t got;

	do {
		got = receive_some(conn);
		if (got == -EAGAIN || got == -EINTR)
			return;
		if (got <= 0) {
			ended(conn);
			return;
		}
	} while (read_reply(conn, (size_t)got) == REPLY_MORE && is_tls);
}

/* The peer has closed it, or says what nobody asked for. TLS has messages of its own. */
static void look_at_idle(struct connection *conn)
{
	ssize_t got = receive_some(conn);

	if (got != -EAGAIN && got != -EINTR)
		close_connection(conn);
}

static void ready(struct loop_fd *watch, uint32_t events)
{
	struct connection *conn = container_of(watch, struct connection, watch);

	conn->peer_is_done |= (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
	if (!conn->errand) {
		look_at_idle(conn);
		return;
	}
	if (events & EPOLLOUT)
		send_unsent(conn);
	if (events & ~(uint32_t)EPOLLOUT)
		receive(conn);
}

/* ---- making connections ---- */

static void connected(struct connection *conn, int fd)
{
	struct client *client = conn->client;
	const char *why;

	conn->watch.fd = fd;
	conn->watched = EPOLLIN | EPOLLRDHUP;
	client->dialing_count--;
	conn->origin->dialing_count--;
	origin_settle(conn->origin);
	if (loop_watch(client->loop, &conn->watch, conn->watched) < 0) {
		fail(conn, HOP_UNREACHABLE, "connection cannot be watched");
		return;
	}
	if (!write_request(conn->errand, &why)) {
		fail(conn, HOP_UNREACHABLE, why);
		return;
	}
	transmit(conn, conn->errand);
	feed(client);
}

static void dialed(struct dial *dial, int fd, const char *why)
{
	struct connection *conn = container_of(dial, struct connection, dial);

	if (fd < 0)
		fail(conn, HOP_UNREACHABLE, why);
	else
		connected(conn, fd);
}

static void make_connection(struct client *client, struct origin *origin)
{
	int64_t now_us = clock_mono_us(loop_clock(client->loop));
	struct connection *conn = xzalloc(sizeof(*conn));
	struct errand *errand = take_first(&origin->again);

	if (!errand)
		errand = take_first(&origin->waiting);
	ASSERT(errand);
	conn->watch = (struct loop_fd){.ready = ready, .fd = -1};
	conn->client = client;
	conn->origin = origin;
	conn->dial.done = dialed;
	list_init(&conn->idle);
	list_init(&conn->of_origin);
	conn->errand = errand;
	errand->conn = conn;
	origin->users++;
	origin->open_count++;
	origin->dialing_count++;
	client->dialing_count++;
	client->open_count++;
	origin_was_fed(origin);
	dial_begin(&client->dialing, &conn->dial, origin->text, origin->is_tls,
		   (errand->timer.due_us - now_us) / 1000 + 1);
}

/* Makes the connections that are wanted and allowed. */
static void feed(struct client *client)
{
	while (!list_empty(&client->origins.hungry) && client->dialing_count < DIALS_MAX) {
		struct connection *conn = oldest_idle(client);

		if (client->open_count >= client->config->most_outgoing) {
			if (!conn)
				return;
			close_connection(conn);
		}
		make_connection(client, container_of(client->origins.hungry.next, struct origin, hungry));
	}
}

/* ---- hops ---- */

static void too_late(struct timer *timer)
{
	struct errand *errand = container_of(timer, struct errand, timer);
	struct client *client = errand->client;
	struct connection *conn = errand->conn;
	struct hop *hop = errand->hop;

	if (conn) {
		bool is_sent = conn->watch.fd >= 0;

		fail(conn, is_sent ? HOP_LATE : HOP_UNREACHABLE,
		     is_sent ? "no answer in time" : "no connection in time");
		return;
	}
	outbound_fail(hop, HOP_UNREACHABLE, "no connection in time");
	release(errand);
	feed(client);
	hop->done(hop);
}

static struct errand *take_errand(struct client *client, struct hop *hop)
{
	struct errand *errand = client->spare;

	if (errand)
		client->spare = errand->next;
	else
		errand = xmalloc(sizeof(*errand));
	*errand = (struct errand){.client = client, .hop = hop, .timer.fire = too_late};
	list_init(&hop->link);
	hop->of_binding = errand;
	client->hop_count++;
	loop_timer_set(client->loop, &errand->timer, hop->timeout_us);
	return errand;
}

void client_send(struct client *client, struct hop *hop)
{
	struct errand *errand = take_errand(client, hop);
	const char *why;
	const struct route *route = routes_find(&client->routes, hop->url, &why);
	struct connection *conn;

	/* What cannot be said needs no connection. */
	if (!route || outbound_write(&client->out, hop, route, cse_id(client->cse), &client->transcoder, &why) < 0) {
		fail_soon(errand, why);
		return;
	}
	errand->origin = origin_join(&client->origins, route);
	if (list_empty(&errand->origin->idle)) {
		list_push(&errand->origin->waiting, &hop->link);
		origin_settle(errand->origin);
		feed(client);
		return;
	}
	conn = container_of(errand->origin->idle.prev, struct connection, of_origin);
	list_remove(&conn->of_origin);
	list_remove(&conn->idle);
	transmit(conn, errand);
}

void client_cancel(struct client *client, struct hop *hop)
{
	struct errand *errand = hop->of_binding;
	struct connection *conn = errand->conn;

	release(errand);
	if (conn)
		close_connection(conn);
	feed(client);
}

/* ---- opening and closing ---- */

int client_open(struct client *client, struct cse *cse, struct loop *loop, const struct binding_config *config,
		char *message, size_t size)
{
	int error = dialing_open(&client->dialing, loop, config->networks, config->is_public, config->ca_file, message,
				 size);

	if (error < 0)
		return error;
	client->loop = loop;
	client->cse = cse;
	client->config = config;
	origins_init(&client->origins, config->most_outgoing_to_one);
	client->stale.fire = drop_stale;
	client->soon.fire = end_failed;
	list_init(&client->idle);
	list_init(&client->failed);
	routes_init(&client->routes);
	transcoder_init(&client->transcoder, config->schema);
	client->limits = *cse_decode_limits(cse);
	client->limits.bytes = config->max_answer;
	client->received = xmalloc(RECEIVE_SIZE);
	return 0;
}

void client_close(struct client *client)
{
	struct errand *next;

	ASSERT(client->hop_count == 0);
	while (!list_empty(&client->idle))
		close_connection(oldest_idle(client));
	loop_timer_cancel(client->loop, &client->stale);
	loop_timer_cancel(client->loop, &client->soon);
	for (struct errand *errand = client->spare; errand; errand = next) {
		next = errand->next;
		free(errand);
	}
	dialing_close(&client->dialing);
	routes_finish(&client->routes);
	origins_finish(&client->origins);
	transcoder_finish(&client->transcoder);
	strbuf_finish(&client->out);
	free(client->received);
}
