/* Unit tests of the JSON scanner (schemas/codec/json.c) and of reading its tokens (schemas/value.c). */
#include "schemas/codec/codec.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct fixture {
	struct arena arena;
	struct doc doc;
	struct decode_error error;
};

static const struct decode_limits limits = {.bytes = 1 << 20, .depth = 16, .tokens = 100000};

static int set_up(void **state)
{
	struct fixture *f = xzalloc(sizeof(*f));

	arena_init(&f->arena);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	arena_finish(&f->arena);
	free(f);
	return 0;
}

/* The text is copied to a block of its own size, so that a sanitizer sees a read behind it. */
static int decode_limited(struct fixture *f, struct str text, const struct decode_limits *with)
{
	char *copy = arena_alloc(&f->arena, text.len + 1), *exact = xmalloc(text.len);
	struct doc doc;
	int error;

	for (size_t i = 0; i < text.len; i++)
		copy[i] = exact[i] = text.ptr[i];
	error = json_decode(str_make(exact, text.len), with, &f->arena, &doc, &f->error);
	free(exact);
	assert_int_equal(json_decode(str_make(copy, text.len), with, &f->arena, &f->doc, &f->error), error);
	return error;
}

static int decode(struct fixture *f, const char *text)
{
	return decode_limited(f, str_of(text), &limits);
}

static struct value root_of(struct fixture *f, const char *text)
{
	if (decode(f, text) < 0)
		fail_msg("%s: %s", text, f->error.message);
	return doc_root(&f->doc);
}

static void assert_str(struct str actual, const char *expected)
{
	if (!str_eq(actual, str_of(expected)))
		fail_msg("\"%.*s\" != \"%s\"", STR_ARG(actual), expected);
}

/* ---- what is accepted ---- */

