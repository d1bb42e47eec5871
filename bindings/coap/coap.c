/* coap: opening, draining and closing the CoAP binding. */
#include "bindings/coap/coap.h"

#include "bindings/address.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- connections come ---- */

static struct binding_state *front_of(const struct stream *stream)
{
	return container_of(stream->streams, struct binding_state, streams);
}

static void took(struct stream *stream, const struct message *message)
{
	if (message_is_request(message))
		server_request(&front_of(stream)->server, stream, message);
}

static void closed(struct stream *stream, const char *why)
{
	(void)why;
	server_forget_stream(&front_of(stream)->server, stream);
}

/* Says so (RFC 8323 5.6), and takes what was sent, since closing with unread input would reset it away. */
static void turn_away(int fd)
{
	const struct message message = {
		.code = SIGNAL_ABORT, .token = STR(""), .payload = STR("as many connections are open as are served")};
	struct strbuf bytes = {0};
	char unread[4096];

	message_write_stream(&bytes, &message);
	if (send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL) > 0 && shutdown(fd, SHUT_WR) == 0)
		(void)!recv(fd, unread, sizeof(unread), 0);
	strbuf_finish(&bytes);
	close(fd);
}

static void accepted(struct listener *listener, int fd, const struct peer *peer)
{
	enum { OPTIONS = 64 * 1024 };
	struct binding_state *front = container_of(listener, struct binding_state, listener);
	struct stream *stream;

	if (front->streams.count >= front->config.max_connections) {
		turn_away(fd);
		return;
	}
	stream = stream_open(&front->streams, fd, peer, front->config.max_body + OPTIONS);
	if (!stream)
		return;
	stream->took = took;
	stream->closed = closed;
}

/* ---- the end ---- */

static void finish(struct binding_state *front)
{
	loop_timer_cancel(front->server.loop, &front->drain);
	server_finish(&front->server);
	free(front);
}

static void drain_ended(struct timer *timer)
{
	struct binding_state *front = container_of(timer, struct binding_state, drain);
	void (*drained)(void *arg) = front->drained;

	front->drained = NULL;
	drained(front->drained_arg); /* may close the front */
}

static bool is_drained(const struct binding_state *front)
{
	return front->server.waiting_count == 0 && front->streams.count == 0;
}

static void look_whether_drained(struct binding_state *front)
{
	if (front->drained && is_drained(front))
		loop_timer_set(front->server.loop, &front->drain, 0);
	if (front->is_closed && front->server.waiting_count == 0)
		finish(front);
}

static void server_is_idle(struct server *server)
{
	look_whether_drained(container_of(server, struct binding_state, server));
}

static void streams_are_empty(struct streams *streams)
{
	look_whether_drained(container_of(streams, struct binding_state, streams));
}

/* Answers still go out by datagrams; what comes new is turned away. */
static void coap_drain(struct binding_state *front, void (*done)(void *arg), void *arg)
{
	front->drained = done;
	front->drained_arg = arg;
	front->server.is_draining = true;
	listener_close(&front->listener);
	list_each (item, &front->streams.all)
		stream_drain(container_of(item, struct stream, link));
	loop_timer_set(front->server.loop, &front->drain,
		       is_drained(front) ? 0 : (int64_t)front->config.drain_timeout_ms * 1000);
}

/* Requests still at the CSE keep the front until they are answered. */
static void coap_close(struct binding_state *front)
{
	if (!front)
		return;
	front->drained = NULL;
	listener_close(&front->listener);
	sender_close(&front->sender);
	streams_finish(&front->streams);
	server_stop(&front->server);
	front->is_closed = true;
	if (front->server.waiting_count == 0)
		finish(front);
}

/* ---- the beginning ---- */

/* Datagrams at the address that the listener has. */
static int open_server(struct binding_state *front, struct cse *cse, struct loop *loop, char *message, size_t size)
{
	const char *where = front->listener.address + strlen("coap://");
	struct addrinfo *infos;
	int error = address_resolve("coap.listen", where, SOCK_DGRAM, &infos, message, size);

	if (error < 0)
		return error;
	error = server_open(&front->server, cse, loop, &front->config, infos);
	freeaddrinfo(infos);
	if (error < 0)
		snprintf(message, size, "coap.listen %s: %s", where, error_text(error));
	return error;
}

/* The same port for connections and datagrams. One that the kernel picks for the first is rarely taken for the second;
 * the other way round it often is. */
static int open_sockets(struct binding_state *front, struct cse *cse, struct loop *loop, char *message, size_t size)
{
	enum { TRIES = 8 };
	int error = 0;

	for (int i = 0; i < TRIES; i++) {
		error = listener_open(&front->listener, loop, "coap.listen", "coap", front->config.listen, message,
				      size);
		if (error < 0)
			return error;
		error = open_server(front, cse, loop, message, size);
		if (error == 0)
			return 0;
		listener_close(&front->listener);
	}
	return error;
}

static int coap_open(struct cse *cse, struct loop *loop, const struct binding_config *config,
		     struct binding_state **state, char *message, size_t size)
{
	struct binding_state *front = xzalloc(sizeof(*front));
	int error;

	front->config = *config;
	front->drain.fire = drain_ended;
	front->listener.accepted = accepted;
	error = sender_open(&front->sender, cse, loop, config, message, size);
	if (error < 0) {
		free(front);
		return error;
	}
	error = open_sockets(front, cse, loop, message, size);
	if (error < 0) {
		sender_close(&front->sender);
		free(front);
		return error;
	}
	front->server.idle = server_is_idle;
	streams_init(&front->streams, loop, &front->config);
	front->streams.emptied = streams_are_empty;
	*state = front;
	return 0;
}

static void coap_set_limits(struct binding_state *front, const struct binding_config *config)
{
	front->config.max_connections = config->max_connections;
	front->config.header_timeout_ms = config->header_timeout_ms;
	front->config.body_timeout_ms = config->body_timeout_ms;
	front->config.idle_timeout_ms = config->idle_timeout_ms;
	front->config.drain_timeout_ms = config->drain_timeout_ms;
}

static const char *coap_address(struct binding_state *front)
{
	return front->listener.address;
}

/* ---- hops ---- */

static void coap_send(struct binding_state *front, struct hop *hop)
{
	sender_send(&front->sender, hop);
}

static void coap_cancel(struct binding_state *front, struct hop *hop)
{
	sender_cancel(&front->sender, hop);
}

static const char *const schemes[] = {"coap", "coap+tcp", NULL};

extern const struct binding binding_coap;
const struct binding binding_coap = {
	.name = "coap",
	.open = coap_open,
	.drain = coap_drain,
	.close = coap_close,
	.set_limits = coap_set_limits,
	.address = coap_address,
	.schemes = schemes,
	.send = coap_send,
	.cancel = coap_cancel,
};
