/* load: specializations of flexContainer and mgmtObj from files (specializations/README.md) into struct type_def. */
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>

#include <cjson/cJSON.h>

#include "cse/base/error.h"
#include "schemas/builtin.h"
#include "schemas/kind_text.h"
#include "schemas/load_kind.h"
#include "schemas/schema_state.h"

enum { MAX_ATTRIBUTES = 200, MAX_VALUES = 1000, MAX_FILE_SIZE = 1 << 20, PLACE_SIZE = 48 };

/* One file on its way in. */
struct load {
	struct schema *schema;
	const char *source;
	char place[PLACE_SIZE]; /* "attributes[2]." in front of a member's name, or "" */
	char *message;
	size_t size;
	struct local_enums enums;
	bool skips_unserved; /* a type that this CSE does not serve is no mistake */
};

static int fail(struct load *load, const char *member, const char *format, ...) __attribute__((format(printf, 3, 4)));

static int fail(struct load *load, const char *member, const char *format, ...)
{
	char text[200];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	snprintf(load->message, load->size, "%s: %s%s: %s", load->source, load->place, member, text);
	return ERROR_FORMAT;
}

static char *keep(struct load *load, const char *text)
{
	return arena_cstr(&load->schema->arena, str_of(text));
}

/* ---- members ---- */

/* Every member of object must be among the names, which a NULL ends. */
static int check_members(struct load *load, const cJSON *object, const char *const *names)
{
	const cJSON *member;

	cJSON_ArrayForEach(member, object)
	{
		size_t i = 0;

		while (names[i] && strcmp(names[i], member->string) != 0)
			i++;
		if (!names[i])
			return fail(load, member->string, "is not known here");
	}
	return 0;
}

static int get_string(struct load *load, const cJSON *object, const char *name, const char **out)
{
	const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);

	*out = cJSON_IsString(member) ? member->valuestring : "";
	return **out ? 0 : fail(load, name, "must be there and be a string");
}

/* A string that is a name on the wire. */
static int get_name(struct load *load, const cJSON *object, const char *name, const char **out)
{
	int error = get_string(load, object, name, out);

	if (error == 0 && kind_text_problem(KIND_NCNAME, str_of(*out)))
		return fail(load, name, "%s", kind_text_problem(KIND_NCNAME, str_of(*out)));
	return error;
}

/* A string that is one of the words; *out is its place among them. */
static int get_word(struct load *load, const cJSON *object, const char *name, const char *const *words, uint8_t *out)
{
	const char *text;
	int error = get_string(load, object, name, &text);

	if (error < 0)
		return error;
	for (uint8_t i = 0; words[i]; i++)
		if (words[i][0] && strcmp(words[i], text) == 0) {
			*out = i;
			return 0;
		}
	return fail(load, name, "\"%.20s\" is not possible here", text);
}

static int get_integer(struct load *load, const cJSON *object, const char *name, int64_t *out)
{
	const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);

	if (!cJSON_IsNumber(member) || member->valuedouble > 9e15 || member->valuedouble < -9e15 ||
	    member->valuedouble != (double)(int64_t)member->valuedouble)
		return fail(load, name, "must be there and be an integer");
	*out = (int64_t)member->valuedouble;
	return 0;
}

static int get_list(struct load *load, const cJSON *object, const char *name, int max, const cJSON **out)
{
	*out = cJSON_GetObjectItemCaseSensitive(object, name);
	if (!cJSON_IsArray(*out) || cJSON_GetArraySize(*out) > max)
		return fail(load, name, "must be there and be a list of at most %d", max);
	return 0;
}

static bool has(const cJSON *object, const char *name)
{
	return cJSON_HasObjectItem(object, name);
}

/* ---- enumerations ---- */

static int load_values(struct load *load, const cJSON *list, struct enum_value *values)
{
	static const char *const members[] = {"value", "name", NULL};
	const cJSON *item;
	int error = 0;

	cJSON_ArrayForEach(item, list)
	{
		const char *name = "";

		error = check_members(load, item, members);
		if (error == 0)
			error = get_integer(load, item, "value", &values->value);
		if (error == 0)
			error = get_name(load, item, "name", &name);
		if (error < 0)
			return error;
		values++->name = keep(load, name);
	}
	return 0;
}

