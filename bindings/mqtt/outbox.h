/* outbox: what is published to a broker, at QoS 1 and never retained. What cannot go out yet waits, up to a bound. */
#ifndef BINDINGS_MQTT_OUTBOX_H
#define BINDINGS_MQTT_OUTBOX_H

#include "bindings/mqtt/broker.h"

enum { OUTBOX_WINDOW = 100 }; /* messages that libmosquitto has at once; it searches them one by one */

/* A message whose arrival at the broker somebody waits for; lives in its owner's struct. */
struct delivery {
	struct list link;
	struct kept *kept; /* while it waits */
	int mid;
	/* The broker has it. */
	void (*done)(struct delivery *delivery);
};

/* correlation: MQTT 5; ptr NULL: none. delivery: NULL, or told once the broker has it. 0, or ERROR_LIMIT: more waits
 * already than is kept, and this is dropped. */
WARN_UNUSED int outbox_publish(struct broker *broker, struct str topic, struct str payload, struct str correlation,
			       struct delivery *delivery);
/* Nobody waits any more; what was not sent so far will not be. Harmless if it was done. */
void outbox_cancel(struct broker *broker, struct delivery *delivery);

/* For the connection: what waits goes out as far as there is room / the broker has the message / nothing is left. */
void outbox_send(struct broker *broker);
void outbox_acknowledged(struct broker *broker, int mid);
void outbox_clear(struct broker *broker);

#endif
