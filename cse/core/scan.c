/* Scans: from the smallest source that holds all matches, or from the subtree itself if that is smaller. */
#include "cse/core/scan.h"

#include "cse/base/error.h"
#include "cse/core/state.h"

#include <stdlib.h>

enum { MOST_GATHERED = 4096 };

/* ---- visibility ---- */

/* Is the resource below top, with nothing expired or hidden between? Counts the levels. */
static bool is_visible(const struct scan *scan, const struct resource *resource, uint64_t *depth)
{
	bool is_discovery = scan->privilege == PRIVILEGE_DISCOVERY;

	for (*depth = 0; resource != scan->top; resource = resource->parent, ++*depth) {
		const struct type_hooks *hooks;

		if (!resource || resource->expiry.due_us <= scan->now_us)
			return false;
		hooks = resource->type->hooks;
		if (is_discovery && hooks && hooks->hides_subtree && hooks->hides_subtree(resource))
			return false; /* TS-0004 7.3.3.14 */
	}
	return *depth <= scan->level;
}

static bool is_permitted(const struct scan *scan, const struct resource *resource)
{
	return !scan->privilege || may(scan->effort.req, resource, scan->privilege);
}

bool hides_instances(struct request *req, struct resource *parent)
{
	const struct type_hooks *hooks = parent->type->hooks;
	struct str dbg = req->answer.dbg;
	bool hides = hooks && hooks->access_instance && hooks->access_instance(req, parent) != RSC_NONE;

	req->answer.dbg = dbg;
	return hides;
}

/* ---- instances: a heap of parents by their next key ---- */

static void sift_down(struct scan *scan, size_t at)
{
	struct scan_set moved = scan->sets[at];

	for (;;) {
		size_t child = 2 * at + 1;

		if (child >= scan->set_count)
			break;
		if (child + 1 < scan->set_count && scan->sets[child + 1].next < scan->sets[child].next)
			child++;
		if (moved.next <= scan->sets[child].next)
			break;
		scan->sets[at] = scan->sets[child];
		at = child;
	}
	scan->sets[at] = moved;
}

static void add_set(struct scan *scan, struct resource *parent, uint64_t from)
{
	const struct series *series = parent->instances ? &parent->instances->series : NULL;
	const struct type_def *type;
	uint64_t depth;

	if (!series || series->count == 0 || series->last < from || !is_visible(scan, parent, &depth) ||
	    depth >= scan->level)
		return;
	type = instance_type(scan->effort.req->cse, parent);
	if (!type || !filter_may_match_instances(&scan->effort, scan->query, parent, type) ||
	    hides_instances(scan->effort.req, parent) || !is_permitted(scan, parent))
		return;
	if (scan->set_count == scan->set_cap) {
		scan->set_cap = scan->set_cap ? scan->set_cap * 2 : 16;
		scan->sets = xrealloc(scan->sets, scan->set_cap * sizeof(*scan->sets));
	}
	scan->sets[scan->set_count++] =
		(struct scan_set){series->first >= from ? series->first : series_after(series, from - 1), parent};
}

static void advance_set(struct scan *scan)
{
	struct scan_set *first = &scan->sets[0];

	first->next = series_after(&first->parent->instances->series, first->next);
	if (first->next == 0)
		*first = scan->sets[--scan->set_count];
	if (scan->set_count)
		sift_down(scan, 0);
}

/* Does a criterion leave no instance at all? */
static bool excludes_instances(struct scan *scan)
{
	const struct type_def *type;

	for (size_t i = 0; (type = schema_type_at(scan->effort.req->cse->schema, i)); i++)
		if (type->flags & INSTANCE && (!scan->query || filter_may_match_type(&scan->effort, scan->query, type)))
			return false;
	return true;
}

static bool asks_for_labels(const struct query *query)
{
	for (unsigned i = 0; query && filter_is_narrow(query) && i < query->count; i++)
		if (query->criteria[i].relation == OF_ITSELF && query->criteria[i].kind == BY_LABEL)
			return true;
	return false;
}

static void sift_up(struct scan *scan, size_t at)
{
	struct scan_set moved = scan->sets[at];

	for (; at > 0 && scan->sets[(at - 1) / 2].next > moved.next; at = (at - 1) / 2)
		scan->sets[at] = scan->sets[(at - 1) / 2];
	scan->sets[at] = moved;
}

