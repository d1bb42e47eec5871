/* credit: how much may be sent to whoever a datagram says that it comes from. Addresses of datagrams can be forged;
 * until a peer has shown that it receives what is sent to its address, it gets at most three times the bytes that came
 * from there. It shows that by acknowledging a message of ours, or by asking for the next part of a response. Loopback
 * needs not show it. */
#ifndef BINDINGS_COAP_CREDIT_H
#define BINDINGS_COAP_CREDIT_H

#include "bindings/coap/keeper.h"

void credit_init(struct keeper *keeper, struct loop *loop);

void credit_received(struct keeper *keeper, const struct udp_peer *peer, size_t bytes);
void credit_verify(struct keeper *keeper, const struct udp_peer *peer);
/* How many bytes it may get now; SIZE_MAX: any number. */
size_t credit_of(struct keeper *keeper, const struct udp_peer *peer);
/* Takes them off; false: it may not get them. */
bool credit_spend(struct keeper *keeper, const struct udp_peer *peer, size_t bytes);

#endif
