/* From the store to memory at start. Structural resources are read whole; of instances only the key lists. */
#include "cse/core/state.h"

#include <stdio.h>
#include <stdlib.h>

struct loaded {
	struct resource *resource;
	uint64_t parent;
};

struct loading {
	struct cse *cse;
	struct arena arena;
	struct loaded *items; /* not attached yet */
	size_t count, cap;
	const char *fault;
	uint64_t fault_key;
};

static int fault(struct loading *loading, const char *what, uint64_t key)
{
	loading->fault = what;
	loading->fault_key = key;
	return ERROR_CORRUPT;
}

static void note_key(struct cse *cse, uint64_t key)
{
	if (key > cse->last_key)
		cse->last_key = key;
}

static int load_meta(void *arg, struct str name, struct str text)
{
	struct loading *loading = arg;
	uint64_t number;

	if (str_to_u64(text, &number) != 0)
		return 0;
	if (str_eq(name, STR(STORE_HIGH_WATER)))
		note_key(loading->cse, number);
	else if (str_eq(name, STR(META_ALIVE)))
		sweeper_was_alive(loading->cse, (int64_t)number);
	return 0;
}

static int load_resource(void *arg, uint64_t key, uint64_t parent, struct str text)
{
	struct loading *loading = arg;
	struct resource *resource = resource_from_row(loading->cse, key, text, &loading->arena);

	arena_reset(&loading->arena);
	if (!resource)
		return fault(loading, "a resource row cannot be read", key);
	if (loading->count == loading->cap) {
		loading->cap = loading->cap ? loading->cap * 2 : 1024;
		loading->items = xrealloc(loading->items, loading->cap * sizeof(*loading->items));
	}
	loading->items[loading->count++] = (struct loaded){resource, parent};
	note_key(loading->cse, key);
	return 0;
}

static int by_key(const void *a, const void *b)
{
	uint64_t x = ((const struct loaded *)a)->resource->key, y = ((const struct loaded *)b)->resource->key;

	return x < y ? -1 : x > y;
}

/* Keys only grow, so in their order every parent comes before its children. */
static int attach_resources(struct loading *loading)
{
	struct cse *cse = loading->cse;
	int error = 0;

	if (loading->count)
		qsort(loading->items, loading->count, sizeof(*loading->items), by_key);
	for (size_t i = 0; i < loading->count; i++) {
		struct resource *resource = loading->items[i].resource;
		struct resource *parent =
			loading->items[i].parent ? tree_by_key(&cse->tree, loading->items[i].parent) : NULL;
		int64_t due_us = resource->expiry.due_us;

		if (!parent == !!loading->items[i].parent || (!parent && cse->tree.root)) {
			error = fault(loading, "a resource has no parent", resource->key);
			resource_destroy(resource);
			continue;
		}
		tree_attach(&cse->tree, parent, resource);
		expiry_set(&cse->expiries, &resource->expiry, due_us);
	}
	loading->count = 0;
	return error;
}

static struct instances *set_of(struct loading *loading, uint64_t parent, int *error)
{
	struct resource *resource;

	*error = attach_resources(loading);
	resource = *error ? NULL : tree_by_key(&loading->cse->tree, parent);
	if (!resource) {
		if (!*error)
			*error = fault(loading, "instances of no resource", parent);
		return NULL;
	}
	return instances_of(resource);
}

/* The counters of a parent: what snapshot.c wrote. */
static int load_summary(struct loading *loading, struct instances *set, struct str text)
{
	struct str rest = text, bytes = str_split(&rest, ' '), state_tag = str_split(&rest, ' ');
	uint64_t tag;

	if (str_to_u64(bytes, &set->bytes) != 0 || str_to_u64(state_tag, &tag) != 0)
		return fault(loading, "counters of instances cannot be read", set->parent->key);
	if (tag > set->parent->state_tag)
		set->parent->state_tag = tag;
	set->has_labels = set->has_labels || !str_eq(rest, STR("0"));
	catalog_note_instances(&loading->cse->tree.catalog, set->parent);
	return 0;
}

