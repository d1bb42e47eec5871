/* sender: hops go out to coap and coap+tcp URLs, over datagrams and connections of its own. */
#ifndef BINDINGS_COAP_SENDER_H
#define BINDINGS_COAP_SENDER_H

#include "bindings/coap/engine.h"
#include "bindings/coap/hop_message.h"
#include "bindings/guard.h"
#include "bindings/resolver.h"

struct errand;

struct sender {
	struct cse *cse;
	struct loop *loop;
	struct binding_config config;
	struct guard guard;
	struct resolver *resolver;
	struct engine engine;
	struct list links; /* link.h */
	unsigned link_count;
	struct map by_token; /* errands that have been sent */
	struct list waiting; /* errands, while there are as many under way as may be */
	struct list failed;  /* errands that end in the next round */
	struct timer soon;
	unsigned busy_count;
	uint64_t seed;
	struct transcoder transcoder;
	struct strbuf out;
	struct decode_limits limits;
};

/* 0, or a negative error and a sentence. */
WARN_UNUSED int sender_open(struct sender *sender, struct cse *cse, struct loop *loop,
			    const struct binding_config *config, char *message, size_t size);
/* Every hop has ended or was taken back. */
void sender_close(struct sender *sender);

void sender_send(struct sender *sender, struct hop *hop);
void sender_cancel(struct sender *sender, struct hop *hop);

/* The peer of a session has not taken a message; is_absent: nobody is there. May be called from within libcoap. */
void sender_rejected(struct sender *sender, const coap_session_t *session, const coap_pdu_t *sent, const char *why,
		     bool is_absent);

#endif
