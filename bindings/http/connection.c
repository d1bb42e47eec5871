/* connection: reading, handing over, answering, sending and deadlines of one connection.
 *
 * One request at a time is at the CSE; what is pipelined behind it waits in the input. Whatever happens to a connection
 * ends in settle(), which decides by its phase what is watched, which deadline runs and whether it closes. A closed
 * connection stays allocated until the end of the round, and until the CSE has answered. */
#include "bindings/http/connection.h"

#include "bindings/http/mapping.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	REQUESTS_PER_ROUND = 16,	/* of one connection, so that the others get their turn */
	BATCH_BYTES = 64 * 1024,	/* answers sent together */
	KEPT_OUTPUT_BYTES = 256 * 1024, /* larger output buffers are not kept */
	LINGER_US = 2000000,		/* how long a refused client may go on sending */
};

enum phase {
	READING,
	WAITING,   /* for the CSE's answer */
	CLOSING,   /* once everything is sent */
	LINGERING, /* sending is over; taking what the client still sends, so that it gets to read the refusal */
};

enum deadline { NO_DEADLINE, IDLE, HEAD, BODY, SEND, LINGER };

struct connection {
	struct loop_fd watch; /* fd -1: closed */
	uint32_t watched;     /* events */
	struct timer timer;
	struct list link; /* in connections or dead */
	struct list resumed;
	struct binding_state *front;
	struct input *input; /* NULL while idle */
	struct strbuf unsent;
	struct exchange exchange;
	enum phase phase;
	enum deadline deadline;
	struct peer peer;
	bool is_running;   /* in run(), which sends */
	bool peer_is_done; /* has sent its last byte */
	bool lingers;	   /* when it closes */
};

static void run(struct connection *conn);
static void settle(struct connection *conn);

/* ---- closing ---- */

static bool is_closed(const struct connection *conn)
{
	return conn->watch.fd < 0;
}

static void bury(struct connection *conn)
{
	list_remove(&conn->link);
	list_push(&conn->front->dead, &conn->link);
}

/* The descriptor, which is not this connection's any more. */
static int give_up(struct connection *conn)
{
	int fd = conn->watch.fd;

	loop_unwatch(conn->front->loop, &conn->watch);
	conn->watch.fd = -1;
	return fd;
}

/* Without a descriptor it is closed. */
static void leave(struct connection *conn)
{
	struct binding_state *front = conn->front;

	loop_timer_cancel(front->loop, &conn->timer);
	list_remove(&conn->resumed);
	input_give(&front->inputs, conn->input);
	conn->input = NULL;
	strbuf_finish(&conn->unsent);
	list_remove(&conn->link);
	if (conn->phase != WAITING)
		bury(conn);
	front_connection_closed(front);
}

static void close_now(struct connection *conn)
{
	if (is_closed(conn))
		return;
	close(give_up(conn));
	leave(conn);
}

/* Closing with unread input would make the kernel reset the connection, and the client lose the answer. */
static void close_when_sent(struct connection *conn)
{
	if (!conn->lingers || conn->peer_is_done || shutdown(conn->watch.fd, SHUT_WR) < 0) {
		close_now(conn);
		return;
	}
	input_give(&conn->front->inputs, conn->input);
	conn->input = NULL;
	conn->phase = LINGERING;
	settle(conn);
}

/* ---- sending ---- */

/* Where answers go until they are sent. */
static struct strbuf *output(struct connection *conn)
{
	return conn->is_running ? &conn->front->batch : &conn->front->aside;
}

/* What the kernel takes of bytes; 0 also if the connection failed and was closed. */
static size_t send_some(struct connection *conn, struct str bytes)
{
	ssize_t sent = send(conn->watch.fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);

	if (sent < 0 && errno != EAGAIN && errno != EINTR)
		close_now(conn);
	return sent > 0 ? (size_t)sent : 0;
}

static void flush(struct connection *conn, struct strbuf *out)
{
	struct str bytes = strbuf_str(out);

	if (!is_closed(conn) && bytes.len && !conn->unsent.len)
		bytes = str_from(bytes, send_some(conn, bytes));
	if (!is_closed(conn))
		strbuf_add_str(&conn->unsent, bytes);
	if (out->cap > KEPT_OUTPUT_BYTES)
		strbuf_finish(out);
	strbuf_clear(out);
}

