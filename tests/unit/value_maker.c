/* value_maker: see value_maker.h. */
#include "tests/unit/value_maker.h"

#include "schemas/checks.h"

#define MAX_SAMPLES 16

/* One right value of each kind, and wrong ones. A wrong one that is right for a list is none of these. */
static const struct {
	const char *right;
	const char *wrong[MAX_SAMPLES];
} samples[KIND_COUNT] = {
	[KIND_STRING] = {"\"any text\"", {"1", "true", "[]", "{}", "[\"a\"]"}},
	[KIND_TOKEN] = {"\"key:value\"", {"\"\"", "\"a b\"", "\" a\"", "\"a\\n\"", "\"a\\u0009b\"", "1"}},
	[KIND_URI] = {"\"/id-in/cse-in/a\"", {"\"\"", "\"a b\"", "1", "{}"}},
	[KIND_ID] = {"\"/id-in/C1\"", {"\"\"", "\"a b\"", "1", "true"}},
	[KIND_NAME] = {"\"a-._~Z9\"",
		       {"\"\"", "\"-\"", "\"a/b\"", "\"a b\"", "\"\\u00e4\"", "1", "\"a\\u0000\"", "\"a:b\""}},
	[KIND_NCNAME] = {"\"mni\"", {"\"\"", "\"1a\"", "\"-a\"", "\"a b\"", "\"a:b\"", "1"}},
	[KIND_UINT] = {"7", {"\"7\"", "-1", "7.0", "7e0", "true", "9223372036854775808", "18446744073709551616", "[]"}},
	[KIND_INT] = {"-7", {"\"7\"", "-7.0", "true", "9223372036854775808"}},
	[KIND_FLOAT] = {"2.5", {"\"2.5\"", "true", "{}"}},
	[KIND_BOOL] = {"true", {"\"true\"", "1", "0", "\"false\"", "[]"}},
	[KIND_TIMESTAMP] = {"\"20991231T235959\"",
			    {"\"20991231\"", "\"2099-12-31T23:59:59\"", "\"\"", "\"20991332T000000\"", "{}"}},
	[KIND_ABS_REL_TIMESTAMP] = {"\"20991231T235959,5\"", {"\"tomorrow\"", "\"\"", "1.5", "true"}},
	[KIND_DURATION] = {"\"PT30S\"", {"\"30\"", "\"\"", "\"P\"", "30"}},
	[KIND_SCHEDULE] = {"\"* 0-5 2,6,10 * * */2 2026-2030/2\"",
			   {"\"\"", "\"* * * * * *\"", "\"* * * * * * * *\"", "\"60 * * * * * *\"",
			    "\"* * 24 * * * *\"", "\"* * * 0 * * *\"", "\"* * * * 13 * *\"", "\"* * * * * 7 *\"",
			    "\"* * * * * * 1999\"", "\"5-1 * * * * * *\"", "\"1/2 * * * * * *\"", "\"1, * * * * * *\"",
			    "\"*  * * * * * *\"", "\"*/0 * * * * * *\"", "7"}},
	[KIND_BASE64] = {"\"aGVsbG8=\"", {"\"aGVsbG8\"", "\"a===\"", "\"a*==\"", "1"}},
	[KIND_CONTENT_INFO] = {"\"application/json:1:5\"",
			       {"\"\"", "\"text\"", "\"text:0\"", "\"text/plain\"", "\"text/plain:9\"",
				"\"text/plain:0:6\"", "\"text/plain:0:0:0\"", "\"text/plain:\"", "1"}},
	[KIND_MEDIA_TYPE] = {"\"application/x-a;version=1.0\"", {"\"text\"", "\"/\"", "\"a/\"", "\"\"", "1"}},
	[KIND_POA] = {"\"http://172.25.0.10:8080/xyz\"",
		      {"\"\"", "\"http\"", "\"//host\"", "\"http:\"", "\"http://a b\"", "1"}},
	[KIND_IPV4] = {"\"10.125.0.0/16\"",
		       {"\"\"", "\"10.1.1\"", "\"10.1.1.256\"", "\"10.1.1.1/33\"", "\"10.1.1.1/\"", "\"::1\"", "1"}},
	[KIND_IPV6] = {"\"abcd:ffff::/64\"", {"\"\"", "\"10.1.1.1\"", "\"::1/129\"", "\"g::\"", "1"}},
	[KIND_COUNTRY] = {"\"KR\"", {"\"\"", "\"K\"", "\"kr\"", "\"KOR\"", "82"}},
	[KIND_ROLE_ID] = {"\"1234abcd@role-issuer.com\"",
			  {"\"\"", "\"a\"", "\"@b\"", "\"a@\"", "\"a@B.com\"", "\"a b@c\"", "1"}},
	[KIND_ENUM] = {NULL, {"-987654", "\"1\"", "1.0", "true", "[]", "{}"}},
	[KIND_COMPLEX] = {NULL, {"\"a\"", "1", "true", "[]", "{\"noSuchMember\":1}"}},
	[KIND_ANY] = {"{\"any\":[1,\"thing\",null]}", {NULL}},
};

