/* guard: where bindings may connect to. It is asked with the address that is about to be used, after names were
 * resolved, so that no name is a way around it. */
#ifndef BINDINGS_GUARD_H
#define BINDINGS_GUARD_H

#include "cse/base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct network {
	uint8_t address[16]; /* IPv6; IPv4 is mapped into it */
	unsigned bits;	     /* of the prefix, counted in address */
};

struct guard {
	struct network *allowed; /* NULL: all but refused */
	size_t allowed_count;
	const struct network *refused;
	size_t refused_count;
};

/* networks: comma separated, "192.0.2.0/24, 2001:db8::/32, 192.0.2.1"; only they are allowed then. "" allows all, but
 * with is_public not the link-local, metadata, unspecified, broadcast and multicast addresses. 0, or a negative error
 * and what is wrong. */
WARN_UNUSED int guard_init(struct guard *guard, const char *networks, bool is_public, char *message, size_t size);
void guard_finish(struct guard *guard);

/* IPv4 within IPv6 (::ffff:192.0.2.1) counts as IPv4. What is neither is refused. */
bool guard_allows(const struct guard *guard, const struct sockaddr *address);

#endif
