/* session: messages become requests, answers become messages; and what a connection may take of us: bytes, requests,
 * time.
 *
 * Whatever happens only touches a connection. What follows from it is done at the end of the round, in
 * session_look(): answers of one round go out together, and nothing ends a connection while somebody still has it in
 * hand. */
#include "bindings/websocket/session.h"

#include "bindings/primitive.h"
#include "bindings/refusal.h"
#include "bindings/websocket/deflation.h"
#include "bindings/websocket/patience.h"
#include "bindings/websocket/registree.h"

#include <stdlib.h>

enum {
	KEPT_MESSAGE_BYTES = 64 * 1024, /* larger memory is not kept */
	WRITES_PER_ROUND = 16,
	HELD_PER_ROUND = 32, /* requests taken, so that other connections get their turn */
};

int64_t session_now_us(const struct session *session)
{
	return clock_mono_us(loop_clock(session->state->loop));
}

static bool is_closed(const struct session *session)
{
	return session->stream.has_ended;
}

void session_touch(struct session *session)
{
	if (list_empty(&session->touched))
		list_push(&session->state->touched, &session->touched);
}

/* ---- messages on their way out ---- */

struct parcel *parcel_create(void)
{
	struct parcel *parcel = xzalloc(sizeof(*parcel));

	list_init(&parcel->link);
	strbuf_reserve(&parcel->bytes, STREAM_ROOM + 500);
	parcel->bytes.len = STREAM_ROOM;
	return parcel;
}

void parcel_destroy(struct parcel *parcel)
{
	list_remove(&parcel->link);
	strbuf_finish(&parcel->bytes);
	free(parcel);
}

static void destroy_all(struct list *parcels)
{
	while (!list_empty(parcels))
		parcel_destroy(container_of(parcels->next, struct parcel, link));
}

void parcel_post(struct session *session, struct parcel *parcel)
{
	if (is_closed(session) || session->stream.phase != STREAM_OPEN) {
		parcel_destroy(parcel);
		return;
	}
	session->out_bytes += parcel->bytes.len;
	list_push(&session->out, &parcel->link);
	session->stream.wants_to_write = true;
	session_touch(session);
}

static void send_parcel(struct session *session, struct parcel *parcel)
{
	struct strbuf *bytes = &parcel->bytes;
	struct parcel *packed = session->deflation ? parcel_create() : NULL;

	if (packed) {
		deflation_add(session->deflation, str_from(strbuf_str(bytes), STREAM_ROOM), &packed->bytes);
		bytes = &packed->bytes;
	}
	stream_send(&session->stream, bytes->ptr + STREAM_ROOM, bytes->len - STREAM_ROOM, session->sends_binary,
		    packed != NULL);
	if (packed)
		parcel_destroy(packed);
}

static void writable(struct stream *stream)
{
	struct session *session = container_of(stream, struct session, stream);

	while (!list_empty(&session->out) && !stream_is_full(stream)) {
		struct parcel *parcel = container_of(session->out.next, struct parcel, link);

		session->used_us = session_now_us(session);
		session->out_bytes -= parcel->bytes.len;
		send_parcel(session, parcel);
		parcel_destroy(parcel);
	}
	stream->wants_to_write |= !list_empty(&session->out);
}

/* ---- requests ---- */

static void post_response(struct session *session, const struct request *req)
{
	struct binding_state *state = session->state;
	struct parcel *parcel = parcel_create();

	arena_reset(&state->writing);
	primitive_add_response(&parcel->bytes, req, state->config.schema, session->subprotocol->codec, &state->writing);
	parcel_post(session, parcel);
}

static void answered(struct request *req, void *arg)
{
	struct session *session = arg;
	struct binding_state *state = session->state;

	session->in_work--;
	session_touch(session);
	if (!is_closed(session)) {
		registree_learn(session, req);
		if (!req->answer.is_unwanted)
			post_response(session, req);
	}
	request_release(req);
	websocket_request_ended(state);
}

/* A client that has registered need not say who it is, over a connection of its own. */
static void submit(struct session *session, struct request *req)
{
	const char *entity = request_has(req, PARAM_from) ? NULL : registree_name(session);

	req->binding = "websocket";
	req->peer = session->peer;
	if (entity)
		request_set(req, PARAM_from, arena_copy(&req->arena, str_of(entity)));
	session->in_work++;
	session->state->waiting_count++;
	cse_submit(session->state->cse, req, answered, session);
}