static void send_unsent(struct connection *conn)
{
	size_t sent = send_some(conn, strbuf_str(&conn->unsent));

	if (is_closed(conn))
		return;
	strbuf_consume(&conn->unsent, sent);
	if (sent)
		conn->deadline = NO_DEADLINE; /* there is progress: it starts anew */
	if (conn->unsent.len) {
		settle(conn);
		return;
	}
	strbuf_finish(&conn->unsent);
	run(conn);
}

/* ---- answering ---- */

static void write_response(struct connection *conn, const struct response *response)
{
	struct binding_state *front = conn->front;

	if (front->is_draining)
		conn->exchange.keeps_alive = false;
	response_write(output(conn), &front->maker, &conn->exchange, response, clock_wall_us(loop_clock(front->loop)));
	conn->phase = conn->exchange.keeps_alive ? READING : CLOSING;
}

/* An answer that the CSE has no part in. */
static void answer_here(struct connection *conn, unsigned status, const char *why, const char *more_headers)
{
	struct response response = {
		.status = status,
		.rsc = response_rsc(status),
		.dbg = str_of(why),
		.more_headers = more_headers,
	};

	front_log_refusal(conn->front, conn->watch.fd, status, why);
	write_response(conn, &response);
}

/* The request cannot be read to its end, so nothing behind it can be read either. */
static void refuse(struct connection *conn, unsigned status, const char *why)
{
	const char *more_headers = status == 405 ? "Allow: " MAPPING_METHODS "\r\n" : NULL;

	mapping_exchange(&conn->input->head, conn->front->config.cors_origins, &conn->exchange);
	conn->exchange.keeps_alive = false;
	conn->lingers = true;
	answer_here(conn, status, why, more_headers);
}

static void answer_options(struct connection *conn)
{
	struct strbuf headers = {0};
	struct response response = {.status = 200, .rsc = RSC_OK};

	STRBUF_LIT(&headers, "Allow: " MAPPING_METHODS "\r\n");
	if (conn->exchange.web_origin.ptr && head_has(&conn->input->head, FIELD_preflight_method))
		mapping_add_preflight(&headers);
	strbuf_add_char(&headers, '\0');
	response.more_headers = headers.ptr;
	write_response(conn, &response);
	strbuf_finish(&headers);
}

/* ---- handing over to the CSE ---- */

static void next_request(struct connection *conn)
{
	input_begin(conn->input, conn->front->config.max_headers);
	conn->deadline = NO_DEADLINE;
}

/* The connection has closed while the CSE was at work. */
static void drop_answer(struct connection *conn, struct request *req)
{
	struct binding_state *front = conn->front;

	request_release(req);
	bury(conn);
	front_request_ended(front);
}

static void resume_later(struct connection *conn)
{
	struct binding_state *front = conn->front;

	if (!list_empty(&conn->resumed))
		return;
	list_push(&front->resumed, &conn->resumed);
	if (!front->resume.is_set)
		loop_timer_set(front->loop, &front->resume, 0);
}

static bool has_unread_input(const struct connection *conn)
{
	return conn->input && !input_is_empty(conn->input);
}

static void answered(struct request *req, void *arg)
{
	struct connection *conn = arg;
	struct binding_state *front = conn->front;
	struct response response;

	if (is_closed(conn)) {
		drop_answer(conn, req);
		return;
	}
	response = mapping_response(req, &conn->exchange, front->config.root, &front->location);
	write_response(conn, &response);
	request_release(req);
	front->waiting_count--;
	if (conn->is_running)
		return;
	flush(conn, &front->aside);
	if (has_unread_input(conn))
		resume_later(conn);
	settle(conn);
}

static void submit(struct connection *conn)
{
	struct binding_state *front = conn->front;
	struct input *input = conn->input;
	struct request *req = request_create(front->cse);

	if (!req) {
		answer_here(conn, 503, "too many requests are in work", "Retry-After: 1\r\n");
		next_request(conn);
		return;
	}
	mapping_request(&input->head, input_body(input), &front->config, &conn->peer, req, &conn->exchange);
	next_request(conn);
	conn->phase = WAITING;
	front->waiting_count++;
	cse_submit(front->cse, req, answered, conn);
}

/* Answers to what came before it must be out. true: the connection is another binding's. */
static bool hand_over(struct connection *conn)
{
	struct cse *cse = conn->front->cse;
	const struct input *input = conn->input;
	struct str protocol = mapping_protocol(&input->head, str_of(conn->front->config.root), cse);

	if (!protocol.ptr || conn->unsent.len || output(conn)->len)
		return false;
	cse_hand_over(cse, protocol, give_up(conn), &conn->peer,
		      str_make(input->bytes + input->start, input->len - input->start));
	leave(conn);
	return true;
}