/* What a rule wants that a sample does not fulfil. */
static const struct {
	const char *(*check)(struct value v, struct arena *arena);
	const char *right;
	const char *wrong[MAX_SAMPLES];
} ruled[] = {
	{check_app_id, "\"N.org.app\"", {"\"\"", "\"x\"", "\"N\"", "\"a.b\"", "\"\\u0000a\"", "1"}},
	{check_labels, "[\"a\",\"key:value\",\"k:v:w\"]", {"[\":v\"]", "[\"a b\"]", "[\"a\",\"\"]"}},
	{check_event_category, "2", {"0", "1", "5", "99", "1000"}},
	{check_serializations, "[\"json\",\"application/cbor\"]", {"[\"wrong\"]", "[\"json\",\"\"]"}},
	{check_simple, "\"any simple value\"", {"{}", "[]"}},
	{check_self_privileges,
	 "{\"acr\":[{\"acor\":[\"all\"],\"acop\":63}]}",
	 {"{}", "{\"acr\":[]}", "{\"acr\":[{}]}", "{\"acr\":[{\"acor\":[\"all\"]}]}", "{\"acr\":[{\"acop\":1}]}",
	  "{\"acr\":[{\"acor\":[\"all\"],\"acop\":64}]}", "{\"acr\":[{\"acor\":[],\"acop\":1}]}",
	  "{\"acr\":[{\"acor\":\"all\",\"acop\":1}]}", "{\"acr\":{}}",
	  "{\"acr\":[{\"acor\":[\"all\"],\"acop\":1,\"acco\":{}}]}",
	  "{\"acr\":[{\"acor\":[\"all\"],\"acop\":1,\"acco\":[{\"actw\":[\"* * *\"]}]}]}",
	  "{\"acr\":[{\"acor\":[\"all\"],\"acop\":1,\"acco\":[{\"aclr\":{}}]}]}",
	  "{\"acr\":[{\"acor\":[\"all\"],\"acop\":1,\"acco\":[{\"aclr\":{\"accc\":[\"KR\"],\"accr\":[1,2,3]}}]}]}",
	  "{\"acr\":[{\"acor\":[\"all\"],\"acop\":1,\"acco\":[{\"aclr\":{\"accr\":[1,2]}}]}]}"}},
};

static int rule_of(const struct constraint *constraint)
{
	for (size_t i = 0; constraint && i < sizeof(ruled) / sizeof(ruled[0]); i++)
		if (ruled[i].check == constraint->check)
			return (int)i;
	return -1;
}

static bool is_number(enum base_kind base)
{
	return base == KIND_UINT || base == KIND_INT || base == KIND_FLOAT;
}

static void add_text(struct strbuf *out, const char *text)
{
	strbuf_add_str(out, str_of(text));
}

/* ---- right values ---- */

static void make_complex(struct strbuf *out, const struct complex_def *def)
{
	strbuf_add_char(out, '{');
	for (size_t i = 0; i < (def->is_choice ? 1 : def->count); i++) {
		const struct attr_def *row = &def->members[i];

		strbuf_addf(out, "%s\"%.*s\":", i ? "," : "", STR_ARG(name_short(NULL, row->name)));
		make_value(out, row->kind, &row->constraint);
	}
	strbuf_add_char(out, '}');
}

static void make_single(struct strbuf *out, struct kind kind, const struct constraint *constraint)
{
	const struct enum_def *values = kind.of;

	if (constraint && constraint->is_set && (is_number(kind.base) || kind.base == KIND_ENUM))
		strbuf_addf(out, "%lld", (long long)constraint->min);
	else if (kind.base == KIND_COMPLEX)
		make_complex(out, kind.of);
	else if (kind.base == KIND_ENUM)
		strbuf_addf(out, "%lld", (long long)values->values[values->count - 1].value);
	else
		add_text(out, samples[kind.base].right);
}

