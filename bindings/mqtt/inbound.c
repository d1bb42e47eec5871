/* inbound: requests from topics (TS-0010 6.4.2 to 6.4.4, 6.5), and the answers to them. */
#include "bindings/mqtt/mqtt.h"

#include "bindings/primitive.h"
#include "bindings/refusal.h"

enum { CORRELATION_MAX = 4096, IDENTIFIED_FACTOR = 2, QUIET_US = 60000000 };

/* Where an answer goes; in the arena of its request. */
struct exchange {
	struct uplink *uplink;
	struct str topic;	/* ptr NULL: there is no answer */
	struct str correlation; /* ptr NULL: none */
	const struct codec *codec;
	struct cache_entry *entry;
};

/* ---- answers ---- */

/* 0, or negative: it is dropped. */
static int publish_answer(const struct exchange *exchange, struct str answer)
{
	if (!exchange->topic.ptr || !answer.len)
		return 0;
	return outbox_publish(&exchange->uplink->broker, exchange->topic, answer, exchange->correlation, NULL);
}

/* What the request is answered is left in mqtt->out. */
static void answer(struct request *req, const struct exchange *exchange)
{
	static const struct decode_error too_large = {.message = "there is no room for it on the way to the broker"};
	struct binding_state *mqtt = exchange->uplink->mqtt;
	const struct schema *schema = mqtt->config.schema;

	strbuf_clear(&mqtt->out);
	/* noResponse: nothing is answered once the request is accepted, TS-0001 8.1.2. */
	if (exchange->topic.ptr && !req->answer.is_unwanted)
		primitive_add_response(&mqtt->out, req, schema, exchange->codec, &req->arena);
	if (publish_answer(exchange, strbuf_str(&mqtt->out)) == 0)
		return;
	strbuf_clear(&mqtt->out);
	primitive_add_uncarried(&mqtt->out, req, schema, exchange->codec, &req->arena, &too_large);
	(void)!publish_answer(exchange, strbuf_str(&mqtt->out));
}

static void reply(struct request *req, void *arg)
{
	struct exchange *exchange = arg;
	struct binding_state *mqtt = exchange->uplink->mqtt;

	answer(req, exchange);
	cache_answer(&mqtt->cache, exchange->entry, strbuf_str(&mqtt->out), clock_mono_us(loop_clock(mqtt->loop)));
	request_release(req);
	if (--mqtt->waiting_count == 0 && mqtt->is_closed)
		mqtt_finish(mqtt);
}

static void submit(struct request *req, struct exchange *exchange)
{
	struct binding_state *mqtt = exchange->uplink->mqtt;

	mqtt->waiting_count++;
	req->binding = "mqtt";
	cse_submit(mqtt->cse, req, reply, exchange);
}

/* The answer's topic is the request's with the other word in it; what is in no serialization is answered in JSON. */
static struct str answer_topic(const struct uplink *uplink, const struct topic *topic, const struct codec *codec,
			       struct arena *arena)
{
	struct strbuf *out = &uplink->mqtt->topic;
	struct topic answer = {
		.kind = topic->kind == TOPIC_REQUEST ? TOPIC_RESPONSE : TOPIC_REGISTRATION_RESPONSE,
		.originator = topic->originator,
		.receiver = topic->receiver,
		.type = str_of(codec->name),
	};

	strbuf_clear(out);
	topic_add(out, uplink->broker.place.path, &answer);
	return arena_copy(arena, strbuf_str(out));
}

/* As many requests are in work as the CSE takes. */
static void answer_busy(struct request *req, const struct exchange *exchange)
{
	req->answer.rsc = RSC_INTERNAL_SERVER_ERROR;
	req->answer.content = STR("{\"m2m:dbg\":\"as many requests are in work as are taken\"}");
	answer(req, exchange);
}

/* ---- who asks ---- */

static bool is_registration(const struct request *req, const struct schema *schema)
{
	const struct type_def *type;
	uint64_t ty;

	if (!str_eq(req->param[PARAM_operation], STR("1")) || !request_has(req, PARAM_resourceType) ||
	    str_to_u64(req->param[PARAM_resourceType], &ty) < 0 || ty > UINT16_MAX)
		return false;
	type = schema_type(schema, (unsigned)ty);
	return type && type->flags & REGISTRATION;
}

static bool asks_for_a_name(struct str from)
{
	return !from.len || str_eq(from, STR("C")) || str_eq(from, STR("S"));
}