static int load_enumeration(struct load *load, const cJSON *object, struct enum_def *def)
{
	static const char *const members[] = {"name", "values", NULL};
	const cJSON *list = NULL;
	const char *name = "";
	struct enum_value *values;
	int error = check_members(load, object, members);

	if (error == 0)
		error = get_name(load, object, "name", &name);
	if (error == 0)
		error = get_list(load, object, "values", MAX_VALUES, &list);
	if (error < 0)
		return error;
	def->count = (size_t)cJSON_GetArraySize(list);
	values = arena_zalloc(&load->schema->arena, def->count * sizeof(*values) + 1);
	def->name = keep(load, name);
	def->values = values;
	return load_values(load, list, values);
}

static int load_enumerations(struct load *load, const cJSON *file)
{
	const cJSON *list, *item;
	struct enum_def *defs;
	int error;

	if (!has(file, "enumerations"))
		return 0;
	error = get_list(load, file, "enumerations", MAX_ATTRIBUTES, &list);
	if (error < 0)
		return error;
	defs = arena_zalloc(&load->schema->arena, (size_t)cJSON_GetArraySize(list) * sizeof(*defs) + 1);
	load->enums.defs = defs;
	cJSON_ArrayForEach(item, list)
	{
		snprintf(load->place, sizeof(load->place), "enumerations[%zu].", load->enums.count);
		error = load_enumeration(load, item, &defs[load->enums.count++]);
		if (error < 0)
			return error;
	}
	load->place[0] = 0;
	return 0;
}

/* ---- attributes ---- */

/* The number of a name: the same pair of long and short form is the same name everywhere. */
static unsigned number_name(struct load *load, struct str long_name, struct str short_name)
{
	struct schema *schema = load->schema;

	for (unsigned name = ATTR_NONE + 1; name < ATTR_BUILTIN_COUNT + schema->name_count; name++)
		if (str_eq(name_short(schema, name), short_name) && str_eq(name_long(schema, name), long_name))
			return name;
	return schema_add_name(schema, arena_copy(&schema->arena, long_name), arena_copy(&schema->arena, short_name));
}

static int load_name(struct load *load, const cJSON *object, struct attr_def *row)
{
	const char *long_name = "", *short_name = "";
	unsigned number;
	int error = get_name(load, object, "name", &long_name);

	if (error == 0)
		error = get_name(load, object, "short", &short_name);
	if (error < 0)
		return error;
	number = number_name(load, str_of(long_name), str_of(short_name));
	if (number > UINT16_MAX)
		return fail(load, "name", "too many names");
	row->name = (uint16_t)number;
	return 0;
}

static int load_attribute_kind(struct load *load, const cJSON *object, struct attr_def *row)
{
	const char *text, *problem;
	int error = get_string(load, object, "kind", &text);

	if (error < 0)
		return error;
	problem = load_kind(str_of(text), &load->enums, &row->kind);
	return problem ? fail(load, "kind", "\"%.40s\" %s", text, problem) : 0;
}

static int load_constraint(struct load *load, const cJSON *object, struct constraint *constraint)
{
	int error = 0;

	constraint->is_set = has(object, "min") || has(object, "max");
	constraint->min = INT64_MIN;
	constraint->max = INT64_MAX;
	if (has(object, "min"))
		error = get_integer(load, object, "min", &constraint->min);
	if (error == 0 && has(object, "max"))
		error = get_integer(load, object, "max", &constraint->max);
	if (error == 0 && constraint->min > constraint->max)
		error = fail(load, "min", "must not be above max");
	return error;
}

static void load_default(struct load *load, const cJSON *object, struct attr_def *row)
{
	char *json = cJSON_PrintUnformatted(cJSON_GetObjectItemCaseSensitive(object, "default"));

	if (!json)
		return;
	row->default_kind = DEFAULT_TEXT;
	row->default_text = keep(load, json);
	cJSON_free(json);
}

static int load_presence(struct load *load, const cJSON *object, struct attr_def *row)
{
	static const char *const multiplicities[] = {[OPT] = "0..1", [ONE] = "1", NULL};
	static const char *const presences[] = {[NP] = "NP", [O] = "O", [M] = "M", NULL};
	static const char *const announces[] = {[NA] = "NA", [OA] = "OA", [MA] = "MA", NULL};
	int error = get_word(load, object, "multiplicity", multiplicities, &row->cardinality);

	if (error == 0)
		error = get_word(load, object, "create", presences, &row->create);
	if (error == 0)
		error = get_word(load, object, "update", presences, &row->update);
	if (error == 0)
		error = get_word(load, object, "announce", announces, &row->announce);
	return error;
}

