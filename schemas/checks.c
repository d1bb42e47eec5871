/* checks: see checks.h. */
#include "schemas/checks.h"

const char *check_app_id(struct value v, struct arena *arena)
{
	struct str text = value_string(v, arena);

	return text.len >= 2 && text.ptr[0] && strchr("RNr", text.ptr[0]) ? NULL : "must start with R, N or r";
}

const char *check_labels(struct value v, struct arena *arena)
{
	for (struct value label = value_first(v); !value_is_absent(label); label = value_next(v, label))
		if (value_string(label, arena).ptr[0] == ':')
			return "must be labels of the form key or key:value";
	return NULL;
}

const char *check_event_category(struct value v, struct arena *arena)
{
	int64_t number;

	(void)arena;
	if (value_i64(v, &number) == 0 && ((number >= 2 && number <= 4) || (number >= 100 && number <= 999)))
		return NULL;
	return "must be 2 (immediate), 3 (best effort), 4 (latest), or from 100 to 999";
}

const char *check_serializations(struct value v, struct arena *arena)
{
	for (struct value item = value_first(v); !value_is_absent(item); item = value_next(v, item)) {
		struct str text = value_string(item, arena);

		if (!str_eq(text, STR("xml")) && !str_eq(text, STR("json")) && !str_eq(text, STR("cbor")) &&
		    !memchr(text.ptr, '/', text.len))
			return "must be among xml, json and cbor, or their media types";
	}
	return NULL;
}

const char *check_simple(struct value v, struct arena *arena)
{
	(void)arena;
	return value_type(v) == VALUE_OBJECT || value_type(v) == VALUE_ARRAY ? "must be a simple value" : NULL;
}

const char *check_self_privileges(struct value v, struct arena *arena)
{
	struct value rules = value_first(v);

	(void)arena;
	return value_is_absent(rules) || value_token(rules)->count == 0 ? "must have at least one rule" : NULL;
}
