/* validation: what the tests of schemas/validate*.c share: all the tables, and a text that is validated. */
#ifndef TESTS_UNIT_VALIDATION_H
#define TESTS_UNIT_VALIDATION_H

#include "schemas/codec/codec.h"
#include "schemas/validate.h"

enum { MAX_TYPES = 64, MAX_ROWS = 64 };

/* validate_create, validate_update or validate_stored. */
typedef enum rsc validator(const struct schema *schema, const struct type_def *type, struct value object,
			   struct arena *arena, struct attrs *out, struct problem *problem);

struct fixture {
	struct schema *schema;
	struct arena arena;
	struct strbuf text;
	struct doc doc;
	struct attrs attrs;
	struct problem problem;
	bool exercised[MAX_TYPES][MAX_ROWS];
};

/* For cmocka's groups: *state is a struct fixture. */
int validation_set_up(void **state);
int validation_tear_down(void **state);

/* The JSON text's root, until the next call. */
struct value decoded(struct fixture *f, struct str text);
/* Validates f->text. */
enum rsc run(struct fixture *f, validator *validate, const struct type_def *type);
void assert_accepted(struct fixture *f, validator *validate, const struct type_def *type);

#endif
