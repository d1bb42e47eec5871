/* transmission: a confirmable message that is sent until the peer says that it has it (RFC 7252 4.2). */
#ifndef BINDINGS_COAP_TRANSMISSION_H
#define BINDINGS_COAP_TRANSMISSION_H

#include "bindings/coap/udp.h"
#include "cse/base/id.h"
#include "cse/base/map.h"
#include "cse/base/strbuf.h"

/* RFC 7252 4.8, microseconds */
enum {
	TRANSMISSION_ACK_TIMEOUT_US = 2000000,
	TRANSMISSION_RETRIES = 4,
	TRANSMISSION_EXCHANGE_LIFETIME_US = 247000000,
};

enum transmission_end { TRANSMISSION_ACKNOWLEDGED, TRANSMISSION_RESET, TRANSMISSION_UNANSWERED };

/* Those that are under way, found by peer and message ID. */
struct transmissions {
	struct loop *loop;
	struct map by_id;
	struct id_source random;
	uint64_t seed;
	uint16_t next_mid;
};

/* Lives in its owner's struct; {0} is one that is not under way. */
struct transmission {
	struct map_node node;
	struct transmissions *all; /* NULL: not under way */
	const struct udp *udp;
	struct udp_peer peer;
	struct udp_local local;
	bool has_local;
	uint16_t mid;
	unsigned attempts;
	int64_t pause_us;
	struct timer timer;
	struct strbuf bytes;
	/* Called once, not from within begin or end, and it is no longer under way then. */
	void (*done)(struct transmission *transmission, enum transmission_end end);
};

void transmissions_init(struct transmissions *all, struct loop *loop);
/* None is under way. */
void transmissions_finish(struct transmissions *all);
uint16_t transmissions_new_mid(struct transmissions *all);

/* Sends it and keeps a copy; done is set. local: NULL: the kernel picks. */
void transmission_begin(struct transmission *transmission, struct transmissions *all, const struct udp *udp,
			const struct udp_peer *peer, const struct udp_local *local, uint16_t mid, struct str bytes);
/* Gives up without a word; harmless if it is not under way. */
void transmission_end(struct transmission *transmission);

/* The peer has acknowledged or rejected a message ID; false: nothing of ours. */
bool transmissions_settle(struct transmissions *all, const struct udp_peer *peer, uint16_t mid,
			  enum transmission_end end);

#endif