static void handle(struct connection *conn)
{
	struct head *head = &conn->input->head;

	head->base = conn->input->bytes + conn->input->start;
	if (hand_over(conn))
		return;
	mapping_exchange(head, conn->front->config.cors_origins, &conn->exchange);
	if (mapping_knows(head->parser.method)) {
		submit(conn);
		return;
	}
	if (head->parser.method == HTTP_OPTIONS)
		answer_options(conn);
	else
		answer_here(conn, 405, "method is not served", "Allow: " MAPPING_METHODS "\r\n");
	next_request(conn);
}

/* ---- reading ---- */

static void send_continue(struct connection *conn)
{
	const struct input *input = conn->input;

	if (input->head.expects_continue && (input->head.is_chunked || input->body_left) && input->parsed == input->len)
		STRBUF_LIT(output(conn), "HTTP/1.1 100 Continue\r\n\r\n");
}

/* Reads on in the input; true if a request came to its end and was handled. */
static bool read_request(struct connection *conn)
{
	size_t max_body = conn->front->config.max_body;
	struct input *input = conn->input;
	enum input_result result = INPUT_READY;

	if (!input)
		return false;
	if (!input->in_body) {
		result = input_read_head(input, max_body);
		if (result == INPUT_READY)
			send_continue(conn);
	}
	if (result == INPUT_READY)
		result = input_read_body(input, max_body);
	if (result == INPUT_REFUSED)
		refuse(conn, input->head.refusal.status, input->head.refusal.why);
	else if (result == INPUT_READY)
		handle(conn);
	return result == INPUT_READY;
}

/* Handles the requests that are there, up to a bound, and sends their answers together. */
static void run(struct connection *conn)
{
	struct strbuf *batch = &conn->front->batch;
	unsigned budget = REQUESTS_PER_ROUND;
	bool has_more = true;

	conn->is_running = true;
	while (has_more && budget-- && conn->phase == READING && batch->len < BATCH_BYTES)
		has_more = read_request(conn);
	conn->is_running = false;
	flush(conn, batch);
	if (is_closed(conn))
		return;
	if (has_more && conn->phase == READING && !conn->unsent.len && has_unread_input(conn))
		resume_later(conn);
	else if (!has_more && conn->phase == READING && conn->peer_is_done)
		conn->phase = CLOSING; /* what is left will never be a request */
	settle(conn);
}

/* The most that is kept: a request of the largest size, and a little of what follows it. */
static size_t input_limit(const struct binding_config *config)
{
	return config->max_headers + config->max_body + 16384;
}

static void take_end(struct connection *conn)
{
	conn->peer_is_done = true;
	if (conn->phase == WAITING)
		settle(conn);
	else
		close_now(conn);
}

static void discard(struct connection *conn)
{
	char unwanted[16384];
	ssize_t got = recv(conn->watch.fd, unwanted, sizeof(unwanted), 0);

	if (got == 0 || (got < 0 && errno != EAGAIN))
		close_now(conn);
}

static void receive(struct connection *conn)
{
	struct binding_state *front = conn->front;
	size_t room;
	ssize_t got;

	if (!conn->input) {
		conn->input = input_take(&front->inputs);
		next_request(conn);
	}
	room = input_room(conn->input, input_limit(&front->config));
	got = room ? recv(conn->watch.fd, conn->input->bytes + conn->input->len, room, 0) : 0;
	if (got == 0 && room) {
		take_end(conn);
		return;
	}
	if (got < 0) {
		if (errno != EAGAIN && errno != EINTR)
			close_now(conn);
		return;
	}
	conn->input->len += (size_t)got;
	if (conn->phase == READING)
		run(conn);
	else
		settle(conn);
}

static void ready(struct loop_fd *watch, uint32_t events)
{
	struct connection *conn = container_of(watch, struct connection, watch);

	if (events & EPOLLERR || (events & EPOLLHUP && !(conn->watched & EPOLLIN))) {
		close_now(conn);
		return;
	}
	if (events & EPOLLOUT)
		send_unsent(conn);
	if (is_closed(conn) || !(events & (EPOLLIN | EPOLLHUP)) || !(conn->watched & EPOLLIN))
		return;
	if (conn->phase == LINGERING)
		discard(conn);
	else
		receive(conn);
}

