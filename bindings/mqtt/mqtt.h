/* mqtt: what the parts of the MQTT binding share (TS-0010). It is the binding_state behind binding_mqtt.
 *
 * inbound.c makes requests of what others publish, outbound.c publishes the hops that core sends. */
#ifndef BINDINGS_MQTT_MQTT_H
#define BINDINGS_MQTT_MQTT_H

#include "bindings/mqtt/cache.h"
#include "bindings/mqtt/outbox.h"
#include "bindings/mqtt/rules.h"
#include "cse/core/binding.h"

/* A broker, with what the binding knows of it beside the connection. */
struct uplink {
	struct broker broker; /* first in line in mqtt->own or mqtt->others */
	struct binding_state *mqtt;
	struct list prefixes; /* struct prefix: where answers are listened for; of an own broker the first is its own */
	unsigned prefix_count;
	unsigned hop_count;
	struct timer idle; /* of one that no hop needs */
};

/* Those that no hop needs stand in the order in which they were left. */
struct prefix {
	struct list link;
	unsigned use_count; /* hops that wait for an answer under it; one more for the broker's own */
	size_t len;
	char text[];
};

/* The section mqtt of the configuration; see cse/config.def. Empty texts: none. */
struct mqtt_settings {
	const char *trusted, *map, *client_id, *username, *password_file;
	bool serves_admin, takes_any_credential, is_version5;
	unsigned keep_alive_s, cache_time_s;
	size_t cache_bytes, most_kept;
};

struct binding_state {
	struct cse *cse;
	struct loop *loop;
	struct binding_config config;
	struct mqtt_settings settings;
	struct broker_circle circle;
	struct arena arena;   /* of what the configuration says */
	struct str level;     /* this CSE as a level of topics */
	struct str client_id; /* with a NUL behind it */
	struct topic_home home;
	char password[256];
	struct list own;    /* uplinks of the configuration */
	struct list others; /* uplinks to brokers that points of access name */
	unsigned other_count;
	struct rules rules;
	uint64_t rule_count; /* requests that rules have made */

	struct cache cache;
	struct strbuf out, topic; /* what is being published */
	struct arena scratch;	  /* for the work on one message */
	struct arena answers;	  /* of the hop that is being ended */
	struct request spare;	  /* for what comes while the CSE takes no more requests */
	unsigned waiting_count;	  /* requests that the CSE has not answered */

	struct map errands; /* by Request Identifier */
	uint64_t seed;
	struct list hops, failed; /* by hop->link: under way; ended, to be told of in the next round */
	struct timer soon;

	bool is_closed;
	struct timer drain;
	int64_t drain_until_us;
	void (*drained)(void *arg);
	void *drained_arg;
};

static inline struct uplink *uplink_of(struct broker *broker)
{
	return container_of(broker, struct uplink, broker);
}

/* As of struct broker_circle. */
void inbound_subscribe(struct broker *broker);
void inbound_received(struct broker *broker, const struct arrival *arrival);

/* As in struct binding. */
void outbound_send(struct binding_state *mqtt, struct hop *hop);
void outbound_cancel(struct binding_state *mqtt, struct hop *hop);
/* An answer to a hop, perhaps, on a topic of the standard's under the prefix. */
void outbound_received(struct uplink *uplink, const struct prefix *prefix, const struct topic *topic,
		       struct str payload);
/* Those hops end that had not gone out; the uplink too, unless the configuration names it. */
void outbound_lost(struct broker *broker, const char *why);

/* Fires mqtt->soon. */
void outbound_end_failed(struct timer *timer);

/* Answers are listened for under this path until uplink_leave; NULL: under as many as are allowed. */
struct prefix *uplink_listen(struct uplink *uplink, struct str path);
void uplink_leave(struct uplink *uplink, struct prefix *prefix);
void uplink_subscribe(struct uplink *uplink);
void uplink_destroy(struct uplink *uplink);
/* The binding is closed and the last request answered. */
void mqtt_finish(struct binding_state *mqtt);

#endif
