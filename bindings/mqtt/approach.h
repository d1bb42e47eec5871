/* approach: resolving a broker's name and connecting to it, in a thread of its own. libmosquitto does both blocking;
 * from the answer on, its client belongs to the loop's thread. */
#ifndef BINDINGS_MQTT_APPROACH_H
#define BINDINGS_MQTT_APPROACH_H

#include "bindings/guard.h"

#include <mosquitto.h>

struct approach;

/* How many threads there are, with those that go on by themselves: the system may let one wait for minutes. */
struct approach_crew;
struct approach_crew *approach_crew_create(void);
/* The owner leaves; the threads that are left need it for a while. */
void approach_crew_leave(struct approach_crew *crew);

struct approach_target {
	const char *host; /* a name or an address, without brackets */
	uint16_t port;
	unsigned keep_alive_s;
	bool keeps_session;	    /* when the connection ends: MQTT 5 */
	uint32_t largest_packet;    /* that the broker may send: MQTT 5; 0: MQTT 3.1.1, which cannot say */
	const struct guard *guard;  /* NULL: any address; outlives the approach */
	struct approach_crew *crew; /* NULL: it does not count */
};

/* Begins; the client is the approach's until approach_end. Texts are copied. NULL: there is no room for a thread, in
 * the system or in the crew. */
struct approach *approach_start(struct mosquitto *client, const struct approach_target *target);
/* Readable once it has come to an end. */
int approach_fd(const struct approach *approach);
/* The end: NULL if it is connected and CONNECT is sent, else why not. Valid until approach_end. */
const char *approach_failure(struct approach *approach);
/* Forgets it. True: it had come to an end, and the client is the caller's again. False: it goes on by itself, and ends
 * with its client. */
bool approach_end(struct approach *approach);

#endif
