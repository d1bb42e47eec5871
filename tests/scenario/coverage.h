/* coverage: what a whole run has exercised, and the answer's check against the tables. */
#ifndef TESTS_SCENARIO_COVERAGE_H
#define TESTS_SCENARIO_COVERAGE_H

#include "tests/scenario/transport.h"

#include <stdio.h>

/* Test points as they are printed. */
struct tap {
	unsigned count, failed;
};

/* diagnosis: lines printed behind the point as comments; may be NULL. */
void tap_point(struct tap *tap, bool ok, const char *diagnosis, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
void tap_skip(struct tap *tap, const char *why, const char *format, ...) __attribute__((format(printf, 3, 4)));

struct covered_type {
	const struct type_def *type;
	bool *rows; /* seen in an accepted request or in an answer */
	bool seen, has_refusals;
};

/* What came of a combination. */
enum { CELL_OK = 1, CELL_4000 = 2, CELL_5001 = 4 };
enum { RESULT_CONTENTS = 14, /* absent, 0 to 12 */ CONDITION_EXTRAS = 3 };

struct coverage {
	const struct schema *schema;
	struct covered_type *types;
	size_t count;
	bool codes[10000];
	unsigned char results[OP_NOTIFY]
			     [RESULT_CONTENTS]; /* CELL_ bits by operation (0: discovery) and Result Content */
	unsigned char conditions[FILTER_COUNT + CONDITION_EXTRAS]; /* behind the rows: attribute, c., p. */
};

/* Every type of the registry, specializations instead of the tables they build on. */
void coverage_init(struct coverage *coverage, const struct schema *schema);
void coverage_finish(struct coverage *coverage);
/* NULL if the type is not served. */
struct covered_type *coverage_find(struct coverage *coverage, const struct type_def *type);
/* Notes what stands in a content: {"m2m:cnt": {...}}. Anything else is passed over. */
void coverage_note(struct coverage *coverage, struct str content);
/* Notes which Result Content and which conditions went with the operation, and whether they were accepted. */
void coverage_note_cells(struct coverage *coverage, const struct exchange *exchange, const struct reply *reply);
/* The test points at the end; directory: where codes.txt and unseen.txt are. */
void coverage_report(struct coverage *coverage, struct tap *tap, const char *directory);

/* Does the answer fit the request and the tables? NULL, or what is wrong (in the arena). */
/* Likewise a notification that a target got: its content. */
const char *inspect_notification(const struct schema *schema, const struct exchange *exchange, struct arena *arena);
const char *inspect_reply(const struct schema *schema, const struct exchange *exchange, const struct reply *reply,
			  struct arena *arena);

#endif
