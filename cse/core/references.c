/* References, and the work at the end of a round on those that have become stale. */
#include "cse/core/references.h"

#include "cse/core/state.h"

static uint64_t hash_of(uint64_t key)
{
	return key * 0x9e3779b97f4a7c15u >> 16;
}

void holder_init(struct holder *holder, struct cse *cse, struct resource *resource)
{
	list_init(&holder->link);
	holder->resource = resource;
	holder->references = &cse->references;
}

void holder_announce(struct holder *holder)
{
	if (list_empty(&holder->link))
		list_push(&holder->references->unresolved, &holder->link);
}

void holder_finish(struct holder *holder)
{
	list_remove(&holder->link);
}

void reference_set(struct reference *reference, struct holder *holder, uint64_t key, uint64_t parent)
{
	list_init(&reference->stale);
	reference->holder = holder;
	reference->key = key;
	reference->parent = parent;
	if (parent)
		map_add(&holder->references->by_parent, &reference->by_parent, hash_of(parent));
	if (key)
		map_add(&holder->references->by_key, &reference->by_key, hash_of(key));
	else
		list_push(&holder->references->stale, &reference->stale);
}

void reference_clear(struct reference *reference)
{
	if (!reference->holder)
		return;
	list_remove(&reference->stale);
	if (reference->parent)
		map_remove(&reference->holder->references->by_parent, &reference->by_parent);
	if (reference->key)
		map_remove(&reference->holder->references->by_key, &reference->by_key);
	reference->holder = NULL;
}

static struct reference *first_of(const struct references *references, uint64_t key)
{
	struct map_node *node = map_first(&references->by_key, hash_of(key));

	return node ? container_of(node, struct reference, by_key) : NULL;
}

static struct reference *next_of(const struct reference *reference)
{
	struct map_node *node = map_next(&reference->by_key);

	return node ? container_of(node, struct reference, by_key) : NULL;
}

struct reference *holder_find(const struct holder *holder, uint64_t key, const struct reference *previous)
{
	struct reference *r = previous ? next_of(previous) : first_of(holder->references, key);

	while (r && (r->key != key || r->holder != holder))
		r = next_of(r);
	return r;
}

static void mark_stale(struct references *references, struct reference *reference)
{
	if (list_empty(&reference->stale))
		list_push(&references->stale, &reference->stale);
}

void references_note_removal(struct cse *cse, uint64_t key)
{
	struct references *references = &cse->references;
	struct map_node *node;

	if (references->by_key.count == 0)
		return;
	for (struct reference *r = first_of(references, key); r; r = next_of(r))
		if (r->key == key)
			mark_stale(references, r);
	for (node = map_first(&references->by_parent, hash_of(key)); node; node = map_next(node)) {
		struct reference *r = container_of(node, struct reference, by_parent);

		if (r->parent == key)
			mark_stale(references, r);
	}
}

static bool is_in_tree(const struct cse *cse, const struct resource *resource)
{
	return tree_by_key(&cse->tree, resource->key) == resource;
}

static void resolve_all(struct references *references)
{
	struct list holders;

	list_init(&holders);
	list_splice(&holders, &references->unresolved);
	while (!list_empty(&holders)) {
		struct holder *holder = container_of(holders.next, struct holder, link);

		list_remove(&holder->link);
		if (is_in_tree(references->cse, holder->resource))
			holder->resource->type->hooks->resolve(references->cse, holder->resource);
	}
}

/* All stale references of one holder are forgotten at once, so that a list of n of which n are deleted is not written n
 * times. If the change cannot be stored, the holder announces itself anew and finds what is still missing. */
static void end_of_round(struct loop_hook *hook)
{
	struct references *references = container_of(hook, struct references, end_of_round);
	struct request *req;

	resolve_all(references);
	if (list_empty(&references->stale))
		return;
	req = request_internal(references->cse, OP_UPDATE);
	while (!list_empty(&references->stale)) {
		struct reference *r = container_of(references->stale.next, struct reference, stale);
		struct resource *resource = r->holder->resource;

		list_remove(&r->stale);
		if (is_in_tree(references->cse, resource))
			resource->type->hooks->forget(req, resource);
	}
	commit_finish(references->cse->committer, req);
}

void references_start(struct references *references, struct cse *cse)
{
	references->cse = cse;
	list_init(&references->stale);
	list_init(&references->unresolved);
	references->end_of_round.run = end_of_round;
	loop_add_hook(cse->loop, &references->end_of_round);
}

void references_stop(struct references *references)
{
	loop_remove_hook(references->cse->loop, &references->end_of_round);
	map_finish(&references->by_key);
	map_finish(&references->by_parent);
}
