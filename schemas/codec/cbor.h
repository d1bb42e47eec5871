/* cbor: the two halves of the codec CBOR, one file each. The contracts are those of struct codec. */
#ifndef SCHEMAS_CODEC_CBOR_H
#define SCHEMAS_CODEC_CBOR_H

#include "schemas/codec/codec.h"

int cbor_read(const struct schema *schema, enum codec_form form, struct str bytes, const struct decode_limits *limits,
	      struct arena *arena, struct doc *doc, struct decode_error *error);
int cbor_write(const struct schema *schema, enum codec_form form, struct str json, struct arena *arena,
	       struct strbuf *out, struct decode_error *error);

#endif
