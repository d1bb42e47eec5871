/* transcoder: contents from their canonical form to a serialization and back, with memory of its own that is used again
 * and again. Core does not know what a content travels as. */
#ifndef BINDINGS_TRANSCODER_H
#define BINDINGS_TRANSCODER_H

#include "cse/base/arena.h"
#include "cse/base/strbuf.h"
#include "schemas/codec/codec.h"
#include "schemas/status.h"

struct transcoder {
	const struct schema *schema;
	struct arena arena;
	struct strbuf bytes;
	struct strbuf debug;
};

void transcoder_init(struct transcoder *transcoder, const struct schema *schema);
void transcoder_finish(struct transcoder *transcoder);

/* A content's bytes. They are json itself, or stay valid until the next call. ptr NULL: the serialization cannot carry
 * it, *error says what. */
struct str transcoder_encode(struct transcoder *transcoder, const struct codec *codec, struct str json,
			     struct decode_error *error);
/* The canonical form, likewise. ptr NULL: bytes are malformed. Bytes that are to be JSON are not looked at. */
struct str transcoder_decode(struct transcoder *transcoder, const struct codec *codec, struct str bytes,
			     const struct decode_limits *limits, struct decode_error *error);

/* The bytes of an answer's content, likewise; empty: none. If the serialization cannot carry it, *rsc becomes 5207 and
 * the bytes are an explanation: what was done stays done (TS-0004 7.3.2.1). */
struct str transcoder_answer(struct transcoder *transcoder, const struct codec *codec, struct str json, enum rsc *rsc);
/* Appends the content of such an answer; rsc is what it would have said. */
void transcoder_add_uncarried(struct strbuf *out, enum rsc rsc, const struct codec *codec,
			      const struct decode_error *error);
/* Appends a content that explains a refusal. The text is quoted input at worst; the JSON is well formed all the same.
 */
void transcoder_add_debug(struct strbuf *out, struct str why);

#endif
