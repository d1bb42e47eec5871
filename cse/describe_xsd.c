/* describe_xsd: an XML Schema from the rows, of what the XML codec writes. What resources consist of is optional, as a
 * content may be a part of one (TS-0004 8.3.1). Each document has one namespace, and all complex types in it. */
#include "cse/describe.h"

#include <inttypes.h>

#include "schemas/codec/xml.h"
#include "schemas/rows.h"

/* A document in the making. */
struct document {
	const struct schema *schema;
	FILE *out;
	const char *space; /* prefix of its namespace */
};

/* Kinds by the simple type that they restrict, and how. Those with a name of XML Schema's are that type. */
static const struct {
	const char *name, *base, *pattern;
} kinds[KIND_COUNT] = {
	[KIND_STRING] = {"xs:string", NULL, NULL},
	[KIND_TOKEN] = {"token", "xs:token", "\\S+"},
	[KIND_URI] = {"anyURI", "xs:token", "\\S+"},
	[KIND_ID] = {"id", "xs:token", "\\S+"},
	[KIND_NAME] = {"name", "xs:token", "[A-Za-z0-9._~\\-]{1,255}"},
	[KIND_NCNAME] = {"xs:NCName", NULL, NULL},
	[KIND_UINT] = {"xs:nonNegativeInteger", NULL, NULL},
	[KIND_INT] = {"xs:integer", NULL, NULL},
	[KIND_FLOAT] = {"xs:double", NULL, NULL},
	[KIND_BOOL] = {"xs:boolean", NULL, NULL},
	[KIND_TIMESTAMP] = {"timestamp", "xs:token", "[0-9]{8}T[0-9]{6}([,.][0-9]{1,6})?|P.+"},
	[KIND_DURATION] = {"duration", "xs:token", "P.+"},
	[KIND_SCHEDULE] = {"schedule", "xs:token", "[0-9*/,\\-]+( [0-9*/,\\-]+){6}"},
	[KIND_BASE64] = {"xs:base64Binary", NULL, NULL},
	[KIND_CONTENT_INFO] = {"contentInfo", "xs:token", "[^/:\\s]+/[^/:]+:[0-2](:[0-5])?"},
	[KIND_MEDIA_TYPE] = {"mediaType", "xs:token", "[^/\\s]+/[^/]+"},
	[KIND_POA] = {"pointOfAccess", "xs:token", "[A-Za-z][A-Za-z0-9+.\\-]*://\\S+"},
	[KIND_IPV4] = {"ipv4Address", "xs:token", "[0-9.]+(/[0-9]+)?"},
	[KIND_IPV6] = {"ipv6Address", "xs:token", "[0-9A-Fa-f:.]+(/[0-9]+)?"},
	[KIND_COUNTRY] = {"country", "xs:token", "[A-Z]{2}"},
	[KIND_ROLE_ID] = {"roleID", "xs:token", "[A-Za-z0-9._\\-]+@[a-z0-9.\\-]+"},
	[KIND_ABS_REL_TIMESTAMP] = {"timestampOrMilliseconds", NULL, NULL},
	[KIND_ANY] = {"xs:anyType", NULL, NULL},
};

static const char xs_prefix[] = "xs:";

/* The name by which a kind of one value is referred to: "xs:string", "m2m:kind-anyURI", "m2m:enum-operation". */
static void print_type_name(const struct document *document, struct kind kind)
{
	if (kind.base == KIND_ENUM)
		fprintf(document->out, "%s:enum-%s", document->space, ((const struct enum_def *)kind.of)->name);
	else if (kind.base == KIND_COMPLEX)
		fprintf(document->out, "%s:%s", document->space, ((const struct complex_def *)kind.of)->name);
	else if (strncmp(kinds[kind.base].name, xs_prefix, strlen(xs_prefix)) == 0)
		fputs(kinds[kind.base].name, document->out);
	else
		fprintf(document->out, "%s:kind-%s", document->space, kinds[kind.base].name);
}

/* ---- simple types ---- */

