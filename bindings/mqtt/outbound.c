/* outbound: hops to points of access (TS-0010 6.4.2) and to whole topics (6.6).
 *
 * An entity answers on the topic of responses, which ends its hop. Who listens to a whole topic answers nothing that
 * the standard knows of: there the hop has ended well once the broker has the message. */
#include "bindings/mqtt/mqtt.h"

#include "bindings/primitive.h"

#include <stdio.h>
#include <stdlib.h>

enum { PREFIXES_MAX = 64, OTHERS_MAX = 64 };

struct errand {
	struct map_node node;  /* in mqtt->errands while it waits for an answer */
	struct uplink *uplink; /* NULL: it has failed */
	struct prefix *prefix; /* under which its answer comes; NULL: it wants none */
	struct hop *hop;
	struct delivery delivery;
	struct timer timer;
	bool wants_answer;
};

/* ---- uplinks ---- */

static void add_filter(struct strbuf *filter, const struct uplink *uplink, const struct prefix *prefix)
{
	strbuf_clear(filter);
	strbuf_addf(filter, "%.*s/oneM2M/resp/%.*s/#", (int)prefix->len, prefix->text, STR_ARG(uplink->mqtt->level));
	strbuf_add_char(filter, '\0');
}

static void subscribe(struct uplink *uplink, const struct prefix *prefix)
{
	struct strbuf filter = {0};

	add_filter(&filter, uplink, prefix);
	broker_subscribe(&uplink->broker, filter.ptr);
	strbuf_finish(&filter);
}

static void drop_prefix(struct uplink *uplink, struct prefix *prefix)
{
	struct strbuf filter = {0};

	add_filter(&filter, uplink, prefix);
	if (uplink->broker.state == BROKER_UP)
		broker_unsubscribe(&uplink->broker, filter.ptr);
	strbuf_finish(&filter);
	list_remove(&prefix->link);
	free(prefix);
	uplink->prefix_count--;
}

static struct prefix *find_prefix(struct uplink *uplink, struct str text)
{
	list_each (item, &uplink->prefixes) {
		struct prefix *prefix = container_of(item, struct prefix, link);

		if (str_eq(str_make(prefix->text, prefix->len), text))
			return prefix;
	}
	return NULL;
}

/* The one that was left first. */
static bool make_room(struct uplink *uplink)
{
	list_each (item, &uplink->prefixes) {
		struct prefix *prefix = container_of(item, struct prefix, link);

		if (prefix->use_count)
			continue;
		drop_prefix(uplink, prefix);
		return true;
	}
	return false;
}

struct prefix *uplink_listen(struct uplink *uplink, struct str path)
{
	struct prefix *prefix = find_prefix(uplink, path);

	if (prefix) {
		prefix->use_count++;
		return prefix;
	}
	if (uplink->prefix_count == PREFIXES_MAX && !make_room(uplink))
		return NULL;
	prefix = xmalloc(sizeof(*prefix) + path.len + 1);
	prefix->len = path.len;
	prefix->use_count = 1;
	memcpy(prefix->text, path.ptr, path.len);
	list_push(&uplink->prefixes, &prefix->link);
	uplink->prefix_count++;
	if (uplink->broker.state == BROKER_UP)
		subscribe(uplink, prefix);
	return prefix;
}

void uplink_leave(struct uplink *uplink, struct prefix *prefix)
{
	if (--prefix->use_count)
		return;
	list_remove(&prefix->link);
	list_push(&uplink->prefixes, &prefix->link);
}

void uplink_subscribe(struct uplink *uplink)
{
	list_each (item, &uplink->prefixes)
		subscribe(uplink, container_of(item, struct prefix, link));
}

void uplink_destroy(struct uplink *uplink)
{
	broker_close(&uplink->broker);
	loop_timer_cancel(uplink->mqtt->loop, &uplink->idle);
	list_remove(&uplink->broker.link);
	list_each (item, &uplink->prefixes)
		free(container_of(item, struct prefix, link));
	free(uplink);
}

static void end_other(struct uplink *uplink)
{
	uplink->mqtt->other_count--;
	uplink_destroy(uplink);
}

