/* canon: the canonical form in the making: what the decoders of XML and CBOR write, value by value. It puts the commas,
 * and remembers where in the input each object came from. */
#ifndef SCHEMAS_CODEC_CANON_H
#define SCHEMAS_CODEC_CANON_H

#include "schemas/codec/codec.h"

struct canon {
	struct strbuf text;
	struct canon_place {
		size_t at, offset; /* in the text, in the input */
	} * places;		   /* of the ends of arrays and objects */
	size_t count, capacity;
};

/* bracket: '{' or '['; a close has the offset in the input. */
void canon_open(struct canon *canon, char bracket);
void canon_close(struct canon *canon, char bracket, size_t offset);
void canon_name(struct canon *canon, struct str name); /* valid UTF-8 */
void canon_string(struct canon *canon, struct str text);
void canon_literal(struct canon *canon, struct str text); /* a number, true, false, null */

/* Makes a document of it, in the arena; the limits on depth and tokens hold, and no object has a name twice. 0, or an
 * error with its place in the input. */
WARN_UNUSED int canon_end(struct canon *canon, const struct decode_limits *limits, struct arena *arena, struct doc *doc,
			  struct decode_error *error);
void canon_finish(struct canon *canon);

#endif