static void print_kinds(const struct document *document)
{
	for (unsigned base = 0; base < KIND_COUNT; base++)
		if (kinds[base].base)
			fprintf(document->out,
				"<xs:simpleType name=\"kind-%s\"><xs:restriction base=\"%s\">"
				"<xs:pattern value=\"%s\"/></xs:restriction></xs:simpleType>\n",
				kinds[base].name, kinds[base].base, kinds[base].pattern);
	fprintf(document->out,
		"<xs:simpleType name=\"kind-%s\"><xs:union memberTypes=\"%s:kind-%s xs:integer\"/></xs:simpleType>\n",
		kinds[KIND_ABS_REL_TIMESTAMP].name, document->space, kinds[KIND_TIMESTAMP].name);
}

static void print_enum(const struct document *document, const struct enum_def *def)
{
	fprintf(document->out, "<xs:simpleType name=\"enum-%s\"><xs:restriction base=\"xs:integer\">", def->name);
	for (size_t i = 0; i < def->count; i++)
		fprintf(document->out, "<xs:enumeration value=\"%" PRId64 "\"/>", def->values[i].value);
	fputs("</xs:restriction></xs:simpleType>\n", document->out);
}

/* Enumerations that a specialization file brings are none of enum_at. */
static void print_own_enums(const struct document *document, const struct type_def *type)
{
	for (size_t i = 0; i < type->attr_count; i++) {
		const struct enum_def *def = type->attrs[i].kind.of;

		if (type->attrs[i].kind.base == KIND_ENUM && enum_find(str_of(def->name)) != def)
			print_enum(document, def);
	}
}

static void print_facets(const struct document *document, const char *low, const char *high,
			 const struct constraint *constraint)
{
	if (constraint->min != INT64_MIN)
		fprintf(document->out, "<xs:%s value=\"%" PRId64 "\"/>", low, constraint->min);
	if (constraint->max != INT64_MAX)
		fprintf(document->out, "<xs:%s value=\"%" PRId64 "\"/>", high, constraint->max);
}

/* ---- elements and attributes ---- */

static const struct constraint *counts_of(const struct attr_def *row)
{
	static const struct constraint one_or_more = {.min = 1, .max = INT64_MAX, .is_set = true};

	return row->constraint.is_set ? &row->constraint : &one_or_more;
}

/* What is between blanks, and how much of it. */
static void print_word_list(const struct document *document, const struct attr_def *row)
{
	fputs("><xs:simpleType><xs:restriction><xs:simpleType><xs:list itemType=\"", document->out);
	print_type_name(document, row->kind);
	fputs("\"/></xs:simpleType>", document->out);
	print_facets(document, "minLength", "maxLength", counts_of(row));
	fputs("</xs:restriction></xs:simpleType></xs:element>\n", document->out);
}

static void print_range(const struct document *document, const struct attr_def *row)
{
	fputs("><xs:simpleType><xs:restriction base=\"", document->out);
	print_type_name(document, row->kind);
	fputs("\">", document->out);
	print_facets(document, "minInclusive", "maxInclusive", &row->constraint);
	fputs("</xs:restriction></xs:simpleType></xs:element>\n", document->out);
}

/* Resources and other roots, as far as this document knows them. */
static void print_globals(const struct document *document, const char *max)
{
	fprintf(document->out,
		"<xs:choice minOccurs=\"0\" maxOccurs=\"%s\"><xs:any namespace=\"##targetNamespace\" "
		"processContents=\"lax\"/><xs:any namespace=\"##other\" processContents=\"lax\"/></xs:choice>\n",
		max);
}

static void print_element(const struct document *document, const struct attr_def *row, bool is_optional)
{
	struct shape shape = shape_of_row(document->schema, row);
	int64_t min = xml_is_repeated(&shape) && !is_optional ? counts_of(row)->min : !is_optional;

	if (shape.is_global) {
		print_globals(document, "unbounded");
		return;
	}
	fprintf(document->out, "<xs:element name=\"%.*s\" minOccurs=\"%" PRId64 "\"",
		STR_ARG(name_short(document->schema, row->name)), min);
	if (xml_is_repeated(&shape))
		fputs(" maxOccurs=\"unbounded\"", document->out);
	if (row->kind.is_list && !xml_is_repeated(&shape)) {
		print_word_list(document, row);
	} else if (!row->kind.is_list && row->constraint.is_set) {
		print_range(document, row);
	} else {
		fputs(" type=\"", document->out);
		print_type_name(document, row->kind);
		fputs("\"/>\n", document->out);
	}
}

