/* Values and expressions of Filter Criteria, and the lists of the catalog. */
#include "cse/base/error.h"
#include "cse/core/filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static void a_star_stands_for_any_run_of_characters(void **state)
{
	(void)state;
	assert_true(matches_wildcards(STR("*"), STR("")));
	assert_true(matches_wildcards(STR("a*"), STR("abc")));
	assert_true(matches_wildcards(STR("*c"), STR("abc")));
	assert_true(matches_wildcards(STR("a*b*c"), STR("a1b2c")));
	assert_true(matches_wildcards(STR("a**c"), STR("ac")));
	assert_true(matches_wildcards(STR("*ab"), STR("abab")));
	assert_false(matches_wildcards(STR("a*a"), STR("a")));
	assert_false(matches_wildcards(STR("ab*ba"), STR("aba")));
	assert_false(matches_wildcards(STR("a*c"), STR("abcd")));
	assert_false(matches_wildcards(STR("a"), STR("ab")));
}

static bool matches(const char *json, const char *text)
{
	struct arena arena;
	bool result;

	arena_init(&arena);
	result = json_matches(str_of(json), str_of(text), true, &arena);
	arena_finish(&arena);
	return result;
}

static void values_are_compared_by_what_they_are(void **state)
{
	(void)state;
	assert_true(matches("5", "5"));
	assert_true(matches("5", "05"));
	assert_true(matches("5.0", "5"));
	assert_true(matches("1e2", "100"));
	assert_false(matches("5", "6"));
	assert_false(matches("5", ""));
	assert_true(matches("true", "1"));
	assert_true(matches("true", "true"));
	assert_false(matches("true", "0"));
	assert_true(matches("false", "0"));
	assert_true(matches("\"a\\\"b\"", "a\"b"));
	assert_false(matches("\"5\"", "05"));
	assert_true(matches("[\"a\",\"b,]\"]", "b,]"));
	assert_true(matches("[1,2,3]", "2"));
	assert_false(matches("[]", "2"));
	assert_true(matches("[{\"a\":[1]},7]", "7"));
	assert_true(matches("{\"a\":1}", "{\"a\":1}"));
}

static bool holds(const char *expression, const char *first, const char *second)
{
	struct str labels[] = {str_of(first), str_of(second)};
	struct arena arena;
	struct labels_query *query;
	bool result;

	arena_init(&arena);
	query = labels_queries(&arena, 1);
	assert_null(labels_query_parse(query, str_of(expression), &arena));
	result = labels_query_matches(query, labels, !!first + !!second);
	arena_finish(&arena);
	return result;
}

static void an_expression_looks_at_keys_and_values_of_labels(void **state)
{
	(void)state;
	assert_true(holds("color", "color", NULL));
	assert_true(holds("color", "x", "color:red"));
	assert_false(holds("color", "colors", NULL));
	assert_true(holds("NT color", NULL, NULL));
	assert_false(holds("NT color", "color:red", NULL));
	assert_true(holds("color EQ red", "color:red", NULL));
	assert_true(holds("color:red", "color:red", NULL));
	assert_false(holds("color EQ red", "color", NULL));
	assert_true(holds("color NE red", "color:blue", NULL));
	assert_false(holds("color NE red", "color", NULL));
	assert_false(holds("color NE red", "color:blue", "color:red"));
	assert_true(holds("color IN (red, green)", "color:green", NULL));
	assert_false(holds("color IN (red, green)", "color:blue", NULL));
	assert_true(holds("color NI (red, green)", "color:blue", NULL));
	assert_false(holds("color NI (red, green)", "size:1", NULL));
}

static void a_wrong_expression_is_refused(void **state)
{
	static const char *const wrong[] = {"",	      "  ",	 "a EQ",      "a EQ b c", "a IN",
					    "a IN b", "a IN ()", "a IN (b,)", "a XX b",	  "NT a b"};
	struct arena arena;

	(void)state;
	arena_init(&arena);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_non_null(labels_query_parse(labels_queries(&arena, 1), str_of(wrong[i]), &arena));
	arena_finish(&arena);
}

