/* Whole primitives as documents, in each serialization. */
#include "bindings/primitive.h"
#include "cse/core/state.h"
#include "tests/unit/tables.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static const struct decode_limits limits = {.bytes = 4000, .depth = 10, .tokens = 400};

struct fixture {
	struct schema *schema;
	struct arena arena;
	struct clock clock;
	struct cse cse;
	struct request req;
};

static int set_up(void **state)
{
	struct fixture *fixture = xzalloc(sizeof(*fixture));

	fixture->schema = schema_create(test_types, test_type_count);
	arena_init(&fixture->arena);
	clock_init_virtual(&fixture->clock, 1767225600000000);
	fixture->cse.schema = fixture->schema;
	fixture->cse.clock = &fixture->clock;
	fixture->cse.config.id = "/id-in";
	fixture->req.cse = &fixture->cse;
	arena_init(&fixture->req.arena);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	arena_finish(&fixture->req.arena);
	arena_finish(&fixture->arena);
	schema_destroy(fixture->schema);
	free(fixture);
	return 0;
}

static enum primitive_kind decode(struct fixture *fixture, const struct codec *codec, struct str bytes,
				  struct value *root)
{
	struct decode_error error = {0};
	enum primitive_kind kind =
		primitive_decode(fixture->schema, codec, bytes, &limits, &fixture->arena, root, &error);

	assert_true(kind != PRIMITIVE_NONE || error.message[0]);
	return kind;
}

static void fill(struct fixture *fixture, const char *json)
{
	struct value root;

	arena_reset(&fixture->req.arena);
	memset(fixture->req.param, 0, sizeof(fixture->req.param));
	fixture->req.filter = (struct filter){0};
	fixture->req.response_targets = fixture->req.content = (struct str){0};
	fixture->req.refused = RSC_NONE;
	fixture->req.refused_why = NULL;
	assert_int_equal(decode(fixture, &codec_json, str_of(json), &root), PRIMITIVE_REQUEST);
	primitive_fill(&fixture->req, fixture->schema, root);
}

static void assert_str(struct str s, const char *text)
{
	assert_non_null(s.ptr);
	if (!str_eq(s, str_of(text)))
		fail_msg("\"%.*s\" instead of \"%s\"", STR_ARG(s), text);
}

#define assert_param(fixture, name, text) assert_str((fixture)->req.param[PARAM_##name], text)

static void parameters_become_texts(void **state)
{
	struct fixture *fixture = *state;

	fill(fixture,
	     "{\"op\":1,\"to\":\"cse-in/\\u0061\",\"fr\":\"Ca\",\"rqi\":\"1\",\"ty\":3,\"rcn\":2,\"rqet\":5000,"
	     "\"oet\":\"PT1S\",\"rvi\":\"3\",\"grtm\":[\"a\",\"b\"],\"drt\":2,\"da\":true,"
	     "\"pc\":{\"m2m:cnt\":{\"rn\":\"c\"}}}");
	assert_int_equal(fixture->req.refused, RSC_NONE);
	assert_param(fixture, operation, "1");
	assert_param(fixture, to, "cse-in/a");
	assert_param(fixture, from, "Ca");
	assert_param(fixture, resourceType, "3");
	assert_param(fixture, resultContent, "2");
	assert_param(fixture, requestExpirationTimestamp, "5000");
	assert_param(fixture, operationExecutionTime, "PT1S");
	assert_param(fixture, groupRequestTargetMembers, "a+b");
	assert_param(fixture, deliveryAggregation, "true");
	assert_null(fixture->req.param[PARAM_eventCategory].ptr);
	assert_str(fixture->req.content, "{\"m2m:cnt\":{\"rn\":\"c\"}}");
}

static void a_wrapper_is_taken_as_well(void **state)
{
	struct fixture *fixture = *state;
	struct value root;

	fill(fixture, "{\"m2m:rqp\":{\"op\":2,\"to\":\"cse-in\",\"rqi\":\"x\"}}");
	assert_param(fixture, requestIdentifier, "x");
	assert_int_equal(decode(fixture, &codec_json, STR("{\"m2m:rsp\":{\"rsc\":2000,\"rqi\":\"x\"}}"), &root),
			 PRIMITIVE_RESPONSE);
	assert_str(primitive_identifier(fixture->schema, root, &fixture->arena), "x");
}