/* TS-0010 6.4.4: the level names a credential and no originator. 7.2: the broker has made sure that it is the
 * sender's, so that it tells who the sender may be. */
static void settle_newcomer(struct request *req, const struct uplink *uplink, const struct topic *topic)
{
	const struct binding_state *mqtt = uplink->mqtt;
	struct str from = req->param[PARAM_from];
	bool is_named = from.len && topic_names(topic->originator, from, &mqtt->home);

	if (!is_registration(req, mqtt->config.schema))
		refusal_note(req, RSC_BAD_REQUEST, "only registrations go over the topic reg_req");
	if (uplink->broker.is_trusted && !mqtt->settings.takes_any_credential && !is_named && !asks_for_a_name(from))
		refusal_note(req, RSC_ORIGINATOR_HAS_NO_PRIVILEGE,
			     "from (fr): is not what the credential on the topic stands for");
	req->peer.is_authenticated = uplink->broker.is_trusted && is_named;
}

/* TS-0010 7.2: the broker has made sure who may publish to the topic, if it is one to be trusted. */
static void settle_originator(struct request *req, const struct uplink *uplink, const struct topic *topic)
{
	const struct binding_state *mqtt = uplink->mqtt;
	struct str from = req->param[PARAM_from];

	req->peer.is_no_admin = true;
	if (topic->kind == TOPIC_REGISTRATION) {
		settle_newcomer(req, uplink, topic);
		return;
	}
	if (!from.len)
		request_set(req, PARAM_from, topic_id(topic->originator, &req->arena));
	else if (!topic_names(topic->originator, from, &mqtt->home))
		refusal_note(req, RSC_ORIGINATOR_HAS_NO_PRIVILEGE, "from (fr): is not the originator of the topic");
	req->peer.is_authenticated = uplink->broker.is_trusted;
	req->peer.is_no_admin = !uplink->broker.is_trusted || !mqtt->settings.serves_admin;
}

/* ---- where the answer goes ---- */

static bool has_level(struct str topic, struct str level)
{
	while (topic.ptr)
		if (str_eq(str_split(&topic, '/'), level))
			return true;
	return false;
}

/* This CSE may publish where the originator may not: it must not do so in its name. */
static const char *fault_of_response_topic(const struct uplink *uplink, const struct topic *topic, struct str wanted)
{
	struct topic answer;

	if (!topic_is_publishable(wanted) || wanted.ptr[0] == '$')
		return "response topic: is none that can be published to";
	if (topic_is_standard(wanted) &&
	    (!topic_parse(uplink->broker.place.path, wanted, &answer) ||
	     (answer.kind != TOPIC_RESPONSE && answer.kind != TOPIC_REGISTRATION_RESPONSE) ||
	     !str_eq(answer.originator, topic->originator) || !str_eq(answer.receiver, topic->receiver)))
		return "response topic: is another entity's";
	if (rules_find(&uplink->mqtt->rules, wanted))
		return "response topic: is one of devices (mqtt.map)";
	if (uplink->broker.is_trusted && !has_level(wanted, topic->originator))
		return "response topic: no level of it is the originator of the topic";
	return NULL;
}

/* MQTT 5 4.10. */
static void settle_response(struct request *req, struct exchange *exchange, const struct topic *topic,
			    const struct arrival *arrival)
{
	const char *fault = NULL;

	if (arrival->correlation.len > CORRELATION_MAX)
		fault = "correlation data: longer than is taken";
	else if (arrival->correlation.ptr)
		exchange->correlation = arena_copy(&req->arena, arrival->correlation);
	if (!fault && arrival->response_topic.ptr) {
		fault = fault_of_response_topic(exchange->uplink, topic, arrival->response_topic);
		if (!fault)
			exchange->topic = arena_copy(&req->arena, arrival->response_topic);
	}
	if (fault)
		refusal_note(req, RSC_BAD_REQUEST, "%s", fault);
}

/* ---- requests ---- */

/* The identifier of what is too large is read if that is not much work, so that the answer has it. */
static struct str take_payload(struct request *req, const struct binding_state *mqtt, struct str payload)
{
	if (payload.len > mqtt->config.max_body)
		refusal_note(req, RSC_BAD_REQUEST, "payload: larger than what is taken");
	return payload.len > mqtt->config.max_body * IDENTIFIED_FACTOR ? STR("") : arena_copy(&req->arena, payload);
}

