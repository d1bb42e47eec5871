/* The store that keeps nothing: instance bodies and the texts of notes for as long as the process lives. The rest of
 * what is written (resources, chunks, meta) is dropped, as there is no next start that would ask for it. */
#include "cse/store/store.h"

#include "cse/base/map.h"
#include "cse/store/memory_notes.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

struct memory_instance {
	struct map_node by_key, by_name; /* by_name: in the map only if it is the one of its name */
	struct list siblings;
	uint64_t key, parent;
	struct instance_head head;
	size_t due; /* position in the heap, from 1 on; 0: not in it */
	bool has_name;
	struct str name, text; /* behind the struct */
};

struct memory_parent {
	struct map_node by_key;
	struct list instances;
	uint64_t key;
};

/* A change that waits for its commit. */
struct memory_change {
	struct list link;
	enum change_kind kind;
	uint64_t key, parent, last;
	struct memory_instance *added;
	struct memory_note note;
};

struct memory_store {
	struct store store;
	pthread_mutex_t mutex; /* guards what is committed: a reader may be another thread than the committer */
	struct map instances, names, parents;
	struct memory_notes notes;
	struct map adding;	      /* of the open transaction, by key */
	uint64_t adding_note;	      /* the last key of a note in it; 0: none */
	struct memory_instance **due; /* a heap, earliest expiration first */
	size_t due_count, due_cap;
	bool in_transaction;
	struct list pending;
};

static struct memory_store *memory_of(struct store *store)
{
	return container_of(store, struct memory_store, store);
}

static uint64_t key_hash(uint64_t key)
{
	return key * UINT64_C(0x9e3779b97f4a7c15) >> 20;
}

static struct memory_instance *find_instance(const struct map *instances, uint64_t key)
{
	struct map_node *node = map_first(instances, key_hash(key));

	for (; node; node = map_next(node))
		if (container_of(node, struct memory_instance, by_key)->key == key)
			return container_of(node, struct memory_instance, by_key);
	return NULL;
}

static struct memory_instance *find_name(const struct memory_store *memory, uint64_t parent, struct str name)
{
	struct map_node *node = map_first(&memory->names, str_hash(name, parent));

	for (; node; node = map_next(node)) {
		struct memory_instance *instance = container_of(node, struct memory_instance, by_name);

		if (instance->parent == parent && str_eq(instance->name, name))
			return instance;
	}
	return NULL;
}

static struct memory_parent *find_parent(const struct memory_store *memory, uint64_t key)
{
	struct map_node *node = map_first(&memory->parents, key_hash(key));

	for (; node; node = map_next(node))
		if (container_of(node, struct memory_parent, by_key)->key == key)
			return container_of(node, struct memory_parent, by_key);
	return NULL;
}

static struct memory_parent *parent_of(struct memory_store *memory, uint64_t key)
{
	struct memory_parent *parent = find_parent(memory, key);

	if (parent)
		return parent;
	parent = xzalloc(sizeof(*parent));
	parent->key = key;
	list_init(&parent->instances);
	map_add(&memory->parents, &parent->by_key, key_hash(key));
	return parent;
}

/* ---- the heap of expirations ---- */

static bool is_earlier(const struct memory_instance *a, const struct memory_instance *b)
{
	return a->head.et_us < b->head.et_us || (a->head.et_us == b->head.et_us && a->key < b->key);
}

static void due_place(struct memory_store *memory, size_t at, struct memory_instance *instance)
{
	memory->due[at] = instance;
	instance->due = at + 1;
}

static void due_sift(struct memory_store *memory, size_t at, struct memory_instance *instance)
{
	size_t child;

	for (; at > 0 && is_earlier(instance, memory->due[(at - 1) / 2]); at = (at - 1) / 2)
		due_place(memory, at, memory->due[(at - 1) / 2]);
	for (; (child = 2 * at + 1) < memory->due_count; at = child) {
		if (child + 1 < memory->due_count && is_earlier(memory->due[child + 1], memory->due[child]))
			child++;
		if (!is_earlier(memory->due[child], instance))
			break;
		due_place(memory, at, memory->due[child]);
	}
	due_place(memory, at, instance);
}

