/* codec: what encoding and decoding cost, per serialization and size of content. Run by hand: make tests/bench/codec.
 */
#include "schemas/codec/codec.h"

#include <stdio.h>
#include <time.h>

#include "tests/unit/tables.h"

enum { ROUNDS = 50000, SERIES = 5 };

static const struct decode_limits limits = {.bytes = 1 << 20, .depth = 64, .tokens = 10000};

static const char reading[] =
	"{\"m2m:cin\":{\"rn\":\"c0000012345\",\"cnf\":\"application/json:0\",\"lbl\":[\"room:12\","
	"\"sensor\"],\"con\":\"21.5 degrees Celsius, ok\"}}";
static const char container[] =
	"{\"m2m:cnt\":{\"rn\":\"temperature\",\"ty\":3,\"ri\":\"r0001abcdefg\",\"pi\":\"r0001abcdeff\",\"ct\":"
	"\"20260101T120000,000000\",\"lt\":\"20260101T120000,000000\",\"lbl\":[\"building:7\",\"floor:3\",\"room:12\"],"
	"\"acpi\":[\"cse-in/policy-a\",\"cse-in/policy-b\"],\"et\":\"20280101T120000,000000\",\"st\":12345,\"cr\":"
	"\"/id-in/CmyApplication\",\"mni\":1000,\"mbs\":1000000,\"mia\":86400,\"cni\":1000,\"cbs\":24000,\"or\":"
	"\"http://example.org/ontology/temperature\",\"disr\":false,\"at\":[\"/id-mn-1\",\"/id-mn-2\"]}}";

/* Instances within their container, until the text has the length of a larger listing. */
static void make_listing(struct strbuf *out, size_t size)
{
	const struct str open = str_make(container, sizeof(container) - 3), inner = STR("{\"rn\":\"c00000\",\"ty\":4,");

	strbuf_add_str(out, open);
	STRBUF_LIT(out, ",\"m2m:cin\":[");
	while (out->len < size - 160) {
		strbuf_add_str(out, out->ptr[out->len - 1] == '[' ? STR("") : STR(","));
		strbuf_add_str(out, inner);
		STRBUF_LIT(out,
			   "\"ri\":\"i0000001\",\"pi\":\"r0001abcdefg\",\"ct\":\"20260101T120000\",\"cs\":24,\"con\":"
			   "\"21.5 degrees Celsius, ok\"}");
	}
	STRBUF_LIT(out, "]}}");
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

struct bench {
	const struct schema *schema;
	const struct codec *codec;
	struct arena arena;
	struct str json;
	struct strbuf bytes;
};

static void encode(struct bench *bench)
{
	struct decode_error error;

	strbuf_clear(&bench->bytes);
	arena_reset(&bench->arena);
	if (bench->codec->encode(bench->schema, CODEC_CONTENT, bench->json, &bench->arena, &bench->bytes, &error) < 0)
		fprintf(stderr, "%s: %s\n", bench->codec->name, error.message);
}

static void decode(struct bench *bench)
{
	struct decode_error error;
	struct doc doc;

	arena_reset(&bench->arena);
	if (bench->codec->decode(bench->schema, CODEC_CONTENT, strbuf_str(&bench->bytes), &limits, &bench->arena, &doc,
				 &error) < 0)
		fprintf(stderr, "%s: %s\n", bench->codec->name, error.message);
}

/* The best of several series, as others use the machine too. */
static double measure(struct bench *bench, void (*run)(struct bench *bench))
{
	uint64_t best = UINT64_MAX;

	for (int series = 0; series < SERIES; series++) {
		uint64_t start = now_ns(), spent;

		for (int i = 0; i < ROUNDS / SERIES; i++)
			run(bench);
		spent = now_ns() - start;
		best = spent < best ? spent : best;
	}
	return (double)best / (ROUNDS / SERIES);
}

static void measure_codecs(const struct schema *schema, struct str json)
{
	for (size_t i = 0; codec_at(i); i++) {
		struct bench bench = {.schema = schema, .codec = codec_at(i), .json = json};
		double ns;

		arena_init(&bench.arena);
		ns = measure(&bench, encode);
		printf("%-5s %5zu B of JSON  %5zu B  encode %7.0f ns  decode %7.0f ns\n", bench.codec->name, json.len,
		       bench.bytes.len, ns, measure(&bench, decode));
		arena_finish(&bench.arena);
		strbuf_finish(&bench.bytes);
	}
}

int main(void)
{
	struct schema *schema = schema_create(test_types, test_type_count);
	struct strbuf listing = {0};

	make_listing(&listing, 3758);
	measure_codecs(schema, STR(reading));
	measure_codecs(schema, STR(container));
	measure_codecs(schema, strbuf_str(&listing));
	strbuf_finish(&listing);
	schema_destroy(schema);
	return 0;
}
