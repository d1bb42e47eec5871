/* xml_read: the reader of XML between its two files: xml_parse.c, which hears from libxml2 what a document consists of
 * and holds it to its bounds, and xml_read.c, which makes the canonical form of it. */
#ifndef SCHEMAS_CODEC_XML_READ_H
#define SCHEMAS_CODEC_XML_READ_H

#include "schemas/codec/canon.h"
#include "schemas/codec/xml.h"

/* What xsi:nil and xsi:type say of an element. */
enum xml_mark {
	XML_UNMARKED,
	XML_MARK_NIL,
	XML_MARK_STRING,
	XML_MARK_NUMBER,
	XML_MARK_BOOL,
	XML_MARK_OTHER, /* a type that is none of XML Schema's: it is not null */
};

/* libxml2 has each name once, so that pointers are compared. uri NULL: in no namespace. */
struct xml_name {
	const char *local, *uri;
};

struct xml_element {
	struct shape shape; /* a list's, if it is one of a list's elements */
	enum xml_mark mark;
	enum xml_state {
		XML_IS_OPEN, /* nothing written of its value yet */
		XML_IS_OBJECT,
		XML_HOLDS_JSON, /* its value was the one element for JSON in it */
	} state;
	bool continues; /* it is not the first one of a list */
	bool is_json;	/* one of W3C's elements for JSON */
	enum value_type json;
	/* of the elements within */
	struct xml_name last;
	bool list_is_open;
	bool has_optional_list;
};

struct xml_reader {
	const struct schema *schema;
	enum codec_form form;
	const struct decode_limits *limits;
	struct arena *arena;
	struct decode_error *error;
	int result;
	void *parser; /* xmlParserCtxtPtr */
	struct canon canon;
	struct strbuf text;	      /* of the innermost element, since its start or that of the last element in it */
	struct xml_element *elements; /* open ones; the first stands for the document */
	unsigned depth, depth_max, items;
};

/* xml_read.c. Each may end with xml_stop. */
void xml_begin_element(struct xml_reader *r, const struct xml_name *local);
void xml_begin_json(struct xml_reader *r, struct str local, struct str key);
void xml_take_attribute(struct xml_reader *r, struct str name, struct str text);
void xml_end_element(struct xml_reader *r);
void xml_end_document(struct xml_reader *r);
bool xml_fail(struct xml_reader *r, const char *message);

/* xml_parse.c. xml_stop ends the parsing with a message and what is quoted in it (ptr NULL: nothing); returns false. */
bool xml_stop(struct xml_reader *r, int result, const char *message, struct str quoted);
size_t xml_offset(const struct xml_reader *r);
/* NULL when it is nested too deep; the reading has been stopped then. */
struct xml_element *xml_push(struct xml_reader *r);

static inline struct xml_element *xml_top(struct xml_reader *r)
{
	return &r->elements[r->depth - 1];
}

#endif
