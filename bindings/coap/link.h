/* link: a session of ours with a peer, over datagrams or a connection, shared by all that is sent to it. Of datagrams
 * one message at a time waits for its acknowledgement (RFC 7252 4.7: NSTART is 1). */
#ifndef BINDINGS_COAP_LINK_H
#define BINDINGS_COAP_LINK_H

#include "bindings/coap/keeper.h"
#include "bindings/coap/message.h"

struct sender;
struct link;

/* Somebody who sends over a link; lives in its owner's struct. {0} is one that has none. */
struct link_user {
	struct list list;
	struct link *link; /* NULL: none */
	bool wants_turn;
	/* Called once for each link_ask, not from within: it is its turn to send a message. */
	void (*turn)(struct link_user *user);
	/* Called once, not from within link_join: it is over, and it has left. is_absent: nobody is at the address. */
	void (*lost)(struct link_user *user, const char *why, bool is_absent);
};

/* Joins the session with a peer, which may have to be made. */
void link_join(struct sender *sender, struct link_user *user, const struct sockaddr *address, socklen_t len,
	       bool is_stream);
/* It wants to send a message. */
void link_ask(struct link_user *user);
/* On its turn. */
void link_send(struct link_user *user, struct message *message);
/* What it has sent and is not acknowledged is not sent again. Harmless if it has none. The session is kept for others
 * for a while. */
void link_leave(struct link_user *user);
/* Longest message that the peer takes; only on its turn. */
size_t link_peer_max(const struct link_user *user);
bool link_is_of(const struct link_user *user, const coap_session_t *session);

/* What libcoap has to say of sessions and messages. */
int link_event(coap_session_t *session, const coap_event_t event);
void link_rejected(coap_session_t *session, const coap_pdu_t *sent, const coap_nack_reason_t reason,
		   const coap_mid_t mid);

void link_ponged(coap_session_t *session, const coap_pdu_t *pong, const coap_mid_t mid);

/* Nobody uses one any more. */
void links_close(struct sender *sender);

#endif
