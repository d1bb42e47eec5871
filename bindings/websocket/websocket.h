/* websocket: what the connections of the WebSocket binding (TS-0020) share. It is the binding_state behind
 * binding_websocket. */
#ifndef BINDINGS_WEBSOCKET_WEBSOCKET_H
#define BINDINGS_WEBSOCKET_WEBSOCKET_H

#include "bindings/listener.h"
#include "bindings/websocket/handshake.h"
#include "bindings/websocket/stream.h"
#include "cse/base/map.h"

/* The section websocket of the configuration; see cse/config.def. */
struct websocket_settings {
	bool by_upgrade;
	unsigned max_connections, max_requests, max_deflating;
	size_t max_backlog;
	unsigned ping_ms, idle_ms; /* 0: none */
};

struct binding_state {
	struct cse *cse;
	struct loop *loop;
	struct binding_config config;
	struct websocket_settings settings;
	struct library library;
	struct listener listener; /* fd -1: it has no port of its own */

	struct list guests;	/* connections whose handshake is still to come */
	struct list sessions;	/* open ones */
	unsigned open_count;	/* of both */
	unsigned waiting_count; /* requests the CSE has not answered; their connections may be gone */
	struct list touched;	/* connections to look at before the round ends */
	struct list dead;	/* freed at the end of the round */
	struct loop_hook end_of_round;

	uint64_t last_number;	    /* of a connection; a newer one has a higher one */
	struct map by_registration; /* connections that entities have; key of the registration */
	struct map errands;	    /* hops on their way, by connection and request identifier */
	struct list failed;	    /* errands whose hops end without an answer */
	struct timer failing;
	uint64_t seed;

	unsigned deflating_count;      /* connections that compress */
	struct strbuf inflated;	       /* the message being looked at */
	struct arena reading, writing; /* of the message or head being looked at, of the one being made */

	bool is_draining, is_closed;
	struct timer drain;
	void (*drained)(void *arg);
	void *drained_arg;
};

/* A guest or connection has closed / a request of a closed connection was answered. May free the state. */
void websocket_connection_closed(struct binding_state *state);
void websocket_request_ended(struct binding_state *state);

/* A client asks for a connection: reads the handshake from the first bytes, which are complete and valid during the
 * call, and goes on with the descriptor. */
void websocket_receive(struct binding_state *state, int fd, const struct peer *peer, struct str bytes);

#endif
