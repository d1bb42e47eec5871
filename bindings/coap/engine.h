/* engine: a context of libcoap on the CSE's loop. The library keeps sockets and timers of its own behind one
 * descriptor; it is called when that is ready, and never waits. */
#ifndef BINDINGS_COAP_ENGINE_H
#define BINDINGS_COAP_ENGINE_H

#include "cse/base/loop.h"

#include "bindings/coap/library.h"

struct engine {
	coap_context_t *context;
	struct loop *loop;
	struct loop_fd watch;
};

/* 0, or a negative error. */
WARN_UNUSED int engine_open(struct engine *engine, struct loop *loop);
/* No session is referred to any more. Harmless if it is not open. */
void engine_close(struct engine *engine);

/* How long a message in a connection may be, for one content of so many bytes; the library takes 8 MB at most. */
void engine_announce(struct engine *engine, size_t content);
/* To be asked in a handler of pongs: it is a Release (RFC 8323 5.5). */
bool engine_is_release(const coap_pdu_t *pong);

#endif
