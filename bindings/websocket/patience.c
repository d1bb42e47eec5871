/* patience: see patience.h. */
#include "bindings/websocket/patience.h"

enum { CLOSE_US = 2000000 /* how long the peer may take for its close frame */ };

static int64_t us(unsigned ms)
{
	return (int64_t)ms * 1000;
}

static void earlier(int64_t *due_us, int64_t since_us, int64_t span_us)
{
	if (since_us && span_us && since_us + span_us < *due_us)
		*due_us = since_us + span_us;
}

/* TS-0020 6.5: a connection is not closed while an answer is due on it, whichever way. */
static bool is_unused(const struct session *session)
{
	return session_is_idle(session) && list_empty(&session->errands);
}

/* When there is next something to judge. */
static int64_t next_deadline(const struct session *session)
{
	const struct binding_config *config = &session->state->config;
	const struct websocket_settings *settings = &session->state->settings;
	int64_t due_us = INT64_MAX;

	earlier(&due_us, session->closing_since_us, CLOSE_US);
	earlier(&due_us, session->full_since_us, us(config->body_timeout_ms));
	if (!session_is_reading(session))
		return due_us;
	earlier(&due_us, session->message_since_us, us(config->body_timeout_ms));
	earlier(&due_us, session->pinged_us ? session->pinged_us : session->heard_us, us(settings->ping_ms));
	if (is_unused(session))
		earlier(&due_us, session->used_us, us(settings->idle_ms));
	return due_us;
}

void patience_arm(struct session *session)
{
	int64_t due_us = next_deadline(session);

	if (due_us != INT64_MAX && (!session->timer.is_set || due_us < session->timer.due_us))
		loop_timer_set(session->state->loop, &session->timer, due_us - session_now_us(session));
}

static bool is_over(const struct session *session, int64_t since_us, int64_t span_us)
{
	return since_us && span_us && session_now_us(session) >= since_us + span_us;
}

const char *patience_fault(const struct session *session)
{
	const struct binding_config *config = &session->state->config;
	const struct websocket_settings *settings = &session->state->settings;

	if (is_over(session, session->closing_since_us, CLOSE_US))
		return "no close frame in time";
	if (is_over(session, session->full_since_us, us(config->body_timeout_ms)))
		return "the client does not read";
	if (!session_is_reading(session))
		return NULL;
	if (is_over(session, session->message_since_us, us(config->body_timeout_ms)))
		return "a message comes too slowly";
	return is_over(session, session->pinged_us, us(settings->ping_ms)) ? "no answer to a ping" : NULL;
}

void patience_judge(struct session *session)
{
	const struct websocket_settings *settings = &session->state->settings;

	if (!session_is_reading(session))
		return;
	if (!session->pinged_us && is_over(session, session->heard_us, us(settings->ping_ms))) {
		session->pinged_us = session_now_us(session);
		session->stream.pings = session->stream.wants_to_write = true;
	}
	if (is_unused(session) && is_over(session, session->used_us, us(settings->idle_ms)))
		stream_close(&session->stream, CLOSE_NORMAL, "nothing was asked for a long time");
}
