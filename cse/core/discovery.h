/* discovery: the page of matches that one answer holds. */
#ifndef CSE_CORE_DISCOVERY_H
#define CSE_CORE_DISCOVERY_H

#include "cse/core/scan.h"

/* A match: a resource, or an instance below one. */
struct hit {
	uint64_t key;
	uint64_t group;		   /* key of the direct child of the target that it is, or is below of */
	struct resource *resource; /* itself, or the parent of the instance */
	const struct type_def *type;
	bool is_instance;
	struct str name, text;	    /* of an instance; text only if it is to be shown */
	uint32_t first, last, next; /* nesting: below it, and beside it; an index + 1, 0: none */
};

/* Matches in the order of their keys. */
struct page {
	struct hit *hits; /* in the request's arena */
	uint32_t count, cap;
	bool is_partial;
	uint64_t offset; /* where to go on, if it is partial */
};

/* What part of the matches is asked for. */
struct paging {
	uint64_t position; /* key to begin with; 0: at the beginning */
	uint64_t group; /* nested: the direct child that the position is within; 0: whole direct children from there on
			 */
	uint64_t skip;	/* how many are left out from there */
	uint64_t limit; /* most in the answer */
	uint64_t most;	/* what the CSE sets as the greatest limit */
	int64_t cost;	/* how many may be looked at */
};

/* Fills an empty page in the order of keys; 0 or a store error. */
int page_flat(struct request *req, struct page *page, const struct paging *paging);
/* nested_page.c: the same with direct children left whole. The hits are in the order of direct children. */
int page_nested(struct request *req, struct page *page, const struct paging *paging);
void page_take(struct request *req, struct page *page, const struct candidate *candidate);
/* The page ends before the resource with this key / before a member of a direct child's subtree. */
void page_stop(struct page *page, uint64_t key);
void page_stop_within(struct page *page, uint64_t group, uint64_t key);

/* listing.c: the content of the answer. */
struct str present_uris(struct request *req, const struct page *page);
struct str present_references(struct request *req, const struct page *page);
/* Result content 4, 5 and 8. */
struct str present_with_children(struct request *req, struct page *page);

#endif