static void choose_parents(struct scan *scan, uint64_t from)
{
	const struct catalog *catalog = &scan->effort.req->cse->tree.catalog;

	scan->from = from;
	if (excludes_instances(scan))
		return;
	scan->parents = asks_for_labels(scan->query) ? &catalog->labelled : &catalog->holders;
	if (scan->gathered.entries) {
		add_set(scan, scan->top, from);
		scan->parents = &scan->gathered;
	}
}

/* An instance's key is above its parent's: no parent is needed before its own key's turn. */
static void add_parents(struct scan *scan, uint64_t before)
{
	const struct catalog_list *parents = scan->parents;

	for (; parents && scan->parents_at < parents->count; scan->parents_at++) {
		const struct catalog_entry *entry = &parents->entries[scan->parents_at];
		size_t count = scan->set_count;

		if (entry->key > (count && scan->sets[0].next < before ? scan->sets[0].next : before))
			return;
		if (entry->resource)
			add_set(scan, entry->resource, scan->from);
		if (scan->set_count > count)
			sift_up(scan, count);
	}
}

/* ---- resources ---- */

static size_t size_of_labels(const struct criterion *criterion)
{
	size_t size = 0;

	for (unsigned i = 0; i < criterion->count; i++)
		size += criterion->labels[i] ? criterion->labels[i]->resources.count : 0;
	return size;
}

static size_t size_of_types(const struct catalog *catalog, const struct criterion *criterion)
{
	size_t size = 0;

	for (unsigned i = 0; i < criterion->count; i++) {
		const struct catalog_list *list = catalog_type(catalog, criterion->types[i]);

		size += list ? list->count : 0;
	}
	return size;
}

/* The criterion that leaves the fewest resources; NULL: all of them have to be looked at. */
static const struct criterion *narrowest(const struct scan *scan, const struct catalog *catalog, size_t *size)
{
	const struct query *query = scan->query;
	const struct criterion *best = NULL;

	*size = catalog->all.count;
	for (unsigned i = 0; query && filter_is_narrow(query) && i < query->count; i++) {
		const struct criterion *criterion = &query->criteria[i];
		size_t its_size = SIZE_MAX;

		if (criterion->relation != OF_ITSELF)
			continue;
		if (criterion->kind == BY_LABEL)
			its_size = size_of_labels(criterion);
		else if (criterion->kind == BY_TYPE)
			its_size = size_of_types(catalog, criterion);
		if (its_size < *size || (its_size != SIZE_MAX && !best)) {
			*size = its_size;
			best = criterion;
		}
	}
	return best;
}

static void add_list(struct scan *scan, const struct catalog_list *list)
{
	if (list && list->count)
		scan->lists[scan->list_count++] = (struct scan_list){list, 0};
}

static void add_lists(struct scan *scan, const struct catalog *catalog, const struct criterion *criterion)
{
	struct arena *arena = &scan->effort.req->arena;

	scan->lists = arena_alloc(arena, ((criterion ? criterion->count : 0) + 1) * sizeof(*scan->lists));
	if (!criterion)
		add_list(scan, &catalog->all);
	for (unsigned i = 0; criterion && i < criterion->count; i++) {
		if (criterion->kind == BY_TYPE)
			add_list(scan, catalog_type(catalog, criterion->types[i]));
		else if (criterion->labels[i])
			add_list(scan, &criterion->labels[i]->resources);
	}
}

/* Depth first, parents before their children. goes_in: also below previous. */
static struct resource *next_preorder(struct resource *top, struct resource *previous, bool goes_in, uint64_t *depth)
{
	if (goes_in && !list_empty(&previous->children)) {
		++*depth;
		return container_of(previous->children.next, struct resource, siblings);
	}
	while (previous != top && previous->siblings.next == &previous->parent->children) {
		previous = previous->parent;
		--*depth;
	}
	return previous == top ? NULL : container_of(previous->siblings.next, struct resource, siblings);
}

static int by_key(const void *a, const void *b)
{
	uint64_t x = ((const struct catalog_entry *)a)->key, y = ((const struct catalog_entry *)b)->key;

	return x < y ? -1 : x > y;
}