static void idle_for_too_long(struct timer *timer)
{
	end_other(container_of(timer, struct uplink, idle));
}

static struct uplink *find_in(struct list *uplinks, const struct place *place)
{
	list_each (item, uplinks) {
		struct broker *broker = container_of(item, struct broker, link);

		if (place_is_of_same_broker(&broker->place, place))
			return uplink_of(broker);
	}
	return NULL;
}

/* A session that nobody comes back to is none to keep, and must not be taken for the one of the configuration. */
static struct uplink *open_other(struct binding_state *mqtt, const struct place *place)
{
	struct uplink *uplink = xzalloc(sizeof(*uplink));
	struct place bare = *place;
	char id[200];

	snprintf(id, sizeof(id), "%.*s:%08llx", (int)(mqtt->client_id.len < 150 ? mqtt->client_id.len : 150),
		 mqtt->client_id.ptr, (unsigned long long)(id_next(&mqtt->circle.random) & 0xffffffff));
	uplink->mqtt = mqtt;
	uplink->idle.fire = idle_for_too_long;
	list_init(&uplink->prefixes);
	bare.path = STR("");
	broker_open(&uplink->broker, &mqtt->circle, &bare, id, false);
	list_push(&mqtt->others, &uplink->broker.link);
	mqtt->other_count++;
	return uplink;
}

/* A connection that has not come up, or is not needed, gives way; so nobody takes all the places with brokers that do
 * not answer. */
static void give_way(struct binding_state *mqtt)
{
	list_each (item, &mqtt->others) {
		struct broker *broker = container_of(item, struct broker, link);

		if (broker->state == BROKER_UP && uplink_of(broker)->hop_count)
			continue;
		outbound_lost(broker, "the broker has not answered, and other connections are needed");
		return;
	}
}

static struct uplink *uplink_for(struct binding_state *mqtt, const struct place *place, struct uplink *own,
				 const char **why)
{
	struct uplink *uplink = own;
	unsigned most = mqtt->config.most_outgoing < OTHERS_MAX ? mqtt->config.most_outgoing : OTHERS_MAX;

	if (uplink && uplink->broker.state == BROKER_DOWN) {
		*why = "there is no connection to the broker";
		return NULL;
	}
	if (!uplink)
		uplink = find_in(&mqtt->others, place);
	*why = "as many connections to brokers are open as are allowed";
	if (!uplink && mqtt->other_count >= most)
		give_way(mqtt);
	if (!uplink && mqtt->other_count < most)
		uplink = open_other(mqtt, place);
	return uplink;
}

/* ---- the end of hops ---- */

static void forget(struct binding_state *mqtt, struct errand *errand)
{
	struct uplink *uplink = errand->uplink;

	if (!uplink)
		return;
	if (errand->wants_answer)
		map_remove(&mqtt->errands, &errand->node);
	if (errand->prefix)
		uplink_leave(uplink, errand->prefix);
	outbox_cancel(&uplink->broker, &errand->delivery);
	loop_timer_cancel(mqtt->loop, &errand->timer);
	if (--uplink->hop_count == 0 && !uplink->broker.is_own)
		loop_timer_set(mqtt->loop, &uplink->idle, (int64_t)mqtt->config.outgoing_idle_ms * 1000);
	errand->uplink = NULL;
}

static void release(struct hop *hop)
{
	free(hop->of_binding);
	hop->of_binding = NULL;
	list_remove(&hop->link);
}

static void finish(struct binding_state *mqtt, struct hop *hop)
{
	forget(mqtt, hop->of_binding);
	release(hop);
	hop->done(hop);
}

static void set_failure(struct hop *hop, enum hop_outcome outcome, const char *why)
{
	hop->outcome = outcome;
	hop->rsc = RSC_NONE;
	hop->answer = STR("");
	snprintf(hop->reason, sizeof(hop->reason), "%s", why);
}

/* Core hears of it in the next round. */
static void fail_soon(struct binding_state *mqtt, struct hop *hop, const char *why)
{
	forget(mqtt, hop->of_binding);
	set_failure(hop, HOP_UNREACHABLE, why);
	list_remove(&hop->link);
	list_push(&mqtt->failed, &hop->link);
	if (!mqtt->soon.is_set)
		loop_timer_set(mqtt->loop, &mqtt->soon, 0);
}

