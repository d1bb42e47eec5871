/* describe: `copse describe`. The tables of types, parameters and conditions as text, Markdown, JSON Schema or
 * XML Schema. */
#include "cse/command.h"

#include "cse/base/strbuf.h"
#include "cse/describe.h"
#include "schemas/primitive.h"

#include <inttypes.h>

enum { CELL_SIZE = 160, COLUMN_MAX = 9 };

/* A table being printed: Markdown, or text in columns of the given widths. */
struct table {
	FILE *out;
	bool is_markdown;
	unsigned columns;
	const int *widths;
};

static void table_row(const struct table *table, const char *const *cells)
{
	struct strbuf line = {0};

	for (unsigned i = 0; i < table->columns; i++) {
		if (table->is_markdown)
			strbuf_addf(&line, "%s%s |", i ? " " : "| ", cells[i]);
		else
			strbuf_addf(&line, "%-*s ", table->widths[i], cells[i]);
	}
	while (line.len > 0 && line.ptr[line.len - 1] == ' ')
		line.len--;
	fprintf(table->out, "%.*s\n", STR_ARG(strbuf_str(&line)));
	strbuf_finish(&line);
}

static void table_begin(const struct table *table, const char *const *titles)
{
	if (table->is_markdown)
		fputs("\n", table->out);
	table_row(table, titles);
	for (unsigned i = 0; table->is_markdown && i < table->columns; i++)
		fputs(i + 1 < table->columns ? "|---" : "|---|\n", table->out);
}

static void heading(const struct table *table, const char *text)
{
	fprintf(table->out, table->is_markdown ? "\n### %s\n" : "\n%s\n\n", text);
}

static const char *base_kind_name(enum base_kind kind)
{
	static const char *const names[KIND_COUNT] = {
		[KIND_STRING] = "string",
		[KIND_TOKEN] = "token",
		[KIND_URI] = "URI",
		[KIND_ID] = "ID",
		[KIND_NAME] = "name",
		[KIND_NCNAME] = "short name",
		[KIND_UINT] = "unsigned integer",
		[KIND_INT] = "integer",
		[KIND_FLOAT] = "number",
		[KIND_BOOL] = "boolean",
		[KIND_TIMESTAMP] = "timestamp",
		[KIND_ABS_REL_TIMESTAMP] = "timestamp or milliseconds",
		[KIND_DURATION] = "duration",
		[KIND_SCHEDULE] = "schedule",
		[KIND_BASE64] = "base64",
		[KIND_CONTENT_INFO] = "content info",
		[KIND_MEDIA_TYPE] = "media type",
		[KIND_POA] = "point of access",
		[KIND_IPV4] = "IPv4 address",
		[KIND_IPV6] = "IPv6 address",
		[KIND_COUNTRY] = "country",
		[KIND_ROLE_ID] = "role ID",
		[KIND_ENUM] = "enum",
		[KIND_COMPLEX] = "object",
		[KIND_ANY] = "any value",
	};

	return names[kind] ? names[kind] : "value";
}

static void kind_text(struct kind kind, char *out, size_t size)
{
	const char *of = "";

	if (kind.base == KIND_ENUM && kind.of)
		of = ((const struct enum_def *)kind.of)->name;
	else if (kind.base == KIND_COMPLEX && kind.of)
		of = ((const struct complex_def *)kind.of)->name;
	snprintf(out, size, "%s%s%s%s", kind.is_list ? "list of " : "", base_kind_name(kind.base), *of ? " " : "", of);
}

static void limits_text(const struct attr_def *row, char *out, size_t size)
{
	const char *what = row->kind.is_list ? " elements" : "";

	if (!row->constraint.is_set)
		snprintf(out, size, "%s", row->constraint.check ? "see the standard" : "");
	else if (row->constraint.max == INT64_MAX)
		snprintf(out, size, "from %" PRId64 "%s", row->constraint.min, what);
	else if (row->constraint.min == INT64_MIN)
		snprintf(out, size, "to %" PRId64 "%s", row->constraint.max, what);
	else
		snprintf(out, size, "%" PRId64 " to %" PRId64 "%s", row->constraint.min, row->constraint.max, what);
}

static const char *default_text(const struct attr_def *row)
{
	return row->default_kind == DEFAULT_TEXT       ? row->default_text
	       : row->default_kind == DEFAULT_COMPUTED ? "computed"
						       : "";
}