static void an_originator_that_is_null_is_none(void **state)
{
	struct fixture *fixture = *state;

	fill(fixture, "{\"op\":1,\"fr\":null}");
	assert_int_equal(fixture->req.refused, RSC_NONE);
	assert_null(fixture->req.param[PARAM_from].ptr);
}

static void assert_refused(struct fixture *fixture, const char *json, const char *words)
{
	fill(fixture, json);
	assert_int_equal(fixture->req.refused, RSC_BAD_REQUEST);
	if (!strstr(fixture->req.refused_why, words))
		fail_msg("no \"%s\" in \"%s\"", words, fixture->req.refused_why);
}

static void what_has_another_form_is_refused_by_name(void **state)
{
	struct fixture *fixture = *state;

	assert_refused(fixture, "{\"op\":\"1\"}", "op");
	assert_refused(fixture, "{\"to\":1}", "to");
	assert_refused(fixture, "{\"fr\":1}", "fr");
	assert_refused(fixture, "{\"da\":\"true\"}", "da");
	assert_refused(fixture, "{\"grtm\":\"a\"}", "grtm");
	assert_refused(fixture, "{\"grtm\":[\"a\",1]}", "grtm");
	assert_refused(fixture, "{\"grtm\":[\"a+b\"]}", "grtm");
	assert_refused(fixture, "{\"rt\":\"1\"}", "rt");
	assert_refused(fixture, "{\"rt\":{\"nu\":[]}}", "rt");
	assert_refused(fixture, "{\"rt\":{\"rtv\":2,\"nu\":\"a\"}}", "nu");
	assert_refused(fixture, "{\"fc\":[]}", "fc");
	assert_refused(fixture, "{\"fc\":{\"lim\":\"1\"}}", "lim");
	assert_refused(fixture, "{\"fc\":{\"lim\":[1]}}", "lim");
	assert_refused(fixture, "{\"fc\":{\"lbl\":[1]}}", "lbl");
	assert_refused(fixture, "{\"fc\":{\"atr\":{}}}", "atr");
	assert_refused(fixture, "{\"fc\":{\"atr\":[{\"val\":1}]}}", "atr");
	assert_refused(fixture, "{\"fc\":{\"atr\":[{\"nm\":\"mni\"}]}}", "mni");
	assert_refused(fixture, "{\"fc\":{\"mni\":{}}}", "mni");
	assert_refused(fixture, "{\"nosuch\":1}", "unknown parameter nosuch");
}

static void assert_condition(const struct fixture *fixture, unsigned at, enum condition tag, const char *name,
			     const char *text)
{
	assert_true(at < fixture->req.filter.count);
	assert_int_equal(fixture->req.filter.items[at].tag, tag);
	assert_str(fixture->req.filter.items[at].name, name);
	assert_str(fixture->req.filter.items[at].text, text);
}

static void criteria_become_conditions_one_by_one(void **state)
{
	struct fixture *fixture = *state;

	fill(fixture, "{\"fc\":{\"fu\":1,\"lbl\":[\"a\",\"b:c\"],\"ty\":[3,4],\"cty\":\"x\",\"mni\":5,\"lim\":7,"
		      "\"atr\":[{\"nm\":\"cr\",\"val\":\"Ca\"},{\"nm\":\"mni\",\"val\":[1,2]}],"
		      "\"catr\":[{\"nm\":\"st\",\"val\":0}],\"patr\":[{\"nm\":\"rn\",\"val\":\"p\"}]}}");
	assert_int_equal(fixture->req.refused, RSC_NONE);
	assert_int_equal(fixture->req.filter.count, 13);
	assert_condition(fixture, 0, FILTER_filterUsage, "fu", "1");
	assert_condition(fixture, 1, FILTER_labels, "lbl", "a");
	assert_condition(fixture, 2, FILTER_labels, "lbl", "b:c");
	assert_condition(fixture, 4, FILTER_resourceType, "ty", "4");
	assert_condition(fixture, 5, FILTER_contentType, "cty", "x");
	assert_condition(fixture, 6, FILTER_COUNT, "mni", "5");
	assert_condition(fixture, 8, FILTER_COUNT, "cr", "Ca");
	assert_condition(fixture, 10, FILTER_COUNT, "mni", "2");
	assert_condition(fixture, 11, FILTER_COUNT, "c.st", "0");
	assert_condition(fixture, 12, FILTER_COUNT, "p.rn", "p");
}

