/* codec: serializations to and from the canonical form of value.h. JSON is one; XML and CBOR are further rows. */
#ifndef SCHEMAS_CODEC_CODEC_H
#define SCHEMAS_CODEC_CODEC_H

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

#endif
