/* Requests handed to the CSE as a binding would. */
#include "tests/scenario/transport.h"

static void take_answer(struct request *req, void *arg)
{
	struct flight *flight = arg;
	const struct answer *answer = &req->answer;

	flight->reply->rsc = (int)answer->rsc;
	flight->reply->content = arena_copy(flight->arena, answer->content.ptr ? answer->content : STR(""));
	flight->reply->location = arena_copy(flight->arena, answer->location.ptr ? answer->location : STR(""));
	if (answer->is_partial)
		flight->reply->offset = arena_printf(flight->arena, "%llu", (unsigned long long)answer->offset);
	flight->reply->etag = arena_copy(flight->arena, answer->etag.ptr ? answer->etag : STR(""));
	flight->done = true;
	request_release(req);
}

const char *core_submit(struct world *world, const struct exchange *exchange, struct arena *arena, struct reply *reply,
			struct flight *flight)
{
	struct request *req = request_create(world->cse);

	*flight = (struct flight){arena, reply, false};
	if (!req)
		return "the CSE takes no more requests";
	memcpy(req->param, exchange->param, sizeof(req->param));
	req->filter.items = arena_alloc(&req->arena, sizeof(exchange->conditions));
	memcpy(req->filter.items, exchange->conditions, sizeof(exchange->conditions));
	req->filter.count = exchange->condition_count;
	req->content = exchange->content;
	req->accept_etag = exchange->accept_etag;
	req->response_targets = exchange->response_targets;
	req->peer = exchange->peer;
	req->binding = "scenario";
	cse_submit(world->cse, req, take_answer, flight);
	return NULL;
}

bool core_wait(struct world *world, const struct flight *flight)
{
	enum { ROUNDS_AT_MOST = 10000 };

	for (int i = 0; i < ROUNDS_AT_MOST && !flight->done; i++) {
		world_pass_time(world, i);
		/* The end of the first round sends the change to the store. */
		loop_round(world->loop, i == 0 ? 0 : world_may_wait(world) ? 1 : 10);
	}
	return flight->done;
}

static const char *perform_core(const struct transport *transport, struct world *world, const struct exchange *exchange,
				struct arena *arena, struct reply *reply)
{
	struct flight flight;
	const char *fault = core_submit(world, exchange, arena, reply, &flight);

	(void)transport;
	if (fault)
		return fault;
	return core_wait(world, &flight) ? NULL : "no answer";
}

const struct transport transport_core = {.name = "core", .perform = perform_core};
