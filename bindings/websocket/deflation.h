/* deflation: permessage-deflate (RFC 7692) of one connection, whole messages at a time. The extension that
 * libwebsockets 4.1 brings ends the process at what a peer can send (docs/decisions/websocket.md). */
#ifndef BINDINGS_WEBSOCKET_DEFLATION_H
#define BINDINGS_WEBSOCKET_DEFLATION_H

#include "cse/base/error.h"
#include "cse/base/strbuf.h"

struct deflation;

/* forgets_*: nothing is kept from one message for the next, in what comes and in what goes. */
struct deflation *deflation_create(bool forgets_coming, bool forgets_going);
void deflation_destroy(struct deflation *deflation);

/* Appends what a message inflates to, `most` bytes at most. 0, ERROR_FORMAT, or ERROR_LIMIT: it is larger. After an
 * error there is no more to read. */
WARN_UNUSED int deflation_inflate(struct deflation *deflation, struct str bytes, size_t most, struct strbuf *out);
/* Appends the compressed message. */
void deflation_add(struct deflation *deflation, struct str message, struct strbuf *out);

#endif
