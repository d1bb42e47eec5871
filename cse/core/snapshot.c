/* Snapshots of the key lists, so that a start reads chunks instead of instances. Written like any other change. */
#include "cse/core/state.h"

enum { CHANGES_PER_SNAPSHOT = 200000 };

bool snapshot_is_due(const struct cse *cse)
{
	return cse->changes_since_snapshot >= CHANGES_PER_SNAPSHOT;
}

struct chunk_writer {
	struct request *req;
	uint64_t parent;
};

static void write_chunk(void *arg, uint32_t number, struct str text)
{
	struct chunk_writer *writer = arg;
	struct change *change = commit_change(writer->req, CHANGE_PUT_CHUNK);

	change->parent = writer->parent;
	change->number = number;
	change->text = arena_copy(&writer->req->arena, text);
}

void snapshot_put_series(struct request *req, struct instances *set)
{
	struct chunk_writer writer = {req, set->parent->key};

	series_each_dirty(&set->series, write_chunk, &writer);
}

static void put_counters(struct request *req, struct instances *set)
{
	struct chunk_writer writer = {req, set->parent->key};

	write_chunk(&writer, CHUNK_HEADER,
		    arena_printf(&req->arena, "%llu %llu", (unsigned long long)set->bytes,
				 (unsigned long long)set->parent->state_tag));
}

/* A snapshot that failed has to be written anew with the next. */
static void revert_snapshot(struct request *req, struct undo *undo)
{
	struct cse *cse = req->cse;
	struct resource *resource = tree_next_postorder(cse->tree.root, NULL);

	(void)undo;
	for (; resource; resource = tree_next_postorder(cse->tree.root, resource)) {
		if (!resource->instances)
			continue;
		series_mark_unsaved(&resource->instances->series);
		if (list_empty(&resource->instances->dirty))
			list_push(&cse->dirty_instances, &resource->instances->dirty);
	}
}

void snapshot_add(struct request *req)
{
	struct cse *cse = req->cse;
	struct undo *undo = arena_zalloc(&req->arena, sizeof(*undo));

	list_each (item, &cse->dirty_instances) {
		struct instances *set = container_of(item, struct instances, dirty);

		snapshot_put_series(req, set);
		put_counters(req, set);
		list_remove(item);
	}
	commit_change(req, CHANGE_SNAPSHOT)->key = cse->last_key;
	undo->revert = revert_snapshot;
	commit_undo(req, undo);
	cse->changes_since_snapshot = 0;
}
