/* outbox: see outbox.h. */
#include "bindings/mqtt/outbox.h"

#include <mqtt_protocol.h>
#include <stdlib.h>

enum { KEPT_OVERHEAD = 128 }; /* bytes that a message costs beside its own */

/* A message that waits for the connection or for room in the window. */
struct kept {
	struct list link;
	struct delivery *delivery;
	size_t topic_len, payload_len, correlation_len; /* correlation_len SIZE_MAX: none */
	char bytes[];					/* topic with a NUL, payload, correlation */
};

static void drop(struct broker *broker, struct kept *kept)
{
	broker->kept_bytes -= kept->topic_len + kept->payload_len + KEPT_OVERHEAD;
	list_remove(&kept->link);
	free(kept);
}

static mosquitto_property *correlated(struct str correlation)
{
	mosquitto_property *properties = NULL;

	if (correlation.ptr && mosquitto_property_add_binary(&properties, MQTT_PROP_CORRELATION_DATA, correlation.ptr,
							     (uint16_t)correlation.len) != MOSQ_ERR_SUCCESS)
		die_out_of_memory(correlation.len);
	return properties;
}

/* What libmosquitto has taken it keeps until it is acknowledged, over connections too. */
static void hand_over(struct broker *broker, const char *topic, struct str payload, struct str correlation,
		      struct delivery *delivery)
{
	mosquitto_property *properties = broker->circle->is_version5 ? correlated(correlation) : NULL;
	int mid = 0;
	int status;

	if (delivery)
		delivery->kept = NULL;
	status = mosquitto_publish_v5(broker->client, &mid, topic, (int)payload.len, payload.ptr, 1, false, properties);

	mosquitto_property_free_all(&properties);
	if (status == MOSQ_ERR_INVAL || status == MOSQ_ERR_OVERSIZE_PACKET || status == MOSQ_ERR_PAYLOAD_SIZE ||
	    status == MOSQ_ERR_MALFORMED_UTF8 || status == MOSQ_ERR_QOS_NOT_SUPPORTED) {
		log_event(broker->circle->log, LOG_WARN, "message cannot be sent", "broker=%s:%u why=\"%s\"",
			  broker->place.host, (unsigned)broker->place.port, mosquitto_strerror(status));
		return;
	}
	broker->in_flight++;
	broker_mark_dirty(broker);
	if (!delivery)
		return;
	delivery->mid = mid;
	list_push(&broker->unacknowledged, &delivery->link);
}

void outbox_send(struct broker *broker)
{
	while (broker->state == BROKER_UP && broker->in_flight < OUTBOX_WINDOW && !list_empty(&broker->kept)) {
		struct kept *kept = container_of(broker->kept.next, struct kept, link);
		const char *payload = kept->bytes + kept->topic_len + 1;
		struct str correlation = {0};

		if (kept->correlation_len != SIZE_MAX)
			correlation = str_make(payload + kept->payload_len, kept->correlation_len);
		hand_over(broker, kept->bytes, str_make(payload, kept->payload_len), correlation, kept->delivery);
		drop(broker, kept);
	}
	if (list_empty(&broker->kept))
		broker->has_overflowed = false;
}

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

static int refuse(struct broker *broker)
{
	if (!broker->has_overflowed)
		log_event(broker->circle->log, LOG_WARN, "more waits for the broker than is kept, messages are dropped",
			  "broker=%s:%u", broker->place.host, (unsigned)broker->place.port);
	broker->has_overflowed = true;
	return ERROR_LIMIT;
}

int outbox_publish(struct broker *broker, struct str topic, struct str payload, struct str correlation,
		   struct delivery *delivery)
{
	size_t size = topic.len + payload.len + KEPT_OVERHEAD;
	struct kept *kept;

	if (!broker->client || size > broker->circle->most_kept - broker->kept_bytes)
		return refuse(broker);
	kept = keep(topic, payload, correlation);
	kept->delivery = delivery;
	if (delivery) {
		list_init(&delivery->link);
		delivery->kept = kept;
	}
	broker->kept_bytes += size;
	list_push(&broker->kept, &kept->link);
	outbox_send(broker);
	return 0;
}

void outbox_cancel(struct broker *broker, struct delivery *delivery)
{
	list_remove(&delivery->link);
	if (delivery->kept)
		drop(broker, delivery->kept);
	delivery->kept = NULL;
}

void outbox_acknowledged(struct broker *broker, int mid)
{
	broker->in_flight -= broker->in_flight > 0;
	list_each (item, &broker->unacknowledged) {
		struct delivery *delivery = container_of(item, struct delivery, link);

		if (delivery->mid != mid)
			continue;
		list_remove(item);
		delivery->done(delivery);
		return;
	}
}

void outbox_clear(struct broker *broker)
{
	list_each (item, &broker->kept)
		drop(broker, container_of(item, struct kept, link));
	list_each (item, &broker->unacknowledged)
		list_remove(item);
}
