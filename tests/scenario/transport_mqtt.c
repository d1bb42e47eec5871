/* Request primitives published to the topics of the CSE (TS-0010 6.4), through a real broker. The client is one more on
 * the loop that the CSE runs on; each world's topics are under a path of its own. */
#include "cse/core/primitive_text.h"
#include "tests/scenario/answers.h"
#include "tests/scenario/transport.h"

#include <mosquitto.h>

enum { ROUNDS_AT_MOST = 10000, ROUNDS_OF_SILENCE = 60 };

static const char credential[] = "newcomer";
static const char greeting[] = "{\"rqi\":\"greeting\"}";

/* Kept in the world from the first request on. */
struct mqtt_client {
	struct loop_fd watch;
	struct mosquitto *client;
	struct world *world;
	char prefix[64];
	unsigned port;
	bool is_subscribed, is_met, failed;
	struct arena arena;
	struct str payload; /* of the last answer; ptr NULL: none */
};

/* ---- writing ---- */

static bool is_plain_number(struct str text)
{
	size_t i = text.len && text.ptr[0] == '-' ? 1 : 0;
	bool is_good = i < text.len && text.len <= 20 && (text.ptr[i] != '0' || text.len == i + 1);

	for (; i < text.len; i++)
		is_good = is_good && text.ptr[i] >= '0' && text.ptr[i] <= '9';
	return is_good;
}

/* What cannot be written as the kind says goes as a string, for the CSE to refuse. */
static void add_scalar(struct strbuf *out, enum base_kind base, struct str text)
{
	bool is_number = base == KIND_UINT || base == KIND_INT || base == KIND_FLOAT || base == KIND_ENUM;

	if (base == KIND_BOOL && (str_eq(text, STR("0")) || str_eq(text, STR("1"))))
		strbuf_add_str(out, str_eq(text, STR("1")) ? STR("true") : STR("false"));
	else if ((is_number && is_plain_number(text)) ||
		 (base == KIND_BOOL && (str_eq(text, STR("true")) || str_eq(text, STR("false")))))
		strbuf_add_str(out, text);
	else
		strbuf_add_json(out, text);
}

static void add_name(struct strbuf *out, struct str name)
{
	if (out->ptr[out->len - 1] != '{' && out->ptr[out->len - 1] != '[')
		strbuf_add_char(out, ',');
	strbuf_add_json(out, name);
	strbuf_add_char(out, ':');
}

/* All that conditions of one name say, as an array where the row is a list. */
static void add_condition(struct strbuf *out, const struct exchange *exchange, unsigned at)
{
	const struct filter_item *item = &exchange->conditions[at];
	struct kind kind = condition_defs[item->tag].kind;

	for (unsigned i = 0; i < at; i++)
		if (exchange->conditions[i].tag == item->tag)
			return;
	add_name(out, item->name);
	if (!kind.is_list) {
		add_scalar(out, kind.base, item->text);
		return;
	}
	strbuf_add_char(out, '[');
	for (unsigned i = at; i < exchange->condition_count; i++) {
		struct str rest = exchange->conditions[i].text;

		while (exchange->conditions[i].tag == item->tag && rest.ptr) {
			if (out->ptr[out->len - 1] != '[')
				strbuf_add_char(out, ',');
			add_scalar(out, kind.base, str_split(&rest, '+'));
		}
	}
	strbuf_add_char(out, ']');
}

/* TS-0004 6.3.5.9: attributes of the resource, of a child and of the parent. */
static void add_attributes(struct strbuf *out, const struct schema *schema, const struct exchange *exchange,
			   unsigned name, struct str prefix)
{
	bool is_first = true;

	for (unsigned i = 0; i < exchange->condition_count; i++) {
		struct str attribute = exchange->conditions[i].name;
		bool has_prefix = str_starts(attribute, STR("c.")) || str_starts(attribute, STR("p."));

		if (exchange->conditions[i].tag != FILTER_COUNT ||
		    (prefix.len ? !str_starts(attribute, prefix) : has_prefix))
			continue;
		if (is_first) {
			add_name(out, name_short(schema, name));
			strbuf_add_char(out, '[');
		} else {
			strbuf_add_char(out, ',');
		}
		is_first = false;
		strbuf_add_char(out, '{');
		add_name(out, name_short(schema, ATTR_name));
		strbuf_add_json(out, str_from(attribute, prefix.len));
		add_name(out, name_short(schema, ATTR_value));
		add_scalar(out, KIND_INT, exchange->conditions[i].text);
		strbuf_add_char(out, '}');
	}
	if (!is_first)
		strbuf_add_char(out, ']');
}

