/* Discovery and the listing of children: TS-0004 7.3.3.14, 7.3.3.17, TS-0001 8.1.2. */
#include "cse/core/discovery.h"

#include "cse/core/state.h"

#include <stdlib.h>

enum { DEFAULT_RESULTS = 1000, DEFAULT_COST = 20000 };

/* Offsets from here on are positions that an answer has given (docs/decisions/discovery.md): the key of the resource to
 * go on with. They and all keys are integers that every JSON parser keeps. */
#define POSITION_BASE (UINT64_C(1) << 52)
/* Positions within a direct child: this, how many bits the distance takes, the child's key, the distance from it. */
#define WITHIN_BASE (UINT64_C(1) << 62)
enum { WIDTH_BITS = 6, WITHIN_BITS = 62 - WIDTH_BITS };

static int64_t most_cost(const struct request *req)
{
	return req->cse->config.discovery_cost ? (int64_t)req->cse->config.discovery_cost : DEFAULT_COST;
}

static void read_within(uint64_t offset, struct paging *paging)
{
	unsigned width = (unsigned)(offset >> WITHIN_BITS) & ((1u << WIDTH_BITS) - 1);
	uint64_t pair = offset & ((UINT64_C(1) << WITHIN_BITS) - 1);

	width = width < WITHIN_BITS ? width : WITHIN_BITS;
	paging->group = pair >> width;
	paging->position = paging->group + (pair & ((UINT64_C(1) << width) - 1));
}

static struct paging paging_of(const struct request *req)
{
	uint64_t offset = req->query ? req->query->offset : 0;
	struct paging paging = {.cost = most_cost(req), .most = DEFAULT_RESULTS};

	if (req->cse->config.discovery_results)
		paging.most = req->cse->config.discovery_results;
	paging.limit = req->query && req->query->limit < paging.most ? req->query->limit : paging.most;
	if (offset >= WITHIN_BASE)
		read_within(offset - WITHIN_BASE, &paging);
	else if (offset >= POSITION_BASE)
		paging.position = offset - POSITION_BASE;
	else if (offset > 1)
		paging.skip = offset - 1;
	return paging;
}

static struct hit *add_hit(struct request *req, struct page *page)
{
	if (page->count == page->cap) {
		struct hit *grown;

		page->cap = page->cap ? page->cap * 2 : 64;
		grown = arena_alloc(&req->arena, page->cap * sizeof(*grown));
		if (page->count)
			memcpy(grown, page->hits, page->count * sizeof(*grown));
		page->hits = grown;
	}
	page->hits[page->count] = (struct hit){0};
	return &page->hits[page->count++];
}

static struct str name_of_instance(struct request *req, const struct instance *body)
{
	struct str raw = text_attribute(body->text, name_short(req->cse->schema, ATTR_resourceName));

	return raw.len < 2 ? str_make("", 0) : arena_copy(&req->arena, str_make(raw.ptr + 1, raw.len - 2));
}

static bool shows_texts(const struct request *req)
{
	return req->rcn == 4 || req->rcn == 8;
}

void page_take(struct request *req, struct page *page, const struct candidate *candidate)
{
	struct hit *hit = add_hit(req, page);

	hit->resource = candidate->resource;
	hit->type = candidate->type;
	hit->key = candidate->instance ? candidate->instance : candidate->resource->key;
	hit->is_instance = candidate->instance != 0;
	if (!hit->is_instance)
		return;
	hit->name = name_of_instance(req, &candidate->body);
	if (shows_texts(req))
		hit->text = arena_copy(&req->arena, candidate->body.text);
}

void page_stop(struct page *page, uint64_t key)
{
	page->is_partial = true;
	page->offset = POSITION_BASE + key;
}

void page_stop_within(struct page *page, uint64_t group, uint64_t key)
{
	uint64_t distance = key - group;
	unsigned width = 0;

	while (distance >> width)
		width++;
	page->is_partial = true;
	if (distance == 0)
		page->offset = POSITION_BASE + group;
	else if (width < WITHIN_BITS && group >> (WITHIN_BITS - width) == 0)
		page->offset = WITHIN_BASE + ((uint64_t)width << WITHIN_BITS | group << width | distance);
	else
		page->offset =
			POSITION_BASE + group + 1; /* out of reach: the rest is to be had from the child itself */
}

static enum rsc store_failed(struct request *req, int error)
{
	return req_fail(req, RSC_INTERNAL_SERVER_ERROR, "store: %s", error_text(error));
}

int page_flat(struct request *req, struct page *page, const struct paging *paging)
{
	uint64_t skip = paging->skip;
	struct candidate candidate;
	struct scan scan;
	int error;

	scan_start(&scan, req, req->target.resource, paging->position, paging->cost);
	while (!page->is_partial && scan_next(&scan, &candidate)) {
		if (skip)
			skip--;
		else if (page->count == paging->limit)
			page_stop(page, scan.position);
		else
			page_take(req, page, &candidate);
	}
	if (!page->is_partial && scan.position)
		page_stop(page, scan.position);
	error = scan.effort.error;
	scan_finish(&scan);
	return error;
}

/* ---- applyRelativePath: TS-0004 7.3.3.17.17 ---- */

/* `..` takes the last segment away. Ptr NULL: leads out of the tree. */
static struct str apply_path(struct request *req, struct str address, struct str relative)
{
	char *text = arena_alloc(&req->arena, address.len + relative.len + 2);
	size_t len = address.len;