/* More is in work than the CSE takes. */
static void answer_busy(struct session *session, struct value root)
{
	struct binding_state *state = session->state;
	struct request busy = {
		.cse = state->cse,
		.answer = {.rsc = RSC_INTERNAL_SERVER_ERROR,
			   .content = STR("{\"m2m:dbg\":\"too many requests are in work\"}")},
	};

	primitive_identify(&busy, state->config.schema, root, &state->reading);
	post_response(session, &busy);
}

static void take_request(struct session *session, struct request *req, struct value root)
{
	if (!req) {
		answer_busy(session, root);
		return;
	}
	primitive_fill(req, session->state->config.schema, root);
	submit(session, req);
}

/* There is no identifier to answer by, but there is an answer. */
static void take_nonsense(struct session *session, struct request *req, const struct decode_error *error)
{
	if (!req) {
		answer_busy(session, (struct value){0});
		return;
	}
	refusal_note(req, RSC_BAD_REQUEST, "primitive: %s at byte %zu", error->message, error->offset);
	submit(session, req);
}

static enum primitive_kind decode(const struct session *session, struct str bytes, struct arena *arena,
				  struct value *root, struct decode_error *error)
{
	const struct binding_state *state = session->state;

	return primitive_decode(state->config.schema, session->subprotocol->codec, bytes, cse_decode_limits(state->cse),
				arena, root, error);
}

static void take_message(struct session *session, struct str bytes)
{
	struct binding_state *state = session->state;
	struct request *req = request_create(state->cse);
	struct arena *arena = req ? &req->arena : &state->reading;
	struct decode_error error = {0};
	struct value root = {0};

	arena_reset(&state->reading);
	switch (decode(session, arena_copy(arena, bytes), arena, &root, &error)) {
	case PRIMITIVE_REQUEST:
		take_request(session, req, root);
		return;
	case PRIMITIVE_NONE:
		take_nonsense(session, req, &error);
		return;
	case PRIMITIVE_RESPONSE:
		registree_answered(session, root);
		if (req)
			request_release(req);
	}
}

/* ---- messages coming in ---- */

static bool is_full(const struct session *session)
{
	return session->in_work >= session->state->settings.max_requests || session_is_backed_up(session);
}

/* So that reading goes on: a request in work may wait for an answer of this client's. Compressed messages are inflated
 * in their order, so it is texts that are held. */
static void hold(struct session *session, struct str bytes)
{
	struct parcel *parcel = parcel_create();

	strbuf_add_str(&parcel->bytes, bytes);
	session->held_bytes += parcel->bytes.cap;
	list_push(&session->held, &parcel->link);
}

/* false: it is no response. */
static bool take_response(struct session *session, struct str bytes)
{
	struct arena *arena = &session->state->reading;
	struct decode_error error;
	struct value root = {0};

	arena_reset(arena);
	if (decode(session, bytes, arena, &root, &error) != PRIMITIVE_RESPONSE)
		return false;
	registree_answered(session, root);
	return true;
}

static void take_held(struct session *session)
{
	for (int i = 0; i < HELD_PER_ROUND && !list_empty(&session->held) && !is_full(session); i++) {
		struct parcel *parcel = container_of(session->held.next, struct parcel, link);

		list_remove(&parcel->link);
		session->held_bytes -= parcel->bytes.cap;
		take_message(session, str_from(strbuf_str(&parcel->bytes), STREAM_ROOM));
		parcel_destroy(parcel);
	}
}

/* What came is compressed. */
static bool inflate_message(struct session *session, struct str *bytes)
{
	struct strbuf *text = &session->state->inflated;
	int error;

	strbuf_clear(text);
	error = deflation_inflate(session->deflation, *bytes, session->state->config.max_body, text);
	*bytes = strbuf_str(text);
	if (error == ERROR_LIMIT)
		stream_close(&session->stream, CLOSE_TOO_BIG, "the message is larger than what is taken");
	else if (error)
		stream_close(&session->stream, CLOSE_INVALID_DATA, "the message is not compressed as it says");
	return error == 0;
}

static void end_message(struct session *session, struct str bytes, bool is_binary)
{
	session->is_in_message = false;
	session->message_since_us = 0;
	session->used_us = session->heard_us;
	if (session->is_message_deflated && !inflate_message(session, &bytes))
		return;
	if (!is_binary && !str_is_utf8(bytes))
		stream_close(&session->stream, CLOSE_INVALID_DATA, "the text is malformed UTF-8");
	else if (!is_full(session) && list_empty(&session->held))
		take_message(session, bytes);
	else if (!take_response(session, bytes))
		hold(session, bytes);
}

