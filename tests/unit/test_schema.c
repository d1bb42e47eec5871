/* Unit tests of the registry and the tables: schemas/schema.c, lookup.c, tables.c, primitive.c, status.c. */
#include "schemas/schema.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "schemas/primitive.h"
#include "schemas/status.h"
#include "tests/unit/tables.h"

static int set_up(void **state)
{
	*state = schema_create(test_types, test_type_count);
	return 0;
}

static int tear_down(void **state)
{
	schema_destroy(*state);
	return 0;
}

static void assert_str(struct str actual, const char *expected)
{
	if (!str_eq(actual, str_of(expected)))
		fail_msg("\"%.*s\" != \"%s\"", STR_ARG(actual), expected);
}

/* ---- names ---- */

static void names_have_the_standards_spelling(void **state)
{
	assert_str(name_long(NULL, ATTR_maxNrOfInstances), "maxNrOfInstances");
	assert_str(name_short(NULL, ATTR_maxNrOfInstances), "mni");
	assert_str(name_long(NULL, ATTR_App_ID), "App-ID");
	assert_str(name_long(*state, ATTR_Trigger_Recipient_ID), "Trigger-Recipient-ID");
	assert_str(name_long(*state, ATTR_originator), "originator");
	assert_str(name_short(*state, ATTR_originator), "org");
	assert_str(name_long(*state, ATTR_originator__member), "originator");
	assert_str(name_short(*state, ATTR_originator__member), "or");
}

static void the_first_name_of_a_short_form_is_found(void **state)
{
	assert_int_equal(name_by_short(*state, STR("mni")), ATTR_maxNrOfInstances);
	assert_int_equal(name_by_short(*state, STR("or")), ATTR_ontologyRef);
	assert_int_equal(name_by_short(*state, STR("xyz")), ATTR_NONE);
	assert_int_equal(name_by_short(*state, STR("")), ATTR_NONE);
	for (unsigned name = ATTR_NONE + 1; name < ATTR_BUILTIN_COUNT; name++)
		assert_true(name_by_short(*state, name_short(NULL, name)) <= name);
}

/* ---- types ---- */

static void types_are_found_by_number_and_by_root(void **state)
{
	for (size_t i = 0; i < test_type_count; i++) {
		char root[64];

		snprintf(root, sizeof(root), "%s:%s", test_types[i]->space, test_types[i]->short_name);
		assert_ptr_equal(schema_type_by_root(*state, str_of(root)), test_types[i]);
		assert_ptr_equal(schema_type(*state, test_types[i]->ty), test_types[i]);
		assert_ptr_equal(schema_type_at(*state, i), test_types[i]);
		assert_string_equal(resource_type_name(test_types[i]->ty), test_types[i]->name);
	}
	assert_null(schema_type_at(*state, test_type_count));
	assert_null(schema_type(*state, TY_delivery));
	assert_null(schema_type(*state, 0));
	assert_null(schema_type(*state, 4000000000u));
	assert_null(schema_type_by_root(*state, STR("m2m:xyz")));
	assert_null(schema_type_by_root(*state, STR("cnt")));
	assert_null(schema_type_by_root(*state, STR("")));
}

static void every_row_is_found_by_its_names(void **state)
{
	for (size_t i = 0; i < test_type_count; i++) {
		const struct type_def *type = test_types[i];

		for (size_t row = 0; row < type->attr_count; row++) {
			unsigned name = type->attrs[row].name;

			assert_int_equal(schema_row(*state, type, name_short(NULL, name)), row);
			assert_int_equal(type_row(type, name), row);
		}
		assert_int_equal(schema_row(*state, type, STR("xyz")), -1);
		assert_int_equal(type_row(type, ATTR_tracingOption), -1);
	}
}

static void every_member_is_found_by_its_short_name(void **state)
{
	const struct complex_def *def;

	for (size_t i = 0; (def = complex_at(i)); i++) {
		assert_ptr_equal(complex_find(str_of(def->name)), def);
		assert_true(def->count > 0 && def->count <= 64);
		for (size_t row = 0; row < def->count; row++)
			assert_int_equal(complex_row(*state, def, name_short(NULL, def->members[row].name)), row);
		assert_int_equal(complex_row(*state, def, STR("xyz")), -1);
	}
	assert_null(complex_find(STR("noSuchType")));
}

static void universal_attributes_come_first(void **state)
{
	static const unsigned names[] = {ATTR_resourceName, ATTR_resourceType, ATTR_resourceID,
					 ATTR_parentID,	    ATTR_creationTime, ATTR_lastModifiedTime};

	(void)state;
	for (size_t i = 0; i < test_type_count; i++)
		for (size_t row = 0; row < sizeof(names) / sizeof(names[0]); row++)
			assert_int_equal(test_types[i]->attrs[row].name, names[row]);
}

static void what_is_mandatory_has_multiplicity_one(void **state)
{
	(void)state;
	for (size_t i = 0; i < test_type_count; i++)
		for (size_t row = 0; row < test_types[i]->attr_count; row++)
			if (test_types[i]->attrs[row].create == M)
				assert_int_equal(test_types[i]->attrs[row].cardinality, ONE);
}

