/* Unit tests of schemas/load.c: specializations from files. */
#include "schemas/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "schemas/codec/codec.h"
#include "schemas/validate.h"
#include "tests/unit/tables.h"

enum { MESSAGE_SIZE = 300 };

struct fixture {
	struct schema *schema;
	char message[MESSAGE_SIZE];
};

static int set_up(void **state)
{
	struct fixture *f = xzalloc(sizeof(*f));

	f->schema = schema_create(test_types, test_type_count);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	schema_destroy(f->schema);
	free(f);
	return 0;
}

static int load(struct fixture *f, const char *text)
{
	return schema_load(f->schema, str_of(text), "x.json", f->message, sizeof(f->message));
}

/* A file with this text for its attributes' list, and further members behind it. */
static int load_attributes(struct fixture *f, const char *attributes, const char *more)
{
	char text[2000];

	snprintf(text, sizeof(text),
		 "{\"type\":\"flexContainer\",\"namespace\":\"my\",\"name\":\"lamp\",\"short\":\"lamp\","
		 "\"containerDefinition\":\"org.my.lamp\",\"attributes\":[%s]%s}",
		 attributes, more);
	return load(f, text);
}

static enum rsc create(struct fixture *f, const char *root, const char *object, struct problem *problem)
{
	static const struct decode_limits limits = {.bytes = 10000, .depth = 8, .tokens = 100};
	struct decode_error error;
	struct arena arena;
	struct attrs attrs;
	struct doc doc;
	enum rsc code;

	arena_init(&arena);
	assert_int_equal(json_decode(str_of(object), &limits, &arena, &doc, &error), 0);
	code = validate_create(f->schema, schema_type_by_root(f->schema, str_of(root)), doc_root(&doc), &arena, &attrs,
			       problem);
	arena_finish(&arena);
	return code;
}

#define ON                                                                                                              \
	"{\"name\":\"on\",\"short\":\"on\",\"kind\":\"BOOL\",\"multiplicity\":\"1\",\"create\":\"M\",\"update\":\"O\"," \
	"\"announce\":\"OA\"}"
#define ATTRIBUTE(kind, more)                                                                                          \
	"{\"name\":\"level\",\"short\":\"lev\",\"kind\":\"" kind "\",\"multiplicity\":\"0..1\",\"create\":\"O\","      \
	"\"update\":\"O\",\"announce\":\"NA\"" more "}"

/* ---- the built-in ones ---- */

static void the_built_in_files_are_loaded(void **state)
{
	struct fixture *f = *state;
	const struct type_def *memory, *temperature;

	assert_int_equal(schema_load_builtin(f->schema, f->message, sizeof(f->message)), 0);
	memory = schema_type_by_root(f->schema, STR("m2m:mem"));
	assert_non_null(memory);
	assert_string_equal(memory->name, "memory");
	assert_int_equal(memory->ty, TY_mgmtObj);
	assert_int_equal(memory->specialization, 1003);
	assert_true(type_row(memory, ATTR_memTotal) > type_row(memory, ATTR_mgmtDefinition));
	temperature = schema_type_by_root(f->schema, STR("cod:tempe"));
	assert_string_equal(temperature->definition, "org.onem2m.common.moduleclass.temperature");
	assert_string_equal(temperature->space, "cod");
	assert_ptr_equal(schema_type(f->schema, TY_mgmtObj)->definition, NULL);
	assert_true(temperature->attr_count > schema_type(f->schema, TY_flexContainer)->attr_count);
	assert_ptr_equal(temperature->children, schema_type(f->schema, TY_flexContainer)->children);
}

static void built_in_files_of_types_that_are_not_served_are_left_out(void **state)
{
	struct fixture *f = *state;
	struct schema *schema = schema_create(test_types, 0);

	assert_int_equal(schema_load_builtin(schema, f->message, sizeof(f->message)), 0);
	assert_null(schema_type_at(schema, 0));
	schema_destroy(schema);
}

/* ---- names ---- */