static void add_filter(struct strbuf *out, const struct schema *schema, const struct exchange *exchange)
{
	if (!exchange->condition_count)
		return;
	add_name(out, str_of(parameter_defs[PARAM_filterCriteria].short_name));
	strbuf_add_char(out, '{');
	for (unsigned i = 0; i < exchange->condition_count; i++)
		if (exchange->conditions[i].tag != FILTER_COUNT)
			add_condition(out, exchange, i);
	add_attributes(out, schema, exchange, ATTR_attribute, STR(""));
	add_attributes(out, schema, exchange, ATTR_childAttribute, STR("c."));
	add_attributes(out, schema, exchange, ATTR_parentAttribute, STR("p."));
	strbuf_add_char(out, '}');
}

/* TS-0004 6.3.5.30 */
static void add_response_type(struct strbuf *out, const struct schema *schema, const struct exchange *exchange)
{
	struct str rest = exchange->response_targets, type = exchange->param[PARAM_responseType];

	if (!type.ptr && !rest.ptr)
		return;
	add_name(out, str_of(parameter_defs[PARAM_responseType].short_name));
	strbuf_add_char(out, '{');
	if (type.ptr) {
		add_name(out, name_short(schema, ATTR_responseTypeValue));
		add_scalar(out, KIND_ENUM, type);
	}
	if (rest.ptr) {
		add_name(out, name_short(schema, ATTR_notificationURI));
		strbuf_add_char(out, '[');
		while (rest.ptr && rest.len) {
			if (out->ptr[out->len - 1] != '[')
				strbuf_add_char(out, ',');
			strbuf_add_json(out, str_split(&rest, '&'));
		}
		strbuf_add_char(out, ']');
	}
	strbuf_add_char(out, '}');
}

/* The names of a partial RETRIEVE are its content: TS-0004 7.5.2. */
static void add_content(struct strbuf *out, const struct schema *schema, const struct exchange *exchange)
{
	struct str names = exchange->param[PARAM_attributeList];

	if (!exchange->content.len && !names.ptr)
		return;
	add_name(out, name_short(schema, ATTR_primitiveContent));
	if (exchange->content.len) {
		strbuf_add_str(out, exchange->content);
		return;
	}
	STRBUF_LIT(out, "{\"m2m:atrl\":");
	print_parameter_value(out, parameter_defs[PARAM_attributeList].kind, names);
	strbuf_add_char(out, '}');
}

static void add_parameter(struct strbuf *out, enum parameter parameter, struct str text)
{
	const struct parameter_def *def = &parameter_defs[parameter];

	add_name(out, str_of(def->short_name));
	if (def->kind.is_list)
		print_parameter_value(out, def->kind, text);
	else
		add_scalar(out, def->kind.base, text);
}

static void write_primitive(struct strbuf *out, const struct schema *schema, const struct exchange *exchange)
{
	strbuf_add_char(out, '{');
	for (enum parameter i = 0; i < PARAM_COUNT; i++)
		if (exchange->param[i].ptr && i != PARAM_responseType && i != PARAM_attributeList)
			add_parameter(out, i, exchange->param[i]);
	add_response_type(out, schema, exchange);
	add_filter(out, schema, exchange);
	add_content(out, schema, exchange);
	strbuf_add_char(out, '}');
}

static const char *encode(const struct transport *transport, const struct world *world, const struct exchange *exchange,
			  struct arena *arena, struct str *payload)
{
	struct decode_error error = {0};
	struct strbuf json = {0}, out = {0};
	int status = 0;

	write_primitive(&json, world->schema, exchange);
	*payload = arena_copy(arena, strbuf_str(&json));
	if (transport->codec != &codec_json) {
		status = transport->codec->encode(world->schema, CODEC_REQUEST, *payload, arena, &out, &error);
		*payload = arena_copy(arena, strbuf_str(&out));
	}
	strbuf_finish(&json);
	strbuf_finish(&out);
	return status == 0 ? NULL : arena_printf(arena, "content cannot be encoded: %s%c", error.message, 0).ptr;
}

/* ---- topics ---- */

static bool asks_for_a_name(const struct exchange *exchange)
{
	struct str from = exchange->param[PARAM_from];

	return exchange->op == OP_CREATE && str_eq(exchange->param[PARAM_resourceType], STR("2")) &&
	       (!from.len || str_eq(from, STR("C")) || str_eq(from, STR("S")));
}

