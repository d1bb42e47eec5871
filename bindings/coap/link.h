/* link: a connection of ours to a peer, shared by all that is sent to it. */
#ifndef BINDINGS_COAP_LINK_H
#define BINDINGS_COAP_LINK_H

#include "bindings/coap/message.h"
#include "bindings/coap/udp.h"

struct sender;
struct link;

/* Somebody who sends over a link; lives in its owner's struct. {0} is one that has none. */
struct link_user {
	struct list list;
	struct link *link; /* NULL: none */
	bool is_told;	   /* that it is open */
	/* Called once, not from within link_join: it can be sent, or: it is over (then it has left). */
	void (*opened)(struct link_user *user);
	void (*lost)(struct link_user *user, const char *why);
};

/* Connects to a peer, or joins the connection that there is. */
void link_join(struct sender *sender, struct link_user *user, const struct udp_peer *peer);
/* Harmless if it has none. The connection is kept for others for a while. */
void link_leave(struct link_user *user);
void link_send(struct link_user *user, const struct message *message);
/* Longest message that the peer takes. */
size_t link_peer_max(const struct link_user *user);
void links_close(struct sender *sender);

#endif
