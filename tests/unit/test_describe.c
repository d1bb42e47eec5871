/* Unit tests of cse/describe_json.c: the JSON Schema says what the rows say. */
#include "cse/describe.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "tests/unit/tables.h"

struct fixture {
	struct schema *schema;
	cJSON *document;
};

/* The document of a type, or of all. */
static cJSON *described(const struct schema *schema, const struct type_def *type)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	cJSON *document;

	assert_non_null(out);
	describe_json_schema(schema, type, out);
	fclose(out);
	document = cJSON_Parse(text);
	assert_non_null(document);
	free(text);
	return document;
}

static int set_up(void **state)
{
	struct fixture *f = xzalloc(sizeof(*f));
	char message[100];

	f->schema = schema_create(test_types, test_type_count);
	assert_int_equal(schema_load_builtin(f->schema, message, sizeof(message)), 0);
	f->document = described(f->schema, NULL);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	cJSON_Delete(f->document);
	schema_destroy(f->schema);
	free(f);
	return 0;
}

static const cJSON *member(const cJSON *object, const char *name)
{
	const cJSON *found = cJSON_GetObjectItemCaseSensitive(object, name);

	if (!found)
		fail_msg("no member %s", name);
	return found;
}

static bool lists(const cJSON *list, const char *text)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, list)
	{
		if (strcmp(item->valuestring, text) == 0)
			return true;
	}
	return false;
}

static void assert_rows(const struct schema *schema, const cJSON *object, const struct attr_def *rows, size_t count)
{
	const cJSON *properties = member(object, "properties"), *required = member(object, "required");

	assert_int_equal(cJSON_GetArraySize(properties), count);
	for (size_t i = 0; i < count; i++) {
		char name[64];
		const cJSON *property;

		snprintf(name, sizeof(name), "%.*s", STR_ARG(name_short(schema, rows[i].name)));
		property = member(properties, name);
		assert_true(str_eq(str_of(member(property, "title")->valuestring), name_long(schema, rows[i].name)));
		assert_int_equal(lists(required, name), rows[i].cardinality == ONE);
		if (rows[i].kind.is_list)
			assert_string_equal(member(property, "type")->valuestring, "array");
	}
}

static void every_row_of_every_type_is_a_property(void **state)
{
	struct fixture *f = *state;
	const struct type_def *type;

	for (size_t i = 0; (type = schema_type_at(f->schema, i)); i++) {
		char root[64];

		snprintf(root, sizeof(root), "%s:%s", type->space, type->short_name);
		assert_rows(f->schema, member(member(f->document, "properties"), root), type->attrs, type->attr_count);
	}
}

static void every_definition_is_a_complex_type(void **state)
{
	struct fixture *f = *state;
	const cJSON *definition;

	cJSON_ArrayForEach(definition, member(f->document, "$defs"))
	{
		const struct complex_def *def = complex_find(str_of(definition->string));

		assert_non_null(def);
		assert_rows(f->schema, definition, def->members, def->count);
		assert_int_equal(cJSON_HasObjectItem(definition, "maxProperties"), def->is_choice);
	}
}

static void assert_references(const cJSON *definitions, const cJSON *item)
{
	static const char start[] = "#/$defs/";
	const cJSON *child;

	if (item->string && strcmp(item->string, "$ref") == 0) {
		assert_int_equal(strncmp(item->valuestring, start, strlen(start)), 0);
		member(definitions, item->valuestring + strlen(start));
	}
	cJSON_ArrayForEach(child, item)
	{
		assert_references(definitions, child);
	}
}

static void every_reference_has_its_definition(void **state)
{
	struct fixture *f = *state;

	assert_references(member(f->document, "$defs"), f->document);
}

static void limits_are_those_of_the_constraint(void **state)
{
	struct fixture *f = *state;
	const cJSON *types = member(f->document, "properties");
	const cJSON *battery = member(member(types, "m2m:bat"), "properties");
	const cJSON *group = member(member(types, "m2m:grp"), "properties");

	assert_int_equal(member(member(battery, "btl"), "minimum")->valueint, 0);
	assert_int_equal(member(member(battery, "btl"), "maximum")->valueint, 100);
	assert_int_equal(member(member(group, "mnm"), "minimum")->valueint, 1);
	assert_null(cJSON_GetObjectItem(member(group, "mnm"), "maximum"));
	assert_int_equal(member(member(group, "mid"), "minItems")->valueint, 0);
	assert_int_equal(member(member(group, "macp"), "minItems")->valueint, 1);
	assert_true(cJSON_IsTrue(member(member(group, "cnm"), "readOnly")));
	assert_null(cJSON_GetObjectItem(member(group, "mnm"), "readOnly"));
}

static void one_type_is_a_document_of_its_own(void **state)
{
	struct fixture *f = *state;
	cJSON *document = described(f->schema, schema_type(f->schema, TY_subscription));

	assert_int_equal(cJSON_GetArraySize(member(document, "properties")), 1);
	assert_references(member(document, "$defs"), document);
	assert_null(cJSON_GetObjectItem(member(document, "$defs"), "setOfAcrs"));
	cJSON_Delete(document);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_of_every_type_is_a_property),
		cmocka_unit_test(every_definition_is_a_complex_type),
		cmocka_unit_test(every_reference_has_its_definition),
		cmocka_unit_test(limits_are_those_of_the_constraint),
		cmocka_unit_test(one_type_is_a_document_of_its_own),
	};

	return cmocka_run_group_tests_name("describe", tests, set_up, tear_down);
}
