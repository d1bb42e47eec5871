/* scan: what lies below a resource and may be seen, resources and instances, one after the other in the order of their
 * keys. That order never changes and a parent comes before its children, so a scan can be taken up at any key later. */
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
	enum privilege privilege; /* that everything handed out needs; 0: none */
	struct candidate head;	  /* of a group: comes before what is below it */
	uint64_t level;
	int64_t now_us, created_before_us;
	uint64_t position; /* key of the one that would come next; 0: none */

	struct scan_list *lists;
	unsigned list_count;
	struct catalog_list gathered;	    /* of a small subtree */
	const struct catalog_list *parents; /* whose instances come into question; NULL: nobody's */
	size_t parents_at;
	uint64_t from;
	struct scan_set *sets; /* a heap by next */
	size_t set_count, set_cap;
};

/* Begins with the first key that is not below from. cost: how many may be looked at. */
void scan_start(struct scan *scan, struct request *req, struct resource *top, uint64_t from, int64_t cost);
/* Over one direct child of the target and what is below it, as far as it matches. */
void scan_start_group(struct scan *scan, struct request *req, const struct candidate *child, uint64_t from,
		      int64_t cost);
/* Over all direct children, whether they match or may be seen themselves or not. */
void scan_start_children(struct scan *scan, struct request *req, uint64_t from, int64_t cost);
/* The next match. False: there is none (position 0), the cost is used up, or effort.error. */
bool scan_next(struct scan *scan, struct candidate *candidate);
void scan_finish(struct scan *scan);

#endif
