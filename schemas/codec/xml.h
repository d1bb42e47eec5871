/* xml: what the two halves of the codec XML have in common: the namespaces, and how a text is read by the kind of its
 * place. The contracts of the halves are those of struct codec. */
#ifndef SCHEMAS_CODEC_XML_H
#define SCHEMAS_CODEC_XML_H

#include "schemas/codec/codec.h"
#include "schemas/shape.h"

#define XML_XSI "http://www.w3.org/2001/XMLSchema-instance"
#define XML_XSD "http://www.w3.org/2001/XMLSchema"
/* The elements of W3C's XML representation of JSON (XPath Functions 3.1, 17.4): any value without its kind's help. */
#define XML_JSON "http://www.w3.org/2005/xpath-functions"

/* How the text of an element is read where nothing else is said of it. */
enum xml_reading {
	XML_READ_VERBATIM, /* a string of all its characters */
	XML_READ_TRIMMED,  /* a string, without blanks at its ends */
	XML_READ_INTEGER,  /* an integer if it is one, else a string */
	XML_READ_NUMBER,
	XML_READ_BOOL,
};
enum xml_reading xml_reading_of(const struct shape *shape);

/* What an element without text, elements and xsi: attributes stands for: null but where null has no sense. */
enum xml_empty { XML_EMPTY_NULL, XML_EMPTY_STRING, XML_EMPTY_LIST, XML_EMPTY_OBJECT };
enum xml_empty xml_empty_of(const struct shape *shape);

/* Is each value of the list an element? */
bool xml_is_repeated(const struct shape *shape);
/* Are attributes and a text what the elements of this complex type consist of? */
bool xml_has_text(const struct shape *shape);

static inline bool xml_is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The root element of a whole primitive: TS-0004 table 8.2.2-2. */
struct str xml_wrapper(enum codec_form form);

/* Without blanks at the ends. */
struct str xml_trim(struct str text);

int xml_read(const struct schema *schema, enum codec_form form, struct str bytes, const struct decode_limits *limits,
	     struct arena *arena, struct doc *doc, struct decode_error *error);
int xml_write(const struct schema *schema, enum codec_form form, struct str json, struct arena *arena,
	      struct strbuf *out, struct decode_error *error);

#endif
