/* xml_parse: libxml2's SAX interface, and the bounds that a document is held to: no document type, so no entity but
 * XML's own five, nothing fetched, UTF-8 only. */
#include "schemas/codec/xml_read.h"

#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <limits.h>
#include <stdio.h>

#include "schemas/quote.h"

/* libxml2 compares each attribute of a tag with all before it. */
enum { TAG_ATTRIBUTES_MAX = 64, ATTRIBUTE_PARTS = 5 };

/* Elements nest deeper than arrays and objects: the document, and a text within an element for JSON. */
enum { DEPTH_BEYOND_JSON = 3 };

size_t xml_offset(const struct xml_reader *r)
{
	const xmlParserCtxt *parser = r->parser;

	if (!parser || !parser->input)
		return 0;
	return (size_t)(parser->input->cur - parser->input->base) + parser->input->consumed;
}

bool xml_stop(struct xml_reader *r, int result, const char *message, struct str quoted)
{
	char text[QUOTE_SIZE] = "";

	if (r->result < 0)
		return false;
	r->result = result;
	r->error->offset = xml_offset(r);
	snprintf(r->error->message, sizeof(r->error->message), "%s%s", message, quoted.ptr ? quote(text, quoted) : "");
	if (r->parser)
		xmlStopParser(r->parser);
	return false;
}

struct xml_element *xml_push(struct xml_reader *r)
{
	if (r->depth == r->depth_max) {
		xml_stop(r, ERROR_LIMIT, "nested too deep", (struct str){0});
		return NULL;
	}
	r->elements[r->depth] = (struct xml_element){.shape = shape_any()};
	return &r->elements[r->depth++];
}

static bool count_items(struct xml_reader *r, int more)
{
	r->items += (unsigned)more;
	return r->items <= r->limits->tokens || xml_stop(r, ERROR_LIMIT, "too many values", (struct str){0});
}

/* ---- attributes ---- */

static struct str value_of(const xmlChar *const *attribute)
{
	return str_make((const char *)attribute[3], (size_t)(attribute[4] - attribute[3]));
}

/* The namespace that a prefix stands for at the element that has just begun. */
static const char *namespace_of(const xmlParserCtxt *parser, struct str prefix)
{
	for (int i = parser->nsNr - 2; i >= 0; i -= 2)
		if (str_eq(prefix, str_of((const char *)parser->nsTab[i])))
			return (const char *)parser->nsTab[i + 1];
	return "";
}

/* XML Schema's types by what their values are in JSON; of the rest each is a string. */
static enum xml_mark mark_of_type(const xmlParserCtxt *parser, struct str type)
{
	static const char *const numbers[] = {
		"integer",
		"decimal",
		"double",
		"float",
		"int",
		"long",
		"short",
		"byte",
		"unsignedInt",
		"unsignedLong",
		"unsignedShort",
		"unsignedByte",
		"positiveInteger",
		"negativeInteger",
		"nonNegativeInteger",
		"nonPositiveInteger",
	};
	struct str local = xml_trim(type), prefix = str_split(&local, ':');

	if (!local.ptr || strcmp(namespace_of(parser, prefix), XML_XSD) != 0)
		return XML_MARK_OTHER;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (str_eq(local, str_of(numbers[i])))
			return XML_MARK_NUMBER;
	return str_eq(local, STR("boolean")) ? XML_MARK_BOOL : XML_MARK_STRING;
}

static void take_xsi(struct xml_reader *r, struct str name, struct str text)
{
	enum xml_mark *mark = &xml_top(r)->mark;

	if (str_eq(name, STR("nil"))) {
		if (str_eq(xml_trim(text), STR("true")) || str_eq(xml_trim(text), STR("1")))
			*mark = XML_MARK_NIL;
	} else if (str_eq(name, STR("type"))) {
		*mark = *mark == XML_MARK_NIL ? XML_MARK_NIL : mark_of_type(r->parser, text);
	} else if (!str_eq(name, STR("schemaLocation"))) {
		xml_stop(r, ERROR_FORMAT, "no attribute of this namespace: ", name);
	}
}

