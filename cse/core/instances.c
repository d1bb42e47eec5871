/* Instances of a parent: key list, counters, undo. The cache is in instance_cache.c. */
#include "cse/core/instances.h"

#include "cse/base/error.h"
#include "cse/core/instance_cache.h"
#include "cse/core/state.h"

#include <stdlib.h>

struct instances *instances_of(struct resource *parent)
{
	struct instances *set = parent->instances;

	if (set)
		return set;
	set = parent->instances = xzalloc(sizeof(*set));
	set->parent = parent;
	set->oldest = (struct expiry){.due_us = EXPIRY_NEVER, .is_look = true};
	list_init(&set->dirty);
	return set;
}

void instances_destroy(struct cse *cse, struct instances *set)
{
	if (!set)
		return;
	expiry_clear(&cse->expiries, &set->oldest);
	list_remove(&set->dirty);
	series_finish(&set->series);
	free(set);
}

void instances_rest(struct cse *cse, struct instances *set)
{
	expiry_clear(&cse->expiries, &set->oldest);
	list_remove(&set->dirty);
}

void instances_wake(struct cse *cse, struct instances *set)
{
	expiry_set(&cse->expiries, &set->oldest, clock_wall_us(cse->clock));
	list_push(&cse->dirty_instances, &set->dirty);
}

void instances_look_at(struct cse *cse, struct resource *parent, int64_t wall_us)
{
	struct instances *set = instances_of(parent);

	if (set->oldest.slot == 0 || wall_us < set->oldest.due_us)
		expiry_set(&cse->expiries, &set->oldest, wall_us);
}

uint64_t instances_latest(const struct resource *parent)
{
	return instances_count(parent) ? parent->instances->series.last : 0;
}

uint64_t instances_oldest(const struct resource *parent)
{
	return instances_count(parent) ? parent->instances->series.first : 0;
}

uint64_t instances_count(const struct resource *parent)
{
	return parent->instances ? parent->instances->series.count : 0;
}

uint64_t instances_bytes(const struct resource *parent)
{
	return parent->instances ? parent->instances->bytes : 0;
}

uint64_t instances_find(struct cse *cse, const struct resource *parent, struct str name, int *error)
{
	uint64_t key = instance_id_key(name, 'i');
	int found = 0;

	*error = 0;
	if (!parent->instances)
		return 0;
	if (key == 0) {
		key = instance_cache_named(&cse->cache, parent, name);
		if (key == 0)
			found = cse->store->ops->find_named(cse->store, parent->key, name, &key);
		if (found < 0) {
			*error = found;
			return 0;
		}
	}
	return key && series_contains(&parent->instances->series, key) ? key : 0;
}

int instances_read(struct cse *cse, const struct resource *parent, uint64_t key, struct instance *out)
{
	struct strbuf *buffer = &cse->cache.buffer;
	struct instance_head head;
	uint64_t parent_key;
	int found;

	if (instance_cache_get(&cse->cache, key, out))
		return 0;
	found = cse->store->ops->read_instance(cse->store, key, &parent_key, &head, buffer);
	if (found < 0)
		return found;
	if (found == 0 || parent_key != parent->key)
		return ERROR_CORRUPT; /* it is in the key list, so it has a row */
	instance_cache_put(cse, key, parent_key, 0, &head, strbuf_str(buffer));
	*out = (struct instance){.key = key, .head = head, .text = strbuf_str(buffer)};
	return 0;
}

/* One instance added or removed. */
struct instance_undo {
	struct undo undo;
	struct resource *parent;
	uint64_t key, old_state_tag;
	uint32_t size;
	struct pending_name *name;
};

static void mark_changed(struct request *req, struct instances *set)
{
	struct cse *cse = req->cse;

	set->batch = commit_open_batch(cse->committer);
	if (list_empty(&set->dirty))
		list_push(&cse->dirty_instances, &set->dirty);
	cse->changes_since_snapshot++;
}

static struct instance_undo *add_undo(struct request *req, struct resource *parent, uint64_t key, uint32_t size)
{
	struct instance_undo *undo = arena_zalloc(&req->arena, sizeof(*undo));

