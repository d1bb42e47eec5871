/* codec: serializations to and from the canonical form of value.h: JSON (TS-0004 8.4), XML (8.3) and CBOR (8.5), as
 * rows of registry.def. docs/decisions/serializations.md says what each makes of a value. */
#ifndef SCHEMAS_CODEC_CODEC_H
#define SCHEMAS_CODEC_CODEC_H

#include "schemas/schema.h"
#include "schemas/value.h"

/* What a decoder refuses to go beyond. */
struct decode_limits {
	size_t bytes;
	unsigned depth;	 /* nesting of arrays and objects */
	unsigned tokens; /* values and names together */
};

/* Where and why decoding stopped. */
struct decode_error {
	size_t offset; /* byte in the input */
	char message[120];
};

/* Strict JSON (RFC 8259): valid UTF-8, its number grammar, no duplicate member in one object, no control character in
 * a string, no lone surrogate escape, one value and then the end of input. The document's text is `text` itself (not
 * copied) and its tokens are in the arena. 0, or ERROR_FORMAT / ERROR_LIMIT with *error filled. A scanner of one pass,
 * no recursion on the C stack. */
WARN_UNUSED int json_decode(struct str text, const struct decode_limits *limits, struct arena *arena, struct doc *doc,
			    struct decode_error *error);

/* The root of what this CSE has printed itself: no limits. Absent if it is no JSON (or ptr is NULL). */
struct value json_own(struct str text, struct arena *arena);

/* What a document is. */
enum codec_form {
	CODEC_CONTENT,	/* an object with one member, a resource or another root: {"m2m:cnt":{...}} */
	CODEC_REQUEST,	/* a whole request primitive: {"op":1,...}; XML alone wraps it, in m2m:rqp */
	CODEC_RESPONSE, /* likewise a response, m2m:rsp */
};

struct codec {
	/* "xml": the word of contentSerialization; application/xml is its media type, and application/vnd.onem2m-*+xml
	 */
	const char *name;
	/* Decodes bytes. The document is in the arena, or a view of bytes. It is what arrived, in the canonical form;
	 * whether its values are right is for validate.h to say. 0, or ERROR_FORMAT / ERROR_LIMIT with *error filled.
	 */
	int (*decode)(const struct schema *schema, enum codec_form form, struct str bytes,
		      const struct decode_limits *limits, struct arena *arena, struct doc *doc,
		      struct decode_error *error);
	/* Appends a document's serialization to out; memory for the work from the arena. 0, or ERROR_FORMAT when the
	 * serialization cannot carry it: *error says what (5207 for the receiver), out is as before. */
	int (*encode)(const struct schema *schema, enum codec_form form, struct str json, struct arena *arena,
		      struct strbuf *out, struct decode_error *error);
};

/* codec_json and its like. */
#define CODEC(name) extern const struct codec codec_##name;
#include "schemas/codec/registry.def"
#undef CODEC

/* By name; by a media type without parameters, in any case of letters. NULL: there is none. */
const struct codec *codec_find(struct str name);
const struct codec *codec_of_media_type(struct str type);
/* All, in the order of preference; NULL at the end. */
const struct codec *codec_at(size_t index);

#endif
