/* What contents travel as, and what of a request has no place but its content. */
#include "tests/scenario/contents.h"

#include "tests/scenario/answers.h"

struct str reply_header(const struct reply *reply, struct str name)
{
	for (unsigned i = 0; i < reply->header_count; i++)
		if (str_eq_nocase(reply->headers[i].name, name))
			return reply->headers[i].value;
	return (struct str){0};
}

bool contents_has_header(const struct exchange *exchange, struct str name)
{
	for (unsigned i = 0; i < exchange->header_count; i++)
		if (str_eq_nocase(exchange->headers[i].name, name))
			return true;
	return false;
}

struct str contents_attribute_list(const struct exchange *exchange, struct arena *arena)
{
	static const struct decode_limits limits = {.bytes = 10000, .depth = 4, .tokens = 1000};
	struct doc *doc = arena_zalloc(arena, sizeof(*doc));
	struct decode_error error;
	struct str joined = {0};

	if (!exchange->content.len || json_decode(exchange->content, &limits, arena, doc, &error) != 0)
		return joined;
	struct value list = value_member(doc_root(doc), STR("m2m:atrl"));

	if (value_is_absent(list) || value_type(list) != VALUE_ARRAY)
		return joined;
	for (struct value v = value_first(list); !value_is_absent(v); v = value_next(list, v))
		joined = arena_join(arena, joined, joined.ptr ? STR("+") : STR(""), value_string(v, arena));
	return joined;
}

const char *contents_encode(const struct transport *transport, const struct world *world,
			    const struct exchange *exchange, struct arena *arena, struct str *content)
{
	struct decode_error error = {0};
	struct strbuf out = {0};
	int status;

	*content = exchange->content;
	if (!content->len || transport->codec == &codec_json || contents_has_header(exchange, STR("Content-Type")))
		return NULL;
	status = transport->codec->encode(world->schema, CODEC_CONTENT, *content, arena, &out, &error);
	*content = arena_copy(arena, strbuf_str(&out));
	strbuf_finish(&out);
	return status == 0 ? NULL : arena_printf(arena, "content cannot be encoded: %s%c", error.message, 0).ptr;
}

/* An answer, errors too, is in the request's serialization, unless the scenario asks for another. */
static bool is_expected(const struct transport *transport, const struct exchange *exchange, const struct codec *codec)
{
	if (contents_has_header(exchange, STR("Accept")) ||
	    (!transport->asks && contents_has_header(exchange, STR("Content-Type"))))
		return codec != NULL;
	return codec == transport->codec;
}

const char *contents_decode(const struct transport *transport, const struct world *world,
			    const struct exchange *exchange, const struct codec *codec, struct arena *arena,
			    struct reply *reply)
{
	static const struct decode_limits limits = {.bytes = 1 << 24, .depth = 64, .tokens = 1 << 20};
	struct doc *doc = arena_zalloc(arena, sizeof(*doc));
	struct decode_error error;

	if (!reply->content.len)
		return NULL;
	if (!is_expected(transport, exchange, codec))
		return "the answer is not in the serialization that was asked for";
	if (codec->decode(world->schema, CODEC_CONTENT, reply->content, &limits, arena, doc, &error) != 0)
		return arena_printf(arena, "answer cannot be decoded: %s%c", error.message, 0).ptr;
	answers_keep(exchange, reply, codec->name);
	reply->content = doc->text;
	return NULL;
}
