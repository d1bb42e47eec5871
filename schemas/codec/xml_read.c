/* xml_read: from XML to the canonical form, TS-0004 8.3. What xml_parse.c hears from libxml2 element by element is
 * written on at once; only an element that has not shown yet what it is (an object, a text, null) waits. The order of
 * elements is free; those of one list stand together. */
#include "schemas/codec/xml_read.h"

#include "schemas/codec/decimal.h"

bool xml_fail(struct xml_reader *r, const char *message)
{
	return xml_stop(r, ERROR_FORMAT, message, (struct str){0});
}

static struct str text_of(struct xml_reader *r)
{
	return strbuf_str(&r->text);
}

/* Between elements only blanks may stand. */
static bool drop_blanks(struct xml_reader *r)
{
	if (xml_trim(text_of(r)).len > 0)
		return xml_fail(r, "text beside elements");
	strbuf_clear(&r->text);
	return true;
}

static bool is_object_kind(const struct shape *shape)
{
	return shape->type || shape->kind.base == KIND_COMPLEX;
}

static bool is_simple_mark(enum xml_mark mark)
{
	return mark != XML_UNMARKED && mark != XML_MARK_OTHER;
}

/* ---- lists and objects ---- */

/* The value of an element begins: the first one of a list opens it. */
static void begin_value(struct xml_reader *r, struct xml_element *element)
{
	struct xml_element *parent = element - 1;

	if (!element->shape.kind.is_list || element->continues)
		return;
	canon_open(&r->canon, '[');
	parent->list_is_open = true;
}

static void close_list(struct xml_reader *r, struct xml_element *parent)
{
	if (parent->list_is_open)
		canon_close(&r->canon, ']', xml_offset(r));
	parent->list_is_open = false;
}

static bool open_object(struct xml_reader *r, struct xml_element *element)
{
	if (element->state == XML_IS_OBJECT)
		return true;
	if (element->state != XML_IS_OPEN || is_simple_mark(element->mark))
		return xml_fail(r, "an element or attribute beside the value");
	begin_value(r, element);
	canon_open(&r->canon, '{');
	element->state = XML_IS_OBJECT;
	return true;
}

/* A list whose elements are objects, and that may be empty, is so where none of them is. */
static void add_empty_list(struct xml_reader *r, const struct xml_element *element)
{
	size_t count;
	const struct attr_def *rows = shape_rows(&element->shape, &count);

	for (size_t i = 0; i < count && !element->shape.type && !element->has_optional_list; i++) {
		struct shape row = shape_of_row(r->schema, &rows[i]);

		if (!row.may_be_empty || !xml_is_repeated(&row))
			continue;
		canon_name(&r->canon, name_short(r->schema, rows[i].name));
		canon_literal(&r->canon, STR("[]"));
	}
}

static void close_object(struct xml_reader *r, struct xml_element *element)
{
	close_list(r, element);
	add_empty_list(r, element);
	canon_close(&r->canon, '}', xml_offset(r));
}

static void write_empty_object(struct xml_reader *r, struct xml_element *element)
{
	open_object(r, element);
	close_object(r, element);
}

/* ---- texts ---- */

static bool write_number(struct xml_reader *r, struct str text)
{
	struct str number = decimal_from_xml(xml_trim(text), r->arena);

	if (!number.ptr)
		return xml_fail(r, "no number, or one that has no place in JSON");
	canon_literal(&r->canon, number);
	return true;
}

/* false: text is neither. */
static bool write_bool(struct xml_reader *r, struct str text)
{
	struct str word = xml_trim(text);
	bool is_true = str_eq(word, STR("true")) || str_eq(word, STR("1"));

	if (!is_true && !str_eq(word, STR("false")) && !str_eq(word, STR("0")))
		return false;
	canon_literal(&r->canon, is_true ? STR("true") : STR("false"));
	return true;
}

static bool is_number(struct xml_reader *r, struct str text, bool only_integer)
{
	struct str number = decimal_from_xml(xml_trim(text), r->arena);
	bool is_integer;

	return number.ptr && decimal_is_json(number, &is_integer) && (is_integer || !only_integer);
}

/* A text by the kind of its place; what does not fit stays a string, for validation to refuse. */
static void write_read(struct xml_reader *r, const struct shape *shape, struct str text)
{
	enum xml_reading reading = xml_reading_of(shape);

	if ((reading == XML_READ_INTEGER || reading == XML_READ_NUMBER) &&
	    is_number(r, text, reading == XML_READ_INTEGER))
		write_number(r, text);
	else if (reading != XML_READ_BOOL || !write_bool(r, text))
		canon_string(&r->canon, reading == XML_READ_VERBATIM ? text : xml_trim(text));
}

