/* map: an intrusive hash table. The caller hashes and compares; a node lives inside the caller's struct. */
#ifndef CSE_BASE_MAP_H
#define CSE_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_node {
	struct map_node *next;
	uint64_t hash;
};

struct map {
	struct map_node **buckets;
	size_t mask, count; /* buckets - 1 (or 0 without buckets), nodes */
};

/* {0} is a valid empty map. finish frees the table, never the nodes. */
void map_finish(struct map *map);
void map_add(struct map *map, struct map_node *node, uint64_t hash);
/* The node must be in the map. */
void map_remove(struct map *map, struct map_node *node);

/* First node with this hash, or NULL; then map_next for further ones with the same hash. */
struct map_node *map_first(const struct map *map, uint64_t hash);
struct map_node *map_next(const struct map_node *node);

/* Every node, in no order; must not be changed meanwhile. state starts as 0; NULL at the end. */
struct map_node *map_walk(const struct map *map, size_t *state, struct map_node *previous);

#endif
