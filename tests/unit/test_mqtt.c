/* Topics, MQTT URIs, rules for foreign devices and the memory of answers. */
#include "bindings/mqtt/cache.h"
#include "bindings/mqtt/rules.h"
#include "bindings/mqtt/topic.h"
#include "tests/unit/tables.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static const struct topic_home home = {{"/id-in", 6}, {"sp.example", 10}};

static void assert_str(struct str s, const char *text)
{
	if (!str_eq(s, str_of(text)))
		fail_msg("\"%.*s\" instead of \"%s\"", STR_ARG(s), text);
}

static void topics_are_read_under_their_path(void **state)
{
	struct topic topic;

	(void)state;
	assert_true(topic_parse(STR(""), STR("/oneM2M/req/Ca/id-in/json"), &topic));
	assert_int_equal(topic.kind, TOPIC_REQUEST);
	assert_str(topic.originator, "Ca");
	assert_str(topic.receiver, "id-in");
	assert_str(topic.type, "json");
	assert_true(topic_parse(STR("a/b"), STR("a/b/oneM2M/reg_resp/x/id-in/cbor"), &topic));
	assert_int_equal(topic.kind, TOPIC_REGISTRATION_RESPONSE);
	assert_true(topic_parse(STR(""), STR("/oneM2M/resp/Ca/id-in"), &topic));
	assert_int_equal(topic.type.len, 0);
	assert_true(topic_parse(STR(""), STR("/oneM2M/reg_req/Ca/id-in/a/b"), &topic));
	assert_str(topic.type, "a/b");
}

static void what_is_no_topic_of_the_standard_is_none(void **state)
{
	static const char *const texts[] = {
		"",
		"/",
		"/oneM2M",
		"/oneM2M/req",
		"/oneM2M/req/",
		"/oneM2M/req/Ca",
		"/oneM2M/req//id-in/json",
		"/oneM2M/req/Ca//json",
		"/onem2m/req/Ca/id-in/json",
		"oneM2M/req/Ca/id-in/json",
		"/oneM2M/request/Ca/id-in/json",
		"x/oneM2M/req/Ca/id-in/json",
	};
	struct topic topic;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_false(topic_parse(STR(""), str_of(texts[i]), &topic));
	assert_false(topic_parse(STR("a"), STR("ab/oneM2M/req/Ca/id-in/json"), &topic));
}

static void an_answer_goes_to_the_topic_with_the_other_word(void **state)
{
	struct topic topic;
	struct strbuf out = {0};

	(void)state;
	assert_true(topic_parse(STR("p"), STR("p/oneM2M/req/Ca/id-in/json"), &topic));
	topic.kind = TOPIC_RESPONSE;
	topic_add(&out, STR("p"), &topic);
	assert_str(strbuf_str(&out), "p/oneM2M/resp/Ca/id-in/json");
	strbuf_finish(&out);
}

/* TS-0010 6.4.2 */
static void identifiers_are_levels(void **state)
{
	static const struct {
		const char *id, *level;
	} rows[] = {
		{"Cae", "Cae"},
		{"/id-in", "id-in"},
		{"/id-in/Cae", "id-in:Cae"},
		{"//sp.example/id-in", ":sp.example:id-in"},
		{"//sp.example/id-in/Cae", ":sp.example:id-in:Cae"},
		{"Sae", "Sae"},
	};
	struct arena arena;

	(void)state;
	arena_init(&arena);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct strbuf out = {0};

		topic_add_level(&out, str_of(rows[i].id));
		assert_str(strbuf_str(&out), rows[i].level);
		assert_str(topic_id(str_of(rows[i].level), &arena), rows[i].id);
		strbuf_finish(&out);
	}
	arena_finish(&arena);
}

static void a_level_stands_for_all_forms_of_an_identifier(void **state)
{
	static const char *const levels[] = {"Cae", "id-in:Cae", ":sp.example:id-in:Cae"};
	static const char *const ids[] = {"Cae", "/id-in/Cae", "//sp.example/id-in/Cae"};
	static const char *const others[] = {"Cae2",
					     "Ca",
					     "",
					     "/id-mn/Cae",
					     "//other/id-in/Cae",
					     "/id-in/Cae/x",
					     "/id-in/",
					     "//sp.example/id-mn/Cae"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		for (size_t k = 0; k < 3; k++)
			assert_true(topic_names(str_of(levels[i]), str_of(ids[k]), &home));
		for (size_t k = 0; k < sizeof(others) / sizeof(others[0]); k++)
			assert_false(topic_names(str_of(levels[i]), str_of(others[k]), &home));
	}
	assert_true(topic_names(STR("id-mn"), STR("/id-mn"), &home));
	assert_true(topic_names(STR(":other:id-in"), STR("//other/id-in"), &home));
	assert_true(topic_names(STR("id-in"), STR("/id-in"), &home));
}