void make_value(struct strbuf *out, struct kind kind, const struct constraint *constraint)
{
	bool is_counted = constraint && constraint->is_set && constraint->min > 1;
	int64_t count = is_counted ? constraint->min : 1;

	if (rule_of(constraint) >= 0) {
		add_text(out, ruled[rule_of(constraint)].right);
	} else if (kind.is_list) {
		strbuf_add_char(out, '[');
		for (int64_t i = 0; i < count; i++) {
			add_text(out, i ? "," : "");
			make_single(out, kind, NULL);
		}
		strbuf_add_char(out, ']');
	} else {
		make_single(out, kind, constraint);
	}
}

/* ---- wrong values ---- */

/* The number-th of a list of samples; else *number goes on behind it. */
static const char *pick(const char *const *list, unsigned *number)
{
	for (unsigned i = 0; i < MAX_SAMPLES && list[i]; i++)
		if ((*number)-- == 0)
			return list[i];
	return NULL;
}

static bool make_out_of_range(struct strbuf *out, struct kind kind, const struct constraint *constraint,
			      unsigned number)
{
	if (!constraint || !constraint->is_set || (!is_number(kind.base) && kind.base != KIND_ENUM))
		return false;
	if (number == 0)
		strbuf_addf(out, "%lld", (long long)constraint->min - 1);
	else if (number == 1 && constraint->max < INT64_MAX)
		strbuf_addf(out, "%lld", (long long)constraint->max + 1);
	else
		return false;
	return true;
}

/* Without the number-th mandatory member, or with the number-th member wrong. */
static bool make_wrong_complex(struct strbuf *out, const struct complex_def *def, unsigned number)
{
	size_t omitted = number < def->count ? number : def->count, spoilt = number - def->count;

	if (number >= 2 * def->count || (omitted < def->count && def->members[omitted].create != M))
		return false;
	strbuf_add_char(out, '{');
	for (size_t i = 0, shown = 0; i < def->count; i++) {
		const struct attr_def *row = &def->members[i];

		if (i == omitted || (def->is_choice && i != spoilt))
			continue;
		strbuf_addf(out, "%s\"%.*s\":", shown++ ? "," : "", STR_ARG(name_short(NULL, row->name)));
		if (i != spoilt || !make_wrong_value(out, row->kind, &row->constraint, 0))
			make_value(out, row->kind, &row->constraint);
	}
	strbuf_add_char(out, '}');
	return true;
}

/* Could the value be right after all, since nothing is wrong for its kind? */
static bool takes_anything(const struct attr_def *row)
{
	return row->kind.base == KIND_ANY && !row->kind.is_list && rule_of(&row->constraint) < 0;
}

static bool make_wrong_member(struct strbuf *out, const struct complex_def *def, unsigned number)
{
	unsigned cases = 0;

	for (unsigned i = 0; i < 2 * def->count; i++) {
		bool is_case =
			i < def->count ? def->members[i].create == M : !takes_anything(&def->members[i - def->count]);

		if (is_case && cases++ == number)
			return make_wrong_complex(out, def, i);
	}
	return false;
}

static bool make_wrong_single(struct strbuf *out, struct kind kind, const struct constraint *constraint,
			      unsigned number)
{
	const char *text = pick(samples[kind.base].wrong, &number);

	if (text) {
		add_text(out, text);
		return true;
	}
	if (kind.base == KIND_COMPLEX)
		return make_wrong_member(out, kind.of, number);
	return make_out_of_range(out, kind, constraint, number);
}

static bool make_wrong_list(struct strbuf *out, struct kind kind, const struct constraint *constraint, unsigned number)
{
	static const char *const no_lists[] = {"\"a\"", "1", "{}", "true", NULL};
	const char *text;
	bool is_empty_wrong = !constraint || !constraint->is_set || constraint->min > 0;

	text = pick(no_lists, &number);
	if (!text && is_empty_wrong && number-- == 0)
		text = "[]";
	if (text) {
		add_text(out, text);
		return true;
	}
	strbuf_add_char(out, '[');
	make_single(out, kind, NULL);
	strbuf_add_char(out, ',');
	if (!make_wrong_single(out, kind, NULL, number))
		return false;
	strbuf_add_char(out, ']');
	return true;
}

bool make_wrong_value(struct strbuf *out, struct kind kind, const struct constraint *constraint, unsigned number)
{
	int rule = rule_of(constraint);

	if (rule >= 0) {
		const char *text = pick(ruled[rule].wrong, &number);

		if (text)
			add_text(out, text);
		if (text)
			return true;
	}
	return kind.is_list ? make_wrong_list(out, kind, constraint, number)
			    : make_wrong_single(out, kind, constraint, number);
}
