/* Drafts. */
#include "cse/core/draft.h"

#include "schemas/timestamp.h"

void draft_init(struct draft *draft, const struct schema *schema, const struct type_def *type, struct arena *arena)
{
	*draft = (struct draft){.schema = schema, .type = type, .arena = arena};
	draft->text = arena_zalloc(arena, type->attr_count * sizeof(struct str));
}

void draft_take(struct draft *draft, const struct attrs *attrs)
{
	for (size_t i = 0; i < attrs->type->attr_count; i++) {
		struct value value = attrs->value[i];

		if (value_is_absent(value))
			continue;
		draft->text[i] = value_type(value) == VALUE_NULL ? (struct str){0} : value_text(value);
	}
}

void draft_take_defaults(struct draft *draft)
{
	for (size_t i = 0; i < draft->type->attr_count; i++) {
		const struct attr_def *row = &draft->type->attrs[i];

		if (row->default_kind == DEFAULT_TEXT && !draft->text[i].ptr)
			draft->text[i] = str_of(row->default_text);
	}
}

void draft_set(struct draft *draft, unsigned name, struct str json)
{
	int row = type_row(draft->type, name);

	if (row >= 0)
		draft->text[row] = json;
}

void draft_set_string(struct draft *draft, unsigned name, struct str text)
{
	struct strbuf quoted = {0};

	strbuf_add_json(&quoted, text);
	draft_set(draft, name, arena_copy(draft->arena, strbuf_str(&quoted)));
	strbuf_finish(&quoted);
}

void draft_set_u64(struct draft *draft, unsigned name, uint64_t value)
{
	draft_set(draft, name, arena_printf(draft->arena, "%llu", (unsigned long long)value));
}

void draft_set_timestamp(struct draft *draft, unsigned name, int64_t wall_us)
{
	char *text = arena_alloc(draft->arena, TIMESTAMP_SIZE + 2);
	size_t len = timestamp_print(text + 1, wall_us);

	text[0] = '"';
	text[len + 1] = '"';
	draft_set(draft, name, str_make(text, len + 2));
}

struct str draft_get(const struct draft *draft, unsigned name)
{
	int row = type_row(draft->type, name);

	return row < 0 ? (struct str){0} : draft->text[row];
}

bool draft_has(const struct draft *draft, unsigned name)
{
	return draft_get(draft, name).ptr != NULL;
}

uint64_t draft_get_u64(const struct draft *draft, unsigned name, uint64_t fallback)
{
	uint64_t value;

	return str_to_u64(draft_get(draft, name), &value) == 0 ? value : fallback;
}

bool draft_get_bool(const struct draft *draft, unsigned name, bool fallback)
{
	struct str text = draft_get(draft, name);

	return text.ptr ? text.ptr[0] == 't' : fallback;
}

struct str draft_get_string(const struct draft *draft, unsigned name)
{
	static const struct decode_limits limits = {.bytes = SIZE_MAX, .depth = 1, .tokens = 1};
	struct str text = draft_get(draft, name);
	struct decode_error error;
	struct doc *doc = arena_zalloc(draft->arena, sizeof(*doc));

	if (!text.ptr || json_decode(text, &limits, draft->arena, doc, &error) != 0)
		return (struct str){0};
	return value_string(doc_root(doc), draft->arena);
}

static char *put(char *at, struct str s)
{
	memcpy(at, s.ptr, s.len);
	return at + s.len;
}

struct str draft_print(const struct draft *draft)
{
	const struct type_def *type = draft->type;
	size_t size = 0;
	char *text, *at;

	for (size_t i = 0; i < type->attr_count; i++)
		if (draft->text[i].ptr)
			size += draft->text[i].len + name_short(draft->schema, type->attrs[i].name).len + 4;
	at = text = arena_alloc(draft->arena, size + 1);
	for (size_t i = 0; i < type->attr_count; i++) {
		if (!draft->text[i].ptr || type->attrs[i].default_kind == DEFAULT_COMPUTED)
			continue;
		if (at != text)
			*at++ = ',';
		*at++ = '"';
		at = put(at, name_short(draft->schema, type->attrs[i].name));
		*at++ = '"';
		*at++ = ':';
		at = put(at, draft->text[i]);
	}
	return str_make(text, (size_t)(at - text));
}
