/* scan: what lies below a resource and may be seen, resources and instances, one after the other in the order of their keys.
 * That order never changes and a parent comes before its children, so a scan can be taken up at any key later. */
#ifndef CSE_CORE_SCAN_H
#define CSE_CORE_SCAN_H

#include "cse/core/filter.h"
#include "cse/core/hooks.h"

/* Where a scan has come to in one list of resources. */
struct scan_list {
	const struct catalog_list *list;
	size_t at;
};

/* Where it has come to among the instances of one parent. */
struct scan_set {
	uint64_t next;
	struct resource *parent;
};

struct scan {
	struct effort effort;
	const struct query *query; /* NULL: everything matches */
	struct resource *top;
	enum privilege privilege; /* that everything handed out needs */
	uint64_t level;
	int64_t now_us, created_before_us;
	uint64_t position; /* key of the one that would come next; 0: none */

	struct scan_list *lists;
	unsigned list_count;
	struct catalog_list gathered; /* of a small subtree */
	struct scan_set *sets;	      /* a heap by next */
	size_t set_count, set_cap;
};

/* Begins with the first key that is not below from. cost: how many may be looked at. */
void scan_start(struct scan *scan, struct request *req, struct resource *top, uint64_t from, int64_t cost);
/* The next match. False: there is none (position 0), the cost is used up, or effort.error. */
bool scan_next(struct scan *scan, struct candidate *candidate);
void scan_finish(struct scan *scan);

#endif
