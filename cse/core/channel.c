/* Polling channels. */
#include "cse/core/channel.h"

#include "cse/core/primitive_text.h"
#include "cse/core/state.h"
#include "schemas/timestamp.h"

enum {
	MOST_POLLS = 8,	      /* parked at once on one channel; the oldest makes room */
	MOST_AGGREGATED = 100 /* requests in one answer */
};

/* A parked RETRIEVE; in the request's arena. */
struct poll {
	struct list in_channel, in_cse;
	struct request *req;
	struct channel *channel; /* NULL: it has gone */
	struct timer timer;
};

/* ---- what waits ---- */

static void leave(struct outgoing *out)
{
	list_remove(&out->in_channel);
	loop_timer_cancel(out->cse->loop, &out->expiry);
	out->is_in_channel = false;
}

void channel_take_back(struct outgoing *out)
{
	if (out->is_in_channel)
		leave(out);
}

static void expired(struct timer *timer)
{
	struct outgoing *out = container_of(timer, struct outgoing, expiry);
	bool was_fetched = out->is_fetched;

	leave(out);
	outgoing_end(out, was_fetched ? HOP_LATE : HOP_UNREACHABLE,
		     was_fetched ? "the answer to a request of the polling channel did not come in time"
				 : "the polling channel was not polled in time");
}

/* Of what is aggregated no more than one is beyond the size of a request. */
static bool has_room(const struct cse *cse, const struct strbuf *text, unsigned left)
{
	return left && text->len < cse->config.decode.bytes;
}

/* The oldest ones, as the content of the poll's answer. */
static struct str fetch(struct request *req, struct channel *channel)
{
	struct cse *cse = req->cse;
	struct strbuf *text = &cse->scratch;
	unsigned left = channel->aggregates ? MOST_AGGREGATED : 1;

	strbuf_clear(text);
	strbuf_addf(text, "%s", channel->aggregates ? "{\"m2m:agrp\":[" : "{\"m2m:rqp\":");
	for (bool is_first = true; has_room(cse, text, left) && !list_empty(&channel->waiting);
	     left--, is_first = false) {
		struct outgoing *out = container_of(channel->waiting.next, struct outgoing, in_channel);

		if (!is_first)
			strbuf_add_char(text, ',');
		print_request_primitive(text, cse->schema, out->hop.param, out->hop.content);
		list_remove(&out->in_channel);
		list_push(&channel->fetched, &out->in_channel);
		out->is_fetched = true;
		if (out->is_patient)
			loop_timer_set(cse->loop, &out->expiry, out->timeout_us);
	}
	strbuf_addf(text, "%s", channel->aggregates ? "]}" : "}");
	return arena_copy(&req->arena, strbuf_str(text));
}

/* ---- polls ---- */

static void remove_poll(struct poll *poll)
{
	if (poll->channel)
		poll->channel->poll_count--;
	list_remove(&poll->in_channel);
	list_remove(&poll->in_cse);
	loop_timer_cancel(poll->req->cse->loop, &poll->timer);
}

static enum rsc nothing_came(struct request *req)
{
	return req_fail(req, RSC_REQUEST_TIMEOUT, "there was no request to fetch in time");
}

static void end_empty(struct poll *poll)
{
	remove_poll(poll);
	dispatch_end(poll->req, nothing_came(poll->req));
}

static void poll_expired(struct timer *timer)
{
	end_empty(container_of(timer, struct poll, timer));
}

static void serve_poll(struct channel *channel)
{
	struct poll *poll = container_of(channel->polls.next, struct poll, in_channel);
	struct request *req = poll->req;

	remove_poll(poll);
	req->answer.content = fetch(req, channel);
	req->answer.rsc = RSC_OK;
	dispatch_end(req, RSC_OK);
}

enum rsc channel_poll(struct request *req, struct channel *channel)
{
	struct poll *poll;