static void due_add(struct memory_store *memory, struct memory_instance *instance)
{
	if (memory->due_count == memory->due_cap) {
		memory->due_cap = memory->due_cap ? memory->due_cap * 2 : 64;
		memory->due = xrealloc(memory->due, memory->due_cap * sizeof(*memory->due));
	}
	memory->due_count++;
	due_sift(memory, memory->due_count - 1, instance);
}

static void due_remove(struct memory_store *memory, struct memory_instance *instance)
{
	size_t at = instance->due - 1;
	struct memory_instance *last;

	if (instance->due == 0)
		return;
	instance->due = 0;
	last = memory->due[--memory->due_count];
	if (last != instance)
		due_sift(memory, at, last);
}

/* ---- changes ---- */

static struct memory_instance *instance_create(const struct change *change)
{
	struct memory_instance *instance = xmalloc(sizeof(*instance) + change->name.len + change->text.len);
	char *bytes = (char *)(instance + 1);

	*instance = (struct memory_instance){.key = change->key, .parent = change->parent, .head = change->head};
	instance->has_name = change->name.ptr != NULL;
	instance->name = str_make(bytes, change->name.len);
	instance->text = str_make(bytes + change->name.len, change->text.len);
	if (change->name.len)
		memcpy(bytes, change->name.ptr, change->name.len);
	if (change->text.len)
		memcpy(bytes + change->name.len, change->text.ptr, change->text.len);
	return instance;
}

static struct memory_note note_copy(const struct change *change)
{
	struct memory_note note = {change->key, xmalloc(change->text.len), change->text.len};

	if (note.len)
		memcpy(note.text, change->text.ptr, note.len);
	return note;
}

static void unname(struct memory_store *memory, struct memory_instance *instance)
{
	if (instance->has_name)
		map_remove(&memory->names, &instance->by_name);
	instance->has_name = false;
}

static void add_instance(struct memory_store *memory, struct memory_instance *instance)
{
	struct memory_instance *namesake;

	map_add(&memory->instances, &instance->by_key, key_hash(instance->key));
	list_push(&parent_of(memory, instance->parent)->instances, &instance->siblings);
	if (instance->head.flags & INSTANCE_OWN_EXPIRY)
		due_add(memory, instance);
	if (!instance->has_name)
		return;
	namesake = find_name(memory, instance->parent, instance->name);
	if (namesake)
		unname(memory, namesake);
	map_add(&memory->names, &instance->by_name, str_hash(instance->name, instance->parent));
}

static void delete_instance(struct memory_store *memory, struct memory_instance *instance)
{
	struct memory_parent *parent = find_parent(memory, instance->parent);

	map_remove(&memory->instances, &instance->by_key);
	unname(memory, instance);
	due_remove(memory, instance);
	list_remove(&instance->siblings);
	free(instance);
	if (list_empty(&parent->instances)) {
		map_remove(&memory->parents, &parent->by_key);
		free(parent);
	}
}

static void purge_parent(struct memory_store *memory, uint64_t key)
{
	for (struct memory_parent *parent; (parent = find_parent(memory, key));)
		delete_instance(memory, container_of(parent->instances.next, struct memory_instance, siblings));
}

static void drop_pending(struct memory_store *memory)
{
	list_each (item, &memory->pending) {
		struct memory_change *pending = container_of(item, struct memory_change, link);

		if (pending->added)
			map_remove(&memory->adding, &pending->added->by_key);
		free(pending->added);
		free(pending->note.text);
		free(pending);
	}
	list_init(&memory->pending);
	memory->adding_note = 0;
	memory->in_transaction = false;
}

static int memory_begin(struct store *store)
{
	struct memory_store *memory = memory_of(store);

	ASSERT(!memory->in_transaction);
	memory->in_transaction = true;
	return 0;
}