static void a_name_of_its_own_gets_a_number_behind_the_built_in_ones(void **state)
{
	struct fixture *f = *state;
	const struct type_def *lamp;
	int row;

	assert_int_equal(load_attributes(f, ON, ""), 0);
	lamp = schema_type_by_root(f->schema, STR("my:lamp"));
	row = schema_row(f->schema, lamp, STR("on"));
	assert_true(row >= 0);
	assert_true(lamp->attrs[row].name >= ATTR_BUILTIN_COUNT);
	assert_true(str_eq(name_long(f->schema, lamp->attrs[row].name), STR("on")));
	assert_int_equal(name_by_short(f->schema, STR("on")), lamp->attrs[row].name);
	assert_int_equal(type_row(lamp, lamp->attrs[row].name), row);
}

static void the_same_pair_of_names_is_one_number(void **state)
{
	struct fixture *f = *state;
	const struct type_def *lamp, *fan;

	assert_int_equal(load_attributes(f, ON, ""), 0);
	assert_int_equal(load(f, "{\"type\":\"flexContainer\",\"namespace\":\"my\",\"name\":\"fan\",\"short\":\"fan\","
				 "\"containerDefinition\":\"org.my.fan\",\"attributes\":[" ON "]}"),
			 0);
	lamp = schema_type_by_root(f->schema, STR("my:lamp"));
	fan = schema_type_by_root(f->schema, STR("my:fan"));
	assert_int_equal(lamp->attrs[lamp->attr_count - 1].name, fan->attrs[fan->attr_count - 1].name);
}

/* ---- kinds, constraints, defaults ---- */

static void values_are_checked_as_the_file_says(void **state)
{
	struct fixture *f = *state;
	struct problem problem;

	assert_int_equal(load_attributes(f, ON "," ATTRIBUTE("INT", ",\"min\":-5,\"max\":5,\"default\":0"), ""), 0);
	assert_int_equal(create(f, "my:lamp", "{\"cnd\":\"org.my.lamp\",\"on\":true,\"lev\":5}", &problem), RSC_NONE);
	assert_int_equal(create(f, "my:lamp", "{\"cnd\":\"org.my.lamp\"}", &problem), RSC_BAD_REQUEST);
	assert_string_equal(problem.text, "on (on): is missing");
	assert_int_equal(create(f, "my:lamp", "{\"cnd\":\"org.my.lamp\",\"on\":true,\"lev\":6}", &problem),
			 RSC_BAD_REQUEST);
	assert_string_equal(problem.text, "level (lev): must be a number from -5 to 5");
}

static void a_limit_may_be_on_one_side(void **state)
{
	struct fixture *f = *state;
	struct problem problem;

	assert_int_equal(load_attributes(f, ATTRIBUTE("FLOAT", ",\"max\":1"), ""), 0);
	assert_int_equal(create(f, "my:lamp", "{\"cnd\":\"org.my.lamp\",\"lev\":-1e9}", &problem), RSC_NONE);
	assert_int_equal(create(f, "my:lamp", "{\"cnd\":\"org.my.lamp\",\"lev\":1.0}", &problem), RSC_NONE);
	assert_int_equal(create(f, "my:lamp", "{\"cnd\":\"org.my.lamp\",\"lev\":1.1}", &problem), RSC_BAD_REQUEST);
	assert_string_equal(problem.text, "level (lev): must be a number of at most 1");
}

static void a_default_is_kept_as_json(void **state)
{
	struct fixture *f = *state;
	const struct type_def *lamp;

	assert_int_equal(load_attributes(f, ATTRIBUTE("LIST(STRING)", ",\"default\":[\"a\", \"b\"]"), ""), 0);
	lamp = schema_type_by_root(f->schema, STR("my:lamp"));
	assert_int_equal(lamp->attrs[lamp->attr_count - 1].default_kind, DEFAULT_TEXT);
	assert_string_equal(lamp->attrs[lamp->attr_count - 1].default_text, "[\"a\",\"b\"]");
}