static void too_late(struct timer *timer)
{
	struct errand *errand = container_of(timer, struct errand, timer);
	bool is_out = outbox_was_sent(&errand->delivery);

	set_failure(errand->hop, is_out ? HOP_LATE : HOP_UNREACHABLE,
		    is_out ? "no answer in time" : "no connection to the broker in time");
	finish(errand->uplink->mqtt, errand->hop);
}

static void delivered(struct delivery *delivery, const char *why)
{
	struct errand *errand = container_of(delivery, struct errand, delivery);

	if (why) {
		fail_soon(errand->uplink->mqtt, errand->hop, why);
		return;
	}
	if (errand->wants_answer)
		return;
	set_failure(errand->hop, HOP_ANSWERED, "");
	errand->hop->rsc = RSC_OK;
	finish(errand->uplink->mqtt, errand->hop);
}

void outbound_lost(struct broker *broker, const char *why)
{
	struct uplink *uplink = uplink_of(broker);

	list_each (item, &uplink->mqtt->hops) {
		struct hop *hop = container_of(item, struct hop, link);
		struct errand *errand = hop->of_binding;

		/* What was sent is sent again over the next connection. */
		if (errand->uplink == uplink && (!broker->is_own || !outbox_was_sent(&errand->delivery)))
			fail_soon(uplink->mqtt, hop, why);
	}
	if (!broker->is_own)
		end_other(uplink);
}

/* ---- answers ---- */

static struct errand *find_errand(const struct binding_state *mqtt, const struct prefix *prefix, struct str identifier)
{
	struct map_node *node = map_first(&mqtt->errands, str_hash(identifier, mqtt->seed));

	for (; node; node = map_next(node)) {
		struct errand *errand = container_of(node, struct errand, node);

		if (errand->prefix == prefix && str_eq(errand->hop->param[PARAM_requestIdentifier], identifier))
			return errand;
	}
	return NULL;
}

void outbound_received(struct uplink *uplink, const struct prefix *prefix, const struct topic *topic,
		       struct str payload)
{
	struct binding_state *mqtt = uplink->mqtt;
	const struct codec *codec = codec_find(topic->type);
	struct decode_limits limits = *cse_decode_limits(mqtt->cse);
	struct errand *errand;
	struct decode_error error;
	struct str identifier;
	struct value root;

	limits.bytes = mqtt->config.max_answer;
	arena_reset(&mqtt->answers);
	if (!codec || !mqtt->errands.count ||
	    primitive_decode(mqtt->config.schema, codec, payload, &limits, &mqtt->answers, &root, &error) !=
		    PRIMITIVE_RESPONSE)
		return;
	identifier = primitive_identifier(mqtt->config.schema, root, &mqtt->answers);
	errand = identifier.ptr ? find_errand(mqtt, prefix, identifier) : NULL;
	/* Nobody answers in another's place. */
	if (!errand || !topic_names(topic->originator, mqtt->home.cse_id, &mqtt->home) ||
	    !topic_names(topic->receiver, errand->hop->entity, &mqtt->home))
		return;
	primitive_answer(errand->hop, mqtt->config.schema, root);
	finish(mqtt, errand->hop);
}

/* ---- sending ---- */

/* This CSE may publish where others may not, and does not lend its rights: a path at a broker of its own is none of
 * the standard's topics, nor one that it takes for a device's itself. At other brokers it has no rights to lend;
 * TS-0010 6.6 lets the topic there have any form. Topics that begin with $ are the broker's (MQTT 4.7.2). */
static const char *fault_of_path(const struct binding_state *mqtt, const struct hop *hop, struct str path,
				 const struct uplink *own)
{
	if (str_starts(path, STR("$")))
		return "the URL's path is a topic of the broker's";
	if (!own)
		return NULL;
	if (topic_is_standard(path) && !(hop->entity.len && str_eq(path, own->broker.place.path)))
		return "the URL's path is a topic of others: the entity can be named by its identifier";
	if (!hop->entity.len && rules_find(&mqtt->rules, path))
		return "the URL's path is a topic of devices (mqtt.map), whose messages become instances";
	return NULL;
}