static void uris_lead_to_a_broker_and_a_path(void **state)
{
	static const struct {
		const char *url, *host;
		unsigned port;
		const char *path;
	} rows[] = {
		{"mqtt://host", "host", 1883, ""},
		{"host:1884", "host", 1884, ""},
		{"MQTT://host:1/a/b/", "host", 1, "a/b"},
		{"mqtt://[::1]:99/x", "::1", 99, "x"},
		{"mqtt://[::1]", "::1", 1883, ""},
		{"mqtt://h/a%20b", "h", 1883, "a b"},
		{"mqtt://h//oneM2M/x", "h", 1883, "/oneM2M/x"},
	};
	struct arena arena;
	struct place place;
	const char *why;

	(void)state;
	arena_init(&arena);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(place_parse(str_of(rows[i].url), &place, &arena, &why), 0);
		assert_string_equal(place.host, rows[i].host);
		assert_int_equal(place.port, rows[i].port);
		assert_str(place.path, rows[i].path);
	}
	arena_finish(&arena);
}

static void wrong_uris_are_refused_with_a_reason(void **state)
{
	static const char *const urls[] = {
		"",
		"mqtt://",
		"mqtts://h",
		"http://h",
		"mqtt://h:0",
		"mqtt://h:70000",
		"mqtt://h:x",
		"mqtt://h:",
		"mqtt://u@h",
		"mqtt://u:p@h",
		"mqtt://h/+",
		"mqtt://h/a/#",
		"mqtt://h/%2b",
		"mqtt://h/%0a",
		"mqtt://h/%4",
		"mqtt://h/%zz",
		"mqtt://h/%ff",
		"mqtt://[::1",
		"mqtt://[::1]x",
		"mqtt://a b",
	};
	struct arena arena;
	struct place place;

	(void)state;
	arena_init(&arena);
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		const char *why = NULL;

		if (place_parse(str_of(urls[i]), &place, &arena, &why) == 0)
			fail_msg("%s is taken", urls[i]);
		assert_non_null(why);
	}
	arena_finish(&arena);
}

static void a_topic_has_no_more_levels_than_brokers_take(void **state)
{
	enum { MOST = 201 };
	char levels[2 * MOST + 2];

	(void)state;
	for (size_t i = 0; i < sizeof(levels); i++)
		levels[i] = i % 2 ? '/' : 'a';
	assert_true(topic_is_publishable(str_make(levels, 2 * MOST - 1)));
	assert_false(topic_is_publishable(str_make(levels, 2 * MOST + 1)));
}

/* ---- rules ---- */

struct ruled {
	struct arena arena;
	struct schema *schema;
	struct rules rules;
	struct request req;
	char message[200];
};

static int set_up_rules(void **state)
{
	struct ruled *ruled = xzalloc(sizeof(*ruled));

	arena_init(&ruled->arena);
	arena_init(&ruled->req.arena);
	ruled->schema = schema_create(test_types, test_type_count);
	*state = ruled;
	return 0;
}

static int tear_down_rules(void **state)
{
	struct ruled *ruled = *state;

	arena_finish(&ruled->arena);
	arena_finish(&ruled->req.arena);
	schema_destroy(ruled->schema);
	free(ruled);
	return 0;
}

static const char *apply(struct ruled *ruled, const char *topic, struct str payload)
{
	struct rule *rule = rules_find(&ruled->rules, str_of(topic));

	assert_non_null(rule);
	return rule_apply(rule, ruled->schema, str_of(topic), payload, &ruled->req);
}