static enum primitive_kind decode(struct request *req, const struct binding_state *mqtt, const struct codec *codec,
				  struct str payload, struct value *root)
{
	struct decode_limits limits = *cse_decode_limits(mqtt->cse);
	struct decode_error error;
	enum primitive_kind kind;

	limits.bytes = mqtt->config.max_body * IDENTIFIED_FACTOR;
	kind = primitive_decode(mqtt->config.schema, codec, payload, &limits, &req->arena, root, &error);
	if (kind == PRIMITIVE_RESPONSE)
		refusal_note(req, RSC_BAD_REQUEST, "payload: a response on a topic of requests");
	else if (kind == PRIMITIVE_NONE)
		refusal_note(req, RSC_BAD_REQUEST, "payload: %s at byte %zu", error.message, error.offset);
	return kind;
}

/* A request that came before gets the answer that it got, or will get. */
static bool is_repeated(const struct exchange *exchange, const struct cache_key *key)
{
	struct binding_state *mqtt = exchange->uplink->mqtt;
	const struct cache_entry *before =
		key->identifier.len ? cache_find(&mqtt->cache, key, clock_mono_us(loop_clock(mqtt->loop))) : NULL;

	if (before && before->is_answered)
		(void)!publish_answer(exchange, cache_text(before));
	return before != NULL;
}

static void fill(struct request *req, struct exchange *exchange, const struct topic *topic, struct str payload,
		 struct value root)
{
	const struct binding_config *config = &exchange->uplink->mqtt->config;

	if (payload.len <= config->max_body)
		primitive_fill(req, config->schema, root);
	else
		primitive_identify(req, config->schema, root, &req->arena);
	settle_originator(req, exchange->uplink, topic);
}

/* What is read into req, and where it is answered. False: it is a repeated one, and done with. */
static bool read_request(struct request *req, struct exchange *exchange, const struct topic *topic,
			 const struct arrival *arrival, struct cache_key *key)
{
	struct uplink *uplink = exchange->uplink;
	const struct codec *named = codec_find(topic->type);
	struct value root;

	exchange->codec = named ? named : &codec_json;
	exchange->topic = answer_topic(uplink, topic, exchange->codec, &req->arena);
	*key = (struct cache_key){.source = uplink, .topic = arrival->topic};
	key->bytes = take_payload(req, uplink->mqtt, arrival->payload);
	settle_response(req, exchange, topic, arrival);
	if (!named)
		refusal_note(req, RSC_UNSUPPORTED_MEDIA_TYPE,
			     "topic: its last level must be the serialization, json, xml or cbor");
	if (decode(req, uplink->mqtt, exchange->codec, key->bytes, &root) != PRIMITIVE_REQUEST)
		return true;
	key->identifier = primitive_identifier(uplink->mqtt->config.schema, root, &req->arena);
	if (is_repeated(exchange, key))
		return false;
	fill(req, exchange, topic, key->bytes, root);
	return true;
}

/* One that the CSE does not hear of. */
static struct request *spare_request(struct binding_state *mqtt)
{
	struct arena arena = mqtt->spare.arena;

	arena_reset(&arena);
	mqtt->spare = (struct request){.cse = mqtt->cse, .arena = arena};
	return &mqtt->spare;
}

static void request_came(struct uplink *uplink, const struct topic *topic, const struct arrival *arrival)
{
	struct binding_state *mqtt = uplink->mqtt;
	struct request *taken = request_create(mqtt->cse), *req = taken ? taken : spare_request(mqtt);
	struct exchange *exchange = arena_zalloc(&req->arena, sizeof(*exchange));
	struct cache_key key;

	exchange->uplink = uplink;
	if (!read_request(req, exchange, topic, arrival, &key)) {
		if (taken)
			request_release(taken);
		return;
	}
	if (!taken) {
		answer_busy(req, exchange);
		return;
	}
	exchange->entry = cache_add(&mqtt->cache, &key);
	submit(req, exchange);
}

/* ---- devices that know no oneM2M ---- */

static void log_rule(const struct uplink *uplink, struct rule *rule, const char *why)
{
	int64_t now_us = clock_mono_us(loop_clock(uplink->mqtt->loop));

	if (now_us < rule->quiet_until_us) {
		rule->unlogged++;
		return;
	}
	log_event(uplink->broker.circle->log, LOG_WARN, "message of a device is not taken",
		  "filter=\"%s\" why=\"%s\" others=%u", rule->filter, why, rule->unlogged);
	rule->quiet_until_us = now_us + QUIET_US;
	rule->unlogged = 0;
}

