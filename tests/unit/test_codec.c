/* Unit tests of schemas/codec: what holds for every type, row and complex type, whatever the values. The documents are
 * made from the tables; the seed of those made at random is printed, and COPSE_SEED repeats a run. */
#include "schemas/codec/codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "tests/unit/same_value.h"
#include "tests/unit/tables.h"
#include "tests/unit/value_maker.h"
#include "tests/unit/value_random.h"

enum { ROUNDS = 300, MESSAGE = 200 };

static const struct decode_limits limits = {.bytes = 1 << 20, .depth = 64, .tokens = 100000};

struct fixture {
	struct schema *schema;
	struct arena arena;
	struct random random;
	struct strbuf text, bytes;
};

/* A type with one attribute of each complex type, and one of lists of it, so that each can be in a content. */
static void load_complex_types(struct schema *schema)
{
	char message[MESSAGE] = "";
	struct strbuf text = {0};

	for (size_t i = 0; complex_at(i); i++) {
		strbuf_clear(&text);
		strbuf_addf(
			&text,
			"{\"type\":\"flexContainer\",\"namespace\":\"test\",\"short\":\"t%zu\",\"name\":\"test%zu\","
			"\"containerDefinition\":\"org.example.t%zu\",\"attributes\":[",
			i, i, i);
		for (int is_list = 0; is_list < 2; is_list++)
			strbuf_addf(&text,
				    "%s{\"name\":\"attribute%d\",\"short\":\"a%d\",\"kind\":\"%s%s)%s\","
				    "\"multiplicity\":\"0..1\",\"create\":\"O\",\"update\":\"O\",\"announce\":\"OA\"}",
				    is_list ? "," : "", is_list, is_list, is_list ? "LIST(COMPLEX(" : "COMPLEX(",
				    complex_at(i)->name, is_list ? ")" : "");
		STRBUF_LIT(&text, "]}");
		if (schema_load(schema, strbuf_str(&text), "test", message, sizeof(message)) < 0)
			fail_msg("%s", message);
	}
	strbuf_finish(&text);
}

static int set_up(void **state)
{
	struct fixture *f = xzalloc(sizeof(*f));
	const char *seed = getenv("COPSE_SEED");
	char message[MESSAGE];

	f->schema = schema_create(test_types, test_type_count);
	assert_int_equal(schema_load_builtin(f->schema, message, sizeof(message)), 0);
	load_complex_types(f->schema);
	f->random.state = seed ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL) * 0x9e3779b97f4a7c15 | 1;
	print_message("# COPSE_SEED=%llu\n", (unsigned long long)f->random.state);
	arena_init(&f->arena);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	schema_destroy(f->schema);
	arena_finish(&f->arena);
	strbuf_finish(&f->text);
	strbuf_finish(&f->bytes);
	free(f);
	return 0;
}

/* ---- one document there and back ---- */

static struct doc *decode(struct fixture *f, const struct codec *codec, enum codec_form form, struct str bytes)
{
	struct doc *doc = arena_alloc(&f->arena, sizeof(*doc));
	struct decode_error error;

	if (codec->decode(f->schema, form, bytes, &limits, &f->arena, doc, &error) < 0)
		fail_msg("%s refuses at %zu: %s\n%.*s\nof %.*s", codec->name, error.offset, error.message,
			 codec->name[0] == 'c' ? 0 : (int)bytes.len, bytes.ptr, STR_ARG(strbuf_str(&f->text)));
	return doc;
}

/* The document's bytes in a serialization, and what they are when read. */
static struct doc *pass(struct fixture *f, const struct codec *codec, enum codec_form form, const struct doc *doc)
{
	struct decode_error error;

	strbuf_clear(&f->bytes);
	if (codec->encode(f->schema, form, doc->text, &f->arena, &f->bytes, &error) < 0)
		fail_msg("%s cannot carry %.*s: %s", codec->name, STR_ARG(doc->text), error.message);
	return decode(f, codec, form, arena_copy(&f->arena, strbuf_str(&f->bytes)));
}

/* f->text through all serializations, one after the other. */
static void assert_passes(struct fixture *f, enum codec_form form)
{
	struct doc *first, *doc;

	arena_reset(&f->arena);
	first = decode(f, codec_find(STR("json")), form, strbuf_str(&f->text));
	doc = first;
	for (size_t i = 0; codec_at(i); i++) {
		doc = pass(f, codec_at(i), form, doc);
		if (!same_value(doc_root(first), doc_root(doc), &f->arena))
			fail_msg("%s makes of\n%.*s\nthis:\n%.*s\n%.*s", codec_at(i)->name,
				 STR_ARG(strbuf_str(&f->text)), STR_ARG(doc->text),
				 codec_at(i)->name[0] == 'c' ? 0 : (int)f->bytes.len, f->bytes.ptr);
	}
}

/* ---- documents ---- */

typedef void value_of_row(struct fixture *f, const struct attr_def *row);

static void full_value(struct fixture *f, const struct attr_def *row)
{
	make_value(&f->text, row->kind, &row->constraint);
}

