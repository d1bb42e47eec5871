/* The resource tree and its indexes. */
#include "cse/core/tree.h"

#include "cse/base/error.h"
#include "cse/base/id.h"
#include "cse/core/hooks.h"

#include <stdlib.h>

void tree_init(struct tree *tree)
{
	*tree = (struct tree){.seed = id_seed()};
	catalog_init(&tree->catalog, tree->seed);
}

void tree_finish(struct tree *tree)
{
	struct resource *next = tree->root ? tree_next_postorder(tree->root, NULL) : NULL;

	while (next) {
		struct resource *gone = next;

		next = tree_next_postorder(tree->root, gone);
		tree_detach(tree, gone);
		resource_destroy(gone);
	}
	catalog_finish(&tree->catalog);
	quotas_finish(&tree->quotas);
	map_finish(&tree->by_id);
	map_finish(&tree->by_name);
	map_finish(&tree->by_key);
}

static struct str place(char **at, struct str s)
{
	struct str placed = str_make(*at, s.len);

	if (s.len)
		memcpy(*at, s.ptr, s.len);
	*at += s.len;
	return placed;
}

struct resource *resource_create(const struct type_def *type, uint64_t key, struct str id, struct str name,
				 struct str originator)
{
	struct resource *resource = xzalloc(sizeof(*resource) + id.len + name.len + originator.len);
	char *at = (char *)(resource + 1);

	resource->type = type;
	resource->key = key;
	resource->id = place(&at, id);
	resource->name = place(&at, name);
	resource->originator = place(&at, originator);
	resource->expiry.due_us = EXPIRY_NEVER;
	list_init(&resource->siblings);
	list_init(&resource->children);
	list_init(&resource->watchers);
	list_init(&resource->watching);
	return resource;
}

void resource_destroy(struct resource *resource)
{
	if (!resource)
		return;
	if (resource->state && resource->type->hooks->finish)
		resource->type->hooks->finish(resource);
	catalog_drop_labels(resource);
	policy_set_release(resource->policies);
	free((void *)(uintptr_t)resource->text.ptr);
	free(resource->state);
	free(resource);
}

void resource_set_text(struct resource *resource, struct str text)
{
	char *copy = xmalloc(text.len + 1);

	memcpy(copy, text.ptr, text.len);
	quota_adjust(resource, 0, (int64_t)text.len - (int64_t)resource->text.len);
	free((void *)(uintptr_t)resource->text.ptr);
	resource->text = str_make(copy, text.len);
}

/* Keys count up by one: spread them over the table. */
static uint64_t hash_of_key(uint64_t key)
{
	return key * 0x9e3779b97f4a7c15u >> 16;
}

static uint64_t hash_of_name(const struct tree *tree, const struct resource *parent, struct str name)
{
	return str_hash(name, tree->seed ^ (parent->key * 0x9e3779b97f4a7c15u));
}

/* By key. What is new goes to the end; an undo brings the last child back first, so the others go to the front. */
static void insert_child(struct resource *parent, struct resource *child)
{
	struct list *where = &parent->children;

	if (!list_empty(where) && container_of(where->next, struct resource, siblings)->key > child->key)
		where = where->next;
	else
		while (where->prev != &parent->children &&
		       container_of(where->prev, struct resource, siblings)->key > child->key)
			where = where->prev;
	list_insert_before(where, &child->siblings);
}

void tree_attach(struct tree *tree, struct resource *parent, struct resource *resource)
{
	resource->parent = parent;
	map_add(&tree->by_id, &resource->by_id, str_hash(resource->id, tree->seed));
	map_add(&tree->by_key, &resource->by_key, hash_of_key(resource->key));
	if (parent) {
		map_add(&tree->by_name, &resource->by_name, hash_of_name(tree, parent, resource->name));
		insert_child(parent, resource);
		if (resource->type->hooks && resource->type->hooks->subscription)
			list_push(&parent->watchers, &resource->watching);
	} else {
		tree->root = resource;
	}
	catalog_add(&tree->catalog, resource);
	quota_attach(tree, resource);
	tree->count++;
}

void tree_detach(struct tree *tree, struct resource *resource)
{
	map_remove(&tree->by_id, &resource->by_id);
	map_remove(&tree->by_key, &resource->by_key);
	if (resource->parent) {
		map_remove(&tree->by_name, &resource->by_name);
		list_remove(&resource->siblings);
		list_remove(&resource->watching);
	} else {
		tree->root = NULL;
	}
	catalog_remove(&tree->catalog, resource);
	quota_detach(tree, resource);
	tree->count--;
}

struct resource *tree_by_id(const struct tree *tree, struct str id)
{
	struct map_node *node = map_first(&tree->by_id, str_hash(id, tree->seed));

	for (; node; node = map_next(node)) {
		struct resource *resource = container_of(node, struct resource, by_id);

		if (str_eq(resource->id, id))
			return resource;
	}
	return NULL;
}

struct resource *tree_by_key(const struct tree *tree, uint64_t key)
{
	struct map_node *node = map_first(&tree->by_key, hash_of_key(key));

	for (; node; node = map_next(node)) {
		struct resource *resource = container_of(node, struct resource, by_key);

		if (resource->key == key)
			return resource;
	}
	return NULL;
}

struct resource *tree_child(const struct tree *tree, const struct resource *parent, struct str name)
{
	struct map_node *node = map_first(&tree->by_name, hash_of_name(tree, parent, name));

	for (; node; node = map_next(node)) {
		struct resource *resource = container_of(node, struct resource, by_name);

		if (resource->parent == parent && str_eq(resource->name, name))
			return resource;
	}
	return NULL;
}

static struct resource *deepest_first_child(struct resource *resource)
{
	while (!list_empty(&resource->children))
		resource = container_of(resource->children.next, struct resource, siblings);
	return resource;
}

struct resource *tree_next_postorder(struct resource *top, struct resource *previous)
{
	if (!previous)
		return deepest_first_child(top);
	if (previous == top)
		return NULL;
	if (previous->siblings.next == &previous->parent->children)
		return previous->parent;
	return deepest_first_child(container_of(previous->siblings.next, struct resource, siblings));
}

/* The text is canonical JSON that this CSE has printed itself, so that a look for `"name":` at nesting 0 is enough. */
struct str text_attribute(struct str text, struct str short_name)
{
	const char *at = text.ptr, *end = at + text.len;

	while (at < end) {
		const char *name = at + 1, *value;
		unsigned depth = 0;
		bool in_string = false;
		size_t name_len = (size_t)((const char *)memchr(name, '"', (size_t)(end - name)) - name);

		for (value = at = name + name_len + 2; at < end; at++) {
			if (in_string) {
				if (*at == '\\')
					at++;
				else if (*at == '"')
					in_string = false;
			} else if (*at == '"') {
				in_string = true;
			} else if (*at == '[' || *at == '{') {
				depth++;
			} else if (*at == ']' || *at == '}') {
				depth--;
			} else if (*at == ',' && depth == 0) {
				break;
			}
		}
		if (str_eq(str_make(name, name_len), short_name))
			return str_make(value, (size_t)(at - value));
		at++;
	}
	return (struct str){0};
}

struct str resource_attribute(const struct resource *resource, struct str short_name)
{
	return text_attribute(resource->text, short_name);
}