enum { RESOURCES = 2000 };

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static struct resource *make(uint64_t key)
{
	static const struct type_def type = {.name = "container", .short_name = "cnt", .ty = TY_container};
	char id[32];
	int len = snprintf(id, sizeof(id), "r%llu", (unsigned long long)key);
	struct str name = str_make(id, (size_t)len);
	struct resource *resource = resource_create(&type, key, name, name, STR(""));

	resource->created_us = (int64_t)key;
	return resource;
}

static void check_label(const struct catalog *catalog, struct resource **resources, const bool *is_in, unsigned parity)
{
	const struct label *label = catalog_label(catalog, parity ? STR("odd") : STR("even"));
	size_t at = 0;

	for (size_t i = 0; label && i < RESOURCES; i++) {
		if (!is_in[i] || resources[i]->key % 2 != parity)
			continue;
		while (at < label->resources.count && !label->resources.entries[at].resource)
			at++;
		assert_true(at < label->resources.count);
		assert_ptr_equal(label->resources.entries[at++].resource, resources[i]);
	}
}

static void lists_hold_who_is_there_in_the_order_of_keys(void **state)
{
	struct catalog catalog;
	struct resource *resources[RESOURCES];
	bool is_in[RESOURCES] = {false};
	uint32_t seed = 1;

	(void)state;
	catalog_init(&catalog, 7);
	for (size_t i = 0; i < RESOURCES; i++) {
		resources[i] = make(i + 1);
		catalog_set_labels(&catalog, resources[i],
				   i % 2 ? STR("[\"even\",\"all\",\"even\"]") : STR("[\"odd\",\"all\"]"));
	}
	for (unsigned i = 0; i < 20 * RESOURCES; i++) {
		size_t which = next_random(&seed) % RESOURCES;

		if (is_in[which])
			catalog_remove(&catalog, resources[which]);
		else
			catalog_add(&catalog, resources[which]);
		is_in[which] = !is_in[which];
		if (is_in[which])
			assert_true(catalog_has(&catalog, resources[which]));
	}
	check_label(&catalog, resources, is_in, 0);
	check_label(&catalog, resources, is_in, 1);
	for (size_t i = 0; i < RESOURCES; i++) {
		if (is_in[i])
			catalog_remove(&catalog, resources[i]);
		resource_destroy(resources[i]);
	}
	assert_null(catalog_label(&catalog, STR("all")));
	catalog_finish(&catalog);
}

static void an_interval_of_times_is_found_in_a_list(void **state)
{
	struct catalog catalog;
	struct resource *resources[100];

	(void)state;
	catalog_init(&catalog, 7);
	for (size_t i = 0; i < 100; i++)
		catalog_add(&catalog, resources[i] = make(i + 1));
	for (size_t i = 10; i < 40; i++)
		catalog_remove(&catalog, resources[i]);
	assert_true(catalog.times_follow_keys);
	assert_int_equal(catalog_find_time(&catalog.all, 1), 0);
	assert_int_equal(catalog_find_time(&catalog.all, 101), 100);
	assert_int_equal(catalog_find_time(&catalog.all, 50), 49);
	assert_true(catalog_find_time(&catalog.all, 20) <= 40);
	assert_true(catalog_find_time(&catalog.all, 20) >= 10);
	for (size_t i = 0; i < 100; i++) {
		if (i < 10 || i >= 40)
			catalog_remove(&catalog, resources[i]);
		resource_destroy(resources[i]);
	}
	catalog_finish(&catalog);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_star_stands_for_any_run_of_characters),
		cmocka_unit_test(values_are_compared_by_what_they_are),
		cmocka_unit_test(an_expression_looks_at_keys_and_values_of_labels),
		cmocka_unit_test(a_wrong_expression_is_refused),
		cmocka_unit_test(lists_hold_who_is_there_in_the_order_of_keys),
		cmocka_unit_test(an_interval_of_times_is_found_in_a_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