/* What the message goes to: of an entity its topic of requests under the path, else the path itself. */
static const char *write_topic(struct binding_state *mqtt, const struct hop *hop, const struct place *place)
{
	struct strbuf level = {0};
	struct topic topic = {.kind = TOPIC_REQUEST, .originator = mqtt->level, .type = hop->serialization};

	strbuf_clear(&mqtt->topic);
	if (hop->entity.len) {
		topic_add_level(&level, hop->entity);
		topic.receiver = strbuf_str(&level);
		topic_add(&mqtt->topic, place->path, &topic);
		strbuf_finish(&level);
	} else {
		strbuf_add_str(&mqtt->topic, place->path);
	}
	return topic_is_publishable(strbuf_str(&mqtt->topic)) ? NULL : "the URL has no path that is a topic";
}

static const char *write_message(struct binding_state *mqtt, const struct hop *hop, const struct place *place)
{
	const struct codec *codec = codec_find(hop->serialization);
	struct decode_error error;

	if (!codec)
		return "serialization is not served over MQTT";
	strbuf_clear(&mqtt->out);
	if (primitive_add_request(&mqtt->out, hop, mqtt->config.schema, codec, &mqtt->scratch, &error) < 0)
		return "serialization of the receiver cannot carry the content";
	return write_topic(mqtt, hop, place);
}

static void join(struct uplink *uplink, struct errand *errand)
{
	struct binding_state *mqtt = uplink->mqtt;
	struct hop *hop = errand->hop;

	errand->uplink = uplink;
	uplink->hop_count++;
	loop_timer_cancel(mqtt->loop, &uplink->idle);
	errand->wants_answer = hop->entity.len > 0;
	if (errand->wants_answer)
		map_add(&mqtt->errands, &errand->node, str_hash(hop->param[PARAM_requestIdentifier], mqtt->seed));
	loop_timer_set(mqtt->loop, &errand->timer, hop->timeout_us);
}

static const char *dispatch(struct binding_state *mqtt, struct errand *errand)
{
	struct uplink *uplink, *own;
	struct place place;
	const char *why;

	arena_reset(&mqtt->scratch);
	if (place_parse(errand->hop->url, &place, &mqtt->scratch, &why) < 0)
		return why;
	own = find_in(&mqtt->own, &place);
	why = fault_of_path(mqtt, errand->hop, place.path, own);
	if (!why)
		why = write_message(mqtt, errand->hop, &place);
	if (why)
		return why;
	uplink = uplink_for(mqtt, &place, own, &why);
	if (!uplink)
		return why;
	join(uplink, errand);
	errand->prefix = errand->wants_answer ? uplink_listen(uplink, place.path) : NULL;
	if (errand->wants_answer && !errand->prefix)
		return "answers are listened for under as many paths as are allowed";
	if (outbox_publish(&uplink->broker, strbuf_str(&mqtt->topic), strbuf_str(&mqtt->out), (struct str){0},
			   &errand->delivery) < 0)
		return "more waits for the broker than is kept, or the message is larger than what it takes";
	return NULL;
}

void outbound_send(struct binding_state *mqtt, struct hop *hop)
{
	struct errand *errand = xzalloc(sizeof(*errand));
	const char *why;

	errand->hop = hop;
	errand->timer.fire = too_late;
	errand->delivery.done = delivered;
	hop->of_binding = errand;
	list_push(&mqtt->hops, &hop->link);
	why = dispatch(mqtt, errand);
	if (why)
		fail_soon(mqtt, hop, why);
}

void outbound_cancel(struct binding_state *mqtt, struct hop *hop)
{
	forget(mqtt, hop->of_binding);
	release(hop);
}

void outbound_end_failed(struct timer *timer)
{
	struct binding_state *mqtt = container_of(timer, struct binding_state, soon);
	struct list failed;

	list_init(&failed);
	list_splice(&failed, &mqtt->failed);
	while (!list_empty(&failed)) {
		struct hop *hop = container_of(failed.next, struct hop, link);

		release(hop);
		hop->done(hop);
	}
}