/* Takes the whole subtree into scan->gathered, unless it has more resources than `most`. */
static bool gather(struct scan *scan, size_t most)
{
	struct catalog_list *list = &scan->gathered;
	uint64_t depth = 0;
	struct resource *resource = next_preorder(scan->top, scan->top, scan->level > 0, &depth);

	list->cap = 16;
	list->entries = xmalloc(list->cap * sizeof(*list->entries));
	for (; resource; resource = next_preorder(scan->top, resource, depth < scan->level, &depth)) {
		if (list->count == most) {
			free(list->entries);
			*list = (struct catalog_list){0};
			return false;
		}
		if (list->count == list->cap) {
			list->cap *= 2;
			list->entries = xrealloc(list->entries, list->cap * sizeof(*list->entries));
		}
		list->entries[list->count++] = (struct catalog_entry){resource->key, resource};
	}
	qsort(list->entries, list->count, sizeof(*list->entries), by_key);
	return true;
}

/* An interval of creation times is one of keys, as long as the clock never went back. */
static void place_lists(struct scan *scan, const struct catalog *catalog, uint64_t from)
{
	int64_t created_after_us = INT64_MIN;

	for (unsigned i = 0; scan->query && filter_is_narrow(scan->query) && i < scan->query->count; i++) {
		const struct criterion *criterion = &scan->query->criteria[i];

		if (criterion->kind != BY_CREATION || !catalog->times_follow_keys)
			continue;
		created_after_us = criterion->low;
		scan->created_before_us = criterion->high;
	}
	for (unsigned i = 0; i < scan->list_count; i++) {
		struct scan_list *place = &scan->lists[i];
		size_t in_time = created_after_us == INT64_MIN ? 0 : catalog_find_time(place->list, created_after_us);

		place->at = catalog_find(place->list, from);
		if (place->at < in_time)
			place->at = in_time;
	}
}

static void prepare(struct scan *scan, struct request *req, struct resource *top, int64_t cost)
{
	*scan = (struct scan){.effort = {.req = req, .left = cost},
			      .query = req->query,
			      .top = top,
			      .privilege = PRIVILEGE_RETRIEVE,
			      .level = UINT64_MAX,
			      .created_before_us = INT64_MAX,
			      .now_us = cse_expiry_now(req->cse)};
	arena_init(&scan->effort.work);
	if (req->query && req->query->is_discovery)
		scan->privilege = PRIVILEGE_DISCOVERY;
	if (req->query)
		scan->level = req->query->level;
}

/* Settles where resources and instances come from. */
static void open_sources(struct scan *scan, uint64_t from)
{
	struct request *req = scan->effort.req;
	const struct catalog *catalog = &req->cse->tree.catalog;
	size_t size;
	const struct criterion *criterion = narrowest(scan, catalog, &size);

	size += asks_for_labels(scan->query) ? catalog->labelled.count : catalog->holders.count;
	if ((scan->top->parent || scan->level != UINT64_MAX) &&
	    gather(scan, size < MOST_GATHERED ? size : MOST_GATHERED)) {
		scan->lists = arena_alloc(&req->arena, sizeof(*scan->lists));
		add_list(scan, &scan->gathered);
	} else {
		add_lists(scan, catalog, criterion);
	}
	place_lists(scan, catalog, from);
	choose_parents(scan, from ? from : 1);
}

void scan_start(struct scan *scan, struct request *req, struct resource *top, uint64_t from, int64_t cost)
{
	prepare(scan, req, top, cost);
	open_sources(scan, from);
}

void scan_start_group(struct scan *scan, struct request *req, const struct candidate *child, uint64_t from,
		      int64_t cost)
{
	uint64_t key = child->instance ? child->instance : child->resource->key;

	prepare(scan, req, child->resource, cost);
	if (from <= key)
		scan->head = *child;
	if (child->instance || scan->level == 0)
		return;
	if (scan->level != UINT64_MAX)
		scan->level--;
	open_sources(scan, from);
}

