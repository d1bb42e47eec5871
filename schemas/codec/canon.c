/* canon: see canon.h. */
#include "schemas/codec/canon.h"

/* A value or name begins: behind another one stands a comma. */
static void separate(struct canon *canon)
{
	char last = canon->text.len ? canon->text.ptr[canon->text.len - 1] : '[';

	if (last != '{' && last != '[' && last != ':')
		strbuf_add_char(&canon->text, ',');
}

void canon_open(struct canon *canon, char bracket)
{
	separate(canon);
	strbuf_add_char(&canon->text, bracket);
}

void canon_close(struct canon *canon, char bracket, size_t offset)
{
	if (canon->count == canon->capacity) {
		canon->capacity = canon->capacity * 2 + 16;
		canon->places = xrealloc(canon->places, canon->capacity * sizeof(*canon->places));
	}
	canon->places[canon->count++] = (struct canon_place){canon->text.len, offset};
	strbuf_add_char(&canon->text, bracket);
}

void canon_name(struct canon *canon, struct str name)
{
	canon_string(canon, name);
	strbuf_add_char(&canon->text, ':');
}

void canon_string(struct canon *canon, struct str text)
{
	separate(canon);
	strbuf_add_json(&canon->text, text);
}

void canon_literal(struct canon *canon, struct str text)
{
	separate(canon);
	strbuf_add_str(&canon->text, text);
}

/* The end of the object in the input whose end in the text is at or behind `at`. */
static size_t offset_of(const struct canon *canon, size_t at)
{
	for (size_t i = 0; i < canon->count; i++)
		if (canon->places[i].at >= at)
			return canon->places[i].offset;
	return 0;
}

int canon_end(struct canon *canon, const struct decode_limits *limits, struct arena *arena, struct doc *doc,
	      struct decode_error *error)
{
	struct decode_limits inner = {.bytes = SIZE_MAX, .depth = limits->depth, .tokens = limits->tokens};
	int result = json_decode(arena_copy(arena, strbuf_str(&canon->text)), &inner, arena, doc, error);

	if (result < 0)
		error->offset = offset_of(canon, error->offset);
	return result;
}

void canon_finish(struct canon *canon)
{
	strbuf_finish(&canon->text);
	free(canon->places);
}
