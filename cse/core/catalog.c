/* The lists of resources by type and label. */
#include "cse/core/catalog.h"

#include "cse/base/error.h"
#include "cse/core/tree.h"

#include <stdlib.h>

enum { FIRST_ENTRIES = 4 };

void catalog_init(struct catalog *catalog, uint64_t seed)
{
	*catalog = (struct catalog){.seed = seed, .times_follow_keys = true};
}

void catalog_finish(struct catalog *catalog)
{
	free(catalog->all.entries);
	free(catalog->holders.entries);
	free(catalog->labelled.entries);
	for (size_t i = 0; i < catalog->type_count; i++)
		free(catalog->types[i].resources.entries);
	free(catalog->types);
	map_finish(&catalog->labels);
}

/* ---- one list ---- */

size_t catalog_find(const struct catalog_list *list, uint64_t key)
{
	size_t low = 0, high = list->count;

	if (high && list->entries[high - 1].key < key)
		return high;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (list->entries[middle].key < key)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* A vacant place tells no time: the next one that is taken does. */
size_t catalog_find_time(const struct catalog_list *list, int64_t us)
{
	size_t low = 0, high = list->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2, at = middle;

		while (at < high && !list->entries[at].resource)
			at++;
		if (at < high && list->entries[at].resource->created_us < us)
			low = at + 1;
		else
			high = middle;
	}
	return low;
}

static void list_close_up(struct catalog_list *list)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++)
		if (list->entries[i].resource)
			list->entries[kept++] = list->entries[i];
	list->count = kept;
	list->vacant = 0;
}

static void list_add(struct catalog_list *list, struct resource *resource)
{
	size_t at = catalog_find(list, resource->key);

	if (at < list->count && list->entries[at].key == resource->key) {
		list->vacant -= !list->entries[at].resource;
		list->entries[at].resource = resource;
		return;
	}
	if (list->count == list->cap) {
		list->cap = list->cap ? list->cap + list->cap / 2 : FIRST_ENTRIES;
		list->entries = xrealloc(list->entries, list->cap * sizeof(*list->entries));
	}
	memmove(list->entries + at + 1, list->entries + at, (list->count - at) * sizeof(*list->entries));
	list->entries[at] = (struct catalog_entry){resource->key, resource};
	list->count++;
}

static void list_take(struct catalog_list *list, const struct resource *resource)
{
	size_t at = catalog_find(list, resource->key);

	if (at == list->count || list->entries[at].resource != resource)
		return;
	list->entries[at].resource = NULL;
	if (++list->vacant * 2 > list->count)
		list_close_up(list);
}

/* ---- types ---- */

const struct catalog_list *catalog_type(const struct catalog *catalog, unsigned ty)
{
	for (size_t i = 0; i < catalog->type_count; i++)
		if (catalog->types[i].ty == ty)
			return &catalog->types[i].resources;
	return NULL;
}

static struct catalog_list *type_list(struct catalog *catalog, unsigned ty)
{
	for (size_t i = 0; i < catalog->type_count; i++)
		if (catalog->types[i].ty == ty)
			return &catalog->types[i].resources;
	catalog->types = xrealloc(catalog->types, (catalog->type_count + 1) * sizeof(*catalog->types));
	catalog->types[catalog->type_count] = (struct catalog_type){.ty = ty};
	return &catalog->types[catalog->type_count++].resources;
}

/* ---- resources ---- */

static void note_time(struct catalog *catalog, const struct resource *resource)
{
	const struct catalog_list *all = &catalog->all;
	bool is_newest = all->count == 0 || all->entries[all->count - 1].key <= resource->key;

	if (resource->created_us < catalog->newest_us && is_newest)
		catalog->times_follow_keys = false;
	if (resource->created_us > catalog->newest_us)
		catalog->newest_us = resource->created_us;
}

void catalog_add(struct catalog *catalog, struct resource *resource)
{
	note_time(catalog, resource);
	list_add(&catalog->all, resource);
	list_add(type_list(catalog, resource->type->ty), resource);
	for (unsigned i = 0; i < resource->label_count; i++)
		list_add(&resource->labels[i]->resources, resource);
	resource->is_cataloged = true;
	if (resource->instances)
		catalog_note_instances(catalog, resource);
}

void catalog_remove(struct catalog *catalog, struct resource *resource)
{
	list_take(&catalog->all, resource);
	list_take(type_list(catalog, resource->type->ty), resource);
	for (unsigned i = 0; i < resource->label_count; i++)
		list_take(&resource->labels[i]->resources, resource);
	list_take(&catalog->holders, resource);
	list_take(&catalog->labelled, resource);
	resource->is_cataloged = resource->is_holder = resource->is_labelled_holder = false;
}

