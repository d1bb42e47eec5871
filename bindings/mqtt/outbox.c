/* outbox: see outbox.h. */
#include "bindings/mqtt/outbox.h"

#include <mqtt_protocol.h>
#include <stdlib.h>

enum {
	KEPT_OVERHEAD = 128,	/* bytes that a message costs beside its own */
	WINDOW_BYTES = 1 << 20, /* that libmosquitto has at once: a second copy */
	LOSSES_MAX = 2,		/* connections that a message may be lost with */
};

#define OUTLAWED_US INT64_C(3600000000)

/* A message until the broker has acknowledged it: in broker->kept while it waits for the connection or for room in the
 * window, in broker->sent while libmosquitto has it. */
struct kept {
	struct list link;
	struct delivery *delivery;
	int mid;	 /* in broker->sent */
	unsigned losses; /* of connections that it was sent on */
	bool was_sent;
	bool is_suspect;				/* it goes alone, since the broker ends connections over one */
	size_t topic_len, payload_len, correlation_len; /* correlation_len SIZE_MAX: none */
	char bytes[];					/* topic with a NUL, payload, correlation */
};

static size_t size_of(const struct kept *kept)
{
	return kept->topic_len + kept->payload_len + (kept->correlation_len == SIZE_MAX ? 0 : kept->correlation_len) +
	       KEPT_OVERHEAD;
}

static void drop(struct broker *broker, struct kept *kept)
{
	broker->kept_bytes -= size_of(kept);
	list_remove(&kept->link);
	free(kept);
}

/* It is done: why is NULL if the broker has it. */
static void end(struct broker *broker, struct kept *kept, const char *why)
{
	struct delivery *delivery = kept->delivery;

	drop(broker, kept);
	if (!delivery)
		return;
	delivery->kept = NULL;
	delivery->done(delivery, why);
}

/* ---- sending ---- */

static mosquitto_property *correlated(struct str correlation)
{
	mosquitto_property *properties = NULL;

	if (correlation.ptr && mosquitto_property_add_binary(&properties, MQTT_PROP_CORRELATION_DATA, correlation.ptr,
							     (uint16_t)correlation.len) != MOSQ_ERR_SUCCESS)
		die_out_of_memory(correlation.len);
	return properties;
}

static struct kept *first(struct list *messages)
{
	return container_of(messages->next, struct kept, link);
}

/* What libmosquitto has taken it sends again over every connection until it is acknowledged. */
static void hand_over(struct broker *broker, struct kept *kept)
{
	const char *payload = kept->bytes + kept->topic_len + 1;
	bool has_correlation = broker->circle->is_version5 && kept->correlation_len != SIZE_MAX;
	struct str correlation =
		has_correlation ? str_make(payload + kept->payload_len, kept->correlation_len) : (struct str){0};
	mosquitto_property *properties = correlated(correlation);
	int status = mosquitto_publish_v5(broker->client, &kept->mid, kept->bytes, (int)kept->payload_len, payload, 1,
					  false, properties);

	mosquitto_property_free_all(&properties);
	if (status == MOSQ_ERR_INVAL || status == MOSQ_ERR_OVERSIZE_PACKET || status == MOSQ_ERR_PAYLOAD_SIZE ||
	    status == MOSQ_ERR_MALFORMED_UTF8 || status == MOSQ_ERR_QOS_NOT_SUPPORTED) {
		log_event(broker->circle->log, LOG_WARN, "message cannot be sent", "broker=%s:%u why=\"%s\"",
			  broker->place.host, (unsigned)broker->place.port, mosquitto_strerror(status));
		end(broker, kept, mosquitto_strerror(status));
		return;
	}
	kept->was_sent = true;
	list_remove(&kept->link);
	list_push(&broker->sent, &kept->link);
	broker->sent_count++;
	broker->sent_bytes += size_of(kept);
	broker_mark_dirty(broker);
}

static bool has_room(struct broker *broker, const struct kept *next)
{
	if (!broker->sent_count)
		return true;
	return !next->is_suspect && !first(&broker->sent)->is_suspect && broker->sent_count < OUTBOX_WINDOW &&
	       broker->sent_bytes + size_of(next) <= WINDOW_BYTES;
}

void outbox_send(struct broker *broker)
{
	while (broker->state == BROKER_UP && !list_empty(&broker->kept) && has_room(broker, first(&broker->kept)))
		hand_over(broker, first(&broker->kept));
	if (list_empty(&broker->kept))
		broker->has_overflowed = false;
}

/* ---- keeping ---- */

static struct kept *keep(struct str topic, struct str payload, struct str correlation)
{
	struct kept *kept = xmalloc(sizeof(*kept) + topic.len + 1 + payload.len + correlation.len);
	char *at = kept->bytes;

	*kept = (struct kept){.topic_len = topic.len,
			      .payload_len = payload.len,
			      .correlation_len = correlation.ptr ? correlation.len : SIZE_MAX};
	if (topic.len)
		memcpy(at, topic.ptr, topic.len);
	at[topic.len] = '\0';
	at += topic.len + 1;
	if (payload.len)
		memcpy(at, payload.ptr, payload.len);
	if (correlation.len)
		memcpy(at + payload.len, correlation.ptr, correlation.len);
	return kept;
}

