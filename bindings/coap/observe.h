/* observe: RFC 7641. A GET with Observe 0 is answered, and asked again in the observer's name whenever its resource may
 * have changed; each answer goes to the observer. An extension: TS-0008 knows notifications of subscriptions only. */
#ifndef BINDINGS_COAP_OBSERVE_H
#define BINDINGS_COAP_OBSERVE_H

#include "bindings/coap/exchange.h"
#include "cse/core/request.h"

void observers_init(struct keeper *keeper, struct loop *loop);

/* Notes what a request to a resource, about to be submitted, says of observing: with Observe 0 the exchange has an
 * observer if the resource can be watched, with 1 an earlier one of the same token ends. */
void observe_look(struct exchange *exchange, const struct message *message, struct str to);

/* The request has been answered with success: from now on its observer, if it has one, is told of changes since it was
 * submitted, and the response says so. Does nothing if there are as many as may be (RFC 7641 4.1). */
void observe_begin(struct exchange *exchange, struct message *response);
/* It will not be. Harmless if the exchange has none. */
void observe_forget(struct exchange *exchange);

/* RFC 7641 3.6, 4.5: who rejects a notification, or does not acknowledge it, is not interested any more. */
void observe_end(struct server *server, const coap_session_t *session, coap_bin_const_t token);

#endif
