/* cache: the answers of the last requests, so that one that comes again is not performed again (TS-0001 7.1.7: a
 * Request Identifier is unique). MQTT delivers at QoS 1 at least once, and a client that misses an answer repeats. */
#ifndef BINDINGS_MQTT_CACHE_H
#define BINDINGS_MQTT_CACHE_H

#include "cse/base/list.h"
#include "cse/base/map.h"
#include "cse/base/str.h"

struct cache {
	struct map map;
	struct list working;
	struct list answered; /* the oldest first */
	size_t bytes, most_bytes;
	int64_t window_us;
	uint64_t seed;
};

/* What makes a request the same: where it came from, since that decides what it may; the topic, which names who sent
 * it, its identifier, and all of its bytes. */
struct cache_key {
	const void *source; /* only compared */
	struct str topic, identifier, bytes;
};

/* A request that came. */
struct cache_entry {
	struct map_node node;
	struct list link; /* in working or answered */
	const void *source;
	int64_t since_us; /* of the answer */
	uint64_t bytes_hash;
	bool is_answered;
	size_t answer_len; /* 0: none was sent */
	size_t topic_len, identifier_len;
	char *text; /* topic, identifier, answer */
};

/* most_bytes 0 or window_us 0: nothing is remembered. */
void cache_init(struct cache *cache, size_t most_bytes, int64_t window_us);
void cache_finish(struct cache *cache);

/* The same request, in work or answered; NULL: there is none. */
struct cache_entry *cache_find(struct cache *cache, const struct cache_key *key, int64_t now_us);
/* Notes a request that goes to work; NULL: it is not remembered. */
struct cache_entry *cache_add(struct cache *cache, const struct cache_key *key);
/* Its answer; empty: there was none. entry NULL is harmless. */
void cache_answer(struct cache *cache, struct cache_entry *entry, struct str answer, int64_t now_us);
struct str cache_text(const struct cache_entry *entry);

#endif
