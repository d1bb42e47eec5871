/* What a run has exercised, and the test points about it. */
#include "tests/scenario/coverage.h"

#include "resources/registry.h"

#include <stdarg.h>

/* ---- TAP ---- */

static void print_diagnosis(const char *diagnosis)
{
	struct str rest = str_of(diagnosis);

	while (rest.ptr && rest.len) {
		struct str line = str_split(&rest, '\n');

		printf("# %.*s\n", STR_ARG(line));
	}
}

static void print_name(const char *format, va_list arguments) __attribute__((format(printf, 1, 0)));

static void print_name(const char *format, va_list arguments)
{
	char name[300];

	vsnprintf(name, sizeof(name), format, arguments);
	for (char *c = name; *c; c++)
		if (*c == '#')
			*c = ' ';
	printf("%s", name);
}

void tap_point(struct tap *tap, bool ok, const char *diagnosis, const char *format, ...)
{
	va_list arguments;

	tap->count++;
	tap->failed += !ok;
	printf("%s %u - ", ok ? "ok" : "not ok", tap->count);
	va_start(arguments, format);
	print_name(format, arguments);
	va_end(arguments);
	putchar('\n');
	if (!ok && diagnosis)
		print_diagnosis(diagnosis);
	fflush(stdout);
}

void tap_skip(struct tap *tap, const char *why, const char *format, ...)
{
	va_list arguments;

	printf("ok %u - ", ++tap->count);
	va_start(arguments, format);
	print_name(format, arguments);
	va_end(arguments);
	printf(" # SKIP %s\n", why);
}

/* ---- collecting ---- */

static bool is_registered(unsigned ty)
{
	size_t count;
	const struct type_def *const *types = registry_types(&count);

	for (size_t i = 0; i < count; i++)
		if (types[i]->ty == ty)
			return true;
	return false;
}

/* Specializations stand for the table they build on: there is no plain mgmtObj or flexContainer. */
static bool is_covered(const struct type_def *type)
{
	if (type->ty == TY_mgmtObj)
		return type->specialization != 0 && is_registered(type->ty);
	if (type->ty == TY_flexContainer)
		return type->definition != NULL && is_registered(type->ty);
	return is_registered(type->ty);
}

void coverage_init(struct coverage *coverage, const struct schema *schema)
{
	const struct type_def *type;

	memset(coverage, 0, sizeof(*coverage));
	coverage->schema = schema;
	for (size_t i = 0; (type = schema_type_at(schema, i)) != NULL; i++) {
		if (!is_covered(type))
			continue;
		coverage->types = xrealloc(coverage->types, (coverage->count + 1) * sizeof(*coverage->types));
		coverage->types[coverage->count++] =
			(struct covered_type){type, xzalloc(type->attr_count), false, false};
	}
}

void coverage_finish(struct coverage *coverage)
{
	for (size_t i = 0; i < coverage->count; i++)
		free(coverage->types[i].rows);
	free(coverage->types);
}

struct covered_type *coverage_find(struct coverage *coverage, const struct type_def *type)
{
	for (size_t i = 0; i < coverage->count; i++)
		if (coverage->types[i].type == type)
			return &coverage->types[i];
	return NULL;
}

static void note_resource(struct coverage *coverage, struct value member)
{
	const struct type_def *type = schema_type_by_root(coverage->schema, value_name(member));
	struct covered_type *covered = type ? coverage_find(coverage, type) : NULL;

	if (!covered || value_type(member) != VALUE_OBJECT)
		return;
	covered->seen = true;
	for (struct value v = value_first(member); !value_is_absent(v); v = value_next(member, v)) {
		int row = schema_row(coverage->schema, type, value_name(v));

		if (row >= 0 && value_type(v) != VALUE_NULL)
			covered->rows[row] = true;
	}
}

