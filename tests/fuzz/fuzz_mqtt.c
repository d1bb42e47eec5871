/* fuzz_mqtt: what comes from a broker. The first line is a topic, which is also read as a level, a URI and a rule; the
 * rest is a payload, in the serialization that the topic ends with. */
#include "tests/fuzz/fuzz.h"

#include "bindings/mqtt/rules.h"
#include "bindings/mqtt/topic.h"
#include "bindings/primitive.h"
#include "tests/fuzz/small_cse.h"

static const struct topic_home home = {{"/id-in", 6}, {"sp.example.com", 14}};

/* ---- topics ---- */

static void check_level(struct str level, struct arena *arena)
{
	struct str id = topic_id(level, arena);
	struct strbuf again = {0};

	if (memchr(level.ptr, '/', level.len) || id.len > 300)
		return;
	topic_add_level(&again, id);
	FUZZ_HOLDS(str_eq(strbuf_str(&again), level));
	FUZZ_HOLDS(topic_names(level, id, &home));
	strbuf_finish(&again);
}

static void check_topic(struct str text, struct str prefix, struct arena *arena)
{
	struct topic topic;
	struct strbuf again = {0};

	if (!topic_parse(prefix, text, &topic))
		return;
	FUZZ_HOLDS(topic_is_standard(text));
	topic_add(&again, prefix, &topic);
	FUZZ_HOLDS(!topic.type.len || str_eq(strbuf_str(&again), text));
	check_level(topic.originator, arena);
	check_level(topic.receiver, arena);
	strbuf_finish(&again);
}

static void check_uri(struct str text, struct arena *arena)
{
	struct place place;
	const char *why = NULL;

	if (place_parse(text, &place, arena, &why) < 0) {
		FUZZ_HOLDS(why && why[0]);
		return;
	}
	FUZZ_HOLDS(place.host[0] && place.port && place_eq(&place, &place));
	FUZZ_HOLDS(!place.path.len || topic_is_publishable(place.path));
}

/* What a rule makes is an address of names, and content that is JSON. */
static void apply_rules(struct small_cse *small, struct str rules_text, struct str topic, struct str payload)
{
	struct request *req = request_create(small->world.cse);
	struct rules rules;
	struct rule *rule;
	char why[200] = "";
	struct doc doc;
	struct decode_error error;
	static const struct decode_limits limits = {.bytes = 1 << 20, .depth = 10, .tokens = 100};

	if (rules_parse(&rules, rules_text, &req->arena, why, sizeof(why)) < 0) {
		FUZZ_HOLDS(why[0]);
	} else if ((rule = rules_find(&rules, topic)) != NULL &&
		   !rule_apply(rule, small->world.schema, topic, payload, req)) {
		FUZZ_HOLDS(req->param[PARAM_to].ptr &&
			   !memchr(req->param[PARAM_to].ptr, ' ', req->param[PARAM_to].len));
		FUZZ_HOLDS(json_decode(req->content, &limits, &req->arena, &doc, &error) == 0);
	}
	request_release(req);
}

/* ---- payloads ---- */

struct answered {
	bool is_answered;
	const struct schema *schema;
	const struct codec *codec;
};

/* The answer is a response with the same code and identifier. */
static void take_answer(struct request *req, void *arg)
{
	static const struct decode_limits limits = {.bytes = 1 << 24, .depth = 100, .tokens = 1 << 20};
	struct answered *answered = arg;
	struct strbuf out = {0};
	struct decode_error error = {0};
	struct hop hop = {0};
	struct value root;

	answered->is_answered = true;
	primitive_add_response(&out, req, answered->schema, answered->codec, &req->arena);
	if (primitive_decode(answered->schema, answered->codec, strbuf_str(&out), &limits, &req->arena, &root,
			     &error) != PRIMITIVE_RESPONSE)
		fuzz_give_up("the answer is no response", strbuf_str(&out), error.message);
	primitive_answer(&hop, answered->schema, root);
	FUZZ_HOLDS(hop.outcome == HOP_ANSWERED);
	FUZZ_HOLDS(hop.rsc == req->answer.rsc || hop.rsc == RSC_NOT_ACCEPTABLE);
	strbuf_finish(&out);
	request_release(req);
}

