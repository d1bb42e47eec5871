/* describe_json: a JSON Schema from the rows. Complex types become definitions, which each document has as far as it
 * needs. */
#include "cse/describe.h"

#include "cse/base/error.h"

#include <cjson/cJSON.h>

#include "schemas/rows.h"
#include "schemas/shape.h"

/* A document in the making. */
struct document {
	const struct schema *schema;
	cJSON *definitions;
};

static void *needed(void *item)
{
	if (!item)
		die_out_of_memory(sizeof(cJSON));
	return item;
}

static void add(cJSON *object, const char *name, cJSON *item)
{
	if (!cJSON_AddItemToObject(object, name, needed(item)))
		die_out_of_memory(strlen(name));
}

static void add_string(cJSON *object, const char *name, const char *text)
{
	add(object, name, cJSON_CreateString(text));
}

static void add_integer(cJSON *object, const char *name, int64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)number);
	add(object, name, cJSON_CreateRaw(text));
}

static void append_string(cJSON *list, struct str text)
{
	struct strbuf name = {0};

	strbuf_add_str(&name, text);
	strbuf_add_char(&name, 0);
	if (!cJSON_AddItemToArray(list, needed(cJSON_CreateString(name.ptr))))
		die_out_of_memory(name.len);
	strbuf_finish(&name);
}

static cJSON *new_object(void)
{
	return needed(cJSON_CreateObject());
}

/* ---- kinds ---- */

/* What a kind of one JSON type is: its type, and a regular expression for a text. */
static const struct {
	const char *type, *pattern;
} kinds[KIND_COUNT] = {
	[KIND_STRING] = {"string", NULL},
	[KIND_TOKEN] = {"string", "^\\S+$"},
	[KIND_URI] = {"string", "^\\S+$"},
	[KIND_ID] = {"string", "^\\S+$"},
	[KIND_NAME] = {"string", "^[A-Za-z0-9._~-]{1,255}$"},
	[KIND_NCNAME] = {"string", "^[^0-9.:\\s-][^:\\s]*$"},
	[KIND_UINT] = {"integer", NULL},
	[KIND_INT] = {"integer", NULL},
	[KIND_FLOAT] = {"number", NULL},
	[KIND_BOOL] = {"boolean", NULL},
	[KIND_TIMESTAMP] = {"string", "^([0-9]{8}T[0-9]{6}([,.][0-9]{1,6})?|P.+)$"},
	[KIND_ABS_REL_TIMESTAMP] = {NULL, "^([0-9]{8}T[0-9]{6}([,.][0-9]{1,6})?|-?[0-9]+|P.+)$"},
	[KIND_DURATION] = {"string", "^P.+$"},
	[KIND_SCHEDULE] = {"string", "^[0-9*/,-]+( [0-9*/,-]+){6}$"},
	[KIND_BASE64] = {"string", "^[A-Za-z0-9+/]*={0,2}$"},
	[KIND_CONTENT_INFO] = {"string", "^[^/:\\s]+/[^/:]+:[0-2](:[0-5])?$"},
	[KIND_MEDIA_TYPE] = {"string", "^[^/\\s]+/[^/]+$"},
	[KIND_POA] = {"string", "^[A-Za-z][A-Za-z0-9+.-]*://\\S+$"},
	[KIND_IPV4] = {"string", "^[0-9.]+(/[0-9]+)?$"},
	[KIND_IPV6] = {"string", "^[0-9A-Fa-f:.]+(/[0-9]+)?$"},
	[KIND_COUNTRY] = {"string", "^[A-Z]{2}$"},
	[KIND_ROLE_ID] = {"string", "^[A-Za-z0-9._-]+@[a-z0-9.-]+$"},
	[KIND_ENUM] = {"integer", NULL},
};

static void define(struct document *document, const struct complex_def *def);

static void add_values(cJSON *object, const struct enum_def *def)
{
	cJSON *list = needed(cJSON_CreateArray());

	for (size_t i = 0; i < def->count; i++)
		cJSON_AddItemToArray(list, needed(cJSON_CreateNumber((double)def->values[i].value)));
	add_string(object, "description", def->name);
	add(object, "enum", list);
}

static void add_reference(struct document *document, cJSON *object, const struct complex_def *def)
{
	char text[128];

	define(document, def);
	snprintf(text, sizeof(text), "#/$defs/%s", def->name);
	add_string(object, "$ref", text);
}

static void add_limits(cJSON *object, const char *low, const char *high, const struct constraint *constraint)
{
	if (constraint->min != INT64_MIN)
		add_integer(object, low, constraint->min);
	if (constraint->max != INT64_MAX)
		add_integer(object, high, constraint->max);
}

