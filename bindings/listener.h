/* listener: the socket that takes connections. */
#ifndef BINDINGS_LISTENER_H
#define BINDINGS_LISTENER_H

#include "cse/base/loop.h"
#include "cse/core/request.h"

struct listener {
	struct loop *loop;
	struct loop_fd watch; /* fd -1: closed */
	struct timer pause;   /* set while there are no descriptors left */
	void (*accepted)(struct listener *listener, int fd, const struct peer *peer);
	char address[80]; /* "http://127.0.0.1:8080" */
};

/* Listens on "host:port" or "[host]:port"; accepted gets each connection's non-blocking descriptor. scheme is that of
 * the address, key what the configuration calls it ("http.listen"). 0, or a negative error and a sentence. */
WARN_UNUSED int listener_open(struct listener *listener, struct loop *loop, const char *scheme, const char *key,
			      const char *where, char *message, size_t size);
void listener_close(struct listener *listener);

#endif