/* Those that say how the others are read come first. */
static void take_attributes(struct xml_reader *r, int count, const xmlChar **attributes, bool xsi)
{
	for (int i = 0; i < count && r->result == 0; i++) {
		const xmlChar *const *attribute = (const xmlChar *const *)attributes + i * ATTRIBUTE_PARTS;
		const char *uri = (const char *)attribute[2];
		struct str name = str_of((const char *)attribute[0]);

		if ((uri && strcmp(uri, XML_XSI) == 0) != xsi)
			continue;
		if (xsi)
			take_xsi(r, name, value_of(attribute));
		else if (!uri)
			xml_take_attribute(r, name, value_of(attribute));
		else if (strcmp(uri, (const char *)XML_XML_NAMESPACE) != 0)
			xml_stop(r, ERROR_FORMAT, "no attribute of a namespace that is known: ", name);
	}
}

/* ---- what libxml2 reports ---- */

static void begin_json(struct xml_reader *r, const char *local, int count, const xmlChar **attributes)
{
	struct str key = {0};

	for (int i = 0; i < count; i++) {
		const xmlChar *const *attribute = (const xmlChar *const *)attributes + i * ATTRIBUTE_PARTS;

		if (attribute[2] || strcmp((const char *)attribute[0], "key") != 0) {
			xml_fail(r, "an element for JSON has no attribute but key");
			return;
		}
		key = value_of(attribute);
	}
	xml_begin_json(r, str_of(local), key);
}

static void on_start(void *context, const xmlChar *local, const xmlChar *prefix, const xmlChar *uri, int ns_count,
		     const xmlChar **namespaces, int count, int default_count, const xmlChar **attributes)
{
	struct xml_reader *r = context;
	struct xml_name name = {(const char *)local, (const char *)uri};

	(void)prefix;
	(void)ns_count;
	(void)namespaces;
	(void)default_count;
	if (r->result < 0 || !count_items(r, count + 1))
		return;
	if (uri && strcmp(name.uri, XML_JSON) == 0 && r->depth > 1) {
		begin_json(r, name.local, count, attributes);
		return;
	}
	xml_begin_element(r, &name);
	take_attributes(r, count, attributes, true);
	take_attributes(r, count, attributes, false);
}

static void on_end(void *context, const xmlChar *local, const xmlChar *prefix, const xmlChar *uri)
{
	struct xml_reader *r = context;

	(void)local;
	(void)prefix;
	(void)uri;
	if (r->result == 0)
		xml_end_element(r);
}

static void on_text(void *context, const xmlChar *text, int len)
{
	struct xml_reader *r = context;

	if (r->result == 0 && len > 0)
		strbuf_add(&r->text, text, (size_t)len);
}

static void on_document_type(void *context, const xmlChar *name, const xmlChar *id, const xmlChar *uri)
{
	(void)name;
	(void)id;
	(void)uri;
	xml_fail(context, "a document type declaration is not accepted");
}

/* The first line of libxml2's message. */
static void on_error(void *context, xmlErrorPtr error)
{
	struct xml_reader *r = context;
	struct str rest = str_of(error->message ? error->message : "not well-formed");

	if (error->level >= XML_ERR_ERROR)
		xml_stop(r, ERROR_FORMAT, "XML: ", str_split(&rest, '\n'));
}

static const xmlSAXHandler handler = {
	.initialized = XML_SAX2_MAGIC,
	.internalSubset = on_document_type,
	.startElementNs = on_start,
	.endElementNs = on_end,
	.characters = on_text,
	.ignorableWhitespace = on_text,
	.cdataBlock = on_text,
	.serror = on_error,
};

/* ---- the document ---- */

/* The byte behind what begins at `at` with "<!", or the end. */
static const char *skip_declaration(const char *at, const char *end)
{
	static const struct {
		struct str begin, end;
	} kinds[] = {{{"<![CDATA[", 9}, {"]]>", 3}}, {{"<!--", 4}, {"-->", 3}}};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!str_starts(str_make(at, (size_t)(end - at)), kinds[i].begin))
			continue;
		at = memmem(at, (size_t)(end - at), kinds[i].end.ptr, kinds[i].end.len);
		return at ? at + kinds[i].end.len : end;
	}
	return at + 1;
}