static const char *presence_name(unsigned presence)
{
	static const char *const names[] = {[NP] = "NP", [O] = "O", [M] = "M", [NULL_ONLY] = "null"};
	return names[presence];
}

static void describe_attribute(const struct table *table, const struct schema *schema, const struct attr_def *row)
{
	static const char *const announced[] = {[NA] = "NA", [OA] = "OA", [MA] = "MA"};
	char name[CELL_SIZE], short_name[CELL_SIZE], kind[CELL_SIZE], limits[CELL_SIZE], fallback[CELL_SIZE];
	const char *mark = table->is_markdown && row->default_kind == DEFAULT_TEXT ? "`" : "";

	snprintf(name, sizeof(name), "%.*s", STR_ARG(name_long(schema, row->name)));
	snprintf(short_name, sizeof(short_name), "%.*s", STR_ARG(name_short(schema, row->name)));
	kind_text(row->kind, kind, sizeof(kind));
	limits_text(row, limits, sizeof(limits));
	snprintf(fallback, sizeof(fallback), "%s%s%s", mark, default_text(row), mark);
	table_row(table, (const char *[]){name, short_name, kind, row->cardinality == ONE ? "1" : "0..1",
					  presence_name(row->create), presence_name(row->update),
					  announced[row->announce], fallback, limits});
}

/* The children that can be made here, then the virtual ones. */
static struct str children_text(const struct schema *schema, const struct type_def *type, struct strbuf *out)
{
	strbuf_clear(out);
	for (size_t i = 0; i < type->child_count; i++)
		if (schema_type(schema, type->children[i]))
			strbuf_addf(out, "%s%s", out->len ? ", " : "", resource_type_name(type->children[i]));
	for (size_t i = 0; i < type->virtual_count; i++)
		strbuf_addf(out, "%s%s (%s)", out->len ? ", " : "", type->virtuals[i].long_name,
			    type->virtuals[i].name);
	strbuf_add_char(out, '\0');
	return str_of(out->ptr);
}

static void describe_type(const struct table *out, const struct schema *schema, const struct type_def *type)
{
	static const int widths[] = {36, 7, 36, 5, 7, 7, 9, 12, 20};
	static const char *const titles[] = {"attribute", "short",     "kind",	  "card.", "create",
					     "update",	  "announced", "default", "limits"};
	struct table table = {out->out, out->is_markdown, sizeof(titles) / sizeof(titles[0]), widths};
	struct strbuf text = {0};

	strbuf_addf(&text, "%s (%s:%s), resource type %u", type->name, type->space, type->short_name, type->ty);
	strbuf_add_char(&text, '\0');
	heading(out, text.ptr);
	table_begin(&table, titles);
	for (size_t i = 0; i < type->attr_count; i++)
		describe_attribute(&table, schema, &type->attrs[i]);
	children_text(schema, type, &text);
	if (*text.ptr)
		fprintf(out->out, "\nChildren: %s.\n", text.ptr);
	strbuf_finish(&text);
}

static bool is_specialization(const struct type_def *type)
{
	return type->specialization != 0 || type->definition != NULL;
}

static void describe_types(const struct table *out, const struct schema *schema)
{
	static const int widths[] = {24, 12, 6, 10, 40};
	static const char *const titles[] = {"resource type", "name", "number", "attributes", "children"};
	struct table table = {out->out, out->is_markdown, sizeof(titles) / sizeof(titles[0]), widths};
	const struct type_def *type;
	struct strbuf children = {0};
	char name[CELL_SIZE], short_name[CELL_SIZE], number[20], count[20];

	heading(out, "Resource types");
	table_begin(&table, titles);
	for (size_t i = 0; (type = schema_type_at(schema, i)) != NULL; i++) {
		const char *of = is_specialization(type) ? resource_type_name(type->ty) : NULL;
		if (!schema_type(schema, type->ty))
			continue;
		snprintf(name, sizeof(name), "%s%s%s%s", type->name, of ? " (" : "", of ? of : "", of ? ")" : "");
		snprintf(short_name, sizeof(short_name), "%s:%s", type->space, type->short_name);
		snprintf(number, sizeof(number), "%u", type->ty);
		snprintf(count, sizeof(count), "%zu", type->attr_count);
		children_text(schema, type, &children);
		table_row(&table, (const char *[]){name, short_name, number, count, children.ptr});
	}
	strbuf_finish(&children);
}

