/* lookup: names by number, and questions to one type's table. */
#include "schemas/schema_state.h"

static const struct str short_names[ATTR_BUILTIN_COUNT] = {
#define NAME(long_name, short_name) {#short_name, sizeof(#short_name) - 1},
	{"", 0},
#include "schemas/names.def"
#undef NAME
};

static const struct str long_names[ATTR_BUILTIN_COUNT] = {
#define NAME(long_name, short_name) {#long_name, sizeof(#long_name) - 1},
#define NAME_SPELT(identifier, short_name, spelling) {spelling, sizeof(spelling) - 1},
	{"", 0},
#include "schemas/names.def"
#undef NAME
};

struct str name_short(const struct schema *schema, unsigned name)
{
	return name < ATTR_BUILTIN_COUNT ? short_names[name] : schema->names[name - ATTR_BUILTIN_COUNT].short_name;
}

struct str name_long(const struct schema *schema, unsigned name)
{
	return name < ATTR_BUILTIN_COUNT ? long_names[name] : schema->names[name - ATTR_BUILTIN_COUNT].long_name;
}

unsigned name_by_short(const struct schema *schema, struct str short_name)
{
	int name = index_find(&schema->by_short, short_name);

	return name < 0 ? ATTR_NONE : (unsigned)name;
}

int type_row(const struct type_def *type, unsigned name)
{
	for (size_t i = 0; i < type->attr_count; i++)
		if (type->attrs[i].name == name)
			return (int)i;
	return -1;
}

bool type_allows_child(const struct type_def *type, unsigned ty)
{
	for (size_t i = 0; i < type->child_count; i++)
		if (type->children[i] == ty)
			return true;
	return false;
}

bool resource_type_is_of_in(unsigned ty)
{
	switch (ty) {
#define RESOURCE_TYPE(name, number)
#define RESOURCE_TYPE_OF_IN(name, number) case number:
#include "schemas/resource_types.def"
#undef RESOURCE_TYPE
		return true;
	default:
		return false;
	}
}
