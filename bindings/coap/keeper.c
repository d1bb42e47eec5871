/* keeper: a map and a list by use, with one timer for the oldest. */
#include "bindings/coap/keeper.h"

#include "cse/base/id.h"

struct party party_at(const struct sockaddr *address)
{
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)address;
	const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)address;
	struct party party = {.family = address->sa_family};

	if (address->sa_family == AF_INET) {
		memcpy(party.address, &four->sin_addr, sizeof(four->sin_addr));
		party.port = four->sin_port;
	} else {
		memcpy(party.address, &six->sin6_addr, sizeof(six->sin6_addr));
		party.port = six->sin6_port;
		party.scope = six->sin6_scope_id;
	}
	return party;
}

static struct kept *oldest(const struct keeper *keeper)
{
	return list_empty(&keeper->by_use) ? NULL : container_of(keeper->by_use.next, struct kept, link);
}

static void expire(struct timer *timer)
{
	struct keeper *keeper = container_of(timer, struct keeper, timer);
	int64_t now_us = clock_mono_us(loop_clock(keeper->loop));
	struct kept *kept;

	while ((kept = oldest(keeper)) != NULL && kept->used_us + keeper->lifetime_us <= now_us)
		keeper_drop(keeper, kept);
	if (kept)
		loop_timer_set(keeper->loop, timer, kept->used_us + keeper->lifetime_us - now_us);
}

void keeper_init(struct keeper *keeper, struct loop *loop, size_t most_bytes, int64_t lifetime_us,
		 void (*drop)(struct keeper *keeper, struct kept *kept))
{
	*keeper = (struct keeper){
		.loop = loop,
		.timer.fire = expire,
		.seed = id_seed(),
		.most_bytes = most_bytes,
		.lifetime_us = lifetime_us,
		.drop = drop,
	};
	list_init(&keeper->by_use);
}

void keeper_finish(struct keeper *keeper)
{
	struct kept *kept;

	while ((kept = oldest(keeper)) != NULL)
		keeper_drop(keeper, kept);
	ASSERT(keeper->by_key.count == 0);
	loop_timer_cancel(keeper->loop, &keeper->timer);
	map_finish(&keeper->by_key);
}

static bool party_is(const struct party *a, const struct party *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static uint64_t hash_of(const struct keeper *keeper, const struct party *party, uint64_t key)
{
	_Static_assert(sizeof(struct party) == 32, "no padding: parties are compared as bytes");
	return str_hash(str_make((const char *)party, sizeof(*party)), keeper->seed ^ key);
}

struct kept *keeper_find(const struct keeper *keeper, const struct party *party, uint64_t key)
{
	for (struct map_node *node = map_first(&keeper->by_key, hash_of(keeper, party, key)); node;
	     node = map_next(node)) {
		struct kept *kept = container_of(node, struct kept, node);

		if (kept->key == key && party_is(&kept->party, party))
			return kept;
	}
	return NULL;
}

void keeper_add(struct keeper *keeper, struct kept *kept, const struct party *party, uint64_t key)
{
	kept->party = *party;
	kept->key = key;
	kept->bytes = 0;
	list_init(&kept->link);
	map_add(&keeper->by_key, &kept->node, hash_of(keeper, party, key));
}

bool keeper_has_room(const struct keeper *keeper, size_t bytes)
{
	return keeper->bytes + bytes <= keeper->most_bytes;
}

void keeper_use(struct keeper *keeper, struct kept *kept, size_t bytes)
{
	struct kept *other;

	list_remove(&kept->link);
	keeper->bytes += bytes - kept->bytes;
	kept->bytes = bytes;
	while (keeper->bytes > keeper->most_bytes && (other = oldest(keeper)) != NULL)
		keeper_drop(keeper, other);
	kept->used_us = clock_mono_us(loop_clock(keeper->loop));
	list_push(&keeper->by_use, &kept->link);
	if (!keeper->timer.is_set)
		loop_timer_set(keeper->loop, &keeper->timer, keeper->lifetime_us);
}

void keeper_drop(struct keeper *keeper, struct kept *kept)
{
	map_remove(&keeper->by_key, &kept->node);
	list_remove(&kept->link);
	keeper->bytes -= kept->bytes;
	keeper->drop(keeper, kept);
}

void keeper_drop_party(struct keeper *keeper, const struct party *party)
{
	list_each (item, &keeper->by_use) {
		struct kept *kept = container_of(item, struct kept, link);

		if (party_is(&kept->party, party))
			keeper_drop(keeper, kept);
	}
}
