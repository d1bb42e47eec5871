/* codec_case: what the unit tests of the codecs assert of one document. */
#ifndef TESTS_UNIT_CODEC_CASE_H
#define TESTS_UNIT_CODEC_CASE_H

#include "schemas/codec/codec.h"

struct codec_case {
	struct schema *schema; /* every table, and the specializations that are compiled in */
	const struct codec *codec;
	struct arena arena;
	struct strbuf out;
	struct doc doc;
	struct decode_error error;
};

int codec_case_set_up(void **state, const char *codec);
int codec_case_tear_down(void **state);

/* bytes are decoded as this JSON, exactly. */
void assert_reads(struct codec_case *c, enum codec_form form, struct str bytes, const char *json);
/* They are refused: at this byte, and with a message that contains this. */
void assert_refuses(struct codec_case *c, struct str bytes, int error, size_t offset, const char *message);
/* The JSON of a content is encoded as these bytes. */
void assert_writes(struct codec_case *c, enum codec_form form, const char *json, struct str bytes);
/* It cannot be encoded, nothing is written, and the message contains this. */
void assert_cannot_write(struct codec_case *c, const char *json, const char *message);

#endif
