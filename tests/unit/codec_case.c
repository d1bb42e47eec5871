/* codec_case: see codec_case.h. */
#include "tests/unit/codec_case.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/unit/tables.h"

static const struct decode_limits limits = {.bytes = 10000, .depth = 8, .tokens = 100};

int codec_case_set_up(void **state, const char *codec)
{
	struct codec_case *c = xzalloc(sizeof(*c));
	char message[200];

	c->schema = schema_create(test_types, test_type_count);
	assert_int_equal(schema_load_builtin(c->schema, message, sizeof(message)), 0);
	c->codec = codec_find(str_of(codec));
	arena_init(&c->arena);
	*state = c;
	return 0;
}

int codec_case_tear_down(void **state)
{
	struct codec_case *c = *state;

	schema_destroy(c->schema);
	arena_finish(&c->arena);
	strbuf_finish(&c->out);
	free(c);
	return 0;
}

static int decode(struct codec_case *c, enum codec_form form, struct str bytes)
{
	arena_reset(&c->arena);
	c->error = (struct decode_error){0};
	return c->codec->decode(c->schema, form, bytes, &limits, &c->arena, &c->doc, &c->error);
}

void assert_reads(struct codec_case *c, enum codec_form form, struct str bytes, const char *json)
{
	if (decode(c, form, bytes) < 0)
		fail_msg("refused at %zu: %s, not read as %s", c->error.offset, c->error.message, json);
	if (!str_eq(c->doc.text, str_of(json)))
		fail_msg("read as\n%.*s, not as\n%s", STR_ARG(c->doc.text), json);
}

void assert_refuses(struct codec_case *c, struct str bytes, int error, size_t offset, const char *message)
{
	int result = decode(c, CODEC_CONTENT, bytes);

	if (result == 0)
		fail_msg("read as %.*s, not refused: %s", STR_ARG(c->doc.text), message);
	if (result != error || c->error.offset != offset || !strstr(c->error.message, message))
		fail_msg("%d at %zu: \"%s\", not %d at %zu: %s", result, c->error.offset, c->error.message, error,
			 offset, message);
}

static int encode(struct codec_case *c, enum codec_form form, const char *json)
{
	arena_reset(&c->arena);
	strbuf_clear(&c->out);
	strbuf_add_char(&c->out, '#');
	return c->codec->encode(c->schema, form, str_of(json), &c->arena, &c->out, &c->error);
}

void assert_writes(struct codec_case *c, enum codec_form form, const char *json, struct str bytes)
{
	if (encode(c, form, json) < 0)
		fail_msg("%s: %s", json, c->error.message);
	if (!str_eq(str_from(strbuf_str(&c->out), 1), bytes))
		fail_msg("%s is written as\n%.*s", json, STR_ARG(strbuf_str(&c->out)));
}

void assert_cannot_write(struct codec_case *c, const char *json, const char *message)
{
	if (encode(c, CODEC_CONTENT, json) == 0)
		fail_msg("%s is written as %.*s", json, STR_ARG(strbuf_str(&c->out)));
	if (!strstr(c->error.message, message))
		fail_msg("%s: \"%s\" does not contain \"%s\"", json, c->error.message, message);
	assert_int_equal(c->out.len, 1);
}
