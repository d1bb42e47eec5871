/* schema: the registry of a CSE: its types, and the indexes over their rows. */
#include "schemas/schema.h"

#include "cse/base/error.h"
#include "schemas/schema_state.h"

/* ---- indexes of rows ---- */

static size_t hash_pointer(const void *ptr)
{
	return (size_t)((uint64_t)(uintptr_t)ptr * 0x9e3779b97f4a7c15u >> 32);
}

/* The set of owner, or the free one where it would go. */
static struct row_set *set_of(const struct schema *schema, const void *owner)
{
	size_t at = hash_pointer(owner);

	while (schema->sets[at & schema->set_mask].owner && schema->sets[at & schema->set_mask].owner != owner)
		at++;
	return &schema->sets[at & schema->set_mask];
}

static void grow_sets(struct schema *schema)
{
	struct row_set *old = schema->sets;
	size_t old_mask = schema->set_mask;

	schema->set_mask = old ? old_mask * 2 + 1 : 255;
	schema->sets = xzalloc((schema->set_mask + 1) * sizeof(*schema->sets));
	for (size_t i = 0; old && i <= old_mask; i++)
		if (old[i].owner)
			*set_of(schema, old[i].owner) = old[i];
	free(old);
}

static void add_rows(struct schema *schema, const void *owner, const struct attr_def *rows, size_t count)
{
	struct row_set *set;

	if (!schema->sets || schema->set_count * 2 > schema->set_mask)
		grow_sets(schema);
	set = set_of(schema, owner);
	set->owner = owner;
	schema->set_count++;
	for (size_t i = 0; i < count; i++)
		index_add(&set->by_short, name_short(schema, rows[i].name), (int)i);
}

int schema_row(const struct schema *schema, const struct type_def *type, struct str short_name)
{
	return index_find(&set_of(schema, type)->by_short, short_name);
}

int complex_row(const struct schema *schema, const struct complex_def *def, struct str short_name)
{
	return index_find(&set_of(schema, def)->by_short, short_name);
}

/* ---- building ---- */

void schema_add_type(struct schema *schema, const struct type_def *type)
{
	size_t place = schema->type_count++;

	schema->types = xrealloc(schema->types, schema->type_count * sizeof(*schema->types));
	schema->types[place] = type;
	if (type->ty < PLAIN_TYPES && !schema->plain[type->ty])
		schema->plain[type->ty] = type;
	index_add(&schema->by_root, arena_printf(&schema->arena, "%s:%s", type->space, type->short_name), (int)place);
	add_rows(schema, type, type->attrs, type->attr_count);
}

unsigned schema_add_name(struct schema *schema, struct str long_name, struct str short_name)
{
	size_t place = schema->name_count++;
	unsigned name = (unsigned)(ATTR_BUILTIN_COUNT + place);

	schema->names = xrealloc(schema->names, schema->name_count * sizeof(*schema->names));
	schema->names[place] = (struct loaded_name){long_name, short_name};
	index_add(&schema->by_short, short_name, (int)name);
	return name;
}

struct schema *schema_create(const struct type_def *const *types, size_t count)
{
	struct schema *schema = xzalloc(sizeof(*schema));

	arena_init(&schema->arena);
	for (unsigned name = ATTR_NONE + 1; name < ATTR_BUILTIN_COUNT; name++)
		index_add(&schema->by_short, name_short(schema, name), (int)name);
	for (size_t i = 0; complex_at(i); i++)
		add_rows(schema, complex_at(i), complex_at(i)->members, complex_at(i)->count);
	for (size_t i = 0; i < count; i++)
		schema_add_type(schema, types[i]);
	return schema;
}

void schema_destroy(struct schema *schema)
{
	if (!schema)
		return;
	for (size_t i = 0; i <= schema->set_mask; i++)
		index_finish(&schema->sets[i].by_short);
	free(schema->sets);
	index_finish(&schema->by_root);
	index_finish(&schema->by_short);
	free(schema->names);
	free(schema->types);
	arena_finish(&schema->arena);
	free(schema);
}

/* ---- types ---- */

const struct type_def *schema_type(const struct schema *schema, unsigned ty)
{
	return ty < PLAIN_TYPES ? schema->plain[ty] : NULL;
}

const struct type_def *schema_type_by_root(const struct schema *schema, struct str root)
{
	int place = index_find(&schema->by_root, root);

	return place < 0 ? NULL : schema->types[place];
}

const struct type_def *schema_type_at(const struct schema *schema, size_t index)
{
	return index < schema->type_count ? schema->types[index] : NULL;
}