static void any_value(struct fixture *f, const struct attr_def *row)
{
	random_value(&f->text, &f->random, row->kind, &row->constraint);
}

static void begin(struct fixture *f, const struct type_def *type)
{
	strbuf_clear(&f->text);
	strbuf_addf(&f->text, "{\"%s:%s\":{", type->space, type->short_name);
}

static void add_row(struct fixture *f, const struct attr_def *row, value_of_row *value)
{
	char last = f->text.ptr[f->text.len - 1];

	strbuf_addf(&f->text, "%s\"%.*s\":", last == '{' ? "" : ",", STR_ARG(name_short(f->schema, row->name)));
	value(f, row);
}

static void each_type(struct fixture *f, void (*call)(struct fixture *f, const struct type_def *type))
{
	const struct type_def *type;

	for (size_t i = 0; (type = schema_type_at(f->schema, i)) != NULL; i++)
		call(f, type);
	assert_true(type == NULL);
}

static void pass_whole(struct fixture *f, const struct type_def *type)
{
	begin(f, type);
	for (size_t row = 0; row < type->attr_count; row++)
		add_row(f, &type->attrs[row], full_value);
	STRBUF_LIT(&f->text, "}}");
	assert_passes(f, CODEC_CONTENT);
}

static void every_type_comes_back(void **state)
{
	each_type(*state, pass_whole);
}

static void pass_rows(struct fixture *f, const struct type_def *type)
{
	for (size_t row = 0; row < type->attr_count; row++) {
		begin(f, type);
		add_row(f, &type->attrs[row], full_value);
		STRBUF_LIT(&f->text, "}}");
		assert_passes(f, CODEC_CONTENT);
	}
}

static void every_row_comes_back(void **state)
{
	each_type(*state, pass_rows);
}

static void pass_nulls(struct fixture *f, const struct type_def *type)
{
	for (size_t row = 0; row < type->attr_count; row++) {
		const struct attr_def *attr = &type->attrs[row];
		bool may_be_empty = attr->kind.is_list && attr->constraint.is_set && attr->constraint.min == 0;

		if (may_be_empty)
			continue;
		begin(f, type);
		strbuf_addf(&f->text, "\"%.*s\":null}}", STR_ARG(name_short(f->schema, attr->name)));
		assert_passes(f, CODEC_CONTENT);
	}
}

static void a_null_comes_back_in_every_row_that_can_be_removed(void **state)
{
	each_type(*state, pass_nulls);
}

static void pass_random(struct fixture *f, const struct type_def *type)
{
	for (unsigned round = 0; round < ROUNDS; round++) {
		begin(f, type);
		for (size_t row = 0; row < type->attr_count; row++)
			if (random_below(&f->random, 2))
				add_row(f, &type->attrs[row], any_value);
		STRBUF_LIT(&f->text, "}}");
		assert_passes(f, CODEC_CONTENT);
	}
}

static void values_at_random_come_back_in_every_type(void **state)
{
	each_type(*state, pass_random);
}

static void primitives_at_random_come_back_wrapped_or_not(void **state)
{
	static const struct {
		enum codec_form form;
		const char *type;
	} cases[] = {{CODEC_REQUEST, "requestPrimitive"}, {CODEC_RESPONSE, "responsePrimitive"}};
	struct fixture *f = *state;

	for (size_t i = 0; i < 2 * ROUNDS; i++) {
		struct attr_def row = {.kind = {KIND_COMPLEX, false, complex_find(str_of(cases[i % 2].type))}};

		strbuf_clear(&f->text);
		any_value(f, &row);
		assert_passes(f, cases[i % 2].form);
	}
}

static void any_content_comes_back_with_the_kinds_of_its_values(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < 20 * ROUNDS; i++) {
		strbuf_clear(&f->text);
		STRBUF_LIT(&f->text, "{\"m2m:cin\":{\"con\":");
		random_json(&f->text, &f->random, 5);
		STRBUF_LIT(&f->text, "}}");
		assert_passes(f, CODEC_CONTENT);
	}
}