static int refuse_overflow(struct broker *broker)
{
	if (!broker->has_overflowed)
		log_event(broker->circle->log, LOG_WARN, "more waits for the broker than is kept, messages are dropped",
			  "broker=%s:%u", broker->place.host, (unsigned)broker->place.port);
	broker->has_overflowed = true;
	return ERROR_LIMIT;
}

static int refuse_size(const struct broker *broker, size_t size)
{
	log_event(broker->circle->log, LOG_INFO, "message is larger than what is sent to the broker",
		  "broker=%s:%u bytes=%zu", broker->place.host, (unsigned)broker->place.port, size);
	return ERROR_LIMIT;
}

static void outlaw(struct broker *broker, const struct kept *kept)
{
	broker->outlaws[broker->outlaw_count++ % OUTLAWS_MOST] = (struct outlaw){
		.topic_hash = str_hash(str_make(kept->bytes, kept->topic_len), broker->seed),
		.size = size_of(kept),
		.until_us = clock_mono_us(loop_clock(broker->circle->loop)) + OUTLAWED_US,
	};
}

static bool is_outlawed(const struct broker *broker, struct str topic, size_t size)
{
	int64_t now_us = broker->outlaw_count ? clock_mono_us(loop_clock(broker->circle->loop)) : 0;

	for (unsigned i = 0; i < OUTLAWS_MOST && i < broker->outlaw_count; i++) {
		const struct outlaw *outlaw = &broker->outlaws[i];

		if (size >= outlaw->size && now_us < outlaw->until_us &&
		    outlaw->topic_hash == str_hash(topic, broker->seed))
			return true;
	}
	return false;
}

int outbox_publish(struct broker *broker, struct str topic, struct str payload, struct str correlation,
		   struct delivery *delivery)
{
	size_t size = topic.len + payload.len + correlation.len + KEPT_OVERHEAD;
	struct kept *kept;

	if (size > broker->circle->most_kept || (broker->largest_taken && size > broker->largest_taken) ||
	    is_outlawed(broker, topic, size))
		return refuse_size(broker, size);
	if (!broker->client || size > broker->circle->most_kept - broker->kept_bytes)
		return refuse_overflow(broker);
	kept = keep(topic, payload, correlation);
	kept->delivery = delivery;
	if (delivery)
		delivery->kept = kept;
	broker->kept_bytes += size;
	list_push(&broker->kept, &kept->link);
	outbox_send(broker);
	return 0;
}

bool outbox_was_sent(const struct delivery *delivery)
{
	return !delivery->kept || delivery->kept->was_sent;
}

void outbox_cancel(struct broker *broker, struct delivery *delivery)
{
	struct kept *kept = delivery->kept;

	delivery->kept = NULL;
	if (kept && kept->mid)
		kept->delivery = NULL;
	else if (kept)
		drop(broker, kept);
}

/* ---- what becomes of it ---- */

static void leave_window(struct broker *broker, struct kept *kept)
{
	broker->sent_count--;
	broker->sent_bytes -= size_of(kept);
	kept->mid = 0;
}

void outbox_acknowledged(struct broker *broker, int mid, int reason)
{
	list_each (item, &broker->sent) {
		struct kept *kept = container_of(item, struct kept, link);

		if (kept->mid != mid)
			continue;
		leave_window(broker, kept);
		if (reason >= 0x80)
			log_event(broker->circle->log, LOG_INFO, "the broker refuses a message",
				  "broker=%s:%u why=\"%s\"", broker->place.host, (unsigned)broker->place.port,
				  mosquitto_reason_string(reason));
		end(broker, kept, reason >= 0x80 ? "the broker refuses the message" : NULL);
		return;
	}
}

void outbox_take_back(struct broker *broker)
{
	list_each (item, &broker->sent)
		leave_window(broker, container_of(item, struct kept, link));
	list_splice(&broker->sent, &broker->kept);
	list_splice(&broker->kept, &broker->sent);
}

/* The broker closes the connection over a message, and would do so each time that it is sent again (TS-0010 6.4.1.1:
 * QoS 1). Which one it is shows when each goes alone. */
bool outbox_lost(struct broker *broker)
{
	list_each (item, &broker->sent)
		container_of(item, struct kept, link)->losses++;
	if (!broker->sent_count || first(&broker->sent)->losses < LOSSES_MAX)
		return false;
	if (broker->sent_count == 1) {
		struct kept *kept = first(&broker->sent);

		log_event(broker->circle->log, LOG_WARN,
			  "message is dropped, since the broker ends the connection over it",
			  "broker=%s:%u topic_bytes=%zu bytes=%zu", broker->place.host, (unsigned)broker->place.port,
			  kept->topic_len, kept->payload_len);
		broker->failures = 0; /* they are explained */
		outlaw(broker, kept);
		leave_window(broker, kept);
		end(broker, kept, "the broker ends the connection over the message");
	}
	list_each (item, &broker->sent) {
		container_of(item, struct kept, link)->losses = 0;
		container_of(item, struct kept, link)->is_suspect = true;
	}
	outbox_take_back(broker);
	return true;
}

static void clear(struct broker *broker, struct list *messages)
{
	while (!list_empty(messages)) {
		struct kept *kept = first(messages);

		if (kept->delivery)
			kept->delivery->kept = NULL;
		drop(broker, kept);
	}
}

void outbox_clear(struct broker *broker)
{
	outbox_take_back(broker);
	clear(broker, &broker->kept);
}
