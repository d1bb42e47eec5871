/* Identifiers of originators against the patterns of accessControlOriginators (TS-0003 table 7.1.3-2). */
#include "cse/core/originator.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const struct home home = {{"sp.example", 10}, {"id-in", 5}};

static bool matches(const char *pattern, const char *from)
{
	struct identity p, f;

	assert_true(identity_parse(&home, str_of(pattern), &p));
	assert_true(identity_parse(&home, str_of(from), &f));
	return identity_matches(&p, &f);
}

struct example {
	const char *pattern, *from;
	bool matches;
};

static void check(const struct example *examples, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (matches(examples[i].pattern, examples[i].from) != examples[i].matches)
			fail_msg("%s %s %s", examples[i].from, examples[i].matches ? "is not in" : "is in",
				 examples[i].pattern);
}

#define CHECK(examples) check(examples, sizeof(examples) / sizeof(examples[0]))

static void all_forms_of_an_identifier_are_the_same(void **state)
{
	static const char *const forms[] = {"Cx", "/id-in/Cx", "//sp.example/id-in/Cx"};

	(void)state;
	for (size_t i = 0; i < 3; i++)
		for (size_t j = 0; j < 3; j++)
			assert_true(matches(forms[i], forms[j]));
	assert_true(matches("/id-in", "//sp.example/id-in"));
	assert_true(matches("//sp.example/id-in", "/id-in"));
}

static void another_entity_is_another(void **state)
{
	static const struct example examples[] = {
		{"Cx", "Cy", false},	    {"Cx", "Cxx", false},
		{"Cx", "/id-mn/Cx", false}, {"Cx", "//other/id-in/Cx", false},
		{"/id-mn/Cx", "Cx", false}, {"/id-in", "Cx", false},
		{"Cx", "/id-in", false},    {"/id-mn", "/id-in", false},
		{"id-in", "/id-in", false}, {"//sp.example/Cx", "Cx", false},
		{"Cx", "cx", false},	    {"/id-mn", "/id-mn/Cx", false},
	};

	(void)state;
	CHECK(examples);
}

static void a_wildcard_stands_for_any_run_within_a_segment(void **state)
{
	static const struct example examples[] = {
		{"//*/myCSEID", "//m2msp.org/myCSEID", true},
		{"//*/myCSEID", "/myCSEID", true},
		{"//*/myCSE*", "//m2msp.org/myCSE12", true},
		{"//*/myCSE*", "//m2msp.org/myCSE12/C1", false},
		{"/myCSE*", "/myCSEID", true},
		{"/myCSE*", "/myCSEID/C1", false},
		{"/myCSE*", "//m2msp.org/myCSEID", false},
		{"//*/myCSEID/C9886", "//m2msp.org/myCSEID/C9886", true},
		{"//*/myCSE*/C9886", "/myCSE7/C9886", true},
		{"/myCSEID/C98*", "/myCSEID/C98", true},
		{"/myCSEID/C98*", "/myCSEID/C9886", true},
		{"/myCSEID/C98*", "/myCSEID/C9986", false},
		{"/myCSE*/C98*", "/myCSE1/C981", true},
		{"/*/*", "/any/thing", true},
		{"/*/*", "Cx", true},
		{"/*/*", "/any", false},
		{"*", "Cx", true},
		{"*", "/id-mn/Cx", false},
		{"*", "/id-mn", false},
		{"C*", "Sx", false},
		{"C*r", "Center", true},
		{"C*r", "Centers", false},
		{"C*a*a", "Cabaca", true},
		{"C*a*a", "Cabac", false},
		{"C**", "C", true},
		{"//*.example/id-in/Cx", "Cx", true},
	};

	(void)state;
	CHECK(examples);
}

static void a_pattern_has_no_other_special_characters(void **state)
{
	static const struct example examples[] = {
		{"C?", "Cx", false}, {"C[a-z]", "Cx", false}, {"C.", "Cx", false},
		{"C+", "CC", false}, {"C.*", "Cx", false},    {"C?", "C?", true},
	};

	(void)state;
	CHECK(examples);
}

static void a_name_of_the_whole_domain_needs_no_cse(void **state)
{
	static const struct example examples[] = {
		{"/SmyAE*", "/SmyAE1", true},
		{"/SmyAE*", "SmyAE1", true},
		{"SmyAE1", "/SmyAE1", true},
		{"/SmyAE1", "SmyAE1", true},
		{"//sp.example/S988", "S988", true},
		{"//m2msp.org/S988", "S988", false},
		{"/CmyAE", "CmyAE", false},
		{"/id-mn/S*", "/S1", false},
		{"S*", "/S1", false},
		{"//m2msp.org/S988", "//m2msp.org/S988", true},
	};

	(void)state;
	CHECK(examples);
}

static void a_domain_stands_for_everybody_in_it(void **state)
{
	static const struct example examples[] = {
		{"//sp.example", "Cx", true},	   {"//sp.example", "/id-mn/Cx", true},
		{"//sp.example", "/id-mn", true},  {"//sp.example", "//other/id/C", false},
		{"//other", "//other/id/C", true}, {"//other", "Cx", false},
		{"//*", "//any/id", true},	   {"//*.example", "Cx", true},
		{"//sub.sp.example", "Cx", false},
	};

	(void)state;
	CHECK(examples);
}

static void what_has_no_form_of_an_identifier_is_none(void **state)
{
	static const char *const texts[] = {"",	       "/",   "//",	"///",	     "//sp.example/", "//sp.example//x",
					    "/id-in/", "a/b", "/a/b/c", "//d/a/b/c", "/id-in//x"};
	struct identity id;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (identity_parse(&home, str_of(texts[i]), &id))
			fail_msg("accepted: \"%s\"", texts[i]);
}

/* The obvious definition, for comparison. */
static bool slow_match(const char *pattern, const char *text)
{
	if (*pattern == '*')
		return slow_match(pattern + 1, text) || (*text && slow_match(pattern, text + 1));
	if (!*pattern || !*text)
		return *pattern == *text;
	return *pattern == *text && slow_match(pattern + 1, text + 1);
}

static void every_short_pattern_matches_as_defined(void **state)
{
	enum { LONGEST = 5, LETTERS = 3 };
	static const char letters[] = "ab*";

	(void)state;
	for (unsigned p = 0; p < 1024; p++) {
		for (unsigned t = 0; t < 32; t++) {
			char pattern[LONGEST + 1] = "", text[LONGEST + 1] = "";

			for (unsigned i = 0, rest = p; rest; i++, rest /= LETTERS + 1)
				pattern[i] = rest % (LETTERS + 1) ? letters[rest % (LETTERS + 1) - 1] : 'b';
			for (unsigned i = 0, rest = t; rest > 1; i++, rest /= 2)
				text[i] = letters[rest % 2];
			if (wildcard_matches(str_of(pattern), str_of(text)) != slow_match(pattern, text))
				fail_msg("\"%s\" and \"%s\"", pattern, text);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_forms_of_an_identifier_are_the_same),
		cmocka_unit_test(another_entity_is_another),
		cmocka_unit_test(a_wildcard_stands_for_any_run_within_a_segment),
		cmocka_unit_test(a_pattern_has_no_other_special_characters),
		cmocka_unit_test(a_name_of_the_whole_domain_needs_no_cse),
		cmocka_unit_test(a_domain_stands_for_everybody_in_it),
		cmocka_unit_test(what_has_no_form_of_an_identifier_is_none),
		cmocka_unit_test(every_short_pattern_matches_as_defined),
	};

	return cmocka_run_group_tests_name("originator", tests, NULL, NULL);
}