/* Does anybody ask for it before the process ends? */
static bool is_kept(enum change_kind kind)
{
	switch (kind) {
	case CHANGE_ADD_INSTANCE:
	case CHANGE_DELETE_INSTANCE:
	case CHANGE_EVICT_INSTANCE:
	case CHANGE_PURGE_PARENT:
	case CHANGE_ADD_NOTE:
	case CHANGE_DROP_NOTES:
		return true;
	default:
		return false;
	}
}

static bool is_taken(const struct memory_store *memory, const struct change *change)
{
	if (change->kind == CHANGE_ADD_INSTANCE)
		return find_instance(&memory->instances, change->key) || find_instance(&memory->adding, change->key);
	return change->kind == CHANGE_ADD_NOTE &&
	       (change->key <= memory->notes.last || change->key <= memory->adding_note);
}

/* Keeps a change for the commit. */
static int remember_change(struct memory_store *memory, const struct change *change)
{
	struct memory_change *pending;

	if (is_taken(memory, change))
		return -EEXIST;
	if (!is_kept(change->kind))
		return 0;
	pending = xzalloc(sizeof(*pending));
	pending->kind = change->kind;
	pending->key = change->key;
	pending->parent = change->parent;
	pending->last = change->last;
	list_push(&memory->pending, &pending->link);
	if (change->kind == CHANGE_ADD_INSTANCE) {
		pending->added = instance_create(change);
		map_add(&memory->adding, &pending->added->by_key, key_hash(change->key));
	} else if (change->kind == CHANGE_ADD_NOTE) {
		pending->note = note_copy(change);
		memory->adding_note = change->key;
	}
	return 0;
}

static int memory_apply(struct store *store, const struct list *changes)
{
	struct memory_store *memory = memory_of(store);

	ASSERT(memory->in_transaction);
	list_each (item, changes) {
		int error = remember_change(memory, container_of(item, struct change, link));

		if (error) {
			drop_pending(memory);
			return error;
		}
	}
	return 0;
}

static void perform(struct memory_store *memory, struct memory_change *pending)
{
	struct memory_instance *instance;

	switch (pending->kind) {
	case CHANGE_ADD_INSTANCE:
		map_remove(&memory->adding, &pending->added->by_key);
		add_instance(memory, pending->added);
		pending->added = NULL;
		break;
	case CHANGE_PURGE_PARENT:
		purge_parent(memory, pending->parent);
		break;
	case CHANGE_ADD_NOTE:
		memory_notes_add(&memory->notes, pending->note);
		pending->note.text = NULL;
		break;
	case CHANGE_DROP_NOTES:
		memory_notes_drop(&memory->notes, pending->key, pending->last);
		break;
	default: /* deleted or evicted */
		instance = find_instance(&memory->instances, pending->key);
		if (instance)
			delete_instance(memory, instance);
	}
}

static int memory_commit(struct store *store)
{
	struct memory_store *memory = memory_of(store);

	ASSERT(memory->in_transaction);
	pthread_mutex_lock(&memory->mutex);
	list_each (item, &memory->pending)
		perform(memory, container_of(item, struct memory_change, link));
	pthread_mutex_unlock(&memory->mutex);
	drop_pending(memory);
	return 0;
}

static void memory_rollback(struct store *store)
{
	drop_pending(memory_of(store));
}

static int memory_tidy(struct store *store)
{
	(void)store;
	return 0;
}

/* ---- reads ---- */

static int memory_read_instance(struct store *store, uint64_t key, uint64_t *parent, struct instance_head *head,
				struct strbuf *body)
{
	struct memory_store *memory = memory_of(store);
	const struct memory_instance *instance;

	pthread_mutex_lock(&memory->mutex);
	instance = find_instance(&memory->instances, key);
	if (instance) {
		*parent = instance->parent;
		*head = instance->head;
	}
	if (instance && body) {
		strbuf_clear(body);
		strbuf_add_str(body, instance->text);
	}
	pthread_mutex_unlock(&memory->mutex);
	return instance != NULL;
}