static void conditions_are_bounded(void **state)
{
	struct fixture *fixture = *state;
	struct strbuf json = {0};

	strbuf_addf(&json, "{\"fc\":{\"lbl\":[\"a\"");
	for (int i = 0; i < 300; i++)
		strbuf_addf(&json, ",\"a\"");
	strbuf_addf(&json, "]}}%c", 0);
	assert_refused(fixture, json.ptr, "more than 256");
	strbuf_finish(&json);
}

static void a_response_type_has_its_targets(void **state)
{
	struct fixture *fixture = *state;

	fill(fixture, "{\"rt\":{\"rtv\":2,\"nu\":[\"http://a/b\",\"Ca\"]}}");
	assert_param(fixture, responseType, "2");
	assert_str(fixture->req.response_targets, "http://a/b&Ca");
	fill(fixture, "{\"rt\":{\"rtv\":2,\"nu\":[]}}");
	assert_str(fixture->req.response_targets, "");
	fill(fixture, "{\"rt\":3}");
	assert_param(fixture, responseType, "3");
	assert_null(fixture->req.response_targets.ptr);
}

static void what_is_no_primitive_is_none(void **state)
{
	static const char *const texts[] = {"", "{", "[]", "1", "\"x\"", "{\"a\":1,\"a\":2}", "{}x"};
	struct fixture *fixture = *state;
	struct value root;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(decode(fixture, &codec_json, str_of(texts[i]), &root), PRIMITIVE_NONE);
	assert_int_equal(decode(fixture, &codec_xml, STR("<a/>"), &root), PRIMITIVE_NONE);
	assert_int_equal(decode(fixture, &codec_cbor, STR("\x01"), &root), PRIMITIVE_NONE);
	assert_int_equal(decode(fixture, &codec_json, STR("{}"), &root), PRIMITIVE_REQUEST);
	assert_null(primitive_identifier(fixture->schema, root, &fixture->arena).ptr);
}

/* Also what has the wrong form, so that whoever sent it knows which request is refused. */
static void a_refusal_is_addressed_by_what_stands_there(void **state)
{
	struct fixture *fixture = *state;
	struct value root;

	assert_int_equal(decode(fixture, &codec_json, STR("{\"rqi\":77,\"rvi\":3,\"fr\":\"Ca\"}"), &root),
			 PRIMITIVE_REQUEST);
	primitive_identify(&fixture->req, fixture->schema, root, &fixture->arena);
	assert_param(fixture, requestIdentifier, "77");
	assert_param(fixture, releaseVersionIndicator, "3");
	assert_param(fixture, from, "Ca");
	fixture->req.param[PARAM_requestIdentifier] = (struct str){0};
	primitive_fill(&fixture->req, fixture->schema, root);
	assert_int_equal(fixture->req.refused, RSC_BAD_REQUEST);
	assert_param(fixture, requestIdentifier, "77");
}

/* What is written in a serialization is read as the same. */
static void requests_go_over_every_serialization(void **state)
{
	struct fixture *fixture = *state;
	struct hop hop = {.url = STR("mqtt://h/t"),
			  .content = STR("{\"m2m:sgn\":{\"vrq\":true,\"sur\":\"/id-in/s\"}}")};
	const struct codec *codec;

	hop.param[PARAM_operation] = STR("5");
	hop.param[PARAM_from] = STR("/id-in");
	hop.param[PARAM_requestIdentifier] = STR("007");
	hop.param[PARAM_releaseVersionIndicator] = STR("3");
	for (size_t i = 0; (codec = codec_at(i)) != NULL; i++) {
		struct strbuf out = {0};
		struct decode_error error;
		struct value root;

		assert_int_equal(primitive_add_request(&out, &hop, fixture->schema, codec, &fixture->arena, &error), 0);
		assert_int_equal(decode(fixture, codec, strbuf_str(&out), &root), PRIMITIVE_REQUEST);
		memset(fixture->req.param, 0, sizeof(fixture->req.param));
		fixture->req.refused = RSC_NONE;
		primitive_fill(&fixture->req, fixture->schema, root);
		assert_int_equal(fixture->req.refused, RSC_NONE);
		assert_param(fixture, operation, "5");
		assert_param(fixture, to, "mqtt://h/t"); /* the URL is the target */
		assert_param(fixture, requestIdentifier, "007");
		assert_str(fixture->req.content, hop.content.ptr);
		strbuf_finish(&out);
	}
}

