/* xml_write: from the canonical form to XML, TS-0004 8.3. Each value is written the plain way that its place in the
 * tables asks for; where reading that would give another value, xsi:type or xsi:nil says what it is, and what no text
 * can be is written as W3C's elements for JSON. */
#include "schemas/codec/xml.h"

#include <stdarg.h>
#include <stdio.h>

#include "schemas/quote.h"

struct writer {
	const struct schema *schema;
	struct arena *arena;
	struct strbuf *out;
	bool uses_xsi, uses_json;
	int result;
	struct decode_error *error;
};

static void fail(struct writer *w, struct value v, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void fail(struct writer *w, struct value v, const char *format, ...)
{
	va_list args;

	if (w->result < 0)
		return;
	w->result = ERROR_FORMAT;
	w->error->offset = value_token(v)->start;
	va_start(args, format);
	vsnprintf(w->error->message, sizeof(w->error->message), format, args);
	va_end(args);
}

static struct str name_of(struct writer *w, struct value v)
{
	return value_name_is_escaped(v) ? value_unescape(value_name(v), w->arena) : value_name(v);
}

/* ---- characters ---- */

/* Letters, digits, - . _ behind a letter or _: what may name an element whatever the version of XML. */
static bool is_element_name(struct str name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i], letter = (char)(c | 0x20);

		if ((letter >= 'a' && letter <= 'z') || c == '_')
			continue;
		if (i == 0 || !((c >= '0' && c <= '9') || c == '-' || c == '.'))
			return false;
	}
	return name.len > 0;
}

/* What stands for a character, NULL if it is itself; "" if XML 1.0 has no way to write it. */
static const char *escape_of(struct str text, size_t at, bool in_attribute)
{
	unsigned char c = (unsigned char)text.ptr[at];

	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return in_attribute ? "&quot;" : NULL;
	case '\r':
		return "&#13;";
	case '\n':
		return in_attribute ? "&#10;" : NULL;
	case '\t':
		return in_attribute ? "&#9;" : NULL;
	case 0xef: /* U+FFFE and U+FFFF */
		return (unsigned char)text.ptr[at + 1] == 0xbf && (unsigned char)text.ptr[at + 2] >= 0xbe ? "" : NULL;
	default:
		return c < ' ' ? "" : NULL;
	}
}

static void write_text(struct writer *w, struct value v, struct str text, bool in_attribute)
{
	size_t plain = 0;

	for (size_t i = 0; i < text.len; i++) {
		const char *escape = escape_of(text, i, in_attribute);

		if (!escape)
			continue;
		if (!*escape)
			fail(w, v, "XML has no character U+%s%02X", text.ptr[i] == '\xef' ? "FF" : "00",
			     text.ptr[i] == '\xef' ? (unsigned char)text.ptr[i + 2] | 0x40 : text.ptr[i]);
		strbuf_add(w->out, text.ptr + plain, i - plain);
		strbuf_add_str(w->out, str_of(escape));
		plain = i + 1;
	}
	strbuf_add(w->out, text.ptr + plain, text.len - plain);
}

static void write_attribute(struct writer *w, struct value v, struct str name, struct str text)
{
	strbuf_add_char(w->out, ' ');
	strbuf_add_str(w->out, name);
	STRBUF_LIT(w->out, "=\"");
	write_text(w, v, text, true);
	strbuf_add_char(w->out, '"');
}

static void close_element(struct writer *w, struct str name)
{
	STRBUF_LIT(w->out, "</");
	strbuf_add_str(w->out, name);
	strbuf_add_char(w->out, '>');
}

static void close_empty(struct writer *w)
{
	STRBUF_LIT(w->out, "/>");
}

/* ---- W3C's elements for JSON ---- */

static void write_json(struct writer *w, struct value v, struct str key);

static void write_json_members(struct writer *w, struct value v)
{
	bool is_object = value_type(v) == VALUE_OBJECT;

	for (struct value m = value_first(v); !value_is_absent(m); m = value_next(v, m))
		write_json(w, m, is_object ? name_of(w, m) : (struct str){0});
}