static void device_message_came(struct uplink *uplink, struct rule *rule, const struct arrival *arrival)
{
	struct binding_state *mqtt = uplink->mqtt;
	struct request *req = arrival->payload.len > mqtt->config.max_body ? NULL : request_create(mqtt->cse);
	struct exchange *exchange;
	const char *why;

	if (!req) {
		log_rule(uplink, rule, "the payload is too large, or too many requests are in work");
		return;
	}
	why = rule_apply(rule, mqtt->config.schema, arrival->topic, arrival->payload, req);
	if (why) {
		log_rule(uplink, rule, why);
		request_release(req);
		return;
	}
	request_set(req, PARAM_requestIdentifier,
		    arena_printf(&req->arena, "map-%llu", (unsigned long long)++mqtt->rule_count));
	req->peer = (struct peer){.is_authenticated = true, .is_no_admin = true}; /* the operator says who it is */
	exchange = arena_alloc(&req->arena, sizeof(*exchange));
	*exchange = (struct exchange){.uplink = uplink};
	submit(req, exchange);
}

/* ---- messages ---- */

/* Under which prefix is it a topic of the standard's? NULL: under none. */
static const struct prefix *find_topic(struct uplink *uplink, struct str text, struct topic *topic)
{
	list_each (item, &uplink->prefixes) {
		const struct prefix *prefix = container_of(item, struct prefix, link);

		if (topic_parse(str_make(prefix->text, prefix->len), text, topic))
			return prefix;
	}
	return NULL;
}

/* Is it under the path of the broker's own point of access, and for this CSE? */
static bool is_for_us(const struct uplink *uplink, const struct topic *topic, struct str text)
{
	struct topic again;

	return uplink->broker.is_own && topic_parse(uplink->broker.place.path, text, &again) &&
	       topic_names(topic->receiver, uplink->mqtt->home.cse_id, &uplink->mqtt->home);
}

void inbound_received(struct broker *broker, const struct arrival *arrival)
{
	struct uplink *uplink = uplink_of(broker);
	const struct prefix *prefix;
	struct topic topic;
	struct rule *rule;

	if (arrival->is_retained || uplink->mqtt->is_closed)
		return; /* what is kept there is delivered with every connection */
	prefix = find_topic(uplink, arrival->topic, &topic);
	if (!prefix) {
		rule = broker->is_own ? rules_find(&uplink->mqtt->rules, arrival->topic) : NULL;
		if (rule)
			device_message_came(uplink, rule, arrival);
		return;
	}
	if (topic.kind == TOPIC_RESPONSE)
		outbound_received(uplink, prefix, &topic, arrival->payload);
	else if ((topic.kind == TOPIC_REQUEST || topic.kind == TOPIC_REGISTRATION) &&
		 is_for_us(uplink, &topic, arrival->topic))
		request_came(uplink, &topic, arrival);
}

/* TS-0010 6.4.5 and 6.5.4; on Mcc' by the absolute identifier as well. */
static void subscribe_to_requests(struct uplink *uplink, struct str level)
{
	static const char *const kinds[] = {"req", "reg_req"};
	struct str prefix = uplink->broker.place.path;
	struct strbuf filter = {0};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		strbuf_clear(&filter);
		strbuf_addf(&filter, "%.*s/oneM2M/%s/+/%.*s/#", STR_ARG(prefix), kinds[i], STR_ARG(level));
		strbuf_add_char(&filter, '\0');
		broker_subscribe(&uplink->broker, filter.ptr);
	}
	strbuf_finish(&filter);
}

void inbound_subscribe(struct broker *broker)
{
	struct uplink *uplink = uplink_of(broker);
	const struct binding_state *mqtt = uplink->mqtt;
	struct strbuf absolute = {0};

	uplink_subscribe(uplink);
	if (!broker->is_own)
		return;
	strbuf_addf(&absolute, ":%.*s:%.*s", STR_ARG(mqtt->home.sp_id), STR_ARG(mqtt->level));
	subscribe_to_requests(uplink, mqtt->level);
	subscribe_to_requests(uplink, strbuf_str(&absolute));
	strbuf_finish(&absolute);
	for (size_t i = 0; i < mqtt->rules.count; i++)
		broker_subscribe(broker, mqtt->rules.items[i].filter);
}