static void children_and_virtuals_are_those_of_the_table(void **state)
{
	const struct type_def *container = schema_type(*state, TY_container);

	assert_true(type_allows_child(container, TY_contentInstance));
	assert_true(type_allows_child(container, TY_container));
	assert_false(type_allows_child(container, TY_AE));
	assert_false(type_allows_child(container, TY_NONE));
	assert_false(type_allows_child(schema_type(*state, TY_contentInstance), TY_subscription));
	assert_int_equal(container->virtual_count, 2);
	assert_string_equal(container->virtuals[0].name, "la");
	assert_string_equal(container->virtuals[0].long_name, "latest");
	assert_int_equal(schema_type(*state, TY_accessControlPolicy)->virtual_count, 0);
}

static void every_child_has_a_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < test_type_count; i++)
		for (size_t child = 0; child < test_types[i]->child_count; child++)
			assert_non_null(resource_type_name(test_types[i]->children[child]));
}

static void refusals_and_flags_are_those_of_the_row(void **state)
{
	assert_int_equal(schema_type(*state, TY_contentInstance)->refused, OP_BIT(OP_UPDATE));
	assert_int_equal(schema_type(*state, TY_contentInstance)->flags, INSTANCE | NO_ACPI | ANNOUNCEABLE);
	assert_int_equal(schema_type(*state, TY_container)->refused, 0);
	assert_int_equal(schema_type(*state, TY_CSEBase)->flags, CSE_MADE);
}

/* ---- enumerations ---- */

static void enumerations_have_no_value_twice(void **state)
{
	const struct enum_def *def;

	(void)state;
	for (size_t i = 0; (def = enum_at(i)); i++) {
		assert_ptr_equal(enum_find(str_of(def->name)), def);
		assert_true(def->count > 0);
		for (size_t n = 0; n < def->count; n++)
			assert_string_equal(enum_value_name(def, def->values[n].value), def->values[n].name);
	}
	assert_null(enum_find(STR("noSuchType")));
}

static void values_have_the_standards_names(void **state)
{
	const struct enum_def *member_type = enum_find(STR("memberType"));

	(void)state;
	assert_string_equal(enum_value_name(member_type, 0), "mixed");
	assert_string_equal(enum_value_name(member_type, 3), "container");
	assert_string_equal(enum_value_name(member_type, 20002), "latest");
	assert_null(enum_value_name(member_type, 33));
	assert_null(enum_value_name(enum_find(STR("resourceType")), 0));
	assert_string_equal(enum_value_name(enum_find(STR("responseStatusCode")), 4004), "NOT_FOUND");
	assert_string_equal(resource_type_name(10003), "containerAnnc");
	assert_null(resource_type_name(33));
}

/* ---- status codes and parameters ---- */

static void every_status_code_is_found(void **state)
{
	const struct enum_def *codes = enum_find(STR("responseStatusCode"));

	(void)state;
	for (size_t i = 0; i < codes->count; i++) {
		const struct status_def *status = status_find((int)codes->values[i].value);

		assert_non_null(status);
		assert_string_equal(status->name, codes->values[i].name);
		assert_true(status->http >= 200 && status->http < 600);
		assert_int_equal(rsc_is_success(status->code), status->http < 300);
	}
	assert_int_equal(codes->count, 81);
	assert_int_equal(status_find(4105)->http, 409);
	assert_int_equal(status_find(4105)->coap, 403);
	assert_null(status_find(0));
	assert_null(status_find(4002));
	assert_null(status_find(9999));
	assert_null(status_find(-1));
}

static void parameters_are_found_by_short_name(void **state)
{
	(void)state;
	for (unsigned i = 0; i < PARAM_COUNT; i++) {
		assert_int_equal(parameter_find(str_of(parameter_defs[i].short_name)), i);
		assert_true(parameter_defs[i].operations != 0);
	}
	assert_int_equal(parameter_find(STR("xyz")), PARAM_COUNT);
	assert_int_equal(parameter_defs[PARAM_resourceType].operations, OP_BIT(OP_CREATE));
	assert_true(parameter_defs[PARAM_releaseVersionIndicator].is_supported);
}

static void conditions_are_found_by_short_name(void **state)
{
	(void)state;
	for (unsigned i = 0; i < FILTER_COUNT; i++)
		assert_int_equal(condition_find(str_of(condition_defs[i].short_name)), i);
	assert_int_equal(condition_find(STR("mni")), FILTER_COUNT);
	assert_true(condition_defs[FILTER_labels].kind.is_list);
	assert_false(condition_defs[FILTER_limit].kind.is_list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_have_the_standards_spelling),
		cmocka_unit_test(the_first_name_of_a_short_form_is_found),
		cmocka_unit_test(types_are_found_by_number_and_by_root),
		cmocka_unit_test(every_row_is_found_by_its_names),
		cmocka_unit_test(every_member_is_found_by_its_short_name),
		cmocka_unit_test(universal_attributes_come_first),
		cmocka_unit_test(what_is_mandatory_has_multiplicity_one),
		cmocka_unit_test(children_and_virtuals_are_those_of_the_table),
		cmocka_unit_test(every_child_has_a_name),
		cmocka_unit_test(refusals_and_flags_are_those_of_the_row),
		cmocka_unit_test(enumerations_have_no_value_twice),
		cmocka_unit_test(values_have_the_standards_names),
		cmocka_unit_test(every_status_code_is_found),
		cmocka_unit_test(parameters_are_found_by_short_name),
		cmocka_unit_test(conditions_are_found_by_short_name),
	};

	return cmocka_run_group_tests_name("schema", tests, set_up, tear_down);
}
