/* outbox: what is published to a broker, at QoS 1 and never retained. What cannot go out yet waits, up to a bound. */
#ifndef BINDINGS_MQTT_OUTBOX_H
#define BINDINGS_MQTT_OUTBOX_H

#include "bindings/mqtt/broker.h"

enum { OUTBOX_WINDOW = 100 }; /* messages that libmosquitto has at once; it searches them one by one */

/* A message whose arrival at the broker somebody waits for; lives in its owner's struct. */
struct delivery {
	struct kept *kept; /* until it is done */
	/* The broker has it (why NULL), or will not have it. May be called from within outbox_publish. */
	void (*done)(struct delivery *delivery, const char *why);
};

/* correlation: MQTT 5; ptr NULL: none. delivery: NULL, or told what becomes of it. 0, or ERROR_LIMIT: it is larger than
 * what the broker takes, or than the room that is left, and this is dropped. */
WARN_UNUSED int outbox_publish(struct broker *broker, struct str topic, struct str payload, struct str correlation,
			       struct delivery *delivery);
/* Nobody waits any more; what was not sent so far will not be. Harmless if it was done. */
void outbox_cancel(struct broker *broker, struct delivery *delivery);
/* Was it sent at least once? Then it is sent again until the broker has it. */
bool outbox_was_sent(const struct delivery *delivery);

/* For the connection: what waits goes out as far as there is room / the broker has the message, or refuses it with a
 * reason from 0x80 on (MQTT 5 3.4.2.1) / nothing is left. */
void outbox_send(struct broker *broker);
void outbox_acknowledged(struct broker *broker, int mid, int reason);
void outbox_clear(struct broker *broker);

/* The connection on which messages were sent is lost. True: libmosquitto must not send again what it has, and has to
 * be given up; it was taken back from it. */
bool outbox_lost(struct broker *broker);
/* libmosquitto's client is given up: what it has waits again, before all else. */
void outbox_take_back(struct broker *broker);

#endif