/* key: of a member of a map; ptr NULL elsewhere. */
static void write_json(struct writer *w, struct value v, struct str key)
{
	static const char *const names[] = {
		[VALUE_NULL] = "j:null",     [VALUE_FALSE] = "j:boolean", [VALUE_TRUE] = "j:boolean",
		[VALUE_NUMBER] = "j:number", [VALUE_STRING] = "j:string", [VALUE_ARRAY] = "j:array",
		[VALUE_OBJECT] = "j:map",
	};
	struct str name = str_of(names[value_type(v)]);

	w->uses_json = true;
	strbuf_add_char(w->out, '<');
	strbuf_add_str(w->out, name);
	if (key.ptr)
		write_attribute(w, v, STR("key"), key);
	strbuf_add_char(w->out, '>');
	if (value_type(v) == VALUE_ARRAY || value_type(v) == VALUE_OBJECT)
		write_json_members(w, v);
	else if (value_type(v) != VALUE_NULL)
		write_text(w, v, value_string(v, w->arena), false);
	close_element(w, name);
}

/* The start tag is open; a value of any kind follows. */
static void finish_json(struct writer *w, struct str name, struct value v)
{
	strbuf_add_char(w->out, '>');
	write_json(w, v, (struct str){0});
	close_element(w, name);
}

/* ---- texts ---- */

/* Does the text, read as its place says, give the value? */
static bool reads_back(struct writer *w, const struct shape *shape, struct value v)
{
	enum value_type type = value_type(v);
	struct str text;

	switch (xml_reading_of(shape)) {
	case XML_READ_INTEGER:
		return type == VALUE_NUMBER && value_token(v)->integer;
	case XML_READ_NUMBER:
		return type == VALUE_NUMBER;
	case XML_READ_BOOL:
		return type == VALUE_TRUE || type == VALUE_FALSE;
	case XML_READ_VERBATIM:
		return type == VALUE_STRING && (value_token(v)->len > 0 || xml_empty_of(shape) == XML_EMPTY_STRING);
	default:
		text = type == VALUE_STRING ? value_string(v, w->arena) : str_make("", 0);
		return type == VALUE_STRING && xml_trim(text).len == text.len &&
		       (text.len > 0 || xml_empty_of(shape) == XML_EMPTY_STRING);
	}
}

/* Could the value stand between blanks, and be read as one of several? */
static bool is_word(struct writer *w, const struct shape *element, struct value v)
{
	struct str text;

	if (value_type(v) == VALUE_ARRAY || value_type(v) == VALUE_OBJECT || !reads_back(w, element, v))
		return false;
	text = value_string(v, w->arena);
	for (size_t i = 0; i < text.len; i++)
		if (xml_is_blank(text.ptr[i]))
			return false;
	return text.len > 0;
}

static void write_xsi(struct writer *w, struct value v, struct str name, struct str text)
{
	w->uses_xsi = true;
	write_attribute(w, v, name, text);
}

static void finish_nil(struct writer *w, struct value v)
{
	write_xsi(w, v, STR("xsi:nil"), STR("true"));
	close_empty(w);
}

static void finish_text(struct writer *w, struct str name, struct value v)
{
	struct str text = value_string(v, w->arena);

	if (text.len == 0) {
		close_empty(w);
		return;
	}
	strbuf_add_char(w->out, '>');
	write_text(w, v, text, false);
	close_element(w, name);
}

/* With its kind: what is read is the value wherever it stands. */
static void finish_marked(struct writer *w, struct str name, struct value v)
{
	switch (value_type(v)) {
	case VALUE_NULL:
		finish_nil(w, v);
		return;
	case VALUE_ARRAY:
	case VALUE_OBJECT:
		finish_json(w, name, v);
		return;
	case VALUE_STRING:
		write_xsi(w, v, STR("xsi:type"), STR("xs:string"));
		break;
	case VALUE_NUMBER:
		write_xsi(w, v, STR("xsi:type"), value_token(v)->integer ? STR("xs:integer") : STR("xs:double"));
		break;
	default:
		write_xsi(w, v, STR("xsi:type"), STR("xs:boolean"));
		break;
	}
	finish_text(w, name, v);
}

/* ---- objects ---- */

static void write_member(struct writer *w, const struct shape *shape, struct str name, struct value v);

