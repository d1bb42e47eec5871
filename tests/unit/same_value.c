/* same_value: see same_value.h. */
#include "tests/unit/same_value.h"

static struct str name_of(struct value v, struct arena *arena)
{
	return value_name_is_escaped(v) ? value_unescape(value_name(v), arena) : value_name(v);
}

static struct value member(struct value object, struct str name, struct arena *arena)
{
	struct value v = value_first(object);

	while (!value_is_absent(v) && !str_eq(name_of(v, arena), name))
		v = value_next(object, v);
	return v;
}

static bool same_members(struct value a, struct value b, struct arena *arena)
{
	for (struct value v = value_first(a); !value_is_absent(v); v = value_next(a, v)) {
		struct value other = member(b, name_of(v, arena), arena);

		if (value_is_absent(other) || !same_value(v, other, arena))
			return false;
	}
	return true;
}

static bool same_elements(struct value a, struct value b, struct arena *arena)
{
	struct value w = value_first(b);

	for (struct value v = value_first(a); !value_is_absent(v); v = value_next(a, v), w = value_next(b, w))
		if (!same_value(v, w, arena))
			return false;
	return true;
}

bool same_value(struct value a, struct value b, struct arena *arena)
{
	if (value_type(a) != value_type(b) || value_token(a)->count != value_token(b)->count)
		return false;
	switch (value_type(a)) {
	case VALUE_OBJECT:
		return same_members(a, b, arena);
	case VALUE_ARRAY:
		return same_elements(a, b, arena);
	default:
		return str_eq(value_string(a, arena), value_string(b, arena));
	}
}