static void write_marked(struct xml_reader *r, enum xml_mark mark, struct str text)
{
	switch (mark) {
	case XML_MARK_NIL:
		if (drop_blanks(r))
			canon_literal(&r->canon, STR("null"));
		break;
	case XML_MARK_NUMBER:
		write_number(r, text);
		break;
	case XML_MARK_BOOL:
		if (!write_bool(r, text))
			xml_fail(r, "neither true nor false");
		break;
	default:
		canon_string(&r->canon, text);
		break;
	}
}

static void write_words(struct xml_reader *r, const struct shape *shape, struct str text)
{
	struct shape element = shape_element(shape);

	text = xml_trim(text);
	while (text.len > 0) {
		size_t len = 0;

		while (len < text.len && !xml_is_blank(text.ptr[len]))
			len++;
		write_read(r, &element, str_make(text.ptr, len));
		text = xml_trim(str_from(text, len));
	}
}

/* The text of an object that consists of attributes and a text. */
static void write_text_member(struct xml_reader *r, struct xml_element *element, struct str text)
{
	size_t count;
	const struct attr_def *rows = shape_rows(&element->shape, &count);

	for (size_t i = 0; i < count; i++) {
		struct shape row = shape_of_row(r->schema, &rows[i]);

		if (row.xml != XML_TEXT)
			continue;
		canon_name(&r->canon, name_short(r->schema, rows[i].name));
		write_read(r, &row, text);
	}
}

/* ---- the end of an element ---- */

static void end_empty(struct xml_reader *r, struct xml_element *element)
{
	enum xml_empty empty = xml_empty_of(&element->shape);

	if (empty == XML_EMPTY_OBJECT || (element->mark == XML_MARK_OTHER && is_object_kind(&element->shape))) {
		write_empty_object(r, element);
	} else if (empty == XML_EMPTY_LIST) {
		begin_value(r, element);
	} else if (empty == XML_EMPTY_STRING) {
		begin_value(r, element);
		canon_string(&r->canon, STR(""));
	} else if (element->continues) {
		xml_fail(r, "an empty element within a list");
	} else {
		canon_literal(&r->canon, STR("null"));
	}
}

/* An element that had neither elements nor attributes of the tables in it. */
static void end_text(struct xml_reader *r, struct xml_element *element)
{
	const struct shape *shape = &element->shape;
	bool has_words = shape->kind.is_list && !xml_is_repeated(shape);
	bool is_verbatim = !is_object_kind(shape) && !has_words && xml_reading_of(shape) == XML_READ_VERBATIM;
	struct str text = text_of(r);

	if (is_simple_mark(element->mark)) {
		begin_value(r, element);
		write_marked(r, element->mark, text);
	} else if (is_verbatim ? text.len == 0 : xml_trim(text).len == 0) {
		end_empty(r, element);
	} else if (xml_has_text(shape)) {
		if (open_object(r, element))
			write_text_member(r, element, text);
		close_object(r, element);
	} else if (is_object_kind(shape)) {
		begin_value(r, element);
		canon_string(&r->canon, xml_trim(text));
	} else {
		begin_value(r, element);
		if (has_words)
			write_words(r, shape, text);
		else
			write_read(r, shape, text);
	}
}

static void end_object(struct xml_reader *r, struct xml_element *element)
{
	if (xml_has_text(&element->shape) && !element->last.local && xml_trim(text_of(r)).len > 0)
		write_text_member(r, element, text_of(r));
	else if (!drop_blanks(r))
		return;
	close_object(r, element);
}

/* ---- W3C's elements for JSON ---- */

static enum value_type json_type_of(struct str local, bool *is_known)
{
	static const struct {
		const char *name;
		enum value_type type;
	} names[] = {{"map", VALUE_OBJECT},    {"array", VALUE_ARRAY},	{"string", VALUE_STRING},
		     {"number", VALUE_NUMBER}, {"boolean", VALUE_TRUE}, {"null", VALUE_NULL}};

	*is_known = true;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (str_eq(local, str_of(names[i].name)))
			return names[i].type;
	*is_known = false;
	return VALUE_NULL;
}

/* key: ptr NULL if there is none. */
void xml_begin_json(struct xml_reader *r, struct str local, struct str key)
{
	struct xml_element *parent = xml_top(r), *element;
	bool is_known, is_in_map = parent->is_json && parent->json == VALUE_OBJECT;
	enum value_type type = json_type_of(local, &is_known);

	if (!drop_blanks(r))
		return;
	if (!is_known || (key.ptr != NULL) != is_in_map ||
	    (parent->is_json ? !is_in_map && parent->json != VALUE_ARRAY
			     : parent->state != XML_IS_OPEN || is_simple_mark(parent->mark))) {
		xml_fail(r, "an element for JSON that has no sense here");
		return;
	}
	if (!parent->is_json)
		begin_value(r, parent);
	parent->state = XML_HOLDS_JSON;
	if (is_in_map)
		canon_name(&r->canon, key);
	element = xml_push(r);
	if (!element)
		return;
	element->is_json = true;
	element->json = type;
	if (type == VALUE_OBJECT || type == VALUE_ARRAY)
		canon_open(&r->canon, type == VALUE_OBJECT ? '{' : '[');
}

