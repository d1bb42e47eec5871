/* Blocking updates: an UPDATE waits for the consent of a subscriber, and while it does, further UPDATEs and DELETEs of
 * the resource wait for it (TS-0001 10.2.10.7, TS-0004 7.5.1.2.19, 7.3.2.9). */
#include "cse/core/events.h"
#include "cse/core/notification.h"
#include "cse/core/outgoing.h"
#include "cse/core/state.h"

#include <stdlib.h>

enum { MOST_WAITING = 100 };

/* A resource whose UPDATE is held back. */
struct block {
	struct map_node node; /* in cse->blocks, by key */
	struct cse *cse;
	uint64_t key; /* of the resource */
	struct request *holder;
	struct list waiting; /* requests, in the order they came */
	unsigned count;
};

static uint64_t hash_of(uint64_t key)
{
	return key * 0x9e3779b97f4a7c15u >> 16;
}

static struct block *block_of(const struct cse *cse, uint64_t key)
{
	struct map_node *node = map_first(&cse->blocks, hash_of(key));

	for (; node; node = map_next(node))
		if (container_of(node, struct block, node)->key == key)
			return container_of(node, struct block, node);
	return NULL;
}

static bool is_below(const struct resource *resource, const struct resource *top)
{
	while (resource && resource != top)
		resource = resource->parent;
	return resource != NULL;
}

static struct block *block_below(const struct cse *cse, const struct resource *top)
{
	struct map_node *node = NULL;
	size_t state = 0;

	if (cse->blocks.count == 0)
		return NULL;
	while ((node = map_walk(&cse->blocks, &state, node))) {
		struct block *block = container_of(node, struct block, node);

		if (is_below(tree_by_key(&cse->tree, block->key), top))
			return block;
	}
	return NULL;
}

bool is_held_back(const struct cse *cse, const struct resource *top)
{
	return block_below(cse, top) != NULL;
}

static enum rsc join(struct request *req, struct block *block)
{
	if (block->count == MOST_WAITING)
		return req_fail(req, RSC_REQUEST_TIMEOUT,
				"too many requests wait for a blocking update of the resource");
	block->count++;
	list_push(&block->waiting, &req->link);
	return RSC_PENDING;
}

/* Those that waited go on from the beginning; what has no time left is late. */
static void end_block(struct cse *cse, struct block *block)
{
	struct list waiting;

	list_init(&waiting);
	list_splice(&waiting, &block->waiting);
	map_remove(&cse->blocks, &block->node);
	free(block);
	while (!list_empty(&waiting)) {
		struct request *req = container_of(waiting.next, struct request, link);

		list_remove(&req->link);
		if (request_time_left(req, INT64_MAX) == 0)
			dispatch_end(req,
				     req_fail(req, RSC_REQUEST_TIMEOUT, "the time went by behind a blocking update"));
		else
			dispatch_again(req);
	}
}

/* TS-0004 7.3.2.9. */
static enum rsc refuse(struct request *req, const struct outgoing *out)
{
	if (out->outcome != HOP_ANSWERED)
		return req_fail(req, RSC_REMOTE_ENTITY_NOT_REACHABLE, "the subscriber of a blocking update: %s",
				out->reason);
	if (out->rsc == RSC_TARGET_NOT_REACHABLE)
		return req_fail(req, RSC_REMOTE_ENTITY_NOT_REACHABLE, "the subscriber of a blocking update: %d",
				out->rsc);
	return req_fail(req, RSC_OPERATION_DENIED_BY_REMOTE_ENTITY, "the subscriber of a blocking update answered %d",
			out->rsc);
}

static void answered(struct inquiry *inquiry)
{
	struct request *req = inquiry->req;
	const struct outgoing *out = &inquiry->outs[0];
	struct block *block = block_of(req->cse, req->held_key);

	if (out->outcome == HOP_ANSWERED && rsc_is_success(out->rsc)) {
		req->is_consented = true;
		dispatch_again(req);
	} else {
		dispatch_end(req, refuse(req, out));
	}
	end_block(block->cse, block);
}

static enum rsc ask(struct request *req, const struct resource *resource, const struct subscription *subscription)
{
	struct inquiry *inquiry = inquiry_create(req, 1, answered);
	struct block *block = xzalloc(sizeof(*block));
	struct outgoing *out = &inquiry->outs[0];
	struct strbuf *buffer = &req->cse->scratch;
	struct str text = notification_of_event(req, subscription, EVENT_BLOCKING_UPDATE, req->content);

	strbuf_clear(buffer);
	notification_wrap(buffer, "m2m:sgn", text);
	out->content = arena_copy(&req->arena, strbuf_str(buffer));
	out->target = arena_copy(&req->arena, subscription->targets[0]);
	out->op = OP_NOTIFY;
	out->from = str_of(req->cse->config.id);
	out->identifier = new_request_identifier(req);
	out->timeout_us = request_time_left(req, req->cse->config.notify_timeout_s * 1000000);
	block->cse = req->cse;
	block->key = req->held_key = resource->key;
	block->holder = req;
	list_init(&block->waiting);
	map_add(&req->cse->blocks, &block->node, hash_of(block->key));
	return inquiry_send(inquiry);
}

enum rsc hold_back(struct request *req)
{
	struct resource *resource = req->target.resource;
	const struct subscription *subscription;
	struct block *block;

	if ((req->op != OP_UPDATE && req->op != OP_DELETE) || req->target.virtual_ || req->target.instance)
		return RSC_NONE;
	block = req->op == OP_DELETE ? block_below(req->cse, resource) : block_of(req->cse, resource->key);
	if (block)
		return block->holder == req ? RSC_NONE : join(req, block);
	if (req->op == OP_DELETE || req->is_consented)
		return RSC_NONE;
	subscription = events_blocking(req, resource);
	return subscription ? ask(req, resource, subscription) : RSC_NONE;
}