	if (!list_empty(&channel->waiting)) {
		req->answer.content = fetch(req, channel);
		req->answer.rsc = RSC_OK;
		return RSC_OK;
	}
	if (req->cse->outgoings.polls_have_ended)
		return nothing_came(req);
	if (channel->poll_count == MOST_POLLS)
		end_empty(container_of(channel->polls.next, struct poll, in_channel));
	poll = arena_zalloc(&req->arena, sizeof(*poll));
	poll->req = req;
	poll->channel = channel;
	poll->timer.fire = poll_expired;
	list_push(&channel->polls, &poll->in_channel);
	list_push(&req->cse->outgoings.polls, &poll->in_cse);
	channel->poll_count++;
	loop_timer_set(req->cse->loop, &poll->timer, request_time_left(req, req->cse->config.poll_timeout_s * 1000000));
	return RSC_PENDING;
}

void channel_put(struct channel *channel, struct outgoing *out)
{
	struct cse *cse = out->cse;
	char *text;

	out->is_in_channel = true;
	out->is_fetched = false;
	out->expiry.fire = expired;
	list_push(&channel->waiting, &out->in_channel);
	if (!out->is_patient) {
		text = arena_alloc(&out->arena, TIMESTAMP_SIZE);
		out->hop.param[PARAM_requestExpirationTimestamp] =
			str_make(text, timestamp_print(text, clock_wall_us(cse->clock) + out->timeout_us));
		loop_timer_set(cse->loop, &out->expiry, out->timeout_us);
	}
	if (!list_empty(&channel->polls))
		serve_poll(channel);
}

/* ---- answers ---- */

static struct outgoing *find_fetched(struct channel *channel, struct str identifier)
{
	list_each (item, &channel->fetched) {
		struct outgoing *out = container_of(item, struct outgoing, in_channel);

		if (str_eq(out->identifier, identifier))
			return out;
	}
	return NULL;
}

enum rsc channel_answer(struct request *req, struct channel *channel)
{
	const struct schema *schema = req->cse->schema;
	struct value response =
		req->content.len ? value_member(doc_root(&req->doc), STR("m2m:rsp")) : (struct value){0};
	struct outgoing *out;
	struct value content;
	int64_t code = 0;
	enum rsc checked = check_notification(req);

	if (checked != RSC_NONE)
		return checked;
	if (value_is_absent(response))
		return req_fail(req, RSC_BAD_REQUEST, "content: must be m2m:rsp, the answer to what was fetched");
	out = find_fetched(
		channel, value_string(value_member(response, name_short(schema, ATTR_requestIdentifier)), &req->arena));
	if (!out)
		return req_fail(req, RSC_BAD_REQUEST,
				"content: requestIdentifier (rqi): of no request that was fetched and is not answered");
	if (value_i64(value_member(response, name_short(schema, ATTR_responseStatusCode)), &code) != 0)
		return req_fail(req, RSC_BAD_REQUEST, "content: responseStatusCode (rsc): no status code");
	content = value_member(response, name_short(schema, ATTR_primitiveContent));
	leave(out);
	out->rsc = (enum rsc)code;
	out->answer = value_is_absent(content) ? (struct str){0} : arena_copy(&out->arena, value_text(content));
	outgoing_end(out, HOP_ANSWERED, "");
	req->answer.rsc = RSC_OK;
	return RSC_OK;
}

/* ---- beginning and end ---- */

void channel_init(struct channel *channel)
{
	list_init(&channel->waiting);
	list_init(&channel->fetched);
	list_init(&channel->polls);
}

static void fail_all(struct list *list)
{
	while (!list_empty(list)) {
		struct outgoing *out = container_of(list->next, struct outgoing, in_channel);

		leave(out);
		outgoing_end(out, HOP_UNREACHABLE, "the polling channel is gone");
	}
}

void channel_finish(struct channel *channel)
{
	fail_all(&channel->waiting);
	fail_all(&channel->fetched);
	while (!list_empty(&channel->polls)) {
		struct poll *poll = container_of(channel->polls.next, struct poll, in_channel);

		list_remove(&poll->in_channel);
		poll->channel = NULL;
		loop_timer_set(poll->req->cse->loop, &poll->timer, 0);
	}
}

void polls_stop(struct cse *cse)
{
	struct list *polls = &cse->outgoings.polls;

	cse->outgoings.polls_have_ended = true;
	while (!list_empty(polls))
		end_empty(container_of(polls->next, struct poll, in_cse));
}
