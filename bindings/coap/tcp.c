/* stream: reading, signals, writing, deadlines. */
#include "bindings/coap/tcp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	READ_SIZE = 64 * 1024,
	BASE_MAX = 1152,	   /* RFC 8323 5.3.1: what every peer takes */
	MOST_IN_WORK = 64,	   /* requests of one connection */
	MOST_UNSENT = 1024 * 1024, /* bytes; with more, no more requests are read */
};

/* ---- the end ---- */

static void reap(struct loop_hook *hook)
{
	struct streams *streams = container_of(hook, struct streams, reaper);

	list_each (item, &streams->dead) {
		list_remove(item);
		free(container_of(item, struct stream, link));
	}
}

void tcp_close(struct stream *stream)
{
	struct streams *streams = stream->streams;

	if (stream->watch.fd < 0)
		return;
	loop_unwatch(streams->loop, &stream->watch);
	close(stream->watch.fd);
	stream->watch.fd = -1;
	loop_timer_cancel(streams->loop, &stream->deadline);
	loop_timer_cancel(streams->loop, &stream->resume);
	strbuf_finish(&stream->in);
	strbuf_finish(&stream->out);
	list_remove(&stream->link);
	list_push(&streams->dead, &stream->link);
	if (--streams->count == 0 && streams->emptied)
		streams->emptied(streams);
}

static void end(struct stream *stream, const char *why)
{
	if (stream->watch.fd < 0)
		return;
	tcp_close(stream);
	stream->closed(stream, why);
}

/* RFC 8323 5.6: says why before it closes. */
static void abort_stream(struct stream *stream, const char *why)
{
	const struct message message = {.code = SIGNAL_ABORT, .token = STR(""), .payload = str_of(why)};
	struct strbuf bytes = {0};

	message_write_stream(&bytes, &message);
	if (!stream->out.len)
		(void)!send(stream->watch.fd, bytes.ptr, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);
	strbuf_finish(&bytes);
	end(stream, why);
}

/* ---- deadlines ---- */

static unsigned count_exchanges(const struct stream *stream)
{
	unsigned count = 0;

	for (const struct list *item = stream->exchanges.next; item != &stream->exchanges; item = item->next)
		count++;
	return count;
}

static enum tcp_wait wait_of(const struct stream *stream)
{
	if (stream->out.len)
		return STREAM_WAITS_WRITE;
	if (!stream->has_csm)
		return STREAM_WAITS_CSM;
	if (!list_empty(&stream->exchanges))
		return STREAM_WAITS_NOT;
	if (stream->in.len)
		return STREAM_WAITS_REST;
	return stream->observer_count ? STREAM_WAITS_NOT : STREAM_IS_IDLE;
}

static void set_deadline(struct stream *stream)
{
	const struct binding_config *config = stream->streams->config;
	const unsigned times_ms[] = {
		[STREAM_WAITS_CSM] = config->header_timeout_ms,
		[STREAM_WAITS_REST] = config->body_timeout_ms,
		[STREAM_WAITS_WRITE] = config->body_timeout_ms,
		[STREAM_IS_IDLE] = config->idle_timeout_ms,
		[STREAM_WAITS_NOT] = 0,
	};

	stream->wait = wait_of(stream);
	if (stream->wait == STREAM_WAITS_NOT)
		loop_timer_cancel(stream->streams->loop, &stream->deadline);
	else
		loop_timer_set(stream->streams->loop, &stream->deadline, (int64_t)times_ms[stream->wait] * 1000);
}

static void want(struct stream *stream)
{
	bool is_full = stream->out.len > MOST_UNSENT || count_exchanges(stream) >= MOST_IN_WORK;
	uint32_t events = (stream->is_ending || is_full ? 0 : EPOLLIN) | (stream->out.len ? EPOLLOUT : 0);

	if (events != stream->watched && loop_rewatch(stream->streams->loop, &stream->watch, events) == 0)
		stream->watched = events;
}

void tcp_settle(struct stream *stream)
{
	if (stream->watch.fd < 0)
		return;
	if (stream->is_ending && list_empty(&stream->exchanges) && !stream->out.len) {
		end(stream, "connection ended");
		return;
	}
	if (wait_of(stream) != stream->wait)
		set_deadline(stream);
	want(stream);
	if (stream->in.len && !stream->is_reading && (stream->watched & EPOLLIN) && !stream->resume.is_set)
		loop_timer_set(stream->streams->loop, &stream->resume, 0);
}

static void too_late(struct timer *timer)
{
	abort_stream(container_of(timer, struct stream, deadline), "nothing came, or went, in time");
}

/* ---- writing ---- */

