/* map: chains of nodes in a table of buckets that doubles as it fills. */
#include "cse/base/map.h"

#include "cse/base/error.h"

#include <stdlib.h>

enum { FIRST_BUCKETS = 16 };

void map_finish(struct map *map)
{
	free(map->buckets);
	*map = (struct map){0};
}

static void push(struct map *map, struct map_node *node)
{
	struct map_node **bucket = &map->buckets[node->hash & map->mask];

	node->next = *bucket;
	*bucket = node;
}

static void grow(struct map *map)
{
	struct map old = *map;
	size_t buckets = old.buckets ? (old.mask + 1) * 2 : FIRST_BUCKETS;
	struct map_node *next;

	map->buckets = xzalloc(buckets * sizeof(struct map_node *));
	map->mask = buckets - 1;
	for (size_t i = 0; old.buckets && i <= old.mask; i++)
		for (struct map_node *node = old.buckets[i]; node; node = next) {
			next = node->next;
			push(map, node);
		}
	free(old.buckets);
}

void map_add(struct map *map, struct map_node *node, uint64_t hash)
{
	if (!map->buckets || map->count > map->mask)
		grow(map);
	node->hash = hash;
	push(map, node);
	map->count++;
}

void map_remove(struct map *map, struct map_node *node)
{
	struct map_node **at;

	ASSERT(map->count > 0);
	at = &map->buckets[node->hash & map->mask];
	while (*at != node) {
		ASSERT(*at);
		at = &(*at)->next;
	}
	*at = node->next;
	node->next = NULL;
	map->count--;
}

static struct map_node *with_hash(struct map_node *node, uint64_t hash)
{
	while (node && node->hash != hash)
		node = node->next;
	return node;
}

struct map_node *map_first(const struct map *map, uint64_t hash)
{
	return map->buckets ? with_hash(map->buckets[hash & map->mask], hash) : NULL;
}

struct map_node *map_next(const struct map_node *node)
{
	return with_hash(node->next, node->hash);
}

struct map_node *map_walk(const struct map *map, size_t *state, struct map_node *previous)
{
	if (previous && previous->next)
		return previous->next;
	while (map->buckets && *state <= map->mask) {
		struct map_node *node = map->buckets[(*state)++];

		if (node)
			return node;
	}
	return NULL;
}
