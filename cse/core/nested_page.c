/* The page of a nested listing (result content 4 and 8): a direct child comes with all its descendants that match, or
 * not at all, TS-0001 8.1.2. Only where the first one alone does not fit into an answer is it cut, and goes on in the
 * next. */
#include "cse/core/discovery.h"

#include "cse/core/state.h"

#include <stdlib.h>

static uint64_t group_below(const struct resource *target, const struct resource *resource)
{
	while (resource && resource->parent != target)
		resource = resource->parent;
	return resource ? resource->key : 0;
}

static uint64_t group_of(const struct resource *target, const struct hit *hit)
{
	if (hit->is_instance && hit->resource == target)
		return hit->key;
	return group_below(target, hit->resource);
}

/* Does it belong to what begins with the position? */
static bool is_on_page(const struct paging *paging, uint64_t group, uint64_t key)
{
	if (paging->group)
		return group > paging->group || (group == paging->group && key >= paging->position);
	return group >= paging->position;
}

/* ---- few matches: all of them, then what belongs on the page ---- */

static int by_group(const void *a, const void *b)
{
	const struct hit *x = a, *y = b;

	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	return x->key < y->key ? -1 : x->key > y->key;
}

static void drop_earlier(struct page *page, const struct paging *paging)
{
	uint32_t kept = 0;
	uint64_t skip = paging->skip, skipped = 0;

	for (uint32_t i = 0; i < page->count; i++) {
		const struct hit *hit = &page->hits[i];

		if (!is_on_page(paging, hit->group, hit->key) || hit->group == skipped)
			continue;
		if (skip) {
			skip--;
			skipped = hit->group;
			continue;
		}
		page->hits[kept++] = *hit;
	}
	page->count = kept;
}

/* Leaves whole direct children, no more than limit resources; or as much of the first as fits. */
static void cut(struct page *page, uint64_t limit)
{
	uint32_t end = (uint32_t)limit;

	if (page->count <= limit)
		return;
	while (end > 0 && page->hits[end].group == page->hits[end - 1].group)
		end--;
	if (end == 0)
		end = (uint32_t)limit;
	page_stop_within(page, page->hits[end].group, page->hits[end].key);
	page->count = end;
}

static void arrange(struct request *req, struct page *page, const struct paging *paging)
{
	for (uint32_t i = 0; i < page->count; i++)
		page->hits[i].group = group_of(req->target.resource, &page->hits[i]);
	if (page->count)
		qsort(page->hits, page->count, sizeof(*page->hits), by_group);
	drop_earlier(page, paging);
	cut(page, paging->limit);
}

/* ---- many matches: one direct child after the other ---- */

struct walk {
	struct request *req;
	struct page *page;
	const struct paging *paging;
	uint64_t skip; /* direct children that are still left out */
	int64_t cost;
	int error;
};

/* One direct child, or what remains of it. False: it does not fit, and the page ends. */
static bool add_group(struct walk *walk, const struct candidate *child)
{
	struct page *page = walk->page;
	uint64_t key = child->instance ? child->instance : child->resource->key;
	uint64_t from = key == walk->paging->group ? walk->paging->position : 0;
	uint32_t before = page->count;
	struct candidate candidate;
	struct scan scan;
	bool fits = true;

	scan_start_group(&scan, walk->req, child, from, walk->cost);
	while (fits && scan_next(&scan, &candidate)) {
		fits = page->count < walk->paging->limit;
		if (fits)
			page_take(walk->req, page, &candidate);
	}
	fits = fits && scan.position == 0;
	walk->cost = scan.effort.left;
	walk->error = scan.effort.error;
	if (!fits && before > 0) {
		page->count = before;
		page_stop(page, key);
	} else if (!fits) {
		page_stop_within(page, key, scan.position);
	}
	scan_finish(&scan);
	if (fits && walk->skip && page->count > before) {
		walk->skip--;
		page->count = before;
	}
	return fits && !walk->error;
}

static int walk_groups(struct request *req, struct page *page, const struct paging *paging)
{
	struct walk walk = {.req = req, .page = page, .paging = paging, .skip = paging->skip, .cost = paging->cost};
	struct candidate child;
	struct scan children;
	bool goes_on = true;
	int error;

	scan_start_children(&children, req, paging->group ? paging->group : paging->position, paging->cost);
	while (goes_on && scan_next(&children, &child)) {
		children.effort.left = walk.cost - 1;
		goes_on = add_group(&walk, &child);
	}
	error = walk.error ? walk.error : children.effort.error;
	if (goes_on && children.position)
		page_stop(page, children.position);
	scan_finish(&children);
	return error;
}

int page_nested(struct request *req, struct page *page, const struct paging *paging)
{
	struct paging everything = *paging;
	int error;

	everything.limit = paging->most;
	everything.position = everything.group = everything.skip = 0;
	error = page_flat(req, page, &everything);
	if (error)
		return error;
	if (!page->is_partial) {
		arrange(req, page, paging);
		return 0;
	}
	*page = (struct page){0};
	return walk_groups(req, page, paging);
}
