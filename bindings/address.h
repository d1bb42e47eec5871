/* address: the addresses of sockets, as the configuration writes them, as peers, and for people. */
#ifndef BINDINGS_ADDRESS_H
#define BINDINGS_ADDRESS_H

#include "cse/base/error.h"
#include "cse/base/strbuf.h"
#include "cse/core/request.h"

#include <netdb.h>
#include <sys/socket.h>

/* What "host:port" or "[host]:port" stands for, to be freed by freeaddrinfo; socktype SOCK_STREAM or SOCK_DGRAM. May
 * block on a name: for start-up. 0, or a negative error and a sentence that begins with key ("http.listen"). */
WARN_UNUSED int address_resolve(const char *key, const char *where, int socktype, struct addrinfo **infos,
				char *message, size_t size);

/* The peer at an IPv4 or IPv6 address; direct loopback is told by the address alone. */
struct peer address_peer(const struct sockaddr *address);

/* Adds the URL of what listens at "host:port" to a comma separated list, if it is an address that others can use: not
 * all of this machine's, nor whatever port is free. */
void address_add_point(struct strbuf *out, const char *scheme, const char *listen, const char *path);

/* Writes "scheme://host:port" of a bound socket. */
void address_describe(int fd, const char *scheme, char *text, size_t size);

#endif
