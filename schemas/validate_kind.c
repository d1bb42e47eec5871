/* validate_kind: one value against a kind and a constraint. Complex types nest as complex.def says, so the depth is
 * bounded. */
#include <stdarg.h>

#include "schemas/kind_text.h"
#include "schemas/quote.h"
#include "schemas/validate.h"

enum { NUMBER_SIZE = 64, FEW_VALUES = 8 };

/* Where a value is looked at from. */
struct place {
	const struct schema *schema;
	const struct constraint *constraint;
	struct arena *arena;
};

static const char *check_value(const struct place *place, struct kind kind, struct value v);

/* A problem's text, cut to what struct problem holds. */
static const char *say(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

static const char *say(struct arena *arena, const char *format, ...)
{
	struct problem problem;
	va_list args;

	va_start(args, format);
	vsnprintf(problem.text, sizeof(problem.text), format, args);
	va_end(args);
	return arena_cstr(arena, str_of(problem.text));
}

/* ---- numbers ---- */

static bool is_ranged(const struct constraint *constraint)
{
	return constraint && constraint->is_set;
}

static const char *range_problem(const struct constraint *constraint, struct arena *arena)
{
	if (constraint->min == constraint->max)
		return say(arena, "must be %lld", (long long)constraint->min);
	if (constraint->min == INT64_MIN)
		return say(arena, "must be a number of at most %lld", (long long)constraint->max);
	if (constraint->max == INT64_MAX)
		return say(arena, "must be a number of at least %lld", (long long)constraint->min);
	return say(arena, "must be a number from %lld to %lld", (long long)constraint->min, (long long)constraint->max);
}

static const char *check_range(const struct place *place, int64_t number)
{
	const struct constraint *constraint = place->constraint;

	if (!is_ranged(constraint) || (number >= constraint->min && number <= constraint->max))
		return NULL;
	return range_problem(constraint, place->arena);
}

static const char *check_integer(const struct place *place, struct value v, int64_t low)
{
	int64_t number;

	if (value_type(v) != VALUE_NUMBER || value_i64(v, &number) < 0 || number < low)
		return low == 0 ? "must be a non-negative integer" : "must be an integer";
	return check_range(place, number);
}

static const char *check_float(const struct place *place, struct value v)
{
	const struct constraint *constraint = place->constraint;
	char buffer[NUMBER_SIZE];
	double number;

	if (value_type(v) != VALUE_NUMBER)
		return "must be a number";
	if (!is_ranged(constraint))
		return NULL;
	if (value_text(v).len >= sizeof(buffer))
		return "must be a number of less than 64 characters";
	memcpy(buffer, value_text(v).ptr, value_text(v).len);
	buffer[value_text(v).len] = 0;
	number = strtod(buffer, NULL);
	if (number >= (double)constraint->min && number <= (double)constraint->max)
		return NULL;
	return range_problem(constraint, place->arena);
}

static const char *check_bool(struct value v)
{
	return value_type(v) == VALUE_TRUE || value_type(v) == VALUE_FALSE ? NULL : "must be true or false";
}

/* ---- enumerations ---- */

static const char *enum_problem(const struct enum_def *def, struct arena *arena)
{
	const char *text = "must be one of";

	if (def->count > FEW_VALUES)
		return say(arena, "must be a number of m2m:%s", def->name);
	for (size_t i = 0; i < def->count; i++)
		text = say(arena, "%s%s %lld (%s)", text, i ? "," : "", (long long)def->values[i].value,
			   def->values[i].name);
	return text;
}

static const char *check_enum(const struct place *place, const struct enum_def *def, struct value v)
{
	int64_t number;

	if (value_type(v) != VALUE_NUMBER || value_i64(v, &number) < 0 || !enum_value_name(def, number))
		return enum_problem(def, place->arena);
	return check_range(place, number);
}

/* ---- complex types ---- */

static const char *member_problem(const struct place *place, unsigned name, const char *problem)
{
	return say(place->arena, "%.*s (%.*s): %s", STR_ARG(name_long(place->schema, name)),
		   STR_ARG(name_short(place->schema, name)), problem);
}

static int member_row(const struct place *place, const struct complex_def *def, struct value v)
{
	struct str name = value_name(v);

	if (value_name_is_escaped(v))
		name = value_unescape(name, place->arena);
	return complex_row(place->schema, def, name);
}

static const char *check_member(const struct place *place, const struct attr_def *row, struct value v)
{
	struct place inner = {place->schema, &row->constraint, place->arena};
	const char *problem = check_value(&inner, row->kind, v);

	return problem ? member_problem(place, row->name, problem) : NULL;
}

static const char *check_presence(const struct place *place, const struct complex_def *def, uint64_t seen)
{
	for (size_t i = 0; i < def->count; i++)
		if (def->members[i].create == M && !(seen & (uint64_t)1 << i))
			return member_problem(place, def->members[i].name, "is missing");
	if (def->is_choice && (seen == 0 || (seen & (seen - 1)) != 0))
		return say(place->arena, "must have exactly one member of m2m:%s", def->name);
	return NULL;
}

static const char *check_complex(const struct place *place, const struct complex_def *def, struct value object)
{
	uint64_t seen = 0;

	if (value_type(object) != VALUE_OBJECT)
		return say(place->arena, "must be an object (m2m:%s)", def->name);
	for (struct value v = value_first(object); !value_is_absent(v); v = value_next(object, v)) {
		int row = member_row(place, def, v);
		const char *problem;
		char name[QUOTE_SIZE];

		if (row < 0)
			return say(place->arena, "\"%s\" is no member of m2m:%s", quote(name, value_name(v)),
				   def->name);
		problem = check_member(place, &def->members[row], v);
		if (problem)
			return problem;
		seen |= (uint64_t)1 << row;
	}
	return check_presence(place, def, seen);
}

/* ---- all kinds ---- */

static const char *check_text(const struct place *place, enum base_kind base, struct value v)
{
	int64_t number;

	if (base == KIND_ABS_REL_TIMESTAMP && value_type(v) == VALUE_NUMBER && value_i64(v, &number) == 0)
		return NULL;
	if (value_type(v) != VALUE_STRING)
		return "must be a string";
	return kind_text_problem(base, value_string(v, place->arena));
}

static const char *check_single(const struct place *place, struct kind kind, struct value v)
{
	switch (kind.base) {
	case KIND_UINT:
		return check_integer(place, v, 0);
	case KIND_INT:
		return check_integer(place, v, INT64_MIN);
	case KIND_FLOAT:
		return check_float(place, v);
	case KIND_BOOL:
		return check_bool(v);
	case KIND_ENUM:
		return check_enum(place, kind.of, v);
	case KIND_COMPLEX:
		return check_complex(place, kind.of, v);
	case KIND_ANY:
		return NULL;
	default:
		return check_text(place, kind.base, v);
	}
}

static const char *count_problem(const struct place *place, int64_t low, int64_t high)
{
	if (high == INT64_MAX)
		return low == 1 ? "must not be an empty list"
				: say(place->arena, "must have at least %lld elements", (long long)low);
	return say(place->arena, "must have %lld to %lld elements", (long long)low, (long long)high);
}

static const char *check_list(const struct place *place, struct kind kind, struct value list)
{
	bool is_set = is_ranged(place->constraint);
	int64_t low = is_set ? place->constraint->min : 1, high = is_set ? place->constraint->max : INT64_MAX;
	struct place inner = {place->schema, NULL, place->arena};
	unsigned number = 1;

	if (value_type(list) != VALUE_ARRAY)
		return "must be a list (JSON array)";
	if (value_token(list)->count < low || value_token(list)->count > high)
		return count_problem(place, low, high);
	for (struct value v = value_first(list); !value_is_absent(v); v = value_next(list, v), number++) {
		const char *problem = check_single(&inner, kind, v);

		if (problem)
			return say(place->arena, "element %u: %s", number, problem);
	}
	return NULL;
}

static const char *check_value(const struct place *place, struct kind kind, struct value v)
{
	const char *problem = kind.is_list ? check_list(place, kind, v) : check_single(place, kind, v);

	if (!problem && place->constraint && place->constraint->check)
		problem = place->constraint->check(v, place->arena);
	return problem;
}

const char *validate_kind(const struct schema *schema, struct kind kind, const struct constraint *constraint,
			  struct value v, struct arena *arena)
{
	struct place place = {schema, constraint, arena};

	return check_value(&place, kind, v);
}