static int load_chunk(void *arg, uint64_t parent, uint32_t number, struct str text)
{
	struct loading *loading = arg;
	int error;
	struct instances *set = set_of(loading, parent, &error);

	if (!set)
		return error;
	if (number == CHUNK_HEADER)
		return load_summary(loading, set, text);
	if (series_load_chunk(&set->series, number, text) != 0)
		return fault(loading, "a key list cannot be read", parent);
	note_key(loading->cse, set->series.last);
	return 0;
}

static void mark_dirty(struct cse *cse, struct instances *set)
{
	if (list_empty(&set->dirty))
		list_push(&cse->dirty_instances, &set->dirty);
	cse->changes_since_snapshot++;
}

static int load_tail(void *arg, uint64_t key, uint64_t parent, const struct instance_head *head)
{
	struct loading *loading = arg;
	int error;
	struct instances *set = set_of(loading, parent, &error);

	if (!set)
		return error;
	if (set->series.count && key <= set->series.last)
		return 0; /* a chunk was put after the snapshot */
	series_append(&set->series, key);
	set->has_labels = set->has_labels || head->flags & INSTANCE_LABELLED;
	catalog_note_instances(&loading->cse->tree.catalog, set->parent);
	set->bytes += head->size;
	if (head->st > set->parent->state_tag)
		set->parent->state_tag = head->st;
	note_key(loading->cse, key);
	mark_dirty(loading->cse, set);
	return 0;
}

static int load_gone(void *arg, uint64_t key, uint64_t parent, uint32_t size)
{
	struct loading *loading = arg;
	struct resource *resource;
	int error = attach_resources(loading);

	if (error)
		return error;
	note_key(loading->cse, key);
	resource = tree_by_key(&loading->cse->tree, parent);
	if (!resource || !resource->instances)
		return 0;
	if (series_remove(&resource->instances->series, key))
		resource->instances->bytes -= size;
	mark_dirty(loading->cse, resource->instances);
	return 0;
}

static int load_note(void *arg, uint64_t key, uint64_t subscription, struct str target, int64_t ct_us, uint32_t flags,
		     size_t size)
{
	struct loading *loading = arg;

	note_key(loading->cse, key);
	notifier_load(&loading->cse->notifier, key, subscription, target, ct_us, flags, size);
	return 0;
}

/* The sweeper looks once at the oldest instance of everything that has some. */
static void schedule_looks(struct cse *cse)
{
	struct resource *resource = cse->tree.root ? tree_next_postorder(cse->tree.root, NULL) : NULL;

	for (; resource; resource = tree_next_postorder(cse->tree.root, resource))
		if (resource->instances)
			expiry_set(&cse->expiries, &resource->instances->oldest, clock_wall_us(cse->clock));
}

int load_store(struct cse *cse, char *message, size_t size)
{
	static const struct store_visitor visitor = {.meta = load_meta,
						     .resource = load_resource,
						     .chunk = load_chunk,
						     .gone = load_gone,
						     .tail = load_tail,
						     .note = load_note};
	struct loading loading = {.cse = cse};
	int error;

	arena_init(&loading.arena);
	error = cse->store->ops->load(cse->store, &visitor, &loading);
	if (!error)
		error = attach_resources(&loading);
	for (size_t i = 0; i < loading.count; i++)
		resource_destroy(loading.items[i].resource);
	if (loading.fault)
		snprintf(message, size, "the store is damaged: %s (key %llu)", loading.fault,
			 (unsigned long long)loading.fault_key);
	else if (error)
		snprintf(message, size, "the store cannot be loaded: %s", error_text(error));
	arena_finish(&loading.arena);
	free(loading.items);
	if (!error) {
		schedule_looks(cse);
		quotas_recount(&cse->tree);
	}
	return error;
}