static void begin_message(struct session *session, const struct stream_piece *piece)
{
	session->is_in_message = true;
	session->is_message_deflated = piece->is_deflated;
	strbuf_clear(&session->message);
	if (session->subprotocol->codec == &codec_json)
		session->sends_binary = piece->is_binary;
}

static void drop_large(struct strbuf *bytes)
{
	if (bytes->cap > KEPT_MESSAGE_BYTES)
		strbuf_finish(bytes);
}

static void received(struct stream *stream, const struct stream_piece *piece)
{
	struct session *session = container_of(stream, struct session, stream);

	if (piece->is_first)
		begin_message(session, piece);
	if (!session->is_in_message)
		return;
	if (piece->is_first && piece->is_last) {
		end_message(session, piece->bytes, piece->is_binary);
	} else {
		strbuf_add_str(&session->message, piece->bytes);
		if (!piece->is_last)
			return;
		end_message(session, strbuf_str(&session->message), piece->is_binary);
		drop_large(&session->message);
		strbuf_clear(&session->message);
	}
	drop_large(&session->state->inflated);
}

/* ---- the end ---- */

/* The descriptor is closed, so the loop has lost it already; its events of this round are dropped here. What was asked
 * before is performed. */
static void ended(struct stream *stream)
{
	struct session *session = container_of(stream, struct session, stream);
	struct binding_state *state = session->state;

	log_event(cse_log(state->cse), LOG_DEBUG, "websocket ended", "entity=%s code=%d why=\"%s\"",
		  session->entity ? session->entity : "-", (int)stream->close_code,
		  stream->close_why ? stream->close_why : "");
	loop_unwatch(state->loop, &session->watch);
	loop_timer_cancel(state->loop, &session->timer);
	list_remove(&session->link);
	registree_leave(session);
	destroy_all(&session->out);
	session->out_bytes = 0;
	strbuf_finish(&session->message);
	state->deflating_count -= session->deflation != NULL;
	deflation_destroy(session->deflation);
	session_touch(session);
	websocket_connection_closed(state);
}

void session_end(struct session *session, enum close_code code, const char *why)
{
	if (is_closed(session) || session->stream.close_code != CLOSE_NONE)
		return;
	stream_close(&session->stream, code, why);
	session_touch(session);
}

void session_kill(struct session *session)
{
	stream_kill(&session->stream);
}

bool session_is_idle(const struct session *session)
{
	return session->in_work == 0 && list_empty(&session->held);
}

void session_drain(struct session *session)
{
	if (session_is_idle(session))
		session_end(session, CLOSE_GOING_AWAY, "the CSE stops");
}

/* ---- what there is to do ---- */

static void deadline_passed(struct timer *timer)
{
	session_touch(container_of(timer, struct session, timer));
}

static void heard(struct session *session)
{
	session->pinged_us = 0;
	if (!frames_is_amid(&session->stream.frames))
		session->message_since_us = 0;
	else if (!session->message_since_us)
		session->message_since_us = session->heard_us;
}

static void ready(struct loop_fd *watch, uint32_t events)
{
	struct session *session = container_of(watch, struct session, watch);

	if (events & (EPOLLERR | EPOLLHUP) && !session_is_reading(session)) {
		stream_kill(&session->stream);
		return;
	}
	session_touch(session);
	if (events & EPOLLOUT)
		session->full_since_us = 0;
	if (!(events & (EPOLLIN | EPOLLERR | EPOLLHUP)))
		return;
	session->heard_us = session_now_us(session);
	stream_read(&session->stream);
	if (!is_closed(session))
		heard(session);
}

static void write_out(struct session *session)
{
	struct stream *stream = &session->stream;

	for (int i = 0; i < WRITES_PER_ROUND && !is_closed(session) && stream->wants_to_write; i++) {
		stream_write(stream);
		if (!is_closed(session) && stream_is_full(stream))
			return;
	}
}

static uint32_t wanted_events(const struct session *session)
{
	bool reads = session->stream.phase != STREAM_OPEN || session->held_bytes < session->state->config.max_body;

	return (reads ? EPOLLIN : 0) | (session->stream.wants_to_write ? EPOLLOUT : 0);
}

static void settle(struct session *session)
{
	struct loop *loop = session->state->loop;
	uint32_t events = wanted_events(session);
	bool resumes = events & EPOLLIN && !session_is_reading(session);

	if (resumes)
		session->heard_us = session_now_us(session);
	if (resumes && session->message_since_us)
		session->message_since_us = session_now_us(session);
	if (!(events & EPOLLOUT))
		session->full_since_us = 0;
	else if (!session->full_since_us)
		session->full_since_us = session_now_us(session);
	if (session->stream.phase != STREAM_OPEN && !session->closing_since_us)
		session->closing_since_us = session_now_us(session);
	if (events != session->watched && loop_rewatch(loop, &session->watch, events) < 0) {
		stream_kill(&session->stream);
		return;
	}
	session->watched = events;
	patience_arm(session);
}