static void answers_go_over_every_serialization(void **state)
{
	struct fixture *fixture = *state;
	const struct codec *codec;

	fixture->req.param[PARAM_requestIdentifier] = STR("5");
	fixture->req.param[PARAM_from] = STR("Ca");
	fixture->req.answer = (struct answer){
		.rsc = RSC_OK, .content = STR("{\"m2m:uril\":[\"a\",\"b\"]}"), .is_partial = true, .offset = 7};
	for (size_t i = 0; (codec = codec_at(i)) != NULL; i++) {
		struct strbuf out = {0};
		struct hop hop = {0};
		struct value root;

		primitive_add_response(&out, &fixture->req, fixture->schema, codec, &fixture->arena);
		assert_int_equal(decode(fixture, codec, strbuf_str(&out), &root), PRIMITIVE_RESPONSE);
		assert_str(primitive_identifier(fixture->schema, root, &fixture->arena), "5");
		primitive_answer(&hop, fixture->schema, root);
		assert_int_equal(hop.outcome, HOP_ANSWERED);
		assert_int_equal(hop.rsc, RSC_OK);
		assert_str(hop.answer, "{\"m2m:uril\":[\"a\",\"b\"]}");
		strbuf_finish(&out);
	}
}

static void what_a_serialization_cannot_carry_is_answered_so(void **state)
{
	struct fixture *fixture = *state;
	struct strbuf out = {0};
	struct hop hop = {.content = STR("{\"m2m:cin\":{\"con\":\"a\\u0000b\"}}")};
	struct decode_error error;
	struct value root;

	fixture->req.param[PARAM_requestIdentifier] = STR("5");
	fixture->req.answer = (struct answer){.rsc = RSC_OK, .content = hop.content};
	primitive_add_response(&out, &fixture->req, fixture->schema, &codec_xml, &fixture->arena);
	assert_int_equal(decode(fixture, &codec_xml, strbuf_str(&out), &root), PRIMITIVE_RESPONSE);
	assert_int_equal(primitive_add_request(&out, &hop, fixture->schema, &codec_xml, &fixture->arena, &error), -1);
	primitive_answer(&hop, fixture->schema, root);
	assert_int_equal(hop.rsc, RSC_NOT_ACCEPTABLE);
	strbuf_finish(&out);
}

static void an_answer_needs_a_code_of_four_digits(void **state)
{
	static const char *const texts[] = {"{\"rsc\":\"2000\"}", "{\"rsc\":999}", "{\"rsc\":10000}", "{\"rsc\":null}"};
	struct fixture *fixture = *state;
	struct value root;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct hop hop = {0};

		assert_int_equal(decode(fixture, &codec_json, str_of(texts[i]), &root), PRIMITIVE_RESPONSE);
		primitive_answer(&hop, fixture->schema, root);
		assert_int_equal(hop.outcome, HOP_UNREACHABLE);
		assert_true(hop.reason[0]);
		assert_int_equal(hop.answer.len, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(parameters_become_texts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_wrapper_is_taken_as_well, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_originator_that_is_null_is_none, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_has_another_form_is_refused_by_name, set_up, tear_down),
		cmocka_unit_test_setup_teardown(criteria_become_conditions_one_by_one, set_up, tear_down),
		cmocka_unit_test_setup_teardown(conditions_are_bounded, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_response_type_has_its_targets, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_no_primitive_is_none, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_refusal_is_addressed_by_what_stands_there, set_up, tear_down),
		cmocka_unit_test_setup_teardown(requests_go_over_every_serialization, set_up, tear_down),
		cmocka_unit_test_setup_teardown(answers_go_over_every_serialization, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_a_serialization_cannot_carry_is_answered_so, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_answer_needs_a_code_of_four_digits, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
