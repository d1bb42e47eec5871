/* transcoder: see transcoder.h. */
#include "bindings/transcoder.h"

#include <stdio.h>

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
	strbuf_finish(&transcoder->debug);
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

void transcoder_add_debug(struct strbuf *out, struct str why)
{
	STRBUF_LIT(out, "{\"m2m:dbg\":");
	strbuf_add_json(out, str_is_utf8(why) ? why : STR("the reason has malformed UTF-8 in it"));
	strbuf_add_char(out, '}');
}

void transcoder_add_uncarried(struct strbuf *out, enum rsc rsc, const struct codec *codec,
			      const struct decode_error *error)
{
	char why[200];

	snprintf(why, sizeof(why), "the answer (%d) cannot be carried by %s: %s", (int)rsc, codec->name,
		 error->message);
	transcoder_add_debug(out, str_of(why));
}

struct str transcoder_answer(struct transcoder *transcoder, const struct codec *codec, struct str json, enum rsc *rsc)
{
	struct decode_error error;
	struct str bytes;

	if (!json.len)
		return json;
	bytes = transcoder_encode(transcoder, codec, json, &error);
	if (bytes.ptr)
		return bytes;
	strbuf_clear(&transcoder->debug);
	transcoder_add_uncarried(&transcoder->debug, *rsc, codec, &error);
	*rsc = RSC_NOT_ACCEPTABLE;
	/* a text of ours: every serialization carries it */
	return transcoder_encode(transcoder, codec, strbuf_str(&transcoder->debug), &error);
}