	undo->parent = parent;
	undo->key = key;
	undo->old_state_tag = parent->state_tag;
	undo->size = size;
	commit_undo(req, &undo->undo);
	return undo;
}

static void forget_name(struct request *req, struct instance_undo *undo)
{
	if (undo->name)
		instance_cache_forget_name(&req->cse->cache, undo->name);
}

static void revert_add(struct request *req, struct undo *base)
{
	struct instance_undo *undo = container_of(base, struct instance_undo, undo);
	struct instances *set = undo->parent->instances;

	series_remove(&set->series, undo->key);
	set->bytes -= undo->size;
	quota_adjust(undo->parent, -1, -(int64_t)undo->size);
	undo->parent->state_tag = undo->old_state_tag;
	instance_cache_drop(&req->cse->cache, undo->key);
	forget_name(req, undo);
}

static void settle_add(struct request *req, struct undo *base)
{
	forget_name(req, container_of(base, struct instance_undo, undo));
}

void instances_add(struct request *req, struct resource *parent, uint64_t key, struct str name,
		   const struct instance_head *head, struct str text)
{
	struct cse *cse = req->cse;
	struct instances *set = instances_of(parent);
	struct change *change = commit_change(req, CHANGE_ADD_INSTANCE);
	struct instance_undo *undo = add_undo(req, parent, key, head->size);

	undo->undo.revert = revert_add;
	undo->undo.settle = settle_add;
	series_append(&set->series, key);
	set->bytes += head->size;
	quota_adjust(parent, 1, head->size);
	parent->state_tag = head->st;
	mark_changed(req, set);
	set->has_labels = set->has_labels || head->flags & INSTANCE_LABELLED;
	catalog_note_instances(&cse->tree.catalog, parent);
	instance_cache_put(cse, key, parent->key, set->batch, head, text);
	if (name.ptr)
		undo->name = instance_cache_remember_name(&cse->cache, parent, name, key);

	change->key = key;
	change->parent = parent->key;
	change->name = name;
	change->head = *head;
	change->text = text;
}

static void revert_remove(struct request *req, struct undo *base)
{
	struct instance_undo *undo = container_of(base, struct instance_undo, undo);
	struct instances *set = undo->parent->instances;

	(void)req;
	series_restore(&set->series, undo->key);
	set->bytes += undo->size;
	quota_adjust(undo->parent, 1, undo->size);
}

/* Only now, as a batch that fails before would need the body again. */
static void settle_remove(struct request *req, struct undo *base)
{
	instance_cache_drop(&req->cse->cache, container_of(base, struct instance_undo, undo)->key);
}

int instances_remove(struct request *req, struct resource *parent, uint64_t key, enum change_kind how)
{
	struct instances *set = parent->instances;
	struct instance instance;
	struct instance_undo *undo;
	struct change *change;
	int error = instances_read(req->cse, parent, key, &instance);

	if (error)
		return error;
	undo = add_undo(req, parent, key, instance.head.size);
	undo->undo.revert = revert_remove;
	undo->undo.settle = settle_remove;
	series_remove(&set->series, key);
	set->bytes -= instance.head.size;
	quota_adjust(parent, -1, -(int64_t)instance.head.size);
	mark_changed(req, set);
	references_note_removal(req->cse, key);

	change = commit_change(req, how);
	change->key = key;
	change->parent = parent->key;
	change->head = instance.head;
	return 0;
}

/* Crockford's base 32 in lower case: digits that people do not mistake for one another. */
static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";

void instance_id_print(char out[INSTANCE_ID_SIZE], char letter, uint64_t key)
{
	out[0] = letter;
	for (int i = INSTANCE_ID_SIZE - 2; i > 0; i--, key >>= 5)
		out[i] = digits[key & 31];
	out[INSTANCE_ID_SIZE - 1] = '\0';
}

uint64_t instance_id_key(struct str id, char letter)
{
	uint64_t key = 0;

	if (id.len != INSTANCE_ID_SIZE - 1 || id.ptr[0] != letter)
		return 0;
	for (size_t i = 1; i < id.len; i++) {
		const char *digit = id.ptr[i] ? strchr(digits, id.ptr[i]) : NULL;

		if (!digit)
			return 0;
		key = key << 5 | (uint64_t)(digit - digits);
	}
	return key;
}
