/* keeper: things that are remembered of peers for a while: found by party and key, dropped when their time is over, or
 * when there are too many, the longest unused first. */
#ifndef BINDINGS_COAP_KEEPER_H
#define BINDINGS_COAP_KEEPER_H

#include "cse/base/loop.h"
#include "cse/base/map.h"
#include "cse/base/str.h"

#include <netinet/in.h>

/* Who something is kept for: the other end of datagrams, or of a connection (then all else is 0). Comparable as bytes:
 * no padding, what a family does not have is 0. */
struct party {
	uint8_t address[16]; /* network order; of IPv4 the first 4 bytes */
	uint32_t scope;	     /* of IPv6 link-local addresses */
	in_port_t port;	     /* network order */
	uint16_t family;     /* AF_INET, AF_INET6 */
	uint64_t connection; /* 0: datagrams */
};

/* IPv4 and IPv6 only. */
struct party party_at(const struct sockaddr *address);

struct keeper;

/* Lives at the beginning of its owner's struct. */
struct kept {
	struct map_node node;
	struct list link; /* by use; alone while it is pinned */
	struct party party;
	uint64_t key;
	int64_t used_us;
	size_t bytes;
};

struct keeper {
	struct loop *loop;
	struct map by_key;
	struct list by_use;
	struct timer timer;
	uint64_t seed;
	size_t bytes, most_bytes;
	int64_t lifetime_us;
	/* Frees it; it is no longer kept. */
	void (*drop)(struct keeper *keeper, struct kept *kept);
};

void keeper_init(struct keeper *keeper, struct loop *loop, size_t most_bytes, int64_t lifetime_us,
		 void (*drop)(struct keeper *keeper, struct kept *kept));
/* Drops all. */
void keeper_finish(struct keeper *keeper);

struct kept *keeper_find(const struct keeper *keeper, const struct party *party, uint64_t key);
/* From now on it is kept, pinned: it stays whatever happens. There is none yet for this party and key. */
void keeper_add(struct keeper *keeper, struct kept *kept, const struct party *party, uint64_t key);
bool keeper_has_room(const struct keeper *keeper, size_t bytes);
/* It has been used and counts as so many bytes; it is not pinned any more. Others may be dropped, not this one. */
void keeper_use(struct keeper *keeper, struct kept *kept, size_t bytes);
void keeper_drop(struct keeper *keeper, struct kept *kept);
/* All of one party's but those that are pinned. */
void keeper_drop_party(struct keeper *keeper, const struct party *party);

static inline bool kept_is_pinned(const struct kept *kept)
{
	return list_empty(&kept->link);
}

#endif