static void flush(struct stream *stream)
{
	ssize_t sent = send(stream->watch.fd, stream->out.ptr, stream->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (sent < 0 && errno != EAGAIN && errno != EINTR) {
		end(stream, "connection was lost");
		return;
	}
	if (sent > 0) {
		strbuf_consume(&stream->out, (size_t)sent);
		set_deadline(stream);
	}
}

void tcp_send(struct stream *stream, const struct message *message)
{
	bool was_empty = !stream->out.len;

	if (stream->watch.fd < 0)
		return;
	message_write_stream(&stream->out, message);
	if (was_empty)
		flush(stream);
	tcp_settle(stream);
}

/* ---- signals ---- */

static void send_signal(struct stream *stream, uint8_t code, struct str token)
{
	struct message message = {.code = code, .token = token, .payload = STR("")};

	if (code == SIGNAL_CSM) {
		message_add_uint(&message, COAP_SIGNAL_MAX_MESSAGE_SIZE, stream->max_in);
		message_add(&message, COAP_SIGNAL_BLOCK_WISE, STR(""));
	}
	tcp_send(stream, &message);
}

/* RFC 8323 5.2: options of signals that are critical and not understood end the connection. */
static void take_signal(struct stream *stream, const struct message *message)
{
	struct str size = message_option(message, COAP_SIGNAL_MAX_MESSAGE_SIZE);

	for (unsigned i = 0; i < message->option_count; i++)
		if (message->options[i].number & 1) {
			abort_stream(stream, "an option of a signal is not understood");
			return;
		}
	if (message->code == SIGNAL_CSM && size.ptr && message_uint(size) >= BASE_MAX)
		stream->peer_max = message_uint(size);
	if (message->code == SIGNAL_CSM)
		stream->has_csm = true;
	else if (message->code == SIGNAL_PING)
		send_signal(stream, SIGNAL_PONG, message->token);
	else if (message->code == SIGNAL_RELEASE)
		tcp_drain(stream);
	else if (message->code == SIGNAL_ABORT)
		end(stream, "the peer has aborted the connection");
}

/* ---- reading ---- */

static void take(struct stream *stream, struct str bytes)
{
	struct message message;

	if (message_read_stream(&message, bytes) < 0)
		abort_stream(stream, "a message is malformed");
	else if (message.code >> 5 == 7)
		take_signal(stream, &message);
	else if (!stream->has_csm)
		abort_stream(stream, "the first message is not CSM");
	else if (message_is_request(&message) || message_is_response(&message))
		stream->took(stream, &message);
}

/* The messages that are there, as many as may be in work. */
static void take_all(struct stream *stream)
{
	size_t at = 0;

	stream->is_reading = true;
	while (stream->watch.fd >= 0 && !stream->is_ending && stream->out.len <= MOST_UNSENT &&
	       count_exchanges(stream) < MOST_IN_WORK) {
		struct str rest = str_from(strbuf_str(&stream->in), at);
		uint64_t len = message_stream_len(rest);

		if (len > stream->max_in) {
			abort_stream(stream, "a message is longer than what is taken");
			return;
		}
		if (!len || len > rest.len)
			break;
		at += len;
		take(stream, str_make(rest.ptr, len));
	}
	stream->is_reading = false;
	if (stream->watch.fd < 0)
		return;
	strbuf_consume(&stream->in, at);
	if (!stream->in.len && stream->in.cap > READ_SIZE)
		strbuf_finish(&stream->in);
	if (at)
		set_deadline(stream);
	tcp_settle(stream);
}

static void go_on(struct timer *timer)
{
	take_all(container_of(timer, struct stream, resume));
}

static void ready(struct loop_fd *watch, uint32_t events)
{
	struct stream *stream = container_of(watch, struct stream, watch);
	ssize_t got;

	if (events & EPOLLOUT) {
		flush(stream);
		tcp_settle(stream);
	}
	if (watch->fd < 0 || !(events & ~(uint32_t)EPOLLOUT))
		return;
	got = recv(watch->fd, strbuf_reserve(&stream->in, READ_SIZE), READ_SIZE, MSG_DONTWAIT);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		end(stream, "connection was closed by the peer");
		return;
	}
	stream->in.len += (size_t)got;
	take_all(stream);
}

/* ---- opening ---- */

struct stream *tcp_open(struct streams *streams, int fd, const struct peer *peer, size_t max_in)
{
	struct stream *stream = xzalloc(sizeof(*stream));

	*stream = (struct stream){
		.streams = streams,
		.id = ++streams->next_id,
		.peer = *peer,
		.watch = {ready, fd},
		.watched = EPOLLIN,
		.max_in = max_in,
		.peer_max = BASE_MAX,
		.deadline.fire = too_late,
		.resume.fire = go_on,
	};
	list_init(&stream->exchanges);
	if (loop_watch(streams->loop, &stream->watch, stream->watched) < 0) {
		close(fd);
		free(stream);
		return NULL;
	}
	list_push(&streams->all, &stream->link);
	streams->count++;
	send_signal(stream, SIGNAL_CSM, STR(""));
	return stream;
}

void tcp_drain(struct stream *stream)
{
	stream->is_ending = true;
	tcp_settle(stream);
}

void streams_init(struct streams *streams, struct loop *loop, const struct binding_config *config)
{
	*streams = (struct streams){.loop = loop, .config = config, .reaper.run = reap};
	list_init(&streams->all);
	list_init(&streams->dead);
	loop_add_hook(loop, &streams->reaper);
}

void streams_finish(struct streams *streams)
{
	streams->emptied = NULL;
	while (!list_empty(&streams->all))
		end(container_of(streams->all.next, struct stream, link), "the server is stopping");
	reap(&streams->reaper);
	loop_remove_hook(streams->loop, &streams->reaper);
}