static void a_file_may_bring_enumerations(void **state)
{
	struct fixture *f = *state;
	struct problem problem;

	assert_int_equal(load_attributes(f, ATTRIBUTE("ENUM(colour)", ""),
					 ",\"enumerations\":[{\"name\":\"colour\",\"values\":"
					 "[{\"value\":1,\"name\":\"red\"},{\"value\":2,\"name\":\"green\"}]}]"),
			 0);
	assert_int_equal(create(f, "my:lamp", "{\"cnd\":\"org.my.lamp\",\"lev\":2}", &problem), RSC_NONE);
	assert_int_equal(create(f, "my:lamp", "{\"cnd\":\"org.my.lamp\",\"lev\":3}", &problem), RSC_BAD_REQUEST);
	assert_string_equal(problem.text, "level (lev): must be one of 1 (red), 2 (green)");
}

static void a_self_defined_mgmt_obj_needs_its_schema(void **state)
{
	struct fixture *f = *state;
	struct problem problem;

	assert_int_equal(load(f, "{\"type\":\"mgmtObj\",\"namespace\":\"my\",\"name\":\"fan\",\"short\":\"fan\","
				 "\"mgmtDefinition\":0,\"attributes\":[]}"),
			 0);
	assert_int_equal(create(f, "my:fan", "{\"mgd\":0,\"mgs\":\"http://my/fan\"}", &problem), RSC_NONE);
	assert_int_equal(create(f, "my:fan", "{\"mgd\":0}", &problem), RSC_BAD_REQUEST);
	assert_string_equal(problem.text, "mgmtSchema (mgs): is missing");
	assert_int_equal(schema_load_builtin(f->schema, f->message, sizeof(f->message)), 0);
	assert_int_equal(create(f, "m2m:mem", "{\"mgd\":1003,\"mma\":1,\"mmt\":1,\"mgs\":\"http://x\"}", &problem),
			 RSC_BAD_REQUEST);
	assert_string_equal(problem.text, "mgmtSchema (mgs): must not be in a CREATE");
}

/* ---- mistakes ---- */

static void assert_mistake(struct fixture *f, int error, const char *message)
{
	assert_int_equal(error, ERROR_FORMAT);
	assert_string_equal(f->message, message);
	assert_null(schema_type_by_root(f->schema, STR("my:lamp")));
}

static void a_mistake_in_the_file_names_its_member(void **state)
{
	struct fixture *f = *state;

	assert_mistake(f, load(f, "{"), "x.json: is no JSON object");
	assert_mistake(f, load(f, "[]"), "x.json: is no JSON object");
	assert_mistake(f, load(f, "{}"), "x.json: type: must be there and be a string");
	assert_mistake(f, load(f, "{\"type\":\"container\"}"), "x.json: type: \"container\" is not possible here");
	assert_mistake(f, load(f, "{\"type\":\"mgmtObj\",\"colour\":1}"), "x.json: colour: is not known here");
	assert_mistake(f, load(f, "{\"type\":\"mgmtObj\"}"), "x.json: name: must be there and be a string");
	assert_mistake(f, load(f, "{\"type\":\"mgmtObj\",\"name\":\"a\",\"short\":\"a b\"}"),
		       "x.json: short: must be a name: a letter or _, then letters, digits or any of -._");
	assert_mistake(
		f,
		load(f, "{\"type\":\"mgmtObj\",\"name\":\"a\",\"short\":\"a\",\"namespace\":\"my\",\"attributes\":[],"
			"\"mgmtDefinition\":5}"),
		"x.json: mgmtDefinition: is no number of m2m:mgmtDefinition");
	assert_mistake(
		f,
		load(f, "{\"type\":\"mgmtObj\",\"name\":\"a\",\"short\":\"a\",\"namespace\":\"my\",\"attributes\":[]}"),
		"x.json: mgmtDefinition: must be there and be an integer");
	assert_mistake(f, load(f, "{\"type\":\"mgmtObj\",\"name\":\"a\",\"short\":\"cnt\",\"namespace\":\"m2m\"}"),
		       "x.json: short: there is a type m2m:cnt already");
}