static cJSON *single_schema(struct document *document, struct kind kind)
{
	cJSON *object = new_object();

	if (kinds[kind.base].type)
		add_string(object, "type", kinds[kind.base].type);
	if (kinds[kind.base].pattern)
		add_string(object, "pattern", kinds[kind.base].pattern);
	if (kind.base == KIND_UINT)
		add_integer(object, "minimum", 0);
	if (kind.base == KIND_ENUM)
		add_values(object, kind.of);
	if (kind.base == KIND_COMPLEX)
		add_reference(document, object, kind.of);
	return object;
}

static cJSON *value_schema(struct document *document, struct kind kind, const struct constraint *constraint)
{
	static const struct constraint one = {.min = 1, .max = INT64_MAX, .is_set = true};
	cJSON *object = single_schema(document, kind), *list;

	if (!kind.is_list) {
		if (constraint->is_set)
			cJSON_DeleteItemFromObject(object, "minimum");
		if (constraint->is_set)
			add_limits(object, "minimum", "maximum", constraint);
		return object;
	}
	list = new_object();
	add_string(list, "type", "array");
	add(list, "items", object);
	add_limits(list, "minItems", "maxItems", constraint->is_set ? constraint : &one);
	return list;
}

/* ---- objects ---- */

static void add_row(struct document *document, cJSON *properties, const struct attr_def *row)
{
	cJSON *value = value_schema(document, row->kind, &row->constraint);
	char name[64], title[128];

	snprintf(name, sizeof(name), "%.*s", STR_ARG(name_short(document->schema, row->name)));
	snprintf(title, sizeof(title), "%.*s", STR_ARG(name_long(document->schema, row->name)));
	add_string(value, "title", title);
	add(properties, name, value);
}

/* The properties of rows, and those of them that are always there. */
static cJSON *rows_schema(struct document *document, const struct attr_def *rows, size_t count)
{
	cJSON *object = new_object(), *properties = new_object(), *required = needed(cJSON_CreateArray());

	for (size_t i = 0; i < count; i++) {
		add_row(document, properties, &rows[i]);
		if (rows[i].cardinality == ONE)
			append_string(required, name_short(document->schema, rows[i].name));
	}
	add_string(object, "type", "object");
	add(object, "properties", properties);
	add(object, "required", required);
	return object;
}

static void define(struct document *document, const struct complex_def *def)
{
	cJSON *object;

	if (cJSON_HasObjectItem(document->definitions, def->name))
		return;
	object = rows_schema(document, def->members, def->count);
	if (def != &complex_resourceWrapper)
		add(object, "additionalProperties", cJSON_CreateFalse());
	if (def->is_choice) {
		add_integer(object, "minProperties", 1);
		add_integer(object, "maxProperties", 1);
	}
	add(document->definitions, def->name, object);
}

/* What the CSE alone sets cannot be written. */
static void mark_read_only(struct document *document, cJSON *object, const struct type_def *type)
{
	cJSON *properties = cJSON_GetObjectItemCaseSensitive(object, "properties");
	char name[64];

	for (size_t i = 0; i < type->attr_count; i++) {
		if (type->attrs[i].create != NP || type->attrs[i].update != NP)
			continue;
		snprintf(name, sizeof(name), "%.*s", STR_ARG(name_short(document->schema, type->attrs[i].name)));
		add(cJSON_GetObjectItemCaseSensitive(properties, name), "readOnly", cJSON_CreateTrue());
	}
}

static void add_type(struct document *document, cJSON *properties, const struct type_def *type)
{
	cJSON *object = rows_schema(document, type->attrs, type->attr_count);
	char root[128];

	mark_read_only(document, object, type);
	add_string(object, "title", type->name);
	snprintf(root, sizeof(root), "%s:%s", type->space, type->short_name);
	add(properties, root, object);
}

static void add_roots(struct document *document, cJSON *properties)
{
	static const struct constraint any = {.min = 0, .max = INT64_MAX, .is_set = true};
	struct shape shape;
	const char *name;

	for (size_t i = 0; (name = shape_root_at(i, &shape)) != NULL; i++)
		add(properties, name,
		    shape.kind.is_list ? value_schema(document, shape.kind, &any)
				       : single_schema(document, shape.kind));
}

void describe_json_schema(const struct schema *schema, const struct type_def *type, FILE *out)
{
	struct document document = {schema, new_object()};
	cJSON *root = new_object(), *properties = new_object();
	char *text;

	if (type)
		add_type(&document, properties, type);
	for (size_t i = 0; !type && schema_type_at(schema, i); i++)
		add_type(&document, properties, schema_type_at(schema, i));
	if (!type)
		add_roots(&document, properties);
	add_string(root, "$schema", "https://json-schema.org/draft/2020-12/schema");
	add_string(root, "type", "object");
	add(root, "properties", properties);
	add(root, "additionalProperties", cJSON_CreateFalse());
	add_integer(root, "minProperties", 1);
	add_integer(root, "maxProperties", 1);
	add(root, "$defs", document.definitions);
	text = needed(cJSON_Print(root));
	fprintf(out, "%s\n", text);
	cJSON_free(text);
	cJSON_Delete(root);
}