/* Members by row; those without one are further on. */
struct members {
	const struct attr_def *rows;
	size_t row_count;
	struct value *by_row;
	struct value *others;
	size_t other_count;
};

/* A list of objects that is empty, and may be, has no element. */
static bool has_no_element(struct writer *w, const struct attr_def *row, struct value v)
{
	struct shape shape = shape_of_row(w->schema, row);

	return value_type(v) == VALUE_ARRAY && value_token(v)->count == 0 && shape.may_be_empty &&
	       xml_is_repeated(&shape);
}

static struct members sort_members(struct writer *w, const struct shape *shape, struct value object)
{
	struct members members = {.rows = shape_rows(shape, &members.row_count)};

	members.by_row = arena_zalloc(w->arena, members.row_count * sizeof(*members.by_row) + 1);
	members.others = arena_alloc(w->arena, value_token(object)->count * sizeof(*members.others) + 1);
	for (struct value v = value_first(object); !value_is_absent(v); v = value_next(object, v)) {
		int row = shape_row(w->schema, shape, name_of(w, v));

		if (row < 0)
			members.others[members.other_count++] = v;
		else if (!has_no_element(w, &members.rows[row], v))
			members.by_row[row] = v;
	}
	return members;
}

/* Writes those rows that XML has as attributes; what no attribute can be stays for an element. */
static size_t write_attributes(struct writer *w, struct members *members)
{
	size_t count = 0;

	for (size_t i = 0; i < members->row_count; i++) {
		struct value v = members->by_row[i];
		struct shape shape;

		if (members->rows[i].xml != XML_ATTRIBUTE || value_is_absent(v))
			continue;
		shape = shape_of_row(w->schema, &members->rows[i]);
		if (!reads_back(w, &shape, v))
			continue;
		write_attribute(w, v, name_short(w->schema, members->rows[i].name), value_string(v, w->arena));
		members->by_row[i] = (struct value){0};
		count++;
	}
	return count;
}

/* Attributes first, then the rest: members without a prefix, then resources and other roots. */
static void write_others(struct writer *w, const struct shape *shape, const struct members *members, bool with_prefix)
{
	for (size_t i = 0; i < members->other_count; i++) {
		struct value v = members->others[i];
		struct str name = name_of(w, v);
		struct shape inner = shape_member(w->schema, shape, name);
		char quoted[QUOTE_SIZE];

		if (!inner.is_global && !is_element_name(name))
			fail(w, v, "\"%s\" is no name that an element can have here", quote(quoted, name));
		if (inner.is_global == with_prefix)
			write_member(w, &inner, name, v);
	}
}

static bool has_elements(const struct members *members)
{
	for (size_t i = 0; i < members->row_count; i++)
		if (!value_is_absent(members->by_row[i]))
			return true;
	return members->other_count > 0;
}

static void finish_object(struct writer *w, const struct shape *shape, struct str name, struct value object)
{
	struct members members = sort_members(w, shape, object);
	size_t attributes = write_attributes(w, &members);

	if (!has_elements(&members)) {
		const struct complex_def *def = shape->kind.of;

		if (attributes == 0 && xml_empty_of(shape) != XML_EMPTY_OBJECT)
			write_xsi(w, object, STR("xsi:type"), arena_printf(w->arena, M2M_SPACE ":%s", def->name));
		close_empty(w);
		return;
	}
	strbuf_add_char(w->out, '>');
	for (size_t i = 0; i < members.row_count; i++) {
		struct shape inner;

		if (value_is_absent(members.by_row[i]))
			continue;
		inner = shape_of_row(w->schema, &members.rows[i]);
		write_member(w, &inner, name_short(w->schema, members.rows[i].name), members.by_row[i]);
	}
	write_others(w, shape, &members, false);
	write_others(w, shape, &members, true);
	close_element(w, name);
}

/* Attributes and a text, TS-0004 8.4.2: {"nm":...,"typ":...,"val":...}. What is not of that form is shown as any
 * value. */
