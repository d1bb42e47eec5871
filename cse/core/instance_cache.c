/* The cache of recent instances. */
#include "cse/core/instance_cache.h"

#include "cse/base/error.h"
#include "cse/core/state.h"

#include <stdlib.h>

struct cached {
	struct map_node node;
	struct list recent;
	uint64_t key, parent, batch;
	struct instance_head head;
	size_t len;
	char text[];
};

struct pending_name {
	struct map_node node;
	const struct resource *parent;
	uint64_t key;
	size_t len;
	char name[];
};

void instance_cache_init(struct instance_cache *cache, size_t limit)
{
	*cache = (struct instance_cache){.limit = limit};
	list_init(&cache->recent);
}

static size_t cost(const struct cached *entry)
{
	return sizeof(*entry) + entry->len + 2 * sizeof(void *);
}

static void drop(struct instance_cache *cache, struct cached *entry)
{
	cache->bytes -= cost(entry);
	map_remove(&cache->by_key, &entry->node);
	list_remove(&entry->recent);
	free(entry);
}

void instance_cache_finish(struct instance_cache *cache)
{
	list_each (item, &cache->recent)
		drop(cache, container_of(item, struct cached, recent));
	map_finish(&cache->by_key);
	map_finish(&cache->names);
	strbuf_finish(&cache->buffer);
}

/* Keys count up by one: spread them over the table. */
static uint64_t hash_of(uint64_t key)
{
	return key * 0x9e3779b97f4a7c15u >> 16;
}

static struct cached *find(const struct instance_cache *cache, uint64_t key)
{
	struct map_node *node = map_first(&cache->by_key, hash_of(key));

	for (; node; node = map_next(node)) {
		struct cached *entry = container_of(node, struct cached, node);

		if (entry->key == key)
			return entry;
	}
	return NULL;
}

bool instance_cache_get(struct instance_cache *cache, uint64_t key, struct instance *out)
{
	struct cached *entry = find(cache, key);

	if (!entry)
		return false;
	list_remove(&entry->recent);
	list_push(&cache->recent, &entry->recent);
	*out = (struct instance){.key = key, .head = entry->head, .text = str_make(entry->text, entry->len)};
	return true;
}

static void trim(struct cse *cse)
{
	struct instance_cache *cache = &cse->cache;

	while (cache->bytes > cache->limit && !list_empty(&cache->recent)) {
		struct cached *oldest = container_of(cache->recent.next, struct cached, recent);

		if (!commit_is_durable(cse->committer, oldest->batch))
			break;
		drop(cache, oldest);
	}
}

void instance_cache_put(struct cse *cse, uint64_t key, uint64_t parent, uint64_t batch,
			const struct instance_head *head, struct str text)
{
	struct instance_cache *cache = &cse->cache;
	struct cached *entry = xmalloc(sizeof(*entry) + text.len);

	*entry = (struct cached){.key = key, .parent = parent, .batch = batch, .head = *head, .len = text.len};
	memcpy(entry->text, text.ptr, text.len);
	map_add(&cache->by_key, &entry->node, hash_of(key));
	list_push(&cache->recent, &entry->recent);
	cache->bytes += cost(entry);
	trim(cse);
}

uint64_t instance_cache_parent(const struct instance_cache *cache, uint64_t key)
{
	const struct cached *entry = find(cache, key);

	return entry ? entry->parent : 0;
}

void instance_cache_drop(struct instance_cache *cache, uint64_t key)
{
	struct cached *entry = find(cache, key);

	if (entry)
		drop(cache, entry);
}

static uint64_t hash_of_name(const struct resource *parent, struct str name)
{
	return str_hash(name, parent->key);
}

struct pending_name *instance_cache_remember_name(struct instance_cache *cache, const struct resource *parent,
						  struct str name, uint64_t key)
{
	struct pending_name *pending = xmalloc(sizeof(*pending) + name.len);

	*pending = (struct pending_name){.parent = parent, .key = key, .len = name.len};
	memcpy(pending->name, name.ptr, name.len);
	map_add(&cache->names, &pending->node, hash_of_name(parent, name));
	return pending;
}

void instance_cache_forget_name(struct instance_cache *cache, struct pending_name *name)
{
	map_remove(&cache->names, &name->node);
	free(name);
}

/* The newest one counts: an older instance of the same name may have been removed within the same batch. */
uint64_t instance_cache_named(const struct instance_cache *cache, const struct resource *parent, struct str name)
{
	struct map_node *node = map_first(&cache->names, hash_of_name(parent, name));
	uint64_t newest = 0;

	for (; node; node = map_next(node)) {
		struct pending_name *pending = container_of(node, struct pending_name, node);

		if (pending->parent == parent && str_eq(str_make(pending->name, pending->len), name) &&
		    pending->key > newest)
			newest = pending->key;
	}
	return newest;
}
