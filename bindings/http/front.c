/* front: opening, draining and closing the HTTP server. */
#include "bindings/http/front.h"

#include "bindings/address.h"
#include "bindings/http/connection.h"

#include <netdb.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- connections come ---- */

/* Too many: say so, and take what was sent, since closing with unread input would reset the answer away. */
static void turn_away(int fd)
{
	static const char answer[] = "HTTP/1.1 503 Service Unavailable\r\nX-M2M-RSC: 5000\r\nRetry-After: 1\r\n"
				     "Content-Length: 0\r\nConnection: close\r\n\r\n";
	char unread[4096];

	if (send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL) > 0 && shutdown(fd, SHUT_WR) == 0)
		(void)!recv(fd, unread, sizeof(unread), 0);
	close(fd);
}

static void accepted(struct listener *listener, int fd, const struct peer *peer)
{
	struct binding_state *front = container_of(listener, struct binding_state, listener);

	if (front->open_count >= front->config.max_connections)
		turn_away(fd);
	else
		connection_open(front, fd, peer);
}

void front_log_refusal(const struct binding_state *front, int fd, unsigned status, const char *why)
{
	struct log *log = cse_log(front->cse);
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);
	char host[64] = "?";

	if (!log_on(log, LOG_INFO))
		return;
	if (getpeername(fd, (struct sockaddr *)&peer, &len) == 0)
		getnameinfo((struct sockaddr *)&peer, len, host, sizeof(host), NULL, 0, NI_NUMERICHOST);
	log_event(log, LOG_INFO, "http request refused", "status=%u why=\"%s\" peer=%s", status, why, host);
}

/* ---- rounds ---- */

static void free_dead(struct binding_state *front)
{
	list_each (item, &front->dead) {
		list_remove(item);
		connection_free(item);
	}
}

static void reap(struct loop_hook *hook)
{
	free_dead(container_of(hook, struct binding_state, reaper));
}

static void go_on(struct timer *timer)
{
	struct binding_state *front = container_of(timer, struct binding_state, resume);
	struct list resumed;

	list_init(&resumed);
	list_splice(&resumed, &front->resumed);
	while (!list_empty(&resumed))
		connection_resume(resumed.next);
}

/* ---- the end ---- */

static void finish(struct binding_state *front)
{
	free_dead(front);
	loop_timer_cancel(front->loop, &front->resume);
	loop_timer_cancel(front->loop, &front->drain);
	loop_remove_hook(front->loop, &front->reaper);
	input_pool_finish(&front->inputs);
	strbuf_finish(&front->batch);
	strbuf_finish(&front->aside);
	strbuf_finish(&front->maker.scratch);
	transcoder_finish(&front->maker.transcoder);
	strbuf_finish(&front->location);
	free(front);
}

void front_connection_closed(struct binding_state *front)
{
	front->open_count--;
	if (front->drained && front->open_count == 0)
		loop_timer_set(front->loop, &front->drain, 0);
}

void front_request_ended(struct binding_state *front)
{
	front->waiting_count--;
	if (front->is_closed && front->waiting_count == 0)
		finish(front);
}

static void close_all(struct binding_state *front)
{
	while (!list_empty(&front->connections))
		connection_close(front->connections.next);
}

static void drain_ended(struct timer *timer)
{
	struct binding_state *front = container_of(timer, struct binding_state, drain);
	void (*drained)(void *arg) = front->drained;

	front->drained = NULL;
	close_all(front);
	drained(front->drained_arg); /* may close the front */
}

static void http_drain(struct binding_state *front, void (*done)(void *arg), void *arg)
{
	front->is_draining = true;
	front->drained = done;
	front->drained_arg = arg;
	listener_close(&front->listener);
	list_each (item, &front->connections)
		connection_drain(item);
	if (front->open_count)
		loop_timer_set(front->loop, &front->drain, (int64_t)front->config.drain_timeout_ms * 1000);
	else
		loop_timer_set(front->loop, &front->drain, 0);
}

/* Requests still at the CSE keep the front until they are answered. Hops may be sent until here, also while it drains.
 */
static void http_close(struct binding_state *front)
{
	if (!front)
		return;
	front->drained = NULL;
	front->is_closed = true;
	listener_close(&front->listener);
	client_close(&front->client);
	close_all(front);
	if (front->waiting_count == 0)
		finish(front);
}

/* ---- the beginning ---- */

static int http_open(struct cse *cse, struct loop *loop, const struct binding_config *config,
		     struct binding_state **state, char *message, size_t size)
{
	struct binding_state *front = xzalloc(sizeof(*front));
	int error;

	http_parser_set_max_header_size(UINT32_MAX / 2); /* max_headers is what counts */
	front->cse = cse;
	front->loop = loop;
	front->config = *config;
	front->listener.accepted = accepted;
	front->resume.fire = go_on;
	front->drain.fire = drain_ended;
	front->reaper.run = reap;
	list_init(&front->connections);
	list_init(&front->resumed);
	list_init(&front->dead);
	error = client_open(&front->client, cse, loop, &front->config, message, size);
	if (error < 0) {
		free(front);
		return error;
	}
	error = listener_open(&front->listener, loop, "http", "http.listen", config->listen, message, size);
	if (error < 0) {
		client_close(&front->client);
		free(front);
		return error;
	}
	transcoder_init(&front->maker.transcoder, config->schema);
	loop_add_hook(loop, &front->reaper);
	*state = front;
	return 0;
}

static void http_set_limits(struct binding_state *front, const struct binding_config *config)
{
	front->config.max_connections = config->max_connections;
	front->config.header_timeout_ms = config->header_timeout_ms;
	front->config.body_timeout_ms = config->body_timeout_ms;
	front->config.idle_timeout_ms = config->idle_timeout_ms;
	front->config.drain_timeout_ms = config->drain_timeout_ms;
}

static void http_add_points_of_access(const struct binding_config *config, struct strbuf *out)
{
	address_add_point(out, "http", config->listen, config->root);
}

static size_t http_descriptors(const struct binding_config *config)
{
	return config->max_connections;
}

static const char *http_address(struct binding_state *front)
{
	return front->listener.address;
}

/* ---- hops ---- */

static void http_send(struct binding_state *front, struct hop *hop)
{
	client_send(&front->client, hop);
}

static void http_cancel(struct binding_state *front, struct hop *hop)
{
	client_cancel(&front->client, hop);
}

static const char *const schemes[] = {"http", "https", NULL};

extern const struct binding binding_http;
const struct binding binding_http = {
	.name = "http",
	.descriptors = http_descriptors,
	.add_points_of_access = http_add_points_of_access,
	.open = http_open,
	.drain = http_drain,
	.close = http_close,
	.set_limits = http_set_limits,
	.address = http_address,
	.schemes = schemes,
	.send = http_send,
	.cancel = http_cancel,
};
