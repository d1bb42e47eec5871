/* udp: a socket for datagrams on the loop, and who is at the other end of them. */
#ifndef BINDINGS_COAP_UDP_H
#define BINDINGS_COAP_UDP_H

#include "cse/base/loop.h"
#include "cse/base/str.h"

#include <netinet/in.h>

/* The other end of datagrams, comparable as bytes: no padding, what a family does not have is 0. */
struct udp_peer {
	uint8_t address[16]; /* network order; of IPv4 the first 4 bytes */
	uint32_t scope;	     /* of IPv6 link-local addresses */
	in_port_t port;	     /* network order */
	uint16_t family;     /* AF_INET, AF_INET6 */
};

/* Which of our addresses a datagram came to; answers go out from there. */
struct udp_local {
	uint8_t address[16];
	uint32_t interface;
};

struct udp {
	struct loop *loop;
	struct loop_fd watch; /* fd -1: closed */
	void (*received)(struct udp *udp, const struct udp_peer *from, const struct udp_local *at, struct str bytes);
	/* Asked before each datagram that goes out; NULL: all may. false: it is not sent. */
	bool (*may_send)(const struct udp *udp, const struct udp_peer *to, size_t len);
	char *bytes;
};

/* An open socket, bound to address (NULL: to any, with a port of the kernel's) for the family. 0, or a negative error.
 */
WARN_UNUSED int udp_open(struct udp *udp, struct loop *loop, int family, const struct sockaddr *address, socklen_t len);
void udp_close(struct udp *udp);

/* at: NULL: the kernel picks. A datagram may be lost on its way; one that cannot be sent is. */
void udp_send(const struct udp *udp, const struct udp_peer *to, const struct udp_local *at, struct str bytes);

/* IPv4 and IPv6 only. */
struct udp_peer udp_peer_of(const struct sockaddr *address);
socklen_t udp_peer_address(const struct udp_peer *peer, struct sockaddr_storage *address);

static inline bool udp_peer_is(const struct udp_peer *a, const struct udp_peer *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

#endif