/* What had to wait and need not any more is gone on with in the next round. */
static void go_on_later(struct session *session)
{
	if ((!list_empty(&session->held) && !is_full(session)) ||
	    (!list_empty(&session->parked) && !session_is_backed_up(session)))
		loop_timer_set(session->state->loop, &session->timer, 0);
}

static void look_at_closed(struct session *session)
{
	if (session->state->is_closed)
		destroy_all(&session->held);
	take_held(session);
	if (session->in_work || !list_empty(&session->held) || !list_empty(&session->touched)) {
		go_on_later(session);
		return;
	}
	loop_timer_cancel(session->state->loop, &session->timer);
	list_push(&session->state->dead, &session->link);
}

/* While the CSE is asked for more, the touched connection stays off the list, and is put on it again by the answers. */
void session_look(struct list *in_touched)
{
	struct session *session = container_of(in_touched, struct session, touched);
	const char *fault;

	list_remove(&session->touched);
	if (is_closed(session)) {
		look_at_closed(session);
		return;
	}
	take_held(session);
	registree_go_on(session);
	if (session->state->is_draining)
		session_drain(session);
	else if (session->is_superseded && session_is_idle(session))
		session_end(session, CLOSE_NORMAL, "the entity has opened another connection");
	patience_judge(session);
	write_out(session);
	if (is_closed(session))
		return;
	fault = patience_fault(session);
	if (fault) {
		stream_close(&session->stream, CLOSE_POLICY, fault);
		log_event(cse_log(session->state->cse), LOG_INFO, "websocket cut", "entity=%s why=\"%s\"",
			  session->entity ? session->entity : "-", fault);
		destroy_all(&session->held);
		stream_kill(&session->stream);
		return;
	}
	settle(session);
	go_on_later(session);
}

/* ---- the beginning ---- */

static struct session *create(struct binding_state *state, int fd, const struct peer *peer,
			      const struct handshake *handshake)
{
	static const struct stream_hooks hooks = {received, writable, ended};
	struct session *session = xzalloc(sizeof(*session));

	session->state = state;
	session->number = ++state->last_number;
	session->watch = (struct loop_fd){.ready = ready, .fd = fd};
	session->peer = *peer;
	session->subprotocol = handshake->subprotocol;
	session->sends_binary = handshake->subprotocol->is_binary;
	session->stream.hooks = &hooks;
	session->stream.is_deflating = session->stream.frames.takes_deflated = handshake->deflate.ptr != NULL;
	session->stream.frames.max_message = state->config.max_body;
	session->timer.fire = deadline_passed;
	session->heard_us = session->used_us = session_now_us(session);
	list_init(&session->link);
	list_init(&session->touched);
	list_init(&session->held);
	list_init(&session->out);
	list_init(&session->bonds);
	list_init(&session->errands);
	list_init(&session->parked);
	return session;
}

static int open_stream(struct session *session, int fd, const struct handshake *handshake, struct str early)
{
	struct strbuf request = {0};
	int status;

	handshake_add_request(&request, handshake);
	status = stream_open(&session->stream, &session->state->library, fd, strbuf_str(&request), early);
	strbuf_finish(&request);
	return status;
}

void session_open(struct binding_state *state, int fd, const struct peer *peer, const struct handshake *handshake,
		  struct str early)
{
	struct session *session = create(state, fd, peer, handshake);

	if (open_stream(session, fd, handshake, early) < 0) {
		free(session);
		return;
	}
	if (handshake->deflate.ptr)
		session->deflation = deflation_create(handshake->forgets_coming, handshake->forgets_going);
	state->deflating_count += session->deflation != NULL;
	state->open_count++;
	list_push(&state->sessions, &session->link);
	if (handshake->hint.ptr)
		registree_take_hint(session, handshake->hint);
	if (loop_watch(state->loop, &session->watch, EPOLLIN) < 0) {
		stream_kill(&session->stream);
		return;
	}
	session->watched = EPOLLIN;
	session_touch(session);
	if (early.len)
		stream_read(&session->stream);
}

void session_free(struct list *in_dead)
{
	struct session *session = container_of(in_dead, struct session, link);

	list_remove(&session->link);
	free(session->entity);
	free(session);
}