/* Sent on as a hop's, it is read as the same. */
static void check_hop(const struct schema *schema, const struct codec *codec, struct request *req)
{
	static const struct decode_limits limits = {.bytes = 1 << 24, .depth = 100, .tokens = 1 << 20};
	struct hop hop = {.url = STR("mqtt://h/t"), .content = STR("{\"m2m:sgn\":{\"vrq\":true}}")};
	struct strbuf out = {0};
	struct decode_error error;
	struct value root;

	hop.param[PARAM_operation] = STR("5");
	hop.param[PARAM_from] = req->param[PARAM_from];
	hop.param[PARAM_requestIdentifier] = req->param[PARAM_requestIdentifier];
	if (primitive_add_request(&out, &hop, schema, codec, &req->arena, &error) == 0) {
		struct str identifier = hop.param[PARAM_requestIdentifier], again;

		FUZZ_HOLDS(primitive_decode(schema, codec, strbuf_str(&out), &limits, &req->arena, &root, &error) ==
			   PRIMITIVE_REQUEST);
		again = primitive_identifier(schema, root, &req->arena);
		FUZZ_HOLDS(codec == &codec_xml || !identifier.ptr || str_eq(again, identifier));
	}
	strbuf_finish(&out);
}

/* A request is performed as a RETRIEVE, so that it changes nothing. */
static void perform(struct small_cse *small, const struct codec *codec, struct value root, struct request *req)
{
	const struct schema *schema = small->world.schema;
	struct answered answered = {false, schema, codec};

	primitive_fill(req, schema, root);
	if (req->refused != RSC_NONE)
		FUZZ_HOLDS(req->refused_why && str_is_utf8(str_of(req->refused_why)));
	check_hop(schema, codec, req);
	request_set(req, PARAM_operation, STR("2"));
	req->param[PARAM_responseType] = req->param[PARAM_operationExecutionTime] = (struct str){0};
	req->response_targets = (struct str){0};
	req->peer.is_direct_loopback = true;
	req->binding = "fuzz";
	cse_submit(small->world.cse, req, take_answer, &answered);
	for (int i = 0; i < 1000 && !answered.is_answered; i++)
		loop_round(small->world.loop, 0);
	FUZZ_HOLDS(answered.is_answered);
}

static void read_payload(struct small_cse *small, const struct codec *codec, struct str payload)
{
	struct request *req = request_create(small->world.cse);
	struct decode_error error = {0};
	struct hop hop = {0};
	struct value root;

	switch (primitive_decode(small->world.schema, codec, arena_copy(&req->arena, payload),
				 cse_decode_limits(small->world.cse), &req->arena, &root, &error)) {
	case PRIMITIVE_REQUEST:
		perform(small, codec, root, req);
		return;
	case PRIMITIVE_RESPONSE:
		(void)primitive_identifier(small->world.schema, root, &req->arena);
		primitive_answer(&hop, small->world.schema, root);
		FUZZ_HOLDS(hop.outcome == HOP_ANSWERED || hop.reason[0]);
		break;
	case PRIMITIVE_NONE:
		FUZZ_HOLDS(error.message[0]);
	}
	request_release(req);
}

static const struct codec *codec_of(struct str topic)
{
	const char *slash = topic.len ? memrchr(topic.ptr, '/', topic.len) : NULL;
	const struct codec *codec = slash ? codec_find(str_from(topic, (size_t)(slash + 1 - topic.ptr))) : NULL;

	return codec ? codec : &codec_json;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct small_cse *small = small_cse_shared();
	struct str rest = str_make((const char *)data, size), topic = str_split(&rest, '\n');
	struct str payload = rest.ptr ? rest : STR("");
	struct arena arena;

	arena_init(&arena);
	topic = topic.len ? topic : STR("x");
	check_topic(topic, STR(""), &arena);
	check_topic(topic, STR("a/b"), &arena);
	check_level(topic, &arena);
	check_uri(topic, &arena);
	apply_rules(small, STR("a/+/# cse-in/$2/$1 Ca x/y:1,b/# cse-in/$1 Ca"), topic, payload);
	apply_rules(small, topic, STR("a/b/c"), payload);
	read_payload(small, codec_of(topic), payload);
	arena_finish(&arena);
	return 0;
}
