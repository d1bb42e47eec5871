/* credit: bytes per peer beyond loopback. */
#include "bindings/coap/credit.h"

#include "bindings/address.h"

#include <stdlib.h>

enum {
	FACTOR = 3,
	MOST_BYTES = 4 << 20,
	LIFETIME_US = 600000000, /* an address may change its owner */
};

struct acquaintance {
	struct kept kept;
	uint64_t left; /* bytes that it may get */
	bool is_verified;
};

static void drop(struct keeper *keeper, struct kept *kept)
{
	(void)keeper;
	free(container_of(kept, struct acquaintance, kept));
}

void credit_init(struct keeper *keeper, struct loop *loop)
{
	keeper_init(keeper, loop, MOST_BYTES, LIFETIME_US, drop);
}

static bool is_loopback(const struct udp_peer *peer)
{
	struct sockaddr_storage address;

	udp_peer_address(peer, &address);
	return address_peer((struct sockaddr *)&address).is_direct_loopback;
}

static struct acquaintance *find(struct keeper *keeper, const struct udp_peer *peer)
{
	const struct party party = {.peer = *peer};
	struct kept *kept = keeper_find(keeper, &party, 0);

	return kept ? container_of(kept, struct acquaintance, kept) : NULL;
}

void credit_received(struct keeper *keeper, const struct udp_peer *peer, size_t bytes)
{
	const struct party party = {.peer = *peer};
	struct acquaintance *known;

	if (is_loopback(peer))
		return;
	known = find(keeper, peer);
	if (!known) {
		known = xzalloc(sizeof(*known));
		keeper_add(keeper, &known->kept, &party, 0);
	}
	known->left += FACTOR * bytes;
	keeper_use(keeper, &known->kept, sizeof(*known));
}

void credit_verify(struct keeper *keeper, const struct udp_peer *peer)
{
	struct acquaintance *known = find(keeper, peer);

	if (known)
		known->is_verified = true;
}

size_t credit_of(struct keeper *keeper, const struct udp_peer *peer)
{
	const struct acquaintance *known;

	if (is_loopback(peer))
		return SIZE_MAX;
	known = find(keeper, peer);
	if (!known)
		return 0;
	return known->is_verified ? SIZE_MAX : known->left;
}

bool credit_spend(struct keeper *keeper, const struct udp_peer *peer, size_t bytes)
{
	size_t left = credit_of(keeper, peer);

	if (left == SIZE_MAX)
		return true;
	if (bytes > left)
		return false;
	find(keeper, peer)->left -= bytes;
	return true;
}