static void every_kind_of_value_is_accepted(void **state)
{
	static const struct {
		const char *text;
		enum value_type type;
	} cases[] = {
		{"null", VALUE_NULL},  {"true", VALUE_TRUE},	    {"false", VALUE_FALSE}, {"0", VALUE_NUMBER},
		{"-0", VALUE_NUMBER},  {"1.5e+3", VALUE_NUMBER},    {"\"\"", VALUE_STRING}, {"[]", VALUE_ARRAY},
		{"{}", VALUE_OBJECT},  {" \t\r\n1 ", VALUE_NUMBER}, {"[1,2]", VALUE_ARRAY}, {"{\"a\":1}", VALUE_OBJECT},
		{"1E9", VALUE_NUMBER}, {"10", VALUE_NUMBER},
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(value_type(root_of(*state, cases[i].text)), cases[i].type);
}

static void spans_are_the_bytes_received(void **state)
{
	static const char *const texts[] = {
		"12345678901234567890", "1.10", "1e400", "\"a\\u0000b\"", "-0.0", "\"\\/\"", "{\"b\" : [ 1 , 2 ] }",
	};

	for (size_t i = 0; i < COUNT(texts); i++)
		assert_str(value_text(root_of(*state, texts[i])), texts[i]);
}

static void valid_utf8_is_accepted(void **state)
{
	static const char *const texts[] = {
		"\"\xc2\x80\"",		"\"\xdf\xbf\"",
		"\"\xe0\xa0\x80\"",	"\"\xed\x9f\xbf\"",
		"\"\xee\x80\x80\"",	"\"\xef\xbf\xbf\"",
		"\"\xf0\x90\x80\x80\"", "\"\xf4\x8f\xbf\xbf\"",
		"\"12345678\xc3\xa4\"", "\"1234567\xc3\xa4 567890\"",
	};

	for (size_t i = 0; i < COUNT(texts); i++)
		assert_str(value_text(root_of(*state, texts[i])), texts[i]);
}

/* ---- what is refused ---- */

static void assert_refused(struct fixture *f, struct str text)
{
	if (decode_limited(f, text, &limits) != ERROR_FORMAT)
		fail_msg("accepted: %.*s", STR_ARG(text));
	assert_true(f->error.message[0] != 0);
	assert_true(f->error.offset <= text.len);
}

static void what_is_no_json_is_refused(void **state)
{
	struct fixture *f = *state;
	static const char *const texts[] = {
		"",	    " ",	 "{",	       "[",	    "[1",	 "[1,",	 "{\"a\"", "{\"a\":",
		"{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "[1,]",	    "[,1]",	 "{,}",	 "{1:2}",  "{a:1}",
		"[1 2]",    "[1}",	 "{\"a\":1]",  "{\"a\" 1}", "tru",	 "True", "nul",	   "nan",
		"NaN",	    "Infinity",	 "'a'",	       "]",	    "}",	 ":",	 ",",	   "/* */1",
		"1 2",	    "{} {}",	 "[1] x",      "1,",	    "truefalse",
	};

	for (size_t i = 0; i < COUNT(texts); i++)
		assert_refused(*state, str_of(texts[i]));
	assert_int_equal(json_decode(str_make(NULL, 0), &limits, &f->arena, &f->doc, &f->error), ERROR_FORMAT);
	assert_refused(*state, STR("\xef\xbb\xbf{}"));
	assert_refused(*state, STR("1\0"));
	assert_refused(*state, STR("\0"));
}

static void wrong_numbers_are_refused(void **state)
{
	static const char *const texts[] = {"01",  "-01",  "00",   "1.",  ".5",	 "-",	  "+1", "1e",
					    "1e+", "1.e5", "0x10", "1_0", "--1", "1.5.5", "-a", "1e5.5"};

	for (size_t i = 0; i < COUNT(texts); i++)
		assert_refused(*state, str_of(texts[i]));
}

static void wrong_strings_are_refused(void **state)
{
	static const char *const texts[] = {
		"\"",
		"\"a",
		"\"\n\"",
		"\"a\tb\"",
		"\"\\",
		"\"\\\"",
		"\"\\x41\"",
		"\"\\u12\"",
		"\"\\u12g4\"",
		"\"\\u\"",
		"\"\\ud800\"",
		"\"\\ud800x\"",
		"\"\\udc00\"",
		"\"\\ud800\\n\"",
		"\"\\ud800\\u0041\"",
		"\"\\ud800\\ud800\"",
		"\"\\ud83d\\ude0\"",
		"\"12345678\x01\"",
		"\"1234567\x1f 234\"",
	};

	for (size_t i = 0; i < COUNT(texts); i++)
		assert_refused(*state, str_of(texts[i]));
	assert_refused(*state, STR("\"a\0b\""));
	assert_refused(*state, STR("\"\\\0\""));
}

static void invalid_utf8_is_refused(void **state)
{
	static const char *const bytes[] = {
		"\x80",
		"\xbf",
		"\xc0\x80",
		"\xc1\xbf",
		"\xc2",
		"\xc2 ",
		"\xe0\x80\x80",
		"\xe0\x9f\xbf",
		"\xe1\x80",
		"\xed\xa0\x80",
		"\xed\xbf\xbf",
		"\xf0\x80\x80\x80",
		"\xf0\x8f\xbf\xbf",
		"\xf1\x80\x80",
		"\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80",
		"\xfe",
		"\xff",
		"\xe2\x28\xa1",
		"\xf0\x9f\x98",
	};
	char text[32];

	for (size_t i = 0; i < COUNT(bytes); i++) {
		snprintf(text, sizeof(text), "\"%s\"", bytes[i]);
		assert_refused(*state, str_of(text));
		snprintf(text, sizeof(text), "\"%s", bytes[i]);
		assert_refused(*state, str_of(text));
		snprintf(text, sizeof(text), "\"12345678%s12345678\"", bytes[i]);
		assert_refused(*state, str_of(text));
	}
}

static void duplicate_members_are_refused(void **state)
{
	static const char *const texts[] = {
		"{\"a\":1,\"a\":2}",	   "{\"a\":1,\"b\":2,\"a\":{}}",
		"{\"a\":1,\"\\u0061\":2}", "{\"\\u0061\":1,\"\\u0061\":2}",
		"{\"x\":{\"\":1,\"\":2}}", "{\"longer than eight\":1,\"longer than eight\":2}",
		"{\"/\":1,\"\\/\":2}",
	};

	for (size_t i = 0; i < COUNT(texts); i++)
		assert_refused(*state, str_of(texts[i]));
}

static void names_that_only_look_alike_are_accepted(void **state)
{
	root_of(*state, "{\"a\":1,\"A\":2,\"a \":3,\"\":4}");
	root_of(*state, "{\"a\":1,\"a\\u0000\":2,\"a\\u0000\\u0000\":3}");
	root_of(*state, "{\"longer than eight\":1,\"longer than eighu\":2}");
	root_of(*state, "[{\"a\":1},{\"a\":1}]");
	root_of(*state, "{\"a\":{\"a\":{\"a\":1}}}");
}

static void duplicates_are_found_among_many_members(void **state)
{
	struct strbuf text = {0};

	for (int last = 0; last < 2; last++) {
		strbuf_clear(&text);
		strbuf_add_char(&text, '{');
		for (int i = 0; i < 5000; i++)
			strbuf_addf(&text, "\"member with a common start %d\":%d,", i, i);
		strbuf_addf(&text, "\"member with a common start %d\":1}", last ? 2500 : 5000);
		assert_int_equal(decode_limited(*state, strbuf_str(&text), &limits), last ? ERROR_FORMAT : 0);
	}
	strbuf_finish(&text);
}

/* ---- limits ---- */

static void each_limit_ends_decoding(void **state)
{
	const struct decode_limits small = {.bytes = 20, .depth = 3, .tokens = 5};

	assert_int_equal(decode_limited(*state, STR("[[[1]]]"), &small), 0);
	assert_int_equal(decode_limited(*state, STR("[[[[1]]]]"), &small), ERROR_LIMIT);
	assert_int_equal(decode_limited(*state, STR("[1,2,3,4]"), &small), 0);
	assert_int_equal(decode_limited(*state, STR("[1,2,3,4,5]"), &small), ERROR_LIMIT);
	assert_int_equal(decode_limited(*state, STR("\"123456789012345678\""), &small), 0);
	assert_int_equal(decode_limited(*state, STR("\"1234567890123456789\""), &small), ERROR_LIMIT);
}

static void many_values_are_kept(void **state)
{
	struct strbuf text = {0};
	struct fixture *f = *state;
	struct value v;
	int64_t expected = 0, number;

	strbuf_add_char(&text, '[');
	for (int i = 0; i < 3000; i++)
		strbuf_addf(&text, "%s%d", i ? "," : "", i);
	strbuf_add_char(&text, ']');
	assert_int_equal(decode_limited(f, strbuf_str(&text), &limits), 0);
	for (v = value_first(doc_root(&f->doc)); !value_is_absent(v); v = value_next(doc_root(&f->doc), v)) {
		assert_int_equal(value_i64(v, &number), 0);
		assert_int_equal(number, expected++);
	}
	assert_int_equal(expected, 3000);
	strbuf_finish(&text);
}

/* ---- reading ---- */

static void members_are_walked_in_order(void **state)
{
	struct value root = root_of(*state, "{\"a\":{\"x\":[1,{}]},\"b\":[],\"c\":\"s\"}");
	struct value v = value_first(root);

	assert_str(value_name(v), "a");
	assert_str(value_text(v), "{\"x\":[1,{}]}");
	v = value_next(root, v);
	assert_str(value_name(v), "b");
	assert_true(value_is_absent(value_first(v)));
	v = value_next(root, v);
	assert_str(value_name(v), "c");
	assert_str(value_text(v), "\"s\"");
	assert_true(value_is_absent(value_next(root, v)));
	assert_str(value_text(value_member(root, STR("b"))), "[]");
	assert_true(value_is_absent(value_member(root, STR("x"))));
	assert_true(value_is_absent(value_member(value_member(root, STR("b")), STR("x"))));
}

static void strings_are_unescaped(void **state)
{
	struct fixture *f = *state;

	assert_str(value_string(root_of(f, "\"plain\""), &f->arena), "plain");
	assert_str(value_string(root_of(f, "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), &f->arena), "\"\\/\b\f\n\r\t");
	assert_str(value_string(root_of(f, "\"\\u00e4\\u20AC\\ud83d\\uDE00\\u0041\""), &f->arena),
		   "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"
		   "A");
	assert_true(str_eq(value_string(root_of(f, "\"a\\u0000b\""), &f->arena), STR("a\0b")));
	assert_str(value_string(root_of(f, "12"), &f->arena), "12");
}

static void integers_are_exact(void **state)
{
	static const char *const not_integers[] = {"1.0", "1e3", "\"1\"", "9223372036854775808", "-9223372036854775809",
						   "true"};
	int64_t i;
	uint64_t u;

	assert_int_equal(value_i64(root_of(*state, "-9223372036854775808"), &i), 0);
	assert_true(i == INT64_MIN);
	assert_int_equal(value_u64(root_of(*state, "18446744073709551615"), &u), 0);
	assert_true(u == UINT64_MAX);
	assert_int_equal(value_u64(root_of(*state, "-1"), &u), -1);
	for (size_t n = 0; n < COUNT(not_integers); n++)
		assert_int_equal(value_i64(root_of(*state, not_integers[n]), &i), -1);
}

static void a_fault_names_its_place(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(decode(f, "{\"a\": 01}"), ERROR_FORMAT);
	assert_int_equal(f->error.offset, 7);
	assert_string_equal(f->error.message, "number with a leading zero");
	assert_int_equal(decode(f, "[1,2"), ERROR_FORMAT);
	assert_int_equal(f->error.offset, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_kind_of_value_is_accepted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(spans_are_the_bytes_received, set_up, tear_down),
		cmocka_unit_test_setup_teardown(valid_utf8_is_accepted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_no_json_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(wrong_numbers_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(wrong_strings_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(invalid_utf8_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(duplicate_members_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(names_that_only_look_alike_are_accepted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(duplicates_are_found_among_many_members, set_up, tear_down),
		cmocka_unit_test_setup_teardown(each_limit_ends_decoding, set_up, tear_down),
		cmocka_unit_test_setup_teardown(many_values_are_kept, set_up, tear_down),
		cmocka_unit_test_setup_teardown(members_are_walked_in_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(strings_are_unescaped, set_up, tear_down),
		cmocka_unit_test_setup_teardown(integers_are_exact, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_fault_names_its_place, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