static void a_rule_makes_an_instance(void **state)
{
	struct ruled *ruled = *state;

	assert_int_equal(rules_parse(&ruled->rules, STR("a/+/b/# cse-in/$1/x/$2 Cgw text/plain:0,  c  cse-in/c  Cd"),
				     &ruled->arena, ruled->message, sizeof(ruled->message)),
			 0);
	assert_int_equal(ruled->rules.count, 2);
	assert_null(apply(ruled, "a/one/b/two/three", STR("say \"hi\"")));
	assert_str(ruled->req.param[PARAM_to], "cse-in/one/x/two/three");
	assert_str(ruled->req.param[PARAM_from], "Cgw");
	assert_str(ruled->req.param[PARAM_operation], "1");
	assert_str(ruled->req.param[PARAM_resourceType], "4");
	assert_str(ruled->req.content, "{\"m2m:cin\":{\"cnf\":\"text/plain:0\",\"con\":\"say \\\"hi\\\"\"}}");
	assert_null(apply(ruled, "c", STR("")));
	assert_str(ruled->req.content, "{\"m2m:cin\":{\"con\":\"\"}}");
	assert_null(rules_find(&ruled->rules, STR("d")));
	assert_null(rules_find(&ruled->rules, STR("a/one/c/two")));
}

static void bytes_become_base64_where_contentInfo_says_so(void **state)
{
	struct ruled *ruled = *state;

	assert_int_equal(rules_parse(&ruled->rules, STR("a cse-in/c Cgw x/y:1,b cse-in/c Cgw x/y:0"), &ruled->arena,
				     ruled->message, sizeof(ruled->message)),
			 0);
	assert_null(apply(ruled, "a", str_make("\x00\xff\x01", 3)));
	assert_str(ruled->req.content, "{\"m2m:cin\":{\"cnf\":\"x/y:1\",\"con\":\"AP8B\"}}");
	assert_non_null(apply(ruled, "b", str_make("\xff", 1)));
	assert_non_null(apply(ruled, "b", str_make("a\0b", 3)));
}

static void no_level_is_a_way_out_of_the_target(void **state)
{
	static const char *const topics[] = {"a/x y", "a/x#y", "a/$x", "a//", "a/x?y", "a/\xc3\xa4", "a/x//y"};
	struct ruled *ruled = *state;

	assert_int_equal(rules_parse(&ruled->rules, STR("a/# cse-in/$1 Cgw"), &ruled->arena, ruled->message,
				     sizeof(ruled->message)),
			 0);
	for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++) {
		struct rule *rule = rules_find(&ruled->rules, str_of(topics[i]));

		assert_true(!rule || rule_apply(rule, ruled->schema, str_of(topics[i]), STR("1"), &ruled->req) != NULL);
	}
}

/* MQTT 4.7.1 to 4.7.3 */
static void filters_match_level_by_level(void **state)
{
	static const struct {
		const char *filter, *topic;
		bool matches;
	} rows[] = {
		{"a", "a", true},	  {"a", "b", false},	      {"a", "a/b", false},	 {"a/b", "a", false},
		{"+", "a", true},	  {"+", "a/b", false},	      {"a/+", "a/", true},	 {"a/+", "a", false},
		{"+/+", "/b", true},	  {"a/+/c", "a/b/c", true},   {"a/+/c", "a/b/d", false}, {"#", "a/b/c", true},
		{"a/#", "a", true},	  {"a/#", "a/b/c", true},     {"a/#", "ab", false},	 {"#", "$SYS/x", false},
		{"+/x", "$SYS/x", false}, {"$SYS/#", "$SYS/x", true}, {"a/#", "A/b", false},
	};
	struct ruled *ruled = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct str text = arena_printf(&ruled->arena, "%s cse-in/c C", rows[i].filter);

		assert_int_equal(
			rules_parse(&ruled->rules, text, &ruled->arena, ruled->message, sizeof(ruled->message)), 0);
		if ((rules_find(&ruled->rules, str_of(rows[i].topic)) != NULL) != rows[i].matches)
			fail_msg("%s and %s", rows[i].filter, rows[i].topic);
	}
}

static void wrong_rules_are_refused_with_a_reason(void **state)
{
	static const char *const texts[] = {"a",       "a b",	  "a b c d e", "a/#/b x C", "a+ x C",
					    "a x$1 C", "+ x$2 C", "+ x$ C",    "+ x$a C",   "+/+/+/+/+/+/+/+/+/+ x C"};
	struct ruled *ruled = *state;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		ruled->message[0] = '\0';
		if (rules_parse(&ruled->rules, str_of(texts[i]), &ruled->arena, ruled->message,
				sizeof(ruled->message)) == 0)
			fail_msg("%s is taken", texts[i]);
		assert_true(ruled->message[0]);
	}
}

