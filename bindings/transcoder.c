/* transcoder: see transcoder.h. */
#include "bindings/transcoder.h"

enum { KEPT_BYTES = 256 * 1024 }; /* larger memory is not kept */

void transcoder_init(struct transcoder *transcoder, const struct schema *schema)
{
	*transcoder = (struct transcoder){.schema = schema};
	arena_init(&transcoder->arena);
}

void transcoder_finish(struct transcoder *transcoder)
{
	arena_finish(&transcoder->arena);
	strbuf_finish(&transcoder->bytes);
}

static void begin(struct transcoder *transcoder)
{
	arena_reset(&transcoder->arena);
	if (transcoder->bytes.cap > KEPT_BYTES)
		strbuf_finish(&transcoder->bytes);
	strbuf_clear(&transcoder->bytes);
}

struct str transcoder_encode(struct transcoder *transcoder, const struct codec *codec, struct str json,
			     struct decode_error *error)
{
	if (codec == &codec_json)
		return json;
	begin(transcoder);
	if (codec->encode(transcoder->schema, CODEC_CONTENT, json, &transcoder->arena, &transcoder->bytes, error) < 0)
		return str_make(NULL, 0);
	return strbuf_str(&transcoder->bytes);
}

struct str transcoder_decode(struct transcoder *transcoder, const struct codec *codec, struct str bytes,
			     const struct decode_limits *limits, struct decode_error *error)
{
	struct doc doc;

	if (codec == &codec_json)
		return bytes;
	begin(transcoder);
	if (codec->decode(transcoder->schema, CODEC_CONTENT, bytes, limits, &transcoder->arena, &doc, error) < 0)
		return str_make(NULL, 0);
	return doc.text;
}
