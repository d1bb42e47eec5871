/* instance_cache: recent instances with their bodies, and the chosen names that are not durable yet. What is not
 * durable is never evicted, as the store cannot give it back. */
#ifndef CSE_CORE_INSTANCE_CACHE_H
#define CSE_CORE_INSTANCE_CACHE_H

#include "cse/core/instances.h"

struct pending_name;

/* false: not cached. The text is valid until the next put. */
bool instance_cache_get(struct instance_cache *cache, uint64_t key, struct instance *out);
/* batch: the one that brings it to the store; 0: it is there. */
void instance_cache_put(struct cse *cse, uint64_t key, uint64_t parent, uint64_t batch,
			const struct instance_head *head, struct str text);
/* Store key of the parent of a cached instance, or 0. */
uint64_t instance_cache_parent(const struct instance_cache *cache, uint64_t key);
void instance_cache_drop(struct instance_cache *cache, uint64_t key);

struct pending_name *instance_cache_remember_name(struct instance_cache *cache, const struct resource *parent,
						  struct str name, uint64_t key);
void instance_cache_forget_name(struct instance_cache *cache, struct pending_name *name);
/* The key of a name that is remembered, or 0. */
uint64_t instance_cache_named(const struct instance_cache *cache, const struct resource *parent, struct str name);

#endif
