/* cache: see cache.h. What is in work is found as well, but is never dropped: the CSE bounds it. */
#include "bindings/mqtt/cache.h"

#include "cse/base/error.h"
#include "cse/base/id.h"

#include <stdlib.h>

static size_t size_of(const struct cache_entry *entry)
{
	return sizeof(*entry) + entry->topic_len + entry->identifier_len + entry->answer_len;
}

static uint64_t hash_of(const struct cache *cache, const struct cache_key *key)
{
	return str_hash(key->identifier, str_hash(key->topic, cache->seed));
}

static void forget(struct cache *cache, struct cache_entry *entry)
{
	map_remove(&cache->map, &entry->node);
	list_remove(&entry->link);
	cache->bytes -= size_of(entry);
	free(entry->text);
	free(entry);
}

static void drop_old(struct cache *cache, int64_t now_us)
{
	while (!list_empty(&cache->answered)) {
		struct cache_entry *oldest = container_of(cache->answered.next, struct cache_entry, link);

		if (oldest->since_us + cache->window_us > now_us && cache->bytes <= cache->most_bytes)
			return;
		forget(cache, oldest);
	}
}

void cache_init(struct cache *cache, size_t most_bytes, int64_t window_us)
{
	*cache = (struct cache){.most_bytes = most_bytes, .window_us = window_us, .seed = id_seed()};
	list_init(&cache->working);
	list_init(&cache->answered);
}

void cache_finish(struct cache *cache)
{
	list_splice(&cache->answered, &cache->working);
	while (!list_empty(&cache->answered))
		forget(cache, container_of(cache->answered.next, struct cache_entry, link));
	map_finish(&cache->map);
}

static bool is_same(const struct cache *cache, const struct cache_entry *entry, const struct cache_key *key)
{
	return entry->source == key->source && str_eq(str_make(entry->text, entry->topic_len), key->topic) &&
	       str_eq(str_make(entry->text + entry->topic_len, entry->identifier_len), key->identifier) &&
	       entry->bytes_hash == str_hash(key->bytes, cache->seed);
}

struct cache_entry *cache_find(struct cache *cache, const struct cache_key *key, int64_t now_us)
{
	drop_old(cache, now_us);
	for (struct map_node *node = map_first(&cache->map, hash_of(cache, key)); node; node = map_next(node)) {
		struct cache_entry *entry = container_of(node, struct cache_entry, node);

		if (is_same(cache, entry, key))
			return entry;
	}
	return NULL;
}

struct cache_entry *cache_add(struct cache *cache, const struct cache_key *key)
{
	struct cache_entry *entry;

	if (!cache->most_bytes || !cache->window_us || !key->identifier.len)
		return NULL;
	entry = xzalloc(sizeof(*entry));
	list_push(&cache->working, &entry->link);
	entry->source = key->source;
	entry->topic_len = key->topic.len;
	entry->identifier_len = key->identifier.len;
	entry->text = xmalloc(key->topic.len + key->identifier.len);
	memcpy(entry->text, key->topic.ptr, key->topic.len);
	memcpy(entry->text + key->topic.len, key->identifier.ptr, key->identifier.len);
	entry->bytes_hash = str_hash(key->bytes, cache->seed);
	cache->bytes += size_of(entry);
	map_add(&cache->map, &entry->node, hash_of(cache, key));
	return entry;
}

void cache_answer(struct cache *cache, struct cache_entry *entry, struct str answer, int64_t now_us)
{
	size_t before;

	if (!entry)
		return;
	before = entry->topic_len + entry->identifier_len;
	entry->text = xrealloc(entry->text, before + answer.len);
	if (answer.len)
		memcpy(entry->text + before, answer.ptr, answer.len);
	entry->answer_len = answer.len;
	cache->bytes += answer.len;
	entry->is_answered = true;
	entry->since_us = now_us;
	list_remove(&entry->link);
	list_push(&cache->answered, &entry->link);
	drop_old(cache, now_us);
}

struct str cache_text(const struct cache_entry *entry)
{
	return str_make(entry->text + entry->topic_len + entry->identifier_len, entry->answer_len);
}