/* Has any tag more attributes than one may have? Each has a '='. */
static bool has_long_tag(struct str text)
{
	const char *at = text.ptr, *end = text.ptr + text.len;

	while (at < end && (at = memchr(at, '<', (size_t)(end - at))) != NULL) {
		unsigned count = 0;

		if (at + 1 < end && at[1] == '!') {
			at = skip_declaration(at, end);
			continue;
		}
		for (at++; at < end && *at != '>' && *at != '<'; at++)
			count += *at == '=';
		if (count > TAG_ATTRIBUTES_MAX)
			return true;
	}
	return false;
}

/* The encoding that the XML declaration names; ptr NULL: none. */
static struct str declared_encoding(struct str text)
{
	const struct str word = STR("encoding");
	const char *end = memmem(text.ptr, text.len, "?>", 2), *at;
	struct str value, rest;

	if (!str_starts(text, STR("<?xml")) || !end)
		return (struct str){0};
	at = memmem(text.ptr, (size_t)(end - text.ptr), word.ptr, word.len);
	if (!at)
		return (struct str){0};
	value = str_make(at + word.len, (size_t)(end - at) - word.len);
	while (value.len > 0 && (xml_is_blank(value.ptr[0]) || value.ptr[0] == '='))
		value = str_from(value, 1);
	if (value.len == 0)
		return value;
	rest = str_from(value, 1);
	return str_split(&rest, value.ptr[0]);
}

/* libxml2 would convert by it; what is read is UTF-8. */
static bool is_utf8_declared(struct xml_reader *r, struct str text)
{
	struct str encoding = declared_encoding(text);

	return !encoding.ptr || str_eq_nocase(encoding, STR("UTF-8")) || str_eq_nocase(encoding, STR("US-ASCII")) ||
	       xml_stop(r, ERROR_FORMAT, "an encoding that is not UTF-8: ", encoding);
}

/* What libxml2 would guess an encoding from, or take long over. */
static bool is_fit(struct xml_reader *r, struct str bytes)
{
	struct str mark = STR("\xef\xbb\xbf"), text = str_starts(bytes, mark) ? str_from(bytes, mark.len) : bytes;

	if (bytes.len > r->limits->bytes || bytes.len > INT_MAX)
		return xml_stop(r, ERROR_LIMIT, "the text is too long", (struct str){0});
	if (text.len == 0 || (text.ptr[0] != '<' && !xml_is_blank(text.ptr[0])))
		return xml_fail(r, "no XML: it does not begin with <");
	if (!str_is_utf8(bytes) || memchr(bytes.ptr, 0, bytes.len))
		return xml_fail(r, "invalid UTF-8");
	if (has_long_tag(text))
		return xml_stop(r, ERROR_LIMIT, "too many attributes in one tag", (struct str){0});
	return is_utf8_declared(r, text);
}

static void parse(struct xml_reader *r, struct str bytes)
{
	xmlParserCtxtPtr parser = xmlCreateMemoryParserCtxt(bytes.ptr, (int)bytes.len);

	if (!parser)
		die_out_of_memory(sizeof(*parser));
	*parser->sax = handler;
	parser->userData = r;
	r->parser = parser;
	/* NOENT: &amp; in an attribute is its character, not a reference to one. */
	xmlCtxtUseOptions(parser, XML_PARSE_NONET | XML_PARSE_NOENT | XML_PARSE_IGNORE_ENC);
	xmlParseDocument(parser);
	if (r->result == 0 && !parser->wellFormed)
		xml_fail(r, "not well-formed");
	if (r->result == 0)
		xml_end_document(r);
	r->parser = NULL;
	xmlFreeParserCtxt(parser);
}

int xml_read(const struct schema *schema, enum codec_form form, struct str bytes, const struct decode_limits *limits,
	     struct arena *arena, struct doc *doc, struct decode_error *error)
{
	struct xml_reader r = {
		.schema = schema,
		.form = form,
		.limits = limits,
		.arena = arena,
		.error = error,
		.depth_max = limits->depth + DEPTH_BEYOND_JSON,
	};

	r.elements = arena_alloc(arena, r.depth_max * sizeof(*r.elements));
	xml_push(&r);
	if (is_fit(&r, bytes))
		parse(&r, bytes);
	if (r.result == 0)
		r.result = canon_end(&r.canon, limits, arena, doc, error);
	canon_finish(&r.canon);
	strbuf_finish(&r.text);
	return r.result;
}