void catalog_note_instances(struct catalog *catalog, struct resource *resource)
{
	struct instances *set = resource->instances;

	if (!resource->is_cataloged)
		return;
	if (!resource->is_holder)
		list_add(&catalog->holders, resource);
	resource->is_holder = true;
	if (set->has_labels && !resource->is_labelled_holder)
		list_add(&catalog->labelled, resource);
	resource->is_labelled_holder = set->has_labels;
}

/* ---- labels ---- */

static uint64_t hash_of_label(const struct catalog *catalog, struct str text)
{
	return str_hash(text, catalog->seed ^ UINT64_C(0x6c6162656c));
}

const struct label *catalog_label(const struct catalog *catalog, struct str text)
{
	struct map_node *node = map_first(&catalog->labels, hash_of_label(catalog, text));

	for (; node; node = map_next(node)) {
		struct label *label = container_of(node, struct label, by_text);

		if (str_eq(label->text, text))
			return label;
	}
	return NULL;
}

static struct label *intern(struct catalog *catalog, struct str text)
{
	struct label *label = (struct label *)(uintptr_t)catalog_label(catalog, text);
	char *copy;

	if (!label) {
		label = xzalloc(sizeof(*label) + text.len);
		copy = (char *)(label + 1);
		memcpy(copy, text.ptr, text.len);
		label->text = str_make(copy, text.len);
		label->catalog = catalog;
		map_add(&catalog->labels, &label->by_text, hash_of_label(catalog, text));
	}
	label->references++;
	return label;
}

static void give_back(struct label *label)
{
	if (--label->references)
		return;
	map_remove(&label->catalog->labels, &label->by_text);
	free(label->resources.entries);
	free(label);
}

void catalog_drop_labels(struct resource *resource)
{
	for (unsigned i = 0; i < resource->label_count; i++) {
		resource->labels[i]->taken_by = NULL;
		give_back(resource->labels[i]);
	}
	free(resource->labels);
	resource->labels = NULL;
	resource->label_count = 0;
}

bool catalog_next_string(struct str *rest, struct str *raw)
{
	const char *at = rest->len ? memchr(rest->ptr, '"', rest->len) : NULL, *end, *past;

	if (!at)
		return false;
	past = rest->ptr + rest->len;
	for (end = ++at; end < past && *end != '"'; end++)
		if (*end == '\\')
			end++;
	*raw = str_make(at, (size_t)(end - at));
	*rest = str_make(end + 1, (size_t)(past - end - 1));
	return true;
}

static void take_labels(struct catalog *catalog, struct resource *resource, struct str json)
{
	struct str rest = json, raw;
	struct arena arena;
	unsigned count = 0;

	while (catalog_next_string(&rest, &raw))
		count++;
	if (count == 0)
		return;
	arena_init(&arena);
	resource->labels = xmalloc(count * sizeof(struct label *));
	rest = json;
	while (catalog_next_string(&rest, &raw)) {
		struct str text = memchr(raw.ptr, '\\', raw.len) ? value_unescape(raw, &arena) : raw;
		struct label *label = intern(catalog, text);

		if (label->taken_by == resource) {
			label->references--;
			continue;
		}
		label->taken_by = resource;
		resource->labels[resource->label_count++] = label;
	}
	arena_finish(&arena);
}

void catalog_set_labels(struct catalog *catalog, struct resource *resource, struct str json)
{
	if (!json.ptr && !resource->label_count)
		return;
	for (unsigned i = 0; resource->is_cataloged && i < resource->label_count; i++)
		list_take(&resource->labels[i]->resources, resource);
	catalog_drop_labels(resource);
	if (json.ptr)
		take_labels(catalog, resource, json);
	for (unsigned i = 0; resource->is_cataloged && i < resource->label_count; i++)
		list_add(&resource->labels[i]->resources, resource);
}

static bool list_has(const struct catalog_list *list, const struct resource *resource)
{
	size_t at = list ? catalog_find(list, resource->key) : 0;

	return list && at < list->count && list->entries[at].resource == resource;
}

bool catalog_has(const struct catalog *catalog, const struct resource *resource)
{
	const struct instances *set = resource->instances;

	for (unsigned i = 0; i < resource->label_count; i++)
		if (!list_has(&resource->labels[i]->resources, resource))
			return false;
	if (set && set->series.count && !list_has(&catalog->holders, resource))
		return false;
	if (set && set->series.count && set->has_labels && !list_has(&catalog->labelled, resource))
		return false;
	return list_has(&catalog->all, resource) && list_has(catalog_type(catalog, resource->type->ty), resource);
}