static void end_json(struct xml_reader *r, const struct xml_element *element)
{
	struct str text = text_of(r);
	bool is_integer;

	switch (element->json) {
	case VALUE_STRING:
		canon_string(&r->canon, text);
		return;
	case VALUE_NUMBER:
		if (decimal_is_json(xml_trim(text), &is_integer))
			canon_literal(&r->canon, xml_trim(text));
		else
			xml_fail(r, "no number of JSON");
		return;
	case VALUE_TRUE:
		if (!write_bool(r, text))
			xml_fail(r, "neither true nor false");
		return;
	case VALUE_NULL:
		write_marked(r, XML_MARK_NIL, text);
		return;
	default:
		if (drop_blanks(r))
			canon_close(&r->canon, element->json == VALUE_OBJECT ? '}' : ']', xml_offset(r));
		return;
	}
}

/* ---- elements ---- */

static bool same_name(const struct xml_name *a, const struct xml_name *b)
{
	return a->local == b->local && a->uri == b->uri;
}

/* The canonical name of an element: with the prefix that the tables have for its namespace. */
static struct str canonical_name(struct xml_reader *r, const struct xml_name *name)
{
	const struct type_def *type;

	if (!name->uri)
		return str_of(name->local);
	if (strcmp(name->uri, M2M_NAMESPACE) == 0)
		return arena_join(r->arena, STR(M2M_SPACE ":"), str_of(name->local), (struct str){0});
	for (size_t i = 0; (type = schema_type_at(r->schema, i)) != NULL; i++)
		if (strcmp(name->uri, type->space_uri) == 0)
			return arena_printf(r->arena, "%s:%s", type->space, name->local);
	return (struct str){0};
}

/* The root of a primitive has no name in the canonical form, TS-0004 8.4.2. */
static bool begin_root(struct xml_reader *r, struct str name, struct shape *shape)
{
	bool is_root = name.ptr && shape_root(r->schema, name, shape);

	if (r->form != CODEC_CONTENT) {
		if (!is_root || !str_eq(name, xml_wrapper(r->form)))
			return xml_stop(r, ERROR_FORMAT, "the root element of a primitive must be ",
					xml_wrapper(r->form));
		return true;
	}
	if (!is_root)
		return xml_fail(r, "the root element is no resource type or other root that is known here");
	canon_open(&r->canon, '{');
	canon_name(&r->canon, name);
	return true;
}

static bool begin_member(struct xml_reader *r, struct xml_element *parent, const struct xml_name *local,
			 struct str name, struct shape *shape)
{
	if (!open_object(r, parent))
		return false;
	if (name.ptr)
		*shape = shape_member(r->schema, &parent->shape, name);
	if (!name.ptr || (local->uri && !shape->is_global))
		return xml_stop(r, ERROR_FORMAT, "a wrong namespace, or no element of it: ", str_of(local->local));
	if (parent->list_is_open && same_name(&parent->last, local))
		return true;
	close_list(r, parent);
	canon_name(&r->canon, name);
	return true;
}

void xml_begin_element(struct xml_reader *r, const struct xml_name *local)
{
	struct xml_element *parent = xml_top(r), *element;
	struct str name = canonical_name(r, local);
	struct shape shape = shape_any();

	if (!drop_blanks(r))
		return;
	if (r->depth == 1 ? !begin_root(r, name, &shape) : !begin_member(r, parent, local, name, &shape))
		return;
	element = xml_push(r);
	if (!element)
		return;
	element->shape = shape;
	element->continues = parent->list_is_open;
	parent->last = *local;
	parent->has_optional_list |= shape.may_be_empty && xml_is_repeated(&shape);
}

void xml_take_attribute(struct xml_reader *r, struct str name, struct str text)
{
	struct xml_element *element = xml_top(r);
	size_t count;
	const struct attr_def *rows = shape_rows(&element->shape, &count);
	int row = shape_row(r->schema, &element->shape, name);
	struct shape shape;

	if (row < 0 || rows[row].xml != XML_ATTRIBUTE) {
		xml_stop(r, ERROR_FORMAT, "no attribute of this element: ", name);
		return;
	}
	if (!open_object(r, element))
		return;
	shape = shape_of_row(r->schema, &rows[row]);
	canon_name(&r->canon, name);
	write_read(r, &shape, text);
}

void xml_end_element(struct xml_reader *r)
{
	struct xml_element *element = xml_top(r);

	if (element->is_json)
		end_json(r, element);
	else if (element->state == XML_IS_OBJECT)
		end_object(r, element);
	else if (element->state == XML_IS_OPEN)
		end_text(r, element);
	else
		drop_blanks(r);
	strbuf_clear(&r->text);
	r->depth--;
}

void xml_end_document(struct xml_reader *r)
{
	close_list(r, xml_top(r));
	if (r->form == CODEC_CONTENT)
		canon_close(&r->canon, '}', xml_offset(r));
}
