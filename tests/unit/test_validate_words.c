/* Unit tests of schemas/validate*.c: complex types, bare texts, what a problem says, hard cases. */
#include "tests/unit/validation.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "schemas/primitive.h"
#include "tests/unit/value_maker.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- complex types and parameters ---- */

static void every_complex_type_takes_right_members_only(void **state)
{
	struct fixture *f = *state;
	const struct complex_def *def;

	for (size_t i = 0; (def = complex_at(i)); i++) {
		struct kind kind = {KIND_COMPLEX, false, def};
		const char *problem;
		bool more = true;

		assert_true(def->count <= 64);
		strbuf_clear(&f->text);
		make_value(&f->text, kind, NULL);
		problem = validate_kind(f->schema, kind, NULL, decoded(f, strbuf_str(&f->text)), &f->arena);
		if (problem)
			fail_msg("%s: %.*s: %s", def->name, STR_ARG(strbuf_str(&f->text)), problem);
		for (unsigned number = 0; more; number++) {
			strbuf_clear(&f->text);
			more = make_wrong_value(&f->text, kind, NULL, number);
			if (more && !validate_kind(f->schema, kind, NULL, decoded(f, strbuf_str(&f->text)), &f->arena))
				fail_msg("%s accepted: %.*s", def->name, STR_ARG(strbuf_str(&f->text)));
		}
	}
}

