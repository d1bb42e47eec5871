/* Requests handed to the CSE as a binding would. */
#include "tests/scenario/transport.h"

struct pending {
	struct arena *arena;
	struct reply *reply;
	bool done;
};

static void take_answer(struct request *req, void *arg)
{
	struct pending *pending = arg;
	const struct answer *answer = &req->answer;

	pending->reply->rsc = (int)answer->rsc;
	pending->reply->content = arena_copy(pending->arena, answer->content.ptr ? answer->content : STR(""));
	pending->reply->location = arena_copy(pending->arena, answer->location.ptr ? answer->location : STR(""));
	pending->reply->etag = arena_copy(pending->arena, answer->etag.ptr ? answer->etag : STR(""));
	pending->done = true;
	request_release(req);
}

static const char *perform_core(struct world *world, const struct exchange *exchange, struct arena *arena, struct reply *reply)
{
	enum { ROUNDS_AT_MOST = 1000 };
	struct pending pending = {arena, reply, false};
	struct request *req = request_create(world->cse);

	if (!req)
		return "the CSE takes no more requests";
	memcpy(req->param, exchange->param, sizeof(req->param));
	req->filter.items = arena_alloc(&req->arena, sizeof(exchange->conditions));
	memcpy(req->filter.items, exchange->conditions, sizeof(exchange->conditions));
	req->filter.count = exchange->condition_count;
	req->content = exchange->content;
	req->accept_etag = exchange->accept_etag;
	req->peer = exchange->peer;
	req->binding = "scenario";
	cse_submit(world->cse, req, take_answer, &pending);
	for (int i = 0; i < ROUNDS_AT_MOST && !pending.done; i++)
		loop_round(world->loop, 10);
	return pending.done ? NULL : "no answer";
}

const struct transport transport_core = {"core", false, perform_core};
