/* connection: one client's connection. It reads a request, hands it to the CSE, writes the answer, and reads the next.
 */
#ifndef BINDINGS_HTTP_CONNECTION_H
#define BINDINGS_HTTP_CONNECTION_H

#include "bindings/http/front.h"

/* Takes over an accepted, non-blocking descriptor. */
void connection_open(struct binding_state *front, int fd, const struct peer *peer);

/* The following get a connection by its link in one of the front's lists. */

/* Closes at once; an answer that is still to come is dropped. */
void connection_close(struct list *in_connections);
/* Closes when its current request is answered; at once if there is none. */
void connection_drain(struct list *in_connections);
/* Goes on reading what it has received, in a round of its own. */
void connection_resume(struct list *in_resumed);
/* Frees a dead one. */
void connection_free(struct list *in_dead);

#endif