void coverage_note(struct coverage *coverage, struct str content)
{
	static const struct decode_limits limits = {.bytes = 1 << 24, .depth = 64, .tokens = 1 << 20};
	struct arena arena;
	struct doc doc;
	struct decode_error error;

	arena_init(&arena);
	if (content.len && json_decode(content, &limits, &arena, &doc, &error) == 0 &&
	    value_type(doc_root(&doc)) == VALUE_OBJECT && value_token(doc_root(&doc))->count == 1)
		note_resource(coverage, value_first(doc_root(&doc)));
	arena_finish(&arena);
}

static unsigned char bit_of(int rsc)
{
	if (rsc_is_success((enum rsc)rsc))
		return CELL_OK;
	return rsc == RSC_BAD_REQUEST ? CELL_4000 : rsc == RSC_NOT_IMPLEMENTED ? CELL_5001 : 0;
}

/* Row of the condition in coverage->conditions. */
static unsigned condition_row(const struct filter_item *item)
{
	if (item->tag != FILTER_COUNT)
		return item->tag;
	return FILTER_COUNT + (str_starts(item->name, STR("c.")) ? 1 : str_starts(item->name, STR("p.")) ? 2 : 0);
}

void coverage_note_cells(struct coverage *coverage, const struct exchange *exchange, const struct reply *reply)
{
	struct str rcn = exchange->param[PARAM_resultContent];
	unsigned op = exchange->op;
	int64_t number = -1;

	for (unsigned i = 0; i < exchange->condition_count; i++) {
		const struct filter_item *item = &exchange->conditions[i];

		coverage->conditions[condition_row(item)] |= bit_of(reply->rsc);
		if (item->tag == FILTER_filterUsage && str_eq(item->text, STR("1")))
			op = 0;
	}
	if (rcn.ptr && (str_to_i64(rcn, &number) != 0 || number < 0))
		return;
	if (op < OP_NOTIFY && number + 1 < RESULT_CONTENTS)
		coverage->results[op][number + 1] |= bit_of(reply->rsc);
}

/* ---- reporting ---- */

/* A table file beside the scenarios: lines of words, # begins a comment. */
static void read_table(const char *directory, const char *name, struct strbuf *text)
{
	char path[500];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	FILE *file = fopen(path, "re");

	if (!file) {
		fprintf(stderr, "%s: %m\n", path);
		return;
	}
	for (int c; (c = getc(file)) != EOF;)
		strbuf_add_char(text, (char)c);
	fclose(file);
}

/* The next line's first two words; false at the end. */
static bool next_words(struct str *rest, struct str *first, struct str *second)
{
	while (rest->ptr && rest->len) {
		struct str line = str_split(rest, '\n');

		*first = str_split(&line, ' ');
		while (line.ptr && line.len && line.ptr[0] == ' ')
			line = str_from(line, 1);
		*second = str_split(&line, ' ');
		if (first->ptr && first->len && first->ptr[0] != '#')
			return true;
	}
	return false;
}

static bool is_listed(struct str table, struct str type, struct str row)
{
	struct str first, second;

	while (next_words(&table, &first, &second))
		if (str_eq(first, type) && str_eq(second, row))
			return true;
	return false;
}

static void report_rows(struct coverage *coverage, struct tap *tap, const struct covered_type *covered,
			struct str unseen)
{
	const struct type_def *type = covered->type;
	struct strbuf faults = {0};

	for (size_t i = 0; i < type->attr_count; i++) {
		struct str name = name_long(coverage->schema, type->attrs[i].name);
		bool listed = is_listed(unseen, str_of(type->name), name);

		if (!covered->rows[i] && !listed)
			strbuf_addf(&faults, "never seen: %.*s\n", STR_ARG(name));
		else if (covered->rows[i] && listed)
			strbuf_addf(&faults, "in unseen.txt, but seen: %.*s\n", STR_ARG(name));
	}
	strbuf_add_char(&faults, '\0');
	tap_point(tap, faults.len == 1, faults.ptr,
		  "coverage: every attribute of %s was in an accepted request or an answer", type->name);
	strbuf_finish(&faults);
}