static int load_attribute(struct load *load, const cJSON *object, struct attr_def *row)
{
	static const char *const members[] = {"name",	  "short",   "kind", "multiplicity", "create", "update",
					      "announce", "default", "min",  "max",	     NULL};
	int error = check_members(load, object, members);

	if (error == 0)
		error = load_name(load, object, row);
	if (error == 0)
		error = load_attribute_kind(load, object, row);
	if (error == 0)
		error = load_presence(load, object, row);
	if (error == 0)
		error = load_constraint(load, object, &row->constraint);
	if (error == 0)
		load_default(load, object, row);
	return error;
}

/* A short name may be there once, and must not be one of the parent's. */
static int check_unique(struct load *load, const struct attr_def *rows, size_t last)
{
	for (size_t i = 0; i < last; i++)
		if (str_eq(name_short(load->schema, rows[i].name), name_short(load->schema, rows[last].name)))
			return fail(load, "short", "the type has an attribute of this short name already");
	return 0;
}

static int load_attributes(struct load *load, const cJSON *file, const struct type_def *parent, struct type_def *type)
{
	const cJSON *list, *item;
	struct attr_def *rows;
	int number = 0, error = get_list(load, file, "attributes", MAX_ATTRIBUTES, &list);

	if (error < 0)
		return error;
	type->attr_count = parent->attr_count + (size_t)cJSON_GetArraySize(list);
	rows = arena_zalloc(&load->schema->arena, type->attr_count * sizeof(*rows));
	memcpy(rows, parent->attrs, parent->attr_count * sizeof(*rows));
	type->attrs = rows;
	cJSON_ArrayForEach(item, list)
	{
		size_t place = parent->attr_count + (size_t)number;

		snprintf(load->place, sizeof(load->place), "attributes[%d].", number++);
		error = load_attribute(load, item, &rows[place]);
		if (error == 0)
			error = check_unique(load, rows, place);
		if (error < 0)
			return error;
	}
	load->place[0] = 0;
	return 0;
}

/* ---- the type ---- */

static struct attr_def *row_of(const struct type_def *type, unsigned name)
{
	return (struct attr_def *)&type->attrs[type_row(type, name)];
}

/* mgmtDefinition has the one value; mgmtSchema goes with 0 only: TS-0004 table 7.4.15.1-2. */
static int load_mgmt_definition(struct load *load, const cJSON *file, struct type_def *type)
{
	struct attr_def *definition = row_of(type, ATTR_mgmtDefinition), *schema = row_of(type, ATTR_mgmtSchema);
	int error = get_integer(load, file, "mgmtDefinition", &type->specialization);

	if (error < 0)
		return error;
	if (!enum_value_name(definition->kind.of, type->specialization))
		return fail(load, "mgmtDefinition", "is no number of m2m:mgmtDefinition");
	definition->constraint =
		(struct constraint){.min = type->specialization, .max = type->specialization, .is_set = true};
	schema->create = type->specialization == 0 ? M : NP;
	return 0;
}

static int load_container_definition(struct load *load, const cJSON *file, struct type_def *type)
{
	const char *text;
	int error = get_string(load, file, "containerDefinition", &text);

	if (error == 0)
		type->definition = keep(load, text);
	return error;
}

/* *parent is NULL if this CSE does not serve it. */
static int load_parent(struct load *load, const cJSON *file, const struct type_def **parent)
{
	static const unsigned types[] = {TY_mgmtObj, TY_flexContainer};
	const char *const names[] = {resource_type_name(types[0]), resource_type_name(types[1]), NULL};
	uint8_t place = 0;
	int error = get_word(load, file, "type", names, &place);

	if (error < 0)
		return error;
	*parent = schema_type(load->schema, types[place]);
	if (!*parent && !load->skips_unserved)
		return fail(load, "type", "%s is not served here", names[place]);
	return 0;
}

/* What XML calls the namespace: of one prefix it is the same in every file. */
static int load_namespace(struct load *load, const cJSON *file, struct type_def *type)
{
	/* what documents have for XML's own purposes */
	static const char *const taken[] = {"xml", "xmlns", "xs", "xsi", "j"};
	const struct type_def *other;
	const char *uri = "";

	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		if (strcmp(type->space, taken[i]) == 0)
			return fail(load, "namespace", "\"%s\" is taken", taken[i]);
	if (has(file, "namespaceURI") && get_string(load, file, "namespaceURI", &uri) < 0)
		return ERROR_FORMAT;
	type->space_uri = *uri ? keep(load, uri)
			       : arena_printf(&load->schema->arena, "urn:copse:namespace:%s%c", type->space, 0).ptr;
	if (strcmp(type->space, M2M_SPACE) == 0 && !*uri)
		type->space_uri = M2M_NAMESPACE;
	for (size_t i = 0; (other = schema_type_at(load->schema, i)) != NULL; i++)
		if ((strcmp(other->space, type->space) == 0) != (strcmp(other->space_uri, type->space_uri) == 0))
			return fail(load, "namespaceURI", "is not the one that %s:%s has", other->space,
				    other->short_name);
	return 0;
}