void scan_start_children(struct scan *scan, struct request *req, uint64_t from, int64_t cost)
{
	prepare(scan, req, req->target.resource, cost);
	scan->query = NULL;
	scan->privilege = 0;
	scan->level = scan->level < 1 ? scan->level : 1;
	open_sources(scan, from);
}

void scan_finish(struct scan *scan)
{
	free(scan->gathered.entries);
	free(scan->sets);
	arena_finish(&scan->effort.work);
}

/* The list whose next resource has the smallest key; NULL at the end of all. */
static struct scan_list *first_list(struct scan *scan)
{
	struct scan_list *first = NULL;

	for (unsigned i = 0; i < scan->list_count; i++) {
		struct scan_list *place = &scan->lists[i];
		const struct catalog_list *list = place->list;

		while (place->at < list->count && !list->entries[place->at].resource)
			place->at++;
		if (place->at < list->count && list->entries[place->at].resource->created_us >= scan->created_before_us)
			place->at = list->count;
		if (place->at < list->count &&
		    (!first || list->entries[place->at].key < first->list->entries[first->at].key))
			first = place;
	}
	return first;
}

/* Resources lie all over memory: asking for one a few entries ahead hides the wait. What a scan looks at reaches from
 * the parent to the identifier, which stands behind the struct. */
static void fetch_ahead(const struct scan_list *place)
{
	enum { AHEAD = 6, LINE = 64, FROM = offsetof(struct resource, parent), TO = sizeof(struct resource) + LINE };
	const char *later;

	if (place->at + AHEAD >= place->list->count)
		return;
	later = (const char *)place->list->entries[place->at + AHEAD].resource;
	for (size_t at = FROM; later && at < TO; at += LINE)
		__builtin_prefetch(later + at);
}

/* One resource may be in several lists. */
static struct resource *take_resource(struct scan *scan, struct scan_list *first)
{
	struct resource *resource = first->list->entries[first->at].resource;

	for (unsigned i = 0; i < scan->list_count; i++) {
		struct scan_list *place = &scan->lists[i];

		if (place->at < place->list->count && place->list->entries[place->at].resource == resource) {
			place->at++;
			fetch_ahead(place);
		}
	}
	return resource;
}

static bool resource_matches(struct scan *scan, struct candidate *candidate)
{
	return filter_matches(&scan->effort, scan->query, candidate) && is_permitted(scan, candidate->resource);
}

static bool instance_matches(struct scan *scan, struct candidate *candidate)
{
	return filter_matches(&scan->effort, scan->query, candidate) && candidate_read(&scan->effort, candidate) &&
	       candidate->body.head.et_us > scan->now_us;
}

/* The direct child that a group is about. */
static bool take_head(struct scan *scan, struct candidate *candidate)
{
	struct candidate head = scan->head;

	scan->head = (struct candidate){0};
	scan->position = head.instance ? head.instance : head.resource->key;
	*candidate = head;
	return head.instance ? instance_matches(scan, candidate)
			     : head.resource->expiry.due_us > scan->now_us && resource_matches(scan, candidate);
}

bool scan_next(struct scan *scan, struct candidate *candidate)
{
	if (scan->head.resource && take_head(scan, candidate))
		return true;
	for (;;) {
		struct scan_list *list = first_list(scan);
		uint64_t key = list ? list->list->entries[list->at].key : UINT64_MAX, depth;
		bool has_set, matches;

		scan->position = 0;
		add_parents(scan, key);
		has_set = scan->set_count > 0;
		if (!list && !has_set)
			return false;
		scan->position = has_set && scan->sets[0].next < key ? scan->sets[0].next : key;
		if (scan->effort.left-- < 0 || scan->effort.error)
			return false;
		if (scan->position == key) {
			*candidate = (struct candidate){.resource = take_resource(scan, list)};
			candidate->type = candidate->resource->type;
			matches = candidate->resource != scan->top && is_visible(scan, candidate->resource, &depth) &&
				  resource_matches(scan, candidate);
		} else {
			*candidate =
				(struct candidate){.resource = scan->sets[0].parent, .instance = key = scan->position};
			candidate->type = instance_type(scan->effort.req->cse, candidate->resource);
			advance_set(scan);
			matches = instance_matches(scan, candidate);
		}
		arena_reset(&scan->effort.work);
		if (matches)
			return true;
	}
}