static void every_other_root_comes_back(void **state)
{
	static const char *const contents[] = {
		"{\"m2m:uri\":\"cse-in/ae/cnt\"}",
		"{\"m2m:uri\":\"\"}",
		"{\"m2m:uril\":[]}",
		"{\"m2m:uril\":[\"cse-in/a\",\"cse-in/b\"]}",
		"{\"m2m:rrl\":{\"rrf\":[]}}",
		"{\"m2m:rrl\":{\"rrf\":[{\"nm\":\"a\",\"typ\":3,\"val\":\"cse-in/a\"},"
		"{\"nm\":\"b\",\"typ\":28,\"spid\":\"org.x\",\"val\":\"cse-in/b\"}]}}",
		"{\"m2m:rce\":{\"uri\":\"cse-in/a\",\"m2m:cnt\":{\"rn\":\"a\",\"mni\":1}}}",
		"{\"m2m:rce\":{\"uri\":\"cse-in/a\",\"cod:tempe\":{\"rn\":\"a\",\"curT0\":1.5}}}",
		"{\"m2m:atrl\":[\"mni\",\"lbl\"]}",
		"{\"m2m:agr\":{\"m2m:rsp\":[]}}",
		"{\"m2m:agr\":{\"m2m:rsp\":[{\"rsc\":2000,\"rqi\":\"1\",\"pc\":{\"m2m:cnt\":{\"rn\":\"a\"}},\"fr\":\"x\"},"
		"{\"rsc\":4004,\"rqi\":\"1\",\"pc\":{\"m2m:dbg\":\"<none> & \\\"nothing\\\"\"}},{}]}}",
		"{\"m2m:rqp\":{\"op\":5,\"to\":\"/id/a\",\"fr\":\"/id\",\"rqi\":\"1\",\"pc\":{\"m2m:sgn\":{\"vrq\":true,"
		"\"sur\":\"a\"}},\"rqet\":5000,\"rt\":{\"rtv\":2,\"nu\":[]},\"rvi\":\"3\"}}",
		"{\"m2m:rsp\":{\"rsc\":2000,\"rqi\":\"1\",\"rset\":\"5000\"}}",
		"{\"m2m:sgn\":{\"nev\":{\"rep\":{\"m2m:cin\":{\"con\":[1,{\"a b\":null}]}},\"net\":3},\"sur\":\"a\"}}",
		"{\"m2m:sgn\":{\"nev\":{\"rep\":{\"m2m:uri\":\"a\"},\"net\":3},\"sur\":\"a\"}}",
		"{\"m2m:agn\":{\"m2m:sgn\":[{\"sur\":\"a\"},{\"sur\":\"b\",\"sud\":true}]}}",
		"{\"m2m:tsn\":{\"mdlt\":[\"20260101T000000\"],\"mdc\":1}}",
		"{\"m2m:dbg\":\"\"}",
		"{\"m2m:dbg\":\" \\r\\n x \"}",
		"{\"m2m:qres\":\"<sparql/>\"}",
		"{\"m2m:seci\":{\"sit\":1,\"x\":[true]}}",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++) {
		strbuf_clear(&f->text);
		strbuf_add_str(&f->text, str_of(contents[i]));
		assert_passes(f, CODEC_CONTENT);
	}
}

static void children_and_references_come_back_within_a_resource(void **state)
{
	static const char *const contents[] = {
		"{\"m2m:ae\":{\"rn\":\"a\",\"m2m:cnt\":[{\"rn\":\"b\",\"m2m:cin\":[{\"con\":1},{\"con\":\"1\"}],"
		"\"m2m:sub\":[{\"rn\":\"s\"}]},{}],\"cod:tempe\":[{\"rn\":\"t\",\"curT0\":1.0}]}}",
		"{\"m2m:ae\":{\"rn\":\"a\",\"ch\":[{\"nm\":\"b\",\"typ\":3,\"val\":\"cse-in/a/b\"}]}}",
		"{\"cod:tempe\":{\"rn\":\"a\",\"m2m:sub\":[{\"rn\":\"s\",\"m2m:sch\":[{\"se\":{\"sce\":[\"* * * * * * "
		"*\"]}}]}]}}",
		"{\"m2m:cnt\":{}}",
		"{\"m2m:acp\":{\"pv\":{\"acr\":[]},\"pvs\":{\"acr\":[{}]}}}",
		"{\"m2m:cnt\":{\"futureOne\":[1,\"a\"],\"futureTwo\":{\"x\":{}},\"futureThree\":\"\",\"mni\":1}}",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++) {
		strbuf_clear(&f->text);
		strbuf_add_str(&f->text, str_of(contents[i]));
		assert_passes(f, CODEC_CONTENT);
	}
}

/* What validation will refuse has to arrive as what it is. */
static void a_value_of_a_wrong_kind_comes_back_wrong(void **state)
{
	static const char *const values[] = {"\"7\"", "7.0",	    "true", "\"true\"", "\" a \"", "\"\"",
					     "{}",    "{\"a\":[]}", "[]",   "[1]",	"\"x\"",   "-1"};
	static const char *const rows[] = {"mni", "et", "disr", "rn", "or"};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
			strbuf_clear(&f->text);
			strbuf_addf(&f->text, "{\"m2m:cnt\":{\"%s\":%s}}", rows[row], values[i]);
			assert_passes(f, CODEC_CONTENT);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_type_comes_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(every_row_comes_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_null_comes_back_in_every_row_that_can_be_removed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(values_at_random_come_back_in_every_type, set_up, tear_down),
		cmocka_unit_test_setup_teardown(primitives_at_random_come_back_wrapped_or_not, set_up, tear_down),
		cmocka_unit_test_setup_teardown(any_content_comes_back_with_the_kinds_of_its_values, set_up, tear_down),
		cmocka_unit_test_setup_teardown(every_other_root_comes_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(children_and_references_come_back_within_a_resource, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_value_of_a_wrong_kind_comes_back_wrong, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("test_codec", tests, NULL, NULL);
}