static void a_bare_text_is_held_against_its_kind(void **state)
{
	static const struct {
		enum parameter parameter;
		const char *text;
		bool is_right;
	} cases[] = {
		{PARAM_operation, "1", true},
		{PARAM_operation, "6", false},
		{PARAM_operation, "x", false},
		{PARAM_resourceType, "3", true},
		{PARAM_resourceType, "33", false},
		{PARAM_to, "/id-in/a", true},
		{PARAM_to, "a b", false},
		{PARAM_eventCategory, "2", true},
		{PARAM_eventCategory, "-2", false},
		{PARAM_eventCategory, "", false},
		{PARAM_originatingTimestamp, "20260101T000000", true},
		{PARAM_originatingTimestamp, "yesterday", false},
		{PARAM_requestExpirationTimestamp, "3000", true},
		{PARAM_requestExpirationTimestamp, "PT3S", true},
		{PARAM_requestExpirationTimestamp, "3s", false},
		{PARAM_deliveryAggregation, "true", true},
		{PARAM_deliveryAggregation, "1", true},
		{PARAM_deliveryAggregation, "yes", false},
		{PARAM_attributeList, "mni", true},
		{PARAM_attributeList, "mni+mbs mia", true},
		{PARAM_attributeList, "mni++mbs", false},
		{PARAM_attributeList, "", false},
		{PARAM_filterCriteria, "anything: decoded elsewhere", true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct parameter_def *def = &parameter_defs[cases[i].parameter];

		if ((validate_text(def->kind, NULL, str_of(cases[i].text)) == NULL) != cases[i].is_right)
			fail_msg("%s: %s", def->name, cases[i].text);
	}
}

static void a_bare_number_is_held_against_its_range(void **state)
{
	const struct constraint range = {.min = -1, .max = 5, .is_set = true};
	const struct kind integer = {KIND_INT, false, NULL}, real = {KIND_FLOAT, false, NULL};

	(void)state;
	assert_null(validate_text(integer, &range, STR("-1")));
	assert_non_null(validate_text(integer, &range, STR("6")));
	assert_non_null(validate_text(integer, &range, STR("-2")));
	assert_null(validate_text(real, NULL, STR("-1.5e3")));
	assert_non_null(validate_text(real, NULL, STR("inf")));
	assert_non_null(validate_text(real, NULL, STR("1.5x")));
	assert_non_null(validate_text(real, NULL, STR("")));
}

/* ---- texts of problems ---- */

static void assert_problem(struct fixture *f, unsigned ty, const char *object, const char *text)
{
	strbuf_clear(&f->text);
	strbuf_add_str(&f->text, str_of(object));
	assert_int_equal(run(f, validate_create, schema_type(f->schema, ty)), RSC_BAD_REQUEST);
	assert_string_equal(f->problem.text, text);
}

static void a_problem_says_where_and_what(void **state)
{
	struct fixture *f = *state;

	assert_problem(f, TY_container, "{\"mni\":-1}", "maxNrOfInstances (mni): must be a non-negative integer");
	assert_problem(f, TY_container, "{\"xyz\":1}", "attribute \"xyz\" is not known for container");
	assert_problem(f, TY_container, "{\"a\\u0000\\n\\u00e4\":1}",
		       "attribute \"a?u0000?n?u00e4\" is not known for container");
	assert_problem(f, TY_container, "[]", "the attributes of container must be an object");
	assert_problem(f, TY_container, "{\"lbl\":[]}", "labels (lbl): must not be an empty list");
	assert_problem(f, TY_container, "{\"lbl\":[\"a\",\"b c\"]}",
		       "labels (lbl): element 2: must be a word without blanks");
	assert_problem(f, TY_AE, "{\"api\":\"Nx\",\"rr\":true}", "supportedReleaseVersions (srv): is missing");
	assert_problem(f, TY_AE, "{\"api\":\"x\"}", "App-ID (api): must start with R, N or r");
	assert_problem(f, TY_contentInstance, "{\"cs\":1}", "contentSize (cs): must not be in a CREATE");
	assert_problem(f, TY_subscription, "{\"pn\":3}",
		       "pendingNotification (pn): must be one of 1 (sendLatest), 2 (sendAllPending)");
	assert_problem(
		f, TY_subscription, "{\"nu\":[\"a\"],\"enc\":{\"om\":[{\"or\":1}]}}",
		"eventNotificationCriteria (enc): operationMonitor (om): element 1: originator (or): must be a string");
	assert_problem(f, TY_subscription, "{\"enc\":{\"nett\":[1]}}",
		       "eventNotificationCriteria (enc): \"nett\" is no member of m2m:eventNotificationCriteria");
	assert_problem(f, TY_remoteCSE, "{\"tri\":65536}",
		       "Trigger-Recipient-ID (tri): must be a number from 0 to 65535");
	assert_problem(f, TY_group, "{\"mnm\":0}", "maxNrOfMembers (mnm): must be a number of at least 1");
}

static void a_long_name_is_cut_in_a_problem(void **state)
{
	struct fixture *f = *state;

	strbuf_clear(&f->text);
	strbuf_addf(&f->text, "{\"%01000d\":1}", 0);
	assert_int_equal(run(f, validate_create, schema_type(f->schema, TY_container)), RSC_BAD_REQUEST);
	assert_true(strlen(f->problem.text) < 100);
	assert_non_null(strstr(f->problem.text, "000...\""));
}

static void a_name_may_be_escaped(void **state)
{
	struct fixture *f = *state;

	strbuf_clear(&f->text);
	strbuf_addf(&f->text, "{\"mn\\u0069\":5}");
	assert_accepted(f, validate_create, schema_type(f->schema, TY_container));
	assert_false(value_is_absent(attrs_get(&f->attrs, ATTR_maxNrOfInstances)));
	assert_true(value_is_absent(attrs_get(&f->attrs, ATTR_maxByteSize)));
	assert_true(value_is_absent(attrs_get(&f->attrs, ATTR_content)));
}

/* ---- hard cases ---- */

static void assert_created(struct fixture *f, const char *root, const char *object)
{
	strbuf_clear(&f->text);
	strbuf_add_str(&f->text, str_of(object));
	assert_accepted(f, validate_create, schema_type_by_root(f->schema, str_of(root)));
}

static void realistic_representations_are_accepted(void **state)
{
	struct fixture *f = *state;

	assert_created(
		f, "m2m:acp",
		"{\"rn\":\"p\",\"pv\":{},\"pvs\":{\"acr\":[{\"acor\":[\"all\",\"C*\"],\"acop\":63,\"acco\":[{\"actw\":"
		"[\"* * 8-20 * * * *\"],\"acip\":{\"ipv4\":[\"10.0.0.0/8\"]},\"aclr\":{\"accc\":[\"KR\",\"DE\"]}}],"
		"\"acod\":[{\"ty\":2,\"chty\":[3,23]},{\"chty\":[28],\"spty\":{\"cnd\":\"org.x\"}}]}]}}");
	assert_created(
		f, "m2m:sub",
		"{\"nu\":[\"http://h:1/?ct=json\",\"/id-in/Cx\"],\"enc\":{\"net\":[1,3],\"atr\":[\"mni\",\"lbl\"],"
		"\"om\":[{\"ops\":3,\"or\":\"Cx\"}],\"crb\":\"20300101T000000\",\"md\":{\"num\":2,\"dur\":\"PT10S\"}},"
		"\"bn\":{\"num\":10},\"rl\":{\"mnn\":3,\"tww\":\"PT1M\"},\"nct\":1,\"cr\":null}");
	assert_created(f, "m2m:csr",
		       "{\"cb\":\"/id-mn/cse-mn\",\"csi\":\"/id-mn\",\"rr\":true,\"srv\":[\"2a\",\"3\"],\"poa\":"
		       "[\"http://10.0.0.1:8080\",\"mqtt://broker:1883\"],\"csz\":[\"json\"],\"dcse\":[\"/asn\"]}");
	assert_created(f, "m2m:cin", "{\"con\":{\"a\":[1,{\"b\":null}]},\"cnf\":\"application/json:0\"}");
	assert_created(f, "m2m:tsi", "{\"dgt\":\"20260101T000000,5\",\"con\":17.5,\"snr\":1}");
	assert_created(f, "cod:tempe", "{\"cnd\":\"org.onem2m.common.moduleclass.temperature\",\"curT0\":23}");
	assert_created(f, "m2m:bat", "{\"mgd\":1006,\"btl\":100,\"bts\":7}");
}

static void a_request_holds_content_of_any_type(void **state)
{
	static const char *const contents[] = {"1", "\"text\"", "null", "{\"m2m:cnt\":{}}", "[1,[2]]"};
	struct fixture *f = *state;
	const struct kind kind = {KIND_COMPLEX, false, complex_find(STR("operationResult"))};

	for (size_t i = 0; i < COUNT(contents); i++) {
		strbuf_clear(&f->text);
		strbuf_addf(&f->text, "{\"rsc\":2000,\"rqi\":\"r\",\"pc\":%s}", contents[i]);
		assert_null(validate_kind(f->schema, kind, NULL, decoded(f, strbuf_str(&f->text)), &f->arena));
	}
}

static void a_specialization_has_its_own_definition(void **state)
{
	struct fixture *f = *state;

	strbuf_clear(&f->text);
	strbuf_addf(&f->text, "{\"cnd\":\"org.other\",\"curT0\":23}");
	assert_int_equal(run(f, validate_create, schema_type_by_root(f->schema, STR("cod:tempe"))), RSC_BAD_REQUEST);
	assert_string_equal(f->problem.text, "containerDefinition (cnd): is not the definition of this specialization");
	strbuf_clear(&f->text);
	strbuf_addf(&f->text, "{\"mgd\":1006,\"mma\":1,\"mmt\":2}");
	assert_int_equal(run(f, validate_create, schema_type_by_root(f->schema, STR("m2m:mem"))), RSC_BAD_REQUEST);
	assert_string_equal(f->problem.text, "mgmtDefinition (mgd): must be 1003");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_complex_type_takes_right_members_only),
		cmocka_unit_test(a_bare_text_is_held_against_its_kind),
		cmocka_unit_test(a_bare_number_is_held_against_its_range),
		cmocka_unit_test(a_problem_says_where_and_what),
		cmocka_unit_test(a_long_name_is_cut_in_a_problem),
		cmocka_unit_test(a_name_may_be_escaped),
		cmocka_unit_test(realistic_representations_are_accepted),
		cmocka_unit_test(a_request_holds_content_of_any_type),
		cmocka_unit_test(a_specialization_has_its_own_definition),
	};

	return cmocka_run_group_tests_name("validate words", tests, validation_set_up, validation_tear_down);
}
