/* codec: the rows of registry.def as a table, and JSON's row, which is the canonical form itself. */
#include "schemas/codec/codec.h"

static int decode_json(const struct schema *schema, enum codec_form form, struct str bytes,
		       const struct decode_limits *limits, struct arena *arena, struct doc *doc,
		       struct decode_error *error)
{
	(void)schema;
	(void)form;
	return json_decode(bytes, limits, arena, doc, error);
}

static int encode_json(const struct schema *schema, enum codec_form form, struct str json, struct arena *arena,
		       struct strbuf *out, struct decode_error *error)
{
	(void)schema;
	(void)form;
	(void)arena;
	(void)error;
	strbuf_add_str(out, json);
	return 0;
}

const struct codec codec_json = {"json", decode_json, encode_json};

static const struct codec *const codecs[] = {
#define CODEC(name) &codec_##name,
#include "schemas/codec/registry.def"
#undef CODEC
};

const struct codec *codec_at(size_t index)
{
	return index < sizeof(codecs) / sizeof(codecs[0]) ? codecs[index] : NULL;
}

const struct codec *codec_find(struct str name)
{
	for (size_t i = 0; codec_at(i); i++)
		if (str_eq_nocase(name, str_of(codecs[i]->name)))
			return codecs[i];
	return NULL;
}

/* TS-0004 6.7: vnd.onem2m-res+xml and its like. */
const struct codec *codec_of_media_type(struct str type)
{
	const struct str vendor = STR("vnd.onem2m-");
	struct str subtype = type, main = str_split(&subtype, '/'), kind = subtype;

	if (!subtype.ptr || !str_eq_nocase(main, STR("application")))
		return NULL;
	if (subtype.len <= vendor.len || !str_eq_nocase(str_make(subtype.ptr, vendor.len), vendor))
		return codec_find(subtype);
	str_split(&kind, '+');
	return kind.ptr ? codec_find(kind) : NULL;
}
