/* guest: a client of the binding's own port until its handshake is complete. */
#ifndef BINDINGS_WEBSOCKET_GUEST_H
#define BINDINGS_WEBSOCKET_GUEST_H

#include "bindings/websocket/websocket.h"

/* Takes over an accepted, non-blocking descriptor. */
void guest_open(struct binding_state *state, int fd, const struct peer *peer);
/* By its link in state->guests. */
void guest_close(struct list *in_guests);

/* Answers with a refusal and ends the connection. */
void guest_refuse(struct binding_state *state, int fd, const struct refusal *refusal);

#endif