static void finish_text_object(struct writer *w, const struct shape *shape, struct str name, struct value object)
{
	struct members members = sort_members(w, shape, object);
	struct value text = {0};
	bool is_plain = members.other_count == 0 && value_token(object)->count > 0;

	for (size_t i = 0; i < members.row_count && is_plain; i++) {
		struct shape row = shape_of_row(w->schema, &members.rows[i]);
		struct value v = members.by_row[i];

		is_plain = value_is_absent(v) || reads_back(w, &row, v);
		if (row.xml == XML_TEXT)
			text = v;
	}
	if (!is_plain || value_is_absent(text)) {
		finish_json(w, name, object);
		return;
	}
	write_attributes(w, &members);
	finish_text(w, name, text);
}

/* ---- values of any kind ---- */

static bool all_names_are_plain(struct writer *w, struct value object)
{
	for (struct value v = value_first(object); !value_is_absent(v); v = value_next(object, v))
		if (!is_element_name(name_of(w, v)))
			return false;
	return value_token(object)->count > 0;
}

/* The one member of an object if it is a root. */
static bool is_root_alone(struct writer *w, struct value object, struct shape *shape)
{
	return value_token(object)->count == 1 && shape_root(w->schema, name_of(w, value_first(object)), shape);
}

static void finish_any_object(struct writer *w, struct str name, struct value object)
{
	struct shape shape = shape_any();

	if (!is_root_alone(w, object, &shape) && !all_names_are_plain(w, object)) {
		finish_json(w, name, object);
		return;
	}
	strbuf_add_char(w->out, '>');
	for (struct value v = value_first(object); !value_is_absent(v); v = value_next(object, v))
		write_member(w, &shape, name_of(w, v), v);
	close_element(w, name);
}

/* ---- elements ---- */

static const char *uri_of(const struct shape *shape)
{
	return shape->type ? shape->type->space_uri : M2M_NAMESPACE;
}

static void begin_element(struct writer *w, const struct shape *shape, struct str name, struct value v)
{
	struct str rest = name, prefix;

	strbuf_add_char(w->out, '<');
	strbuf_add_str(w->out, name);
	if (!shape->is_global || strcmp(uri_of(shape), M2M_NAMESPACE) == 0)
		return;
	prefix = str_split(&rest, ':');
	write_attribute(w, v, arena_join(w->arena, STR("xmlns:"), prefix, (struct str){0}), str_of(uri_of(shape)));
}

/* One element, with the value as it is: no list. */
static void write_element(struct writer *w, const struct shape *shape, struct str name, struct value v)
{
	bool is_object = value_type(v) == VALUE_OBJECT;

	begin_element(w, shape, name, v);
	if (is_object && xml_has_text(shape))
		finish_text_object(w, shape, name, v);
	else if (is_object && (shape->type || shape->kind.base == KIND_COMPLEX))
		finish_object(w, shape, name, v);
	else if (is_object)
		finish_any_object(w, name, v);
	else if (value_type(v) == VALUE_NULL && xml_empty_of(shape) == XML_EMPTY_NULL)
		close_empty(w);
	else if (value_type(v) != VALUE_ARRAY && !shape->type && shape->kind.base != KIND_COMPLEX &&
		 reads_back(w, shape, v))
		finish_text(w, name, v);
	else
		finish_marked(w, name, v);
}

static void write_words(struct writer *w, const struct shape *shape, struct str name, struct value list)
{
	bool is_first = true;

	begin_element(w, shape, name, list);
	if (value_token(list)->count == 0) {
		close_empty(w);
		return;
	}
	strbuf_add_char(w->out, '>');
	for (struct value v = value_first(list); !value_is_absent(v); v = value_next(list, v)) {
		if (!is_first)
			strbuf_add_char(w->out, ' ');
		is_first = false;
		write_text(w, v, value_string(v, w->arena), false);
	}
	close_element(w, name);
}

static bool all_are_words(struct writer *w, const struct shape *element, struct value list)
{
	for (struct value v = value_first(list); !value_is_absent(v); v = value_next(list, v))
		if (!is_word(w, element, v))
			return false;
	return true;
}

