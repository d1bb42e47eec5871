/* discovery: the page of matches that one answer holds. */
#ifndef CSE_CORE_DISCOVERY_H
#define CSE_CORE_DISCOVERY_H

#include "cse/core/scan.h"

/* A match: a resource, or an instance below one. */
struct hit {
	uint64_t key;
	struct resource *resource; /* itself, or the parent of the instance */
	const struct type_def *type;
	bool is_instance;
	struct str name, text;	/* of an instance; text only if it is to be shown */
	uint32_t first, last, next; /* nesting: below it, and beside it; an index + 1, 0: none */
};

/* Matches in the order of their keys. */
struct page {
	struct hit *hits; /* in the request's arena */
	uint32_t count, cap;
	bool is_partial;
	uint64_t offset; /* where to go on, if it is partial */
};

/* listing.c: the content of the answer. */
struct str present_uris(struct request *req, const struct page *page);
struct str present_references(struct request *req, const struct page *page);
/* Result content 4, 5 and 8. */
struct str present_with_children(struct request *req, struct page *page);

#endif