static void a_mistake_in_an_attribute_names_its_place(void **state)
{
	struct fixture *f = *state;

	assert_mistake(f, load_attributes(f, ON "," ATTRIBUTE("UNIT", ""), ""),
		       "x.json: attributes[1].kind: \"UNIT\" is no kind of data (see README.md beside the built-in "
		       "specializations)");
	assert_mistake(
		f, load_attributes(f, ATTRIBUTE("ENUM(nothing)", ""), ""),
		"x.json: attributes[0].kind: \"ENUM(nothing)\" names no enumeration of this file or of TS-0004 6.3.4.2");
	assert_mistake(f, load_attributes(f, ATTRIBUTE("LIST(COMPLEX(nothing))", ""), ""),
		       "x.json: attributes[0].kind: \"LIST(COMPLEX(nothing))\" names no complex type of TS-0004 6.3.5");
	assert_mistake(f, load_attributes(f, ATTRIBUTE("INT", ",\"min\":2,\"max\":1"), ""),
		       "x.json: attributes[0].min: must not be above max");
	assert_mistake(f, load_attributes(f, ATTRIBUTE("INT", ",\"min\":1.5"), ""),
		       "x.json: attributes[0].min: must be there and be an integer");
	assert_mistake(f, load_attributes(f, ATTRIBUTE("INT", ",\"mim\":1"), ""),
		       "x.json: attributes[0].mim: is not known here");
	assert_mistake(f, load_attributes(f, ON "," ON, ""),
		       "x.json: attributes[1].short: the type has an attribute of this short name already");
	assert_mistake(f, load_attributes(f, "{\"name\":\"x\",\"short\":\"rn\",\"kind\":\"INT\"}", ""),
		       "x.json: attributes[0].multiplicity: must be there and be a string");
	assert_mistake(f, load_attributes(f, "7", ""), "x.json: attributes[0].name: must be there and be a string");
	assert_mistake(f, load_attributes(f, ON, ",\"enumerations\":[{\"name\":\"c\",\"values\":[{\"value\":\"1\"}]}]"),
		       "x.json: enumerations[0].value: must be there and be an integer");
}

/* ---- directories ---- */

static void write_file(const char *directory, const char *name, const char *text)
{
	char path[200];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void remove_file(const char *directory, const char *name)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	unlink(path);
}

static void a_directory_is_read_in_the_order_of_names(void **state)
{
	static const char fan[] = "{\"type\":\"mgmtObj\",\"namespace\":\"my\",\"name\":\"fan\",\"short\":\"fan\","
				  "\"mgmtDefinition\":0,\"attributes\":[]}";
	struct fixture *f = *state;
	char directory[] = "/tmp/copse-test-load-XXXXXX", expected[MESSAGE_SIZE];
	int error;

	assert_non_null(mkdtemp(directory));
	write_file(directory, "a.json", fan);
	write_file(directory, "b.txt", "no JSON");
	assert_int_equal(schema_load_directory(f->schema, directory, f->message, sizeof(f->message)), 0);
	assert_non_null(schema_type_by_root(f->schema, STR("my:fan")));
	write_file(directory, "b.json", fan);
	remove_file(directory, "a.json");
	error = schema_load_directory(f->schema, directory, f->message, sizeof(f->message));
	snprintf(expected, sizeof(expected), "%s/b.json: short: there is a type my:fan already", directory);
	remove_file(directory, "b.json");
	remove_file(directory, "b.txt");
	rmdir(directory);
	assert_int_equal(error, ERROR_FORMAT);
	assert_string_equal(f->message, expected);
}

static void a_directory_that_is_not_there_is_an_error(void **state)
{
	struct fixture *f = *state;

	assert_true(schema_load_directory(f->schema, "/nonexistent/copse", f->message, sizeof(f->message)) < 0);
	assert_non_null(strstr(f->message, "/nonexistent/copse: "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_built_in_files_are_loaded, set_up, tear_down),
		cmocka_unit_test_setup_teardown(built_in_files_of_types_that_are_not_served_are_left_out, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_name_of_its_own_gets_a_number_behind_the_built_in_ones, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(the_same_pair_of_names_is_one_number, set_up, tear_down),
		cmocka_unit_test_setup_teardown(values_are_checked_as_the_file_says, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_limit_may_be_on_one_side, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_default_is_kept_as_json, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_file_may_bring_enumerations, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_self_defined_mgmt_obj_needs_its_schema, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_mistake_in_the_file_names_its_member, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_mistake_in_an_attribute_names_its_place, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_directory_is_read_in_the_order_of_names, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_directory_that_is_not_there_is_an_error, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("load", tests, NULL, NULL);
}