/* An element for each value of a list; an empty list that may be one has none. */
static void write_each(struct writer *w, const struct shape *shape, struct str name, struct value list)
{
	struct shape element = shape_element(shape);
	bool is_repeated = xml_is_repeated(shape);

	if (value_token(list)->count == 0 && !shape->may_be_empty)
		fail(w, list, "an empty list, %.*s, has no form in XML", STR_ARG(name));
	for (struct value v = value_first(list); !value_is_absent(v); v = value_next(list, v)) {
		if (is_repeated && value_type(v) != VALUE_NULL) {
			write_element(w, &element, name, v);
			continue;
		}
		begin_element(w, &element, name, v);
		finish_marked(w, name, v);
	}
}

static void write_list(struct writer *w, const struct shape *shape, struct str name, struct value list)
{
	struct shape element = shape_element(shape);
	bool has_words = !xml_is_repeated(shape) && all_are_words(w, &element, list);

	if (has_words && (value_token(list)->count > 0 || xml_empty_of(shape) == XML_EMPTY_LIST))
		write_words(w, shape, name, list);
	else
		write_each(w, shape, name, list);
}

static void write_member(struct writer *w, const struct shape *shape, struct str name, struct value v)
{
	bool is_null = value_type(v) == VALUE_NULL;

	if (!shape->kind.is_list)
		write_element(w, shape, name, v);
	else if (value_type(v) == VALUE_ARRAY)
		write_list(w, shape, name, v);
	else if (is_null && xml_empty_of(shape) == XML_EMPTY_NULL && !shape->type)
		write_element(w, shape, name, v);
	else
		fail(w, v, "%.*s is no list", STR_ARG(name));
}

/* ---- documents ---- */

/* The root's name and shape, and its value in the document. */
static struct value root_of(struct writer *w, enum codec_form form, const struct doc *doc, struct str *name,
			    struct shape *shape)
{
	struct value v = doc_root(doc);
	bool is_object = value_type(v) == VALUE_OBJECT;
	char quoted[QUOTE_SIZE];

	if (form != CODEC_CONTENT) {
		*name = xml_wrapper(form);
		shape_root(w->schema, *name, shape);
		if (!is_object)
			fail(w, v, "a primitive must be an object");
		return v;
	}
	if (!is_object || value_token(v)->count != 1) {
		fail(w, v, "a content must be an object with one member");
		return v;
	}
	v = value_first(v);
	*name = name_of(w, v);
	if (!shape_root(w->schema, *name, shape))
		fail(w, v, "\"%s\" is no resource type or other root that is known here", quote(quoted, *name));
	else if (xml_is_repeated(shape) && value_token(v)->count != 1)
		fail(w, v, "%.*s would be several root elements, or none", STR_ARG(*name));
	return v;
}

/* Declares at the root, behind its name, the prefixes that turned out to be used. */
static void declare(struct writer *w, size_t at)
{
	size_t end = w->out->len, len;
	char *start;

	STRBUF_LIT(w->out, " xmlns:m2m=\"" M2M_NAMESPACE "\"");
	if (w->uses_xsi)
		STRBUF_LIT(w->out, " xmlns:xs=\"" XML_XSD "\" xmlns:xsi=\"" XML_XSI "\"");
	if (w->uses_json)
		STRBUF_LIT(w->out, " xmlns:j=\"" XML_JSON "\"");
	len = w->out->len - end;
	strbuf_reserve(w->out, len);
	start = w->out->ptr + at;
	memmove(start + len, start, w->out->len - at);
	memcpy(start, w->out->ptr + w->out->len, len);
}

int xml_write(const struct schema *schema, enum codec_form form, struct str json, struct arena *arena,
	      struct strbuf *out, struct decode_error *error)
{
	static const struct decode_limits limits = {.bytes = SIZE_MAX, .depth = 255, .tokens = UINT32_MAX};
	struct writer w = {.schema = schema, .arena = arena, .out = out, .error = error};
	size_t start = out->len;
	struct shape shape;
	struct str name;
	struct value v;
	struct doc doc;

	if (json_decode(json, &limits, arena, &doc, error) < 0)
		return ERROR_FORMAT;
	v = root_of(&w, form, &doc, &name, &shape);
	if (w.result == 0) {
		STRBUF_LIT(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
		write_member(&w, &shape, name, v);
		declare(&w, start + sizeof("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<") - 1 + name.len);
	}
	if (w.result < 0)
		out->len = start;
	return w.result;
}
