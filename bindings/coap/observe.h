/* observe: RFC 7641. A GET with Observe 0 is answered, and asked again in the observer's name whenever its resource may
 * have changed; each answer goes to the observer. An extension: TS-0008 knows notifications of subscriptions only. */
#ifndef BINDINGS_COAP_OBSERVE_H
#define BINDINGS_COAP_OBSERVE_H

#include "bindings/coap/exchange.h"
#include "cse/core/request.h"

void observers_init(struct keeper *keeper, struct loop *loop);

/* Notes what a request that is about to be submitted says of observing: with Observe 0 the exchange keeps it, with 1 an
 * earlier one of the same token ends. */
void observe_look(struct exchange *exchange, const struct message *message);

/* The request has been answered with success: from now on it is observed, and the response says so. Does nothing if the
 * resource cannot be watched. */
void observe_begin(struct exchange *exchange, const struct request *req, struct message *response);

/* RFC 7641 3.6, 4.5: who rejects a notification, or does not acknowledge it, is not interested any more. */
void observe_end(struct server *server, const coap_session_t *session, coap_bin_const_t token);

#endif
