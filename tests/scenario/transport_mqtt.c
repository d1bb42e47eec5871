/* Request primitives published to the topics of the CSE (TS-0010 6.4), through a real broker. The client is one more on
 * the loop that the CSE runs on; each world's topics are under a path of its own. */
#include "tests/scenario/primitives.h"

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
static const char *meet(struct world *world)
{
	struct mqtt_client *client = begin_client(world);
	char topic[100];

	if (client->failed || !wait_for(world, client, &client->is_subscribed))
		return "there is no connection to the broker";
	snprintf(topic, sizeof(topic), "%s/oneM2M/req/nobody/%s/json", client->prefix, world->config.id + 1);
	for (int i = 0; i < ROUNDS_AT_MOST && !client->failed && !client->is_met; i++) {
		if (i % 4 == 0)
			publish(client, topic, str_of(greeting));
		loop_round(world->loop, 1);
	}
	return client->is_met && !client->failed ? NULL : "the CSE does not answer through the broker";
}

/* ---- the exchange ---- */

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
	return primitives_read(transport, world, exchange, arena_copy(arena, payload), arena, reply);
}

static const char *perform_mqtt(const struct transport *transport, struct world *world, const struct exchange *exchange,
				struct arena *arena, struct reply *reply)
{
	struct mqtt_client *client = world->client;
	struct strbuf topic = {0};
	struct str payload;
	const char *fault = primitives_write(transport, world, exchange, arena, &payload);

	if (fault)
		return fault;
	arena_reset(&client->arena);
	publish(client, write_topic(&topic, client, transport, exchange), payload);
	strbuf_finish(&topic);
	return converse(transport, world, client, exchange, arena, reply);
}

const struct transport transport_mqtt = {.name = "mqtt",
					 .binding = "mqtt",
					 .needs_broker = true,
					 .is_whole = true,
					 .codec = &codec_json,
					 .perform = perform_mqtt,
					 .meet = meet};
const struct transport transport_mqtt_xml = {.name = "mqtt+xml",
					     .binding = "mqtt",
					     .needs_broker = true,
					     .is_whole = true,
					     .codec = &codec_xml,
					     .perform = perform_mqtt,
					     .meet = meet};
const struct transport transport_mqtt_cbor = {.name = "mqtt+cbor",
					      .binding = "mqtt",
					      .needs_broker = true,
					      .is_whole = true,
					      .codec = &codec_cbor,
					      .perform = perform_mqtt,
					      .meet = meet};
