/* resolver: names of hosts to addresses, on threads of its own. A name server that is slow or dead holds up nobody but
 * those who ask for its names. */
#ifndef BINDINGS_RESOLVER_H
#define BINDINGS_RESOLVER_H

#include "cse/base/loop.h"
#include "cse/base/str.h"

#include <netdb.h>

struct resolver;
struct resolution;

struct resolver *resolver_create(struct loop *loop);
/* Whoever has asked has been answered, or has forgotten it. */
void resolver_destroy(struct resolver *resolver);

/* A literal address needs no resolving: false if host is a name. port in host order. */
bool resolver_is_literal(struct str host, uint16_t port, struct sockaddr_storage *address);

/* done is called once on the loop's thread, never from within: with the addresses, or NULL and why there are none. They
 * are valid during the call. NULL: too many names are being asked for. */
struct resolution *resolver_ask(struct resolver *resolver, struct str host, uint16_t port,
				void (*done)(void *arg, const struct addrinfo *infos, const char *why), void *arg);
/* done will not be called. */
void resolver_forget(struct resolution *resolution);

#endif