/* An originator that cannot be a level is another. */
static void add_originator(struct strbuf *out, struct str from)
{
	bool is_level = from.len > 0;

	for (size_t i = 0; i < from.len; i++)
		is_level = is_level && from.ptr[i] > ' ' && from.ptr[i] <= '~' && !strchr("+#", from.ptr[i]);
	if (str_starts(from, STR("/")))
		from = str_from(from, 1);
	for (size_t i = 0; is_level && i < from.len; i++)
		strbuf_add_char(out, from.ptr[i] == '/' ? ':' : from.ptr[i]);
	if (!is_level || !from.len)
		STRBUF_LIT(out, "nobody");
}

static const char *write_topic(struct strbuf *out, const struct mqtt_client *client, const struct transport *transport,
			       const struct exchange *exchange)
{
	bool is_newcomer = asks_for_a_name(exchange);

	strbuf_addf(out, "%s/oneM2M/%s/", client->prefix, is_newcomer ? "reg_req" : "req");
	if (is_newcomer)
		strbuf_addf(out, "%s", credential);
	else
		add_originator(out, exchange->param[PARAM_from]);
	strbuf_addf(out, "/%s/%s%c", client->world->config.id + 1, transport->codec->name, 0);
	return out->ptr;
}

/* ---- the client ---- */

static void on_subscribe(struct mosquitto *mosquitto, void *arg, int mid, int count, const int *granted)
{
	struct mqtt_client *client = arg;

	(void)mosquitto;
	(void)mid;
	(void)count;
	(void)granted;
	client->is_subscribed = true;
}

static void on_message(struct mosquitto *mosquitto, void *arg, const struct mosquitto_message *message)
{
	struct mqtt_client *client = arg;

	(void)mosquitto;
	if (memmem(message->payload, (size_t)message->payloadlen, "greeting", strlen("greeting")))
		client->is_met = true;
	else
		client->payload = arena_copy(&client->arena, str_make(message->payload, (size_t)message->payloadlen));
}

static void on_connect(struct mosquitto *mosquitto, void *arg, int code)
{
	struct mqtt_client *client = arg;
	char filter[100];

	client->failed = code != 0;
	snprintf(filter, sizeof(filter), "%s/oneM2M/resp/#", client->prefix);
	mosquitto_subscribe(mosquitto, NULL, filter, 1);
	snprintf(filter, sizeof(filter), "%s/oneM2M/reg_resp/#", client->prefix);
	mosquitto_subscribe(mosquitto, NULL, filter, 1);
}

static void client_ready(struct loop_fd *watch, uint32_t events)
{
	struct mqtt_client *client = container_of(watch, struct mqtt_client, watch);

	(void)events;
	if (mosquitto_loop_read(client->client, 1) != MOSQ_ERR_SUCCESS)
		client->failed = true;
	while (!client->failed && mosquitto_want_write(client->client))
		client->failed = mosquitto_loop_write(client->client, 1) != MOSQ_ERR_SUCCESS;
}

static void end_client(struct world *world)
{
	struct mqtt_client *client = world->client;

	loop_unwatch(world->loop, &client->watch);
	(void)mosquitto_disconnect(client->client);
	mosquitto_destroy(client->client);
	arena_finish(&client->arena);
	free(client);
	world->client = NULL;
}

static bool wait_for(struct world *world, const struct mqtt_client *client, const bool *flag)
{
	for (int i = 0; i < ROUNDS_AT_MOST && !*flag && !client->failed; i++)
		loop_round(world->loop, 10);
	return *flag && !client->failed;
}

/* world->wanted.listen is "mqtt://127.0.0.1:PORT/PREFIX". */
static struct mqtt_client *begin_client(struct world *world)
{
	struct mqtt_client *client = xzalloc(sizeof(*client));

	mosquitto_lib_init();
	arena_init(&client->arena);
	client->world = world;
	client->client = mosquitto_new(NULL, true, client);
	mosquitto_int_option(client->client, MOSQ_OPT_TCP_NODELAY, 1);
	mosquitto_connect_callback_set(client->client, on_connect);
	mosquitto_subscribe_callback_set(client->client, on_subscribe);
	mosquitto_message_callback_set(client->client, on_message);
	if (sscanf(world->wanted.listen, "mqtt://127.0.0.1:%u/%60s", &client->port, client->prefix) != 2 ||
	    mosquitto_connect(client->client, "127.0.0.1", (int)client->port, 600) != MOSQ_ERR_SUCCESS)
		client->failed = true;
	client->watch = (struct loop_fd){client_ready, mosquitto_socket(client->client)};
	if (!client->failed && loop_watch(world->loop, &client->watch, EPOLLIN) != 0)
		client->failed = true;
	world->client = client;
	world->end_client = end_client;
	return client;
}

static void publish(const struct mqtt_client *client, const char *topic, struct str payload)
{
	(void)mosquitto_publish(client->client, NULL, topic, (int)payload.len, payload.ptr, 1, false);
}