/* Parameters or conditions, both have the same rows. */
static void describe_parameters(const struct table *out, const char *title, const struct parameter_def *rows,
				size_t count)
{
	static const int widths[] = {36, 6, 36, 20};
	static const char *const titles[] = {"name", "short", "kind", "served"};
	struct table table = {out->out, out->is_markdown, sizeof(titles) / sizeof(titles[0]), widths};
	char kind[CELL_SIZE];

	heading(out, title);
	table_begin(&table, titles);
	for (size_t i = 0; i < count; i++) {
		kind_text(rows[i].kind, kind, sizeof(kind));
		table_row(&table, (const char *[]){rows[i].name, rows[i].short_name, kind,
						   rows[i].is_supported ? "yes" : "no"});
	}
}

/* By long name, short name or the name of the root member. */
static void describe_every_type(const struct table *out, const struct schema *schema)
{
	const struct type_def *type;

	for (size_t i = 0; (type = schema_type_at(schema, i)) != NULL; i++)
		if (schema_type(schema, type->ty))
			describe_type(out, schema, type);
}

typedef void printer(const struct schema *schema, const struct type_def *type, FILE *out);

/* NULL: the format is no schema's. */
static printer *printer_of(const char *format)
{
	static const struct {
		const char *format;
		printer *print;
	} printers[] = {{"json-schema", describe_json_schema}, {"xsd", describe_xsd}};

	for (size_t i = 0; format && i < sizeof(printers) / sizeof(printers[0]); i++)
		if (strcmp(format, printers[i].format) == 0)
			return printers[i].print;
	return NULL;
}

static int describe(const struct schema *schema, const struct arguments *arguments)
{
	struct table out = {.out = stdout,
			    .is_markdown = arguments->format && strcmp(arguments->format, "markdown") == 0};
	printer *print = printer_of(arguments->format);
	bool is_all = arguments->operand[0] && strcmp(arguments->operand[0], "all") == 0;
	const struct type_def *type;
	char message[MESSAGE_SIZE];

	if (print && (is_all || !arguments->operand[0])) {
		print(schema, NULL, stdout);
		return 0;
	}
	if (!arguments->operand[0]) {
		describe_types(&out, schema);
		describe_parameters(&out, "Request parameters", parameter_defs, PARAM_COUNT);
		describe_parameters(&out, "Filter criteria", condition_defs, FILTER_COUNT);
		return 0;
	}
	if (is_all) {
		describe_every_type(&out, schema);
		return 0;
	}
	type = command_type(schema, arguments->operand[0]);
	if (type && print) {
		print(schema, type, stdout);
		return 0;
	}
	if (type) {
		describe_type(&out, schema, type);
		return 0;
	}
	snprintf(message, sizeof(message), "describe: no resource type '%.60s'; copse describe lists them",
		 arguments->operand[0]);
	return command_fail(EXIT_USAGE, message);
}

/* Was a print of the configuration's table asked for? Then it is done. */
static bool print_table(const struct arguments *arguments)
{
	if (arguments->config_markdown)
		config_print_markdown(stdout);
	else if (arguments->config_sample)
		config_print_sample(stdout);
	else if (arguments->manual)
		command_print_man(stdout);
	return arguments->config_markdown || arguments->config_sample || arguments->manual;
}

static bool is_format(const char *format)
{
	static const char *const formats[] = {"plain", "markdown", "json-schema", "xsd"};

	for (size_t i = 0; format && i < sizeof(formats) / sizeof(formats[0]); i++)
		if (strcmp(format, formats[i]) == 0)
			return true;
	return !format;
}

int command_describe(int argc, char **argv)
{
	struct config config;
	struct arguments arguments;
	char message[MESSAGE_SIZE];
	struct schema *schema;
	const struct takes takes = {.flags = TAKES_FORMAT | TAKES_PRINTS, .most_operands = 1};
	int code = command_read(argc, argv, &takes, &arguments, &config);

	if (code != 0)
		return code;
	arguments.format = arguments.xsd ? arguments.xsd : arguments.format;
	arguments.format = arguments.json_schema ? "json-schema" : arguments.format;
	schema = command_schema(&config, message, sizeof(message));
	if (!schema)
		code = command_fail(EXIT_USAGE, message);
	else if (!is_format(arguments.format))
		code = command_fail(EXIT_USAGE, "describe: --format must be one of plain,markdown,json-schema,xsd");
	else if (!print_table(&arguments))
		code = describe(schema, &arguments);
	schema_destroy(schema);
	config_finish(&config);
	return code;
}
