/* shape: see shape.h. */
#include "schemas/shape.h"

#include "schemas/rows.h"

static const struct root_def {
	const char *name;
	struct kind kind;
} roots[] = {
#define ROOT(short_name, kind) {M2M_SPACE ":" #short_name, ROW_KIND_##kind},
#include "schemas/roots.def"
#undef ROOT
};

enum { ROOT_COUNT = sizeof(roots) / sizeof(roots[0]) };

struct shape shape_any(void)
{
	return (struct shape){.kind = {KIND_ANY, false, NULL}};
}

struct shape shape_complex(const struct complex_def *def)
{
	return (struct shape){.kind = {KIND_COMPLEX, false, def}};
}

static struct shape shape_of_root(const struct root_def *root)
{
	return (struct shape){.kind = root->kind, .is_global = true, .may_be_empty = root->kind.is_list};
}

const char *shape_root_at(size_t index, struct shape *shape)
{
	if (index >= ROOT_COUNT)
		return NULL;
	*shape = shape_of_root(&roots[index]);
	return roots[index].name;
}

static bool has_prefix(struct str name)
{
	return memchr(name.ptr, ':', name.len) != NULL;
}

bool shape_root(const struct schema *schema, struct str name, struct shape *shape)
{
	*shape = shape_any();
	if (!has_prefix(name))
		return false;
	shape->type = schema_type_by_root(schema, name);
	shape->is_global = shape->type != NULL;
	for (size_t i = 0; !shape->is_global && i < ROOT_COUNT; i++)
		if (str_eq(name, str_of(roots[i].name)))
			*shape = shape_of_root(&roots[i]);
	return shape->is_global;
}

const struct attr_def *shape_rows(const struct shape *in, size_t *count)
{
	const struct complex_def *def = in->kind.base == KIND_COMPLEX ? in->kind.of : NULL;

	*count = in->type ? in->type->attr_count : def ? def->count : 0;
	return in->type ? in->type->attrs : def ? def->members : NULL;
}

int shape_row(const struct schema *schema, const struct shape *in, struct str name)
{
	if (in->type)
		return schema_row(schema, in->type, name);
	return in->kind.base == KIND_COMPLEX ? complex_row(schema, in->kind.of, name) : -1;
}

struct shape shape_of_row(const struct schema *schema, const struct attr_def *row)
{
	struct str name = name_short(schema, row->name);

	return (struct shape){
		.kind = row->kind,
		.xml = row->xml,
		.is_global = has_prefix(name),
		.may_be_empty = row->kind.is_list && row->constraint.is_set && row->constraint.min == 0,
	};
}

const struct attr_def *shape_child_reference(void)
{
	static const struct attr_def row = {
		.name = ATTR_childResource,
		.kind = ROW_KIND_LIST(COMPLEX(childResourceRef)),
		.constraint = {.is_set = true},
	};

	return &row;
}

struct shape shape_member(const struct schema *schema, const struct shape *in, struct str name)
{
	size_t count;
	const struct attr_def *rows = shape_rows(in, &count);
	int row = shape_row(schema, in, name);
	struct shape shape;

	if (row >= 0)
		return shape_of_row(schema, &rows[row]);
	if (in->type && str_eq(name, name_short(schema, ATTR_childResource)))
		return shape_of_row(schema, shape_child_reference());
	if (shape_root(schema, name, &shape) && in->type)
		shape.kind.is_list = true;
	return shape;
}

struct shape shape_element(const struct shape *list)
{
	struct shape element = *list;

	element.kind.is_list = false;
	element.may_be_empty = false;
	return element;
}
