/* instances: the contentInstances (and the like) of one parent: their keys in memory, their bodies in the store, the
 * recent ones in a cache. What is done here is undone by the request's undo list if its batch fails. */
#ifndef CSE_CORE_INSTANCES_H
#define CSE_CORE_INSTANCES_H

#include "cse/base/list.h"
#include "cse/base/map.h"
#include "cse/core/expiry.h"
#include "cse/store/series.h"
#include "cse/store/store.h"
#include "schemas/schema.h"

struct cse;
struct request;
struct resource;

struct instances {
	struct series series;
	struct resource *parent;
	uint64_t bytes;	      /* sum of contentSize */
	uint64_t batch;	      /* newest batch that added or removed one */
	struct list dirty;    /* in cse->dirty_instances since the last snapshot */
	struct expiry oldest; /* when the oldest one is to be looked at, as it may have expired */
};

/* One instance, as read. text views the cache or the buffer given; valid until the next call that reads or adds. */
struct instance {
	uint64_t key;
	struct instance_head head;
	struct str text;
};

/* The set below parent, made on first use. */
struct instances *instances_of(struct resource *parent);
void instances_destroy(struct cse *cse, struct instances *set);

/* The parent leaves the tree / comes back (an undo): no snapshot and no sweep of what is not there. */
void instances_rest(struct cse *cse, struct instances *set);
void instances_wake(struct cse *cse, struct instances *set);

/* The oldest instance may end then: the sweeper has a look, unless it does so earlier anyway. */
void instances_look_at(struct cse *cse, struct resource *parent, int64_t wall_us);

/* 0 if the parent has no instance. */
uint64_t instances_latest(const struct resource *parent);
uint64_t instances_oldest(const struct resource *parent);
uint64_t instances_count(const struct resource *parent);
uint64_t instances_bytes(const struct resource *parent);

/* The instance named so below parent (chosen or generated name); 0 if there is none, or a store error in *error. */
uint64_t instances_find(struct cse *cse, const struct resource *parent, struct str name, int *error);
/* Reads one that is in the set. 0 or a store error. */
WARN_UNUSED int instances_read(struct cse *cse, const struct resource *parent, uint64_t key, struct instance *out);

/* Adds the newest, with its change and undo; text and name belong to the request's arena. */
void instances_add(struct request *req, struct resource *parent, uint64_t key, struct str name,
		   const struct instance_head *head, struct str text);
/* Removes one; 0 or a store error (its size has to be read). how: CHANGE_DELETE_INSTANCE, or CHANGE_EVICT_INSTANCE for
 * retention and expiration. stateTag of the parent stands in its newest instance: whoever removes that one puts the
 * parent. */
WARN_UNUSED int instances_remove(struct request *req, struct resource *parent, uint64_t key, enum change_kind how);

/* Resource identifiers of instances encode their key: "i" and ten base-32 digits. */
enum { INSTANCE_ID_SIZE = 12 };
void instance_id_print(char out[INSTANCE_ID_SIZE], char letter, uint64_t key);
/* The key if id has the form of a generated identifier with this letter, else 0. */
uint64_t instance_id_key(struct str id, char letter);

/* ---- the cache of recent instances, one per CSE ---- */

struct instance_cache {
	struct map by_key, names; /* names: chosen ones not durable yet */
	struct list recent;	  /* oldest use first */
	size_t bytes, limit;
	struct strbuf buffer; /* of a read that is not cached */
};

void instance_cache_init(struct instance_cache *cache, size_t limit);
void instance_cache_finish(struct instance_cache *cache);

#endif
