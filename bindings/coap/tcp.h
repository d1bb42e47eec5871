/* tcp: the connections that peers have made: how many there are, and what waits in each for the peer to read it.
 * libcoap reads and writes them. */
#ifndef BINDINGS_COAP_TCP_H
#define BINDINGS_COAP_TCP_H

#include "cse/core/binding.h"

#include "bindings/coap/library.h"

struct tcp;

/* Those of one binding. */
struct tcps {
	struct loop *loop;
	const struct binding_config *config;
	struct list by_use; /* the longest unused first */
	struct list closed; /* their sessions are not gone yet */
	unsigned count;
	uint64_t next_id;
	bool is_draining;
	/* It has ended: the peer gets nothing more. */
	void (*ended)(struct tcps *tcps, struct tcp *tcp);
};

/* Belongs to a session of libcoap's and ends with it. */
struct tcp {
	struct list link;
	struct tcps *tcps;
	coap_session_t *session;
	uint64_t id; /* of all connections' */
	bool is_open;
	bool is_released; /* the peer asks for its end when all is answered */
	bool is_reading;  /* a message has begun to come; how many have */
	uint64_t begun, overdue;
	struct timer late;
	struct list exchanges; /* requests that are not answered (exchange.h) */
	unsigned waiting_count;
	size_t waiting_bytes; /* about */
	struct timer end;
};

/* Connections there may be at once. */
unsigned tcps_most(const struct binding_config *config);

void tcps_init(struct tcps *tcps, struct loop *loop, const struct binding_config *config);
/* Before the sessions are gone. */
void tcps_finish(struct tcps *tcps);
/* Each one closes when all is answered; new ones do at once. */
void tcps_drain(struct tcps *tcps);
/* What libcoap has to say of sessions. */
void tcps_event(struct tcps *tcps, coap_session_t *session, coap_event_t event);

/* NULL: the session is no connection that a peer has made. */
struct tcp *tcp_of(const coap_session_t *session);
/* A request has come; from here on it is worth more than those that were silent longer. false: the peer has not said
 * what it takes, and it ends (RFC 8323 5.3). */
bool tcp_use(struct tcp *tcp);
/* A message has come whole, whatever it was. */
void tcp_heard(struct tcp *tcp);
/* Release (RFC 8323 5.5): it ends when all is answered. */
void tcp_release(struct tcp *tcp);
/* Answers with the token of a ping (RFC 8323 5.4); libcoap's own answer, which follows, has none. */
void tcp_pong(struct tcp *tcp, const coap_pdu_t *ping);
/* One of its requests is answered. */
void tcp_settle(struct tcp *tcp);

#endif