/* ---- deadlines and what is watched ---- */

static int64_t delay_us(const struct connection *conn, enum deadline deadline)
{
	const struct binding_config *config = &conn->front->config;

	switch (deadline) {
	case IDLE:
		return (int64_t)config->idle_timeout_ms * 1000;
	case HEAD:
		return (int64_t)config->header_timeout_ms * 1000;
	case LINGER:
		return LINGER_US;
	default:
		return (int64_t)config->body_timeout_ms * 1000;
	}
}

/* A deadline runs from when it was first set: more bytes do not move it. Idleness starts with each answer. */
static void arm(struct connection *conn, enum deadline deadline)
{
	if (deadline == NO_DEADLINE) {
		loop_timer_cancel(conn->front->loop, &conn->timer);
	} else if (conn->deadline != deadline || deadline == IDLE) {
		loop_timer_set(conn->front->loop, &conn->timer, delay_us(conn, deadline));
	}
	conn->deadline = deadline;
}

static void want(struct connection *conn, uint32_t events)
{
	if (conn->watched == events)
		return;
	conn->watched = events;
	if (loop_rewatch(conn->front->loop, &conn->watch, events) < 0)
		close_now(conn);
}

static bool input_is_full(const struct connection *conn)
{
	return conn->input && conn->input->len == conn->input->cap;
}

/* A connection that only waits costs no buffer. */
static void give_empty_input(struct connection *conn)
{
	if (!conn->input || !input_is_empty(conn->input))
		return;
	input_give(&conn->front->inputs, conn->input);
	conn->input = NULL;
}

static void settle_reading(struct connection *conn)
{
	give_empty_input(conn);
	if (conn->input)
		arm(conn, conn->input->in_body ? BODY : HEAD);
	else
		arm(conn, IDLE);
	if (conn->peer_is_done && !conn->input)
		close_now(conn);
	else
		want(conn, conn->peer_is_done ? 0 : EPOLLIN);
}

static void settle(struct connection *conn)
{
	if (is_closed(conn))
		return;
	if (conn->unsent.len) {
		arm(conn, SEND);
		want(conn, EPOLLOUT);
		return;
	}
	switch (conn->phase) {
	case READING:
		settle_reading(conn);
		return;
	case WAITING:
		give_empty_input(conn);
		arm(conn, NO_DEADLINE);
		want(conn, conn->peer_is_done || input_is_full(conn) ? 0 : EPOLLIN);
		return;
	case CLOSING:
		close_when_sent(conn);
		return;
	case LINGERING:
		arm(conn, LINGER);
		want(conn, EPOLLIN);
	}
}

static void deadline_passed(struct timer *timer)
{
	struct connection *conn = container_of(timer, struct connection, timer);

	if (conn->deadline != HEAD && conn->deadline != BODY) {
		close_now(conn);
		return;
	}
	refuse(conn, 408, conn->deadline == HEAD ? "header fields come too slowly" : "content comes too slowly");
	flush(conn, &conn->front->aside);
	settle(conn);
}

/* ---- for the front ---- */

void connection_open(struct binding_state *front, int fd, const struct peer *peer)
{
	struct connection *conn = xzalloc(sizeof(*conn));

	conn->front = front;
	conn->watch = (struct loop_fd){.ready = ready, .fd = fd};
	conn->watched = EPOLLIN;
	conn->timer.fire = deadline_passed;
	conn->peer = *peer;
	list_init(&conn->link);
	list_init(&conn->resumed);
	if (loop_watch(front->loop, &conn->watch, EPOLLIN) < 0) {
		close(fd);
		free(conn);
		return;
	}
	list_push(&front->connections, &conn->link);
	front->open_count++;
	settle(conn);
}

void connection_close(struct list *in_connections)
{
	close_now(container_of(in_connections, struct connection, link));
}

void connection_drain(struct list *in_connections)
{
	struct connection *conn = container_of(in_connections, struct connection, link);

	if (conn->phase == READING && !conn->input && !conn->unsent.len)
		close_now(conn);
}

void connection_resume(struct list *in_resumed)
{
	struct connection *conn = container_of(in_resumed, struct connection, resumed);

	list_remove(&conn->resumed);
	if (!conn->unsent.len && conn->phase == READING)
		run(conn);
}

void connection_free(struct list *in_dead)
{
	free(container_of(in_dead, struct connection, link));
}
