/* fuzz_codec: see fuzz.h. */
#include "tests/fuzz/fuzz.h"

#include "schemas/codec/codec.h"
#include "tests/unit/same_value.h"
#include "tests/unit/tables.h"

static const struct decode_limits narrow = {.bytes = 4096, .depth = 12, .tokens = 400};
/* What is encoded may be longer than what arrived, and deeper by the elements that say what a value is. */
static const struct decode_limits wide = {.bytes = 1 << 20, .depth = 24, .tokens = 4000};

struct fuzz {
	struct schema *schema;
	const struct codec *codec;
	struct arena arena;
	struct strbuf bytes;
};

static void run(struct fuzz *fuzz, enum codec_form form, struct str input)
{
	struct decode_error error = {0};
	struct doc first, second;

	if (fuzz->codec->decode(fuzz->schema, form, input, &narrow, &fuzz->arena, &first, &error) < 0) {
		if (!error.message[0] || error.offset > input.len)
			fuzz_give_up("no reason, or none within the input", STR(""), error.message);
		return;
	}
	strbuf_clear(&fuzz->bytes);
	if (fuzz->codec->encode(fuzz->schema, form, first.text, &fuzz->arena, &fuzz->bytes, &error) < 0)
		return;
	if (fuzz->codec->decode(fuzz->schema, form, strbuf_str(&fuzz->bytes), &wide, &fuzz->arena, &second, &error) < 0)
		fuzz_give_up("refuses its own", first.text, error.message);
	if (!same_value(doc_root(&first), doc_root(&second), &fuzz->arena))
		fuzz_give_up("not the same", first.text, strndup(second.text.ptr, second.text.len));
}

void fuzz_codec(const char *codec, const uint8_t *data, size_t size)
{
	static struct fuzz fuzz;
	char message[200];

	if (!fuzz.schema) {
		fuzz.schema = schema_create(test_types, test_type_count);
		fuzz.codec = codec_find(str_of(codec));
		arena_init(&fuzz.arena);
		if (schema_load_builtin(fuzz.schema, message, sizeof(message)) < 0)
			fuzz_give_up("schema", STR(""), message);
	}
	for (enum codec_form form = CODEC_CONTENT; form <= CODEC_RESPONSE; form++) {
		arena_reset(&fuzz.arena);
		run(&fuzz, form, str_make((const char *)data, size));
	}
}