/* ---- answers that are remembered ---- */

static void an_answer_is_found_within_its_time(void **state)
{
	const struct cache_key key = {"a", STR("t"), STR("1"), STR("bytes")},
			       other = {"a", STR("t"), STR("1"), STR("others")},
			       stranger = {"b", STR("t"), STR("1"), STR("bytes")};
	struct cache cache;
	struct cache_entry *entry;

	(void)state;
	cache_init(&cache, 10000, 100);
	assert_null(cache_find(&cache, &key, 0));
	entry = cache_add(&cache, &key);
	assert_ptr_equal(cache_find(&cache, &key, 0), entry);
	assert_ptr_equal(cache_find(&cache, &key, 1000), entry); /* as long as it is in work */
	assert_false(entry->is_answered);
	assert_null(cache_find(&cache, &other, 0));
	assert_null(cache_find(&cache, &stranger, 0)); /* the same at another broker is another's */
	cache_answer(&cache, entry, STR("yes"), 1000);
	assert_str(cache_text(cache_find(&cache, &key, 1099)), "yes");
	assert_null(cache_find(&cache, &key, 1100));
	assert_int_equal(cache.bytes, 0);
	cache_finish(&cache);
}

static void memory_is_bounded_and_what_is_in_work_stays(void **state)
{
	struct cache cache;
	struct cache_entry *first;
	char text[20];

	(void)state;
	cache_init(&cache, 2000, 1000000);
	first = cache_add(&cache, &(struct cache_key){NULL, STR("t"), STR("first"), STR("")});
	for (int i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "%d", i);
		cache_answer(&cache, cache_add(&cache, &(struct cache_key){NULL, STR("t"), str_of(text), STR("")}),
			     STR("a hundred bytes or so of an answer"), i);
		assert_true(cache.bytes <= 2000);
	}
	assert_ptr_equal(cache_find(&cache, &(struct cache_key){NULL, STR("t"), STR("first"), STR("")}, 1000), first);
	assert_non_null(cache_find(&cache, &(struct cache_key){NULL, STR("t"), STR("999"), STR("")}, 1000));
	assert_null(cache_find(&cache, &(struct cache_key){NULL, STR("t"), STR("1"), STR("")}, 1000));
	cache_finish(&cache);
}

static void nothing_is_remembered_where_that_is_asked_for(void **state)
{
	const struct cache_key key = {NULL, STR("t"), STR("1"), STR("")};
	struct cache cache;

	(void)state;
	cache_init(&cache, 0, 100);
	assert_null(cache_add(&cache, &key));
	cache_answer(&cache, NULL, STR("x"), 0);
	cache_finish(&cache);
	cache_init(&cache, 100, 0);
	assert_null(cache_add(&cache, &key));
	cache_finish(&cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(topics_are_read_under_their_path),
		cmocka_unit_test(what_is_no_topic_of_the_standard_is_none),
		cmocka_unit_test(an_answer_goes_to_the_topic_with_the_other_word),
		cmocka_unit_test(identifiers_are_levels),
		cmocka_unit_test(a_level_stands_for_all_forms_of_an_identifier),
		cmocka_unit_test(uris_lead_to_a_broker_and_a_path),
		cmocka_unit_test(wrong_uris_are_refused_with_a_reason),
		cmocka_unit_test(a_topic_has_no_more_levels_than_brokers_take),
		cmocka_unit_test_setup_teardown(a_rule_makes_an_instance, set_up_rules, tear_down_rules),
		cmocka_unit_test_setup_teardown(bytes_become_base64_where_contentInfo_says_so, set_up_rules,
						tear_down_rules),
		cmocka_unit_test_setup_teardown(no_level_is_a_way_out_of_the_target, set_up_rules, tear_down_rules),
		cmocka_unit_test_setup_teardown(filters_match_level_by_level, set_up_rules, tear_down_rules),
		cmocka_unit_test_setup_teardown(wrong_rules_are_refused_with_a_reason, set_up_rules, tear_down_rules),
		cmocka_unit_test(an_answer_is_found_within_its_time),
		cmocka_unit_test(memory_is_bounded_and_what_is_in_work_stays),
		cmocka_unit_test(nothing_is_remembered_where_that_is_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