static int memory_read_note(struct store *store, uint64_t key, struct strbuf *text)
{
	struct memory_store *memory = memory_of(store);
	const struct memory_note *note;

	pthread_mutex_lock(&memory->mutex);
	note = memory_notes_find(&memory->notes, key);
	if (note) {
		strbuf_clear(text);
		strbuf_add_str(text, str_make(note->text, note->len));
	}
	pthread_mutex_unlock(&memory->mutex);
	return note != NULL;
}

static int memory_find_named(struct store *store, uint64_t parent, struct str name, uint64_t *key)
{
	struct memory_store *memory = memory_of(store);
	const struct memory_instance *instance;

	pthread_mutex_lock(&memory->mutex);
	instance = find_name(memory, parent, name);
	if (instance)
		*key = instance->key;
	pthread_mutex_unlock(&memory->mutex);
	return instance != NULL;
}

struct due_row {
	uint64_t key, parent;
	int64_t et_us;
};

/* Takes the earliest ones off the heap, notes them and puts them back. */
static unsigned collect_due(struct memory_store *memory, int64_t until_us, unsigned most, struct due_row *rows)
{
	unsigned count = 0;

	while (count < most && memory->due_count && memory->due[0]->head.et_us <= until_us) {
		struct memory_instance *instance = memory->due[0];

		rows[count++] = (struct due_row){instance->key, instance->parent, instance->head.et_us};
		due_remove(memory, instance);
	}
	for (unsigned i = 0; i < count; i++)
		due_add(memory, find_instance(&memory->instances, rows[i].key));
	return count;
}

static int memory_due_instances(struct store *store, int64_t until_us, unsigned most,
				int (*each)(void *arg, uint64_t key, uint64_t parent, int64_t et_us), void *arg)
{
	struct memory_store *memory = memory_of(store);
	struct due_row *rows;
	unsigned count;
	int result = 0;

	pthread_mutex_lock(&memory->mutex);
	if (most > memory->due_count)
		most = (unsigned)memory->due_count;
	rows = xmalloc(most * sizeof(*rows));
	count = collect_due(memory, until_us, most, rows);
	pthread_mutex_unlock(&memory->mutex);
	for (unsigned i = 0; i < count && result == 0; i++)
		result = each(arg, rows[i].key, rows[i].parent, rows[i].et_us);
	free(rows);
	return result;
}

/* ---- life ---- */

static int memory_load(struct store *store, const struct store_visitor *visitor, void *arg)
{
	(void)store;
	(void)visitor;
	(void)arg;
	return 0;
}

static int memory_open(const char *path, struct log *log, struct store **store, char *message, size_t size)
{
	struct memory_store *memory = xzalloc(sizeof(*memory));

	(void)path;
	(void)log;
	(void)message;
	(void)size;
	memory->store.ops = &store_memory;
	pthread_mutex_init(&memory->mutex, NULL);
	list_init(&memory->pending);
	*store = &memory->store;
	return 0;
}

static void memory_close(struct store *store)
{
	struct memory_store *memory = memory_of(store);
	struct map_node *node;
	size_t state = 0;

	drop_pending(memory);
	while ((node = map_walk(&memory->parents, &state, NULL))) {
		purge_parent(memory, container_of(node, struct memory_parent, by_key)->key);
		state = 0;
	}
	memory_notes_finish(&memory->notes);
	map_finish(&memory->instances);
	map_finish(&memory->adding);
	map_finish(&memory->names);
	map_finish(&memory->parents);
	pthread_mutex_destroy(&memory->mutex);
	free(memory->due);
	free(memory);
}

const struct store_ops store_memory = {
	.name = "memory",
	.is_durable = false,
	.open = memory_open,
	.close = memory_close,
	.load = memory_load,
	.begin = memory_begin,
	.apply = memory_apply,
	.commit = memory_commit,
	.rollback = memory_rollback,
	.tidy = memory_tidy,
	.read_instance = memory_read_instance,
	.read_note = memory_read_note,
	.find_named = memory_find_named,
	.due_instances = memory_due_instances,
};