static void report_codes(struct coverage *coverage, struct tap *tap, struct str table)
{
	bool listed[10000] = {false};
	struct strbuf faults = {0};
	struct str first, second;
	int64_t code;

	while (next_words(&table, &first, &second)) {
		if (str_to_i64(first, &code) != 0 || code < 0 || code >= 10000)
			continue;
		listed[code] = true;
		if (!coverage->codes[code])
			strbuf_addf(&faults, "never seen: %.*s %.*s\n", STR_ARG(first), STR_ARG(second));
	}
	for (size_t i = 0; i < sizeof(listed); i++)
		if (coverage->codes[i] && !listed[i])
			strbuf_addf(&faults, "seen, but not in codes.txt: %zu\n", i);
	strbuf_add_char(&faults, '\0');
	tap_point(tap, faults.len == 1, faults.ptr,
		  "coverage: every response status code of codes.txt was seen, and no other");
	strbuf_finish(&faults);
}

static unsigned char expected_bits(struct str table, struct str cell)
{
	struct str first, second;

	while (next_words(&table, &first, &second)) {
		if (!str_eq(first, cell))
			continue;
		return str_eq(second, STR("ok"))     ? CELL_OK
		       : str_eq(second, STR("4000")) ? CELL_4000
		       : str_eq(second, STR("5001")) ? CELL_5001
						     : 0;
	}
	return 0;
}

static void check_cell(struct strbuf *faults, struct str table, unsigned char seen, const char *cell)
{
	unsigned char expected = expected_bits(table, str_of(cell));

	if (!expected)
		strbuf_addf(faults, "not in cells.txt: %s\n", cell);
	else if (!(seen & expected))
		strbuf_addf(faults, "never seen as cells.txt says: %s\n", cell);
}

static void report_cells(struct coverage *coverage, struct tap *tap, struct str table)
{
	static const char *const operations[OP_NOTIFY] = {"DISCOVERY", "CREATE", "RETRIEVE", "UPDATE", "DELETE"};
	static const char *const extras[CONDITION_EXTRAS] = {"attribute", "c.attribute", "p.attribute"};
	struct strbuf faults = {0};
	char cell[60];

	for (unsigned op = 0; op < OP_NOTIFY; op++) {
		for (int rcn = -1; rcn < RESULT_CONTENTS - 1; rcn++) {
			snprintf(cell, sizeof(cell), rcn < 0 ? "%s" : "%s/%d", operations[op], rcn);
			check_cell(&faults, table, coverage->results[op][rcn + 1], cell);
		}
	}
	for (unsigned i = 0; i < FILTER_COUNT + CONDITION_EXTRAS; i++) {
		snprintf(cell, sizeof(cell), "filter/%s",
			 i < FILTER_COUNT ? condition_defs[i].short_name : extras[i - FILTER_COUNT]);
		check_cell(&faults, table, coverage->conditions[i], cell);
	}
	strbuf_add_char(&faults, '\0');
	tap_point(
		tap, faults.len == 1, faults.ptr,
		"coverage: every cell of the result content matrix and every filter condition was seen as cells.txt says");
	strbuf_finish(&faults);
}

void coverage_report(struct coverage *coverage, struct tap *tap, const char *directory)
{
	struct strbuf unseen = {0}, codes = {0}, cells = {0};

	read_table(directory, "unseen.txt", &unseen);
	read_table(directory, "codes.txt", &codes);
	for (size_t i = 0; i < coverage->count; i++) {
		const struct covered_type *covered = &coverage->types[i];

		tap_point(tap, covered->seen, NULL, "coverage: a %s was exercised", covered->type->name);
		report_rows(coverage, tap, covered, strbuf_str(&unseen));
		tap_point(tap, covered->has_refusals, NULL, "coverage: the rows of %s were turned into refusals",
			  covered->type->name);
	}
	report_codes(coverage, tap, strbuf_str(&codes));
	read_table(directory, "cells.txt", &cells);
	report_cells(coverage, tap, strbuf_str(&cells));
	strbuf_finish(&cells);
	strbuf_finish(&unseen);
	strbuf_finish(&codes);
}