static int load_root(struct load *load, const cJSON *file, struct type_def *type)
{
	const char *name = "", *short_name = "", *space = "";
	char root[128];
	int error = get_name(load, file, "name", &name);

	if (error == 0)
		error = get_name(load, file, "short", &short_name);
	if (error == 0)
		error = get_name(load, file, "namespace", &space);
	if (error < 0)
		return error;
	snprintf(root, sizeof(root), "%s:%s", space, short_name);
	if (schema_type_by_root(load->schema, str_of(root)))
		return fail(load, "short", "there is a type %s already", root);
	type->name = keep(load, name);
	type->short_name = keep(load, short_name);
	type->space = keep(load, space);
	return load_namespace(load, file, type);
}

static int load_type(struct load *load, const cJSON *file)
{
	static const char *const members[] = {
		"type",		  "namespace", "namespaceURI", "name",	       "short", "containerDefinition",
		"mgmtDefinition", "source",    "attributes",   "enumerations", NULL};
	const struct type_def *parent = NULL;
	struct type_def *type = arena_alloc(&load->schema->arena, sizeof(*type));
	int error = check_members(load, file, members);

	if (error == 0)
		error = load_parent(load, file, &parent);
	if (error < 0 || !parent)
		return error;
	*type = *parent;
	error = load_root(load, file, type);
	if (error == 0)
		error = load_enumerations(load, file);
	if (error == 0)
		error = load_attributes(load, file, parent, type);
	if (error == 0)
		error = type->ty == TY_mgmtObj ? load_mgmt_definition(load, file, type)
					       : load_container_definition(load, file, type);
	if (error == 0)
		schema_add_type(load->schema, type);
	return error;
}

/* ---- files ---- */

static int load_text(struct load *load, struct str text)
{
	cJSON *file = cJSON_ParseWithLength(text.ptr, text.len);
	int error = ERROR_FORMAT;

	if (cJSON_IsObject(file))
		error = load_type(load, file);
	else
		snprintf(load->message, load->size, "%s: is no JSON object", load->source);
	cJSON_Delete(file);
	return error;
}

int schema_load(struct schema *schema, struct str text, const char *source, char *message, size_t size)
{
	struct load load = {.schema = schema, .source = source, .message = message, .size = size};

	return load_text(&load, text);
}

int schema_load_builtin(struct schema *schema, char *message, size_t size)
{
	int error = 0;

	for (const struct builtin_file *file = builtin_files; file->name && error == 0; file++) {
		struct load load = {.schema = schema,
				    .source = file->name,
				    .message = message,
				    .size = size,
				    .skips_unserved = true};

		error = load_text(&load, str_make(file->text, file->size));
	}
	return error;
}

static int load_file(struct schema *schema, const char *path, char *message, size_t size)
{
	FILE *file = fopen(path, "r");
	char *text;
	size_t len;
	int error = ERROR_LIMIT;

	if (!file) {
		error = -errno;
		snprintf(message, size, "%s: %s", path, error_text(error));
		return error;
	}
	text = xmalloc(MAX_FILE_SIZE);
	len = fread(text, 1, MAX_FILE_SIZE, file);
	if (len < MAX_FILE_SIZE)
		error = schema_load(schema, str_make(text, len), path, message, size);
	else
		snprintf(message, size, "%s: is larger than %d bytes", path, MAX_FILE_SIZE);
	free(text);
	fclose(file);
	return error;
}

static int is_json(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return len > 5 && entry->d_name[0] != '.' && strcmp(entry->d_name + len - 5, ".json") == 0;
}

int schema_load_directory(struct schema *schema, const char *path, char *message, size_t size)
{
	struct dirent **entries;
	int count = scandir(path, &entries, is_json, alphasort), error = 0;

	if (count < 0) {
		error = -errno;
		snprintf(message, size, "%s: %s", path, error_text(error));
		return error;
	}
	for (int i = 0; i < count; i++) {
		struct strbuf name = {0};

		strbuf_addf(&name, "%s/%s", path, entries[i]->d_name);
		strbuf_add_char(&name, 0);
		if (error == 0)
			error = load_file(schema, name.ptr, message, size);
		strbuf_finish(&name);
		free(entries[i]);
	}
	free(entries);
	return error;
}