/* The CSE connects in its own time: until it answers, something is sent again that it refuses. */
static bool meet(struct world *world, struct mqtt_client *client)
{
	char topic[100];

	if (!wait_for(world, client, &client->is_subscribed))
		return false;
	snprintf(topic, sizeof(topic), "%s/oneM2M/req/nobody/%s/json", client->prefix, world->config.id + 1);
	for (int i = 0; i < ROUNDS_AT_MOST && !client->failed && !client->is_met; i++) {
		if (i % 4 == 0)
			publish(client, topic, str_of(greeting));
		loop_round(world->loop, 1);
	}
	return client->is_met && !client->failed;
}

/* ---- the exchange ---- */

/* NULL, or what is wrong. */
static const char *read_answer(const struct transport *transport, const struct world *world,
			       const struct exchange *exchange, struct str payload, struct arena *arena,
			       struct reply *reply)
{
	static const struct decode_limits limits = {.bytes = 1 << 24, .depth = 64, .tokens = 1 << 20};
	struct doc *doc = arena_zalloc(arena, sizeof(*doc));
	const struct schema *schema = world->schema;
	struct decode_error error;
	struct value root, v;
	int64_t number = 0;

	if (transport->codec->decode(schema, CODEC_RESPONSE, payload, &limits, arena, doc, &error) != 0)
		return arena_printf(arena, "answer cannot be decoded: %s%c", error.message, 0).ptr;
	root = doc_root(doc);
	v = value_member(root, name_short(schema, ATTR_responseStatusCode));
	if (value_is_absent(v) || value_i64(v, &number) != 0)
		return "no response status code in the answer";
	reply->rsc = (int)number;
	v = value_member(root, name_short(schema, ATTR_primitiveContent));
	reply->content = value_is_absent(v) ? STR("") : value_text(v);
	v = value_member(root, name_short(schema, ATTR_contentOffset));
	if (!value_is_absent(v))
		reply->offset = value_text(v);
	v = value_member(root, name_short(schema, ATTR_requestIdentifier));
	if (!value_is_absent(v) && !str_eq(value_string(v, arena), exchange->param[PARAM_requestIdentifier]))
		return "the answer is to another request";
	reply->location = reply->etag = STR("");
	return NULL;
}

static const char *converse(const struct transport *transport, struct world *world, struct mqtt_client *client,
			    const struct exchange *exchange, struct arena *arena, struct reply *reply)
{
	bool is_unanswered = str_eq(exchange->param[PARAM_responseType], STR("5"));
	int rounds = is_unanswered ? ROUNDS_OF_SILENCE : ROUNDS_AT_MOST;
	struct str payload;

	for (int i = 0; i < rounds && !client->payload.ptr && !client->failed; i++) {
		world_pass_time(world, i);
		loop_round(world->loop, is_unanswered || world_may_wait(world) ? 1 : 10);
	}
	payload = client->payload;
	client->payload = (struct str){0};
	if (!payload.ptr && is_unanswered && !client->failed) {
		*reply = (struct reply){.rsc = RSC_ACCEPTED, .content = STR(""), .location = STR(""), .etag = STR("")};
		return NULL;
	}
	if (!payload.ptr)
		return client->failed ? "the connection to the broker is lost" : "no answer";
	return read_answer(transport, world, exchange, arena_copy(arena, payload), arena, reply);
}

static const char *perform_mqtt(const struct transport *transport, struct world *world, const struct exchange *exchange,
				struct arena *arena, struct reply *reply)
{
	struct mqtt_client *client = world->client;
	struct strbuf topic = {0};
	struct str payload;
	const char *fault = encode(transport, world, exchange, arena, &payload);

	if (!fault && exchange->accept_etag.ptr)
		fault = "MQTT carries no condition";
	if (fault)
		return fault;
	if (!client) {
		client = begin_client(world);
		if (client->failed || !meet(world, client))
			return "the CSE does not answer through the broker";
	}
	arena_reset(&client->arena);
	publish(client, write_topic(&topic, client, transport, exchange), payload);
	strbuf_finish(&topic);
	return converse(transport, world, client, exchange, arena, reply);
}

const struct transport transport_mqtt = {
	.name = "mqtt", .binding = "mqtt", .needs_broker = true, .codec = &codec_json, .perform = perform_mqtt};
const struct transport transport_mqtt_xml = {
	.name = "mqtt+xml", .binding = "mqtt", .needs_broker = true, .codec = &codec_xml, .perform = perform_mqtt};
const struct transport transport_mqtt_cbor = {
	.name = "mqtt+cbor", .binding = "mqtt", .needs_broker = true, .codec = &codec_cbor, .perform = perform_mqtt};