	memcpy(text, address.ptr, address.len);
	while (relative.ptr) {
		struct str segment = str_split(&relative, '/');

		if (str_eq(segment, STR("..")) && len == 0)
			return (struct str){0};
		if (str_eq(segment, STR(".."))) {
			while (len && text[len - 1] != '/')
				len--;
			len -= len > 0;
		} else if (segment.len && !str_eq(segment, STR("."))) {
			text[len++] = '/';
			memcpy(text + len, segment.ptr, segment.len);
			len += segment.len;
		}
	}
	return len ? str_make(text, len) : (struct str){0};
}

/* What is at the end of the path, if anything is and may be seen; a virtual resource stands for its instance. */
static bool find_applied(struct request *req, struct str path, struct target *target)
{
	struct str dbg = req->answer.dbg;
	const struct virtual_hooks *hooks;
	bool found = path.ptr && cse_find(req->cse, path, target) == FOUND_HERE;
	enum privilege privilege = req->query->is_discovery ? PRIVILEGE_DISCOVERY : PRIVILEGE_RETRIEVE;

	if (found && target->virtual_) {
		hooks = virtual_find(req->cse, target->virtual_->long_name);
		found = hooks && hooks->redirect && hooks->redirect(req, target) == RSC_NONE;
		req->answer.dbg = dbg;
	}
	if (found && target->instance && hides_instances(req, target->resource))
		return false;
	return found && may(req, target->resource, privilege);
}

static int by_key(const void *a, const void *b)
{
	uint64_t x = ((const struct hit *)a)->key, y = ((const struct hit *)b)->key;

	return x < y ? -1 : x > y;
}

static void sort(struct page *page)
{
	if (page->count)
		qsort(page->hits, page->count, sizeof(*page->hits), by_key);
}

static void drop_doubles(struct page *page)
{
	uint32_t kept = 0;

	sort(page);
	for (uint32_t i = 0; i < page->count; i++)
		if (kept == 0 || page->hits[kept - 1].key != page->hits[i].key)
			page->hits[kept++] = page->hits[i];
	page->count = kept;
}

static enum rsc apply_relative_path(struct request *req, struct page *page)
{
	struct page applied = {.is_partial = page->is_partial, .offset = page->offset};
	struct effort effort = {.req = req};

	for (uint32_t i = 0; i < page->count; i++) {
		const struct hit *hit = &page->hits[i];
		const struct resource *parent = hit->is_instance ? hit->resource : hit->resource->parent;
		struct str name = hit->is_instance ? hit->name : hit->resource->name;
		struct candidate candidate = {0};
		struct target target;

		if (!find_applied(req,
				  apply_path(req, structured_address(req, parent, name), req->query->relative_path),
				  &target))
			continue;
		candidate.resource = target.resource;
		candidate.instance = target.instance;
		candidate.type = target.instance ? instance_type(req->cse, target.resource) : target.resource->type;
		if (target.instance && !candidate_read(&effort, &candidate))
			return store_failed(req, effort.error);
		page_take(req, &applied, &candidate);
	}
	*page = applied;
	drop_doubles(page);
	return RSC_NONE;
}

/* ---- answers ---- */

static enum rsc find_page(struct request *req, struct page *page)
{
	struct paging paging = paging_of(req);
	enum rsc code = RSC_NONE;
	int error = 0;

	*page = (struct page){0};
	if (!req->target.instance) /* instances have nothing below them */
		error = shows_texts(req) ? page_nested(req, page, &paging) : page_flat(req, page, &paging);
	if (error)
		return store_failed(req, error);
	if (shows_texts(req))
		sort(page);
	if (code == RSC_NONE && req->query && req->query->relative_path.len)
		code = apply_relative_path(req, page);
	if (code != RSC_NONE)
		return code;
	req->answer.is_partial = page->is_partial;
	req->answer.offset = page->offset;
	/* What is listed, and what is not, may rest on changes that are not durable yet. */
	commit_depend_on_all(req->cse->committer, req);
	return RSC_NONE;
}

bool lists_children(const struct request *req)
{
	return req->rcn == 4 || req->rcn == 5 || req->rcn == 6 || req->rcn == 8;
}

enum rsc answer_children(struct request *req)
{
	struct page page;
	enum rsc code = find_page(req, &page);

	if (code != RSC_NONE)
		return code;
	req->answer.content = req->rcn == 6 ? present_references(req, &page) : present_with_children(req, &page);
	return RSC_NONE;
}

enum rsc answer_discovery(struct request *req)
{
	struct page page;
	enum rsc code = find_page(req, &page);

	if (code != RSC_NONE)
		return code;
	req->answer.content = req->rcn == 6 ? present_references(req, &page) : present_uris(req, &page);
	return RSC_NONE;
}

enum rsc check_conditions(struct request *req)
{
	struct effort effort = {.req = req};
	struct candidate candidate = {.resource = req->target.resource, .instance = req->target.instance};
	bool holds;

	if (!req->query || req->query->count == 0)
		return RSC_NONE;
	candidate.type = candidate.instance ? instance_type(req->cse, candidate.resource) : candidate.resource->type;
	arena_init(&effort.work);
	effort.left = most_cost(req);
	holds = filter_matches(&effort, req->query, &candidate);
	arena_finish(&effort.work);
	if (effort.error)
		return store_failed(req, effort.error);
	return holds ? RSC_NONE
		     : req_fail(req, RSC_NOT_FOUND, "filterCriteria: the resource does not meet the conditions");
}