static void print_attributes(const struct document *document, const struct attr_def *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (rows[i].xml != XML_ATTRIBUTE)
			continue;
		fprintf(document->out, "<xs:attribute name=\"%.*s\" type=\"",
			STR_ARG(name_short(document->schema, rows[i].name)));
		print_type_name(document, rows[i].kind);
		fputs("\"/>\n", document->out);
	}
}

/* ---- complex types ---- */

static void print_text_type(const struct document *document, const struct complex_def *def)
{
	for (size_t i = 0; i < def->count; i++) {
		if (def->members[i].xml != XML_TEXT)
			continue;
		fputs("<xs:simpleContent><xs:extension base=\"", document->out);
		print_type_name(document, def->members[i].kind);
		fputs("\">\n", document->out);
	}
	print_attributes(document, def->members, def->count);
	fputs("</xs:extension></xs:simpleContent>", document->out);
}

static void print_members(const struct document *document, const struct complex_def *def)
{
	const char *group = def->is_choice ? "choice" : "sequence";

	fprintf(document->out, "<xs:%s>\n", group);
	for (size_t i = 0; i < def->count; i++)
		print_element(document, &def->members[i], def->members[i].create != M && !def->is_choice);
	if (def == &complex_resourceWrapper)
		print_globals(document, "1");
	fprintf(document->out, "</xs:%s>\n", group);
}

static void print_complex(const struct document *document, const struct complex_def *def)
{
	struct shape shape = shape_complex(def);

	fprintf(document->out, "<xs:complexType name=\"%s\">", def->name);
	if (xml_has_text(&shape))
		print_text_type(document, def);
	else
		print_members(document, def);
	fputs("</xs:complexType>\n", document->out);
}

/* ---- roots ---- */

static void print_type(const struct document *document, const struct type_def *type)
{
	fprintf(document->out, "<xs:element name=\"%s\"><xs:complexType><xs:sequence>\n", type->short_name);
	for (size_t i = 0; i < type->attr_count; i++)
		if (type->attrs[i].xml != XML_ATTRIBUTE)
			print_element(document, &type->attrs[i], true);
	print_element(document, shape_child_reference(), true);
	print_globals(document, "unbounded");
	fputs("</xs:sequence>\n", document->out);
	print_attributes(document, type->attrs, type->attr_count);
	fputs("</xs:complexType></xs:element>\n", document->out);
}

static void print_root(const struct document *document, const char *name, const struct shape *shape)
{
	fprintf(document->out, "<xs:element name=\"%s\"", strchr(name, ':') + 1);
	if (shape->kind.is_list) {
		fputs("><xs:simpleType><xs:list itemType=\"", document->out);
		print_type_name(document, shape->kind);
		fputs("\"/></xs:simpleType></xs:element>\n", document->out);
		return;
	}
	fputs(" type=\"", document->out);
	print_type_name(document, shape->kind);
	fputs("\"/>\n", document->out);
}

static void print_roots(const struct document *document)
{
	const struct type_def *type;
	struct shape shape;
	const char *name;

	for (size_t i = 0; (name = shape_root_at(i, &shape)) != NULL; i++)
		if (!shape.kind.is_list || shape.kind.base != KIND_COMPLEX) /* several objects have no root element */
			print_root(document, name, &shape);
	for (size_t i = 0; (type = schema_type_at(document->schema, i)) != NULL; i++) {
		if (strcmp(type->space_uri, M2M_NAMESPACE) != 0)
			continue;
		print_own_enums(document, type);
		print_type(document, type);
	}
}

void describe_xsd(const struct schema *schema, const struct type_def *type, FILE *out)
{
	struct document document = {schema, out, type ? type->space : M2M_SPACE};
	const char *uri = type ? type->space_uri : M2M_NAMESPACE;

	fprintf(out,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<xs:schema xmlns:xs=\"" XML_XSD "\" xmlns:%s=\"%s\" "
		"targetNamespace=\"%s\" elementFormDefault=\"unqualified\">\n",
		document.space, uri, uri);
	print_kinds(&document);
	for (size_t i = 0; enum_at(i); i++)
		print_enum(&document, enum_at(i));
	for (size_t i = 0; complex_at(i); i++)
		print_complex(&document, complex_at(i));
	if (type) {
		print_own_enums(&document, type);
		print_type(&document, type);
	} else {
		print_roots(&document);
	}
	fputs("</xs:schema>\n", out);
}
