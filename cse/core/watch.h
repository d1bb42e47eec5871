/* watch: word that a resource may look different from before. Who wants to show it anew asks for it with a request,
 * which is authorised like any other; its answer waits until the change that it shows is durable. */
#ifndef CSE_CORE_WATCH_H
#define CSE_CORE_WATCH_H

#include "cse/base/list.h"
#include "cse/base/map.h"
#include "cse/core/binding.h"

struct resource;

/* Lives in its owner's struct; {0} with changed set is one that watches nothing. */
struct watch {
	struct map_node node;
	struct list soon;
	struct cse *cse; /* NULL: it watches nothing */
	/* Called in a round after the change, once for all changes until then; also when the resource has gone. It may
	 * end this watch. */
	void (*changed)(struct watch *watch);
};

/* Of one CSE. */
struct watches {
	struct loop *loop;
	struct map by_key;
	struct list changed;
	struct timer timer;
};

void watches_init(struct watches *watches, struct loop *loop);
/* Nobody watches any more. */
void watches_finish(struct watches *watches);

/* Watches what To names, of a virtual resource or an instance what it belongs to. false: there is no such resource
 * here.
 */
bool watch_begin(struct watch *watch, struct cse *cse, struct str to);
/* Harmless if it watches nothing. */
void watch_end(struct watch *watch);

/* For the procedures: it has been changed, got or lost an instance, or goes. */
void watch_note(struct cse *cse, const struct resource *resource);

#endif
