/* references: who lists whom. A resource that lists others by identifier (a group its members) holds a reference to
 * each, so that its list is put right when one of them is deleted, and a look-up by resource tells who lists it.
 *
 * Identifiers are resolved late: at start a member may come into memory after its group. A holder whose references are
 * new announces itself; before the next batch is written, at the latest, its hook `resolve` is called. */
#ifndef CSE_CORE_REFERENCES_H
#define CSE_CORE_REFERENCES_H

#include "cse/base/list.h"
#include "cse/base/loop.h"
#include "cse/base/map.h"

struct cse;
struct resource;

struct references {
	struct map by_key, by_parent;
	struct list stale;	/* struct reference: what they name is gone */
	struct list unresolved; /* struct holder */
	struct loop_hook end_of_round;
	struct cse *cse;
};

/* Lives in the state of the resource that lists. */
struct holder {
	struct list link; /* in references->unresolved */
	struct resource *resource;
	struct references *references;
};

struct reference {
	struct map_node by_key, by_parent;
	struct list stale;
	struct holder *holder;
	uint64_t key;	 /* of a resource or an instance; 0: none */
	uint64_t parent; /* of an instance: its parent's; 0: no instance */
};

/* A holder must not move while it has references. */
void holder_init(struct holder *holder, struct cse *cse, struct resource *resource);
/* The references have changed and are all removed. */
void holder_announce(struct holder *holder);
void holder_finish(struct holder *holder);

/* From {0}. key 0: what is named does not exist, so the holder is to forget it. */
void reference_set(struct reference *reference, struct holder *holder, uint64_t key, uint64_t parent);
void reference_clear(struct reference *reference);
/* This holder's references to the resource or instance with this key, one after the other; NULL at the end. */
struct reference *holder_find(const struct holder *holder, uint64_t key, const struct reference *previous);

/* A resource, with its instances, or one instance is removed. */
void references_note_removal(struct cse *cse, uint64_t key);

void references_start(struct references *references, struct cse *cse);
void references_stop(struct references *references);

#endif
