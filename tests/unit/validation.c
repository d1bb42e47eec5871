/* validation: see validation.h. */
#include "tests/unit/validation.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/unit/tables.h"

int validation_set_up(void **state)
{
	struct fixture *f = xzalloc(sizeof(*f));

	f->schema = schema_create(test_types, test_type_count);
	if (schema_load_builtin(f->schema, f->problem.text, sizeof(f->problem.text)) < 0)
		fail_msg("%s", f->problem.text);
	arena_init(&f->arena);
	*state = f;
	return 0;
}

int validation_tear_down(void **state)
{
	struct fixture *f = *state;

	schema_destroy(f->schema);
	arena_finish(&f->arena);
	strbuf_finish(&f->text);
	free(f);
	return 0;
}

struct value decoded(struct fixture *f, struct str text)
{
	static const struct decode_limits limits = {.bytes = 1 << 20, .depth = 32, .tokens = 10000};
	struct decode_error error;

	arena_reset(&f->arena);
	if (json_decode(text, &limits, &f->arena, &f->doc, &error) < 0)
		fail_msg("%.*s: %s", STR_ARG(text), error.message);
	return doc_root(&f->doc);
}

enum rsc run(struct fixture *f, validator *validate, const struct type_def *type)
{
	f->problem.text[0] = 0;
	return validate(f->schema, type, decoded(f, strbuf_str(&f->text)), &f->arena, &f->attrs, &f->problem);
}

void assert_accepted(struct fixture *f, validator *validate, const struct type_def *type)
{
	if (run(f, validate, type) != RSC_NONE)
		fail_msg("%s: %.*s: %s", type->name, STR_ARG(strbuf_str(&f->text)), f->problem.text);
}
