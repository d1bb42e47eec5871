/* patience: what a session may take of time, and of memory for what its client does not read. Its times say since when
 * something is so; the timer fires when there is next something to judge, perhaps early, never late. */
#ifndef BINDINGS_WEBSOCKET_PATIENCE_H
#define BINDINGS_WEBSOCKET_PATIENCE_H

#include "bindings/websocket/session.h"

/* Sets the timer, if it has to fire earlier than it would. */
void patience_arm(struct session *session);
/* Asks a silent client for a sign of life, and ends a session that nobody uses. */
void patience_judge(struct session *session);
/* Why the session is to be ended without a word; NULL: it is not. */
const char *patience_fault(const struct session *session);

#endif
