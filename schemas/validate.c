/* validate: a representation against its type's rows, per operation. */
#include "schemas/validate.h"

#include <stdarg.h>

#include "schemas/quote.h"

/* What the operation makes of one attribute that is there: NULL to look at its value, else what is wrong; *is_done:
 * nothing more to check. */
struct rules {
	const char *(*attribute)(const struct attr_def *row, struct value v, bool *is_done);
	bool (*is_missing)(const struct attr_def *row);
};

static void say(struct problem *problem, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct problem *problem, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(problem->text, sizeof(problem->text), format, args);
	va_end(args);
}

static enum rsc refuse(const struct schema *schema, const struct attr_def *row, const char *what,
		       struct problem *problem)
{
	struct str long_name = name_long(schema, row->name), short_name = name_short(schema, row->name);

	say(problem, "%.*s (%.*s): %s", STR_ARG(long_name), STR_ARG(short_name), what);
	return RSC_BAD_REQUEST;
}

static enum rsc refuse_unknown(const struct type_def *type, struct value v, struct problem *problem)
{
	char name[QUOTE_SIZE];

	say(problem, "attribute \"%s\" is not known for %s", quote(name, value_name(v)), type->name);
	return RSC_BAD_REQUEST;
}

static int row_of(const struct schema *schema, const struct type_def *type, struct value v, struct arena *arena)
{
	struct str name = value_name(v);

	if (value_name_is_escaped(v))
		name = value_unescape(name, arena);
	return schema_row(schema, type, name);
}

/* The containerDefinition of a specialization is the one that its file gives: TS-0004 7.4.37.2.1. */
static const char *definition_problem(const struct type_def *type, const struct attr_def *row, struct value v,
				      struct arena *arena)
{
	if (row->name != ATTR_containerDefinition || !type->definition ||
	    str_eq(value_string(v, arena), str_of(type->definition)))
		return NULL;
	return "is not the definition of this specialization";
}

static enum rsc validate(const struct schema *schema, const struct type_def *type, struct value object,
			 struct arena *arena, const struct rules *rules, struct attrs *out, struct problem *problem)
{
	*out = (struct attrs){type, arena_zalloc(arena, type->attr_count * sizeof(*out->value))};
	if (value_type(object) != VALUE_OBJECT) {
		say(problem, "the attributes of %s must be an object", type->name);
		return RSC_BAD_REQUEST;
	}
	for (struct value v = value_first(object); !value_is_absent(v); v = value_next(object, v)) {
		int row = row_of(schema, type, v, arena);
		const struct attr_def *attr;
		const char *what;
		bool is_done = false;

		if (row < 0)
			return refuse_unknown(type, v, problem);
		attr = &type->attrs[row];
		what = rules->attribute(attr, v, &is_done);
		if (!what && !is_done)
			what = validate_kind(schema, attr->kind, &attr->constraint, v, arena);
		if (!what)
			what = definition_problem(type, attr, v, arena);
		if (what)
			return refuse(schema, attr, what, problem);
		out->value[row] = v;
	}
	for (size_t i = 0; rules->is_missing && i < type->attr_count; i++)
		if (value_is_absent(out->value[i]) && rules->is_missing(&type->attrs[i]))
			return refuse(schema, &type->attrs[i], "is missing", problem);
	return RSC_NONE;
}

/* ---- CREATE: TS-0004 7.3.3.3 ---- */

static const char *create_attribute(const struct attr_def *row, struct value v, bool *is_done)
{
	bool is_null = value_type(v) == VALUE_NULL;

	if (row->create == NP)
		return "must not be in a CREATE";
	if (row->create == NULL_ONLY) {
		*is_done = true;
		return is_null ? NULL : "must be null in a CREATE";
	}
	return is_null ? "must not be null in a CREATE" : NULL;
}

static bool is_mandatory(const struct attr_def *row)
{
	return row->create == M;
}

enum rsc validate_create(const struct schema *schema, const struct type_def *type, struct value object,
			 struct arena *arena, struct attrs *out, struct problem *problem)
{
	static const struct rules rules = {create_attribute, is_mandatory};

	return validate(schema, type, object, arena, &rules, out, problem);
}

/* ---- UPDATE: TS-0004 7.3.3.4 ---- */

/* An expirationTime that is removed is set anew by the CSE, TS-0001 9.6.1.3.2; so its multiplicity of 1 holds. */
static const char *update_attribute(const struct attr_def *row, struct value v, bool *is_done)
{
	if (row->update == NP)
		return "must not be in an UPDATE";
	*is_done = value_type(v) == VALUE_NULL;
	if (*is_done && row->cardinality == ONE && row->name != ATTR_expirationTime)
		return "must not be removed";
	return NULL;
}

enum rsc validate_update(const struct schema *schema, const struct type_def *type, struct value object,
			 struct arena *arena, struct attrs *out, struct problem *problem)
{
	static const struct rules rules = {update_attribute, NULL};

	return validate(schema, type, object, arena, &rules, out, problem);
}

/* ---- what is stored or sent ---- */

static const char *stored_attribute(const struct attr_def *row, struct value v, bool *is_done)
{
	(void)row;
	*is_done = false;
	return value_type(v) == VALUE_NULL ? "must not be null" : NULL;
}

static bool is_always_there(const struct attr_def *row)
{
	return row->cardinality == ONE && row->default_kind != DEFAULT_COMPUTED;
}

enum rsc validate_stored(const struct schema *schema, const struct type_def *type, struct value object,
			 struct arena *arena, struct attrs *out, struct problem *problem)
{
	static const struct rules rules = {stored_attribute, is_always_there};

	return validate(schema, type, object, arena, &rules, out, problem);
}

struct value attrs_get(const struct attrs *attrs, unsigned name)
{
	int row = type_row(attrs->type, name);

	return row < 0 ? (struct value){NULL, 0} : attrs->value[row];
}
