/* transmission: retransmission with exponential back-off. */
#include "bindings/coap/transmission.h"

void transmissions_init(struct transmissions *all, struct loop *loop)
{
	*all = (struct transmissions){.loop = loop, .seed = id_seed()};
	id_source_init(&all->random, id_seed());
	all->next_mid = (uint16_t)id_next(&all->random);
}

void transmissions_finish(struct transmissions *all)
{
	ASSERT(all->by_id.count == 0);
	map_finish(&all->by_id);
}

uint16_t transmissions_new_mid(struct transmissions *all)
{
	return all->next_mid++;
}

static uint64_t hash_of(const struct transmissions *all, const struct udp_peer *peer, uint16_t mid)
{
	return str_hash(str_make((const char *)peer, sizeof(*peer)), all->seed + mid);
}

static struct transmission *find(const struct transmissions *all, const struct udp_peer *peer, uint16_t mid)
{
	for (struct map_node *node = map_first(&all->by_id, hash_of(all, peer, mid)); node; node = map_next(node)) {
		struct transmission *transmission = container_of(node, struct transmission, node);

		if (transmission->mid == mid && udp_peer_is(&transmission->peer, peer))
			return transmission;
	}
	return NULL;
}

static void send_now(struct transmission *transmission)
{
	udp_send(transmission->udp, &transmission->peer, transmission->has_local ? &transmission->local : NULL,
		 strbuf_str(&transmission->bytes));
	transmission->attempts++;
	loop_timer_set(transmission->all->loop, &transmission->timer, transmission->pause_us);
	transmission->pause_us *= 2;
}

static void finish(struct transmission *transmission, enum transmission_end end)
{
	transmission_end(transmission);
	transmission->done(transmission, end);
}

static void fire(struct timer *timer)
{
	struct transmission *transmission = container_of(timer, struct transmission, timer);

	if (transmission->attempts > TRANSMISSION_RETRIES)
		finish(transmission, TRANSMISSION_UNANSWERED);
	else
		send_now(transmission);
}

void transmission_begin(struct transmission *transmission, struct transmissions *all, const struct udp *udp,
			const struct udp_peer *peer, const struct udp_local *local, uint16_t mid, struct str bytes)
{
	ASSERT(!transmission->all);
	transmission->all = all;
	transmission->udp = udp;
	transmission->peer = *peer;
	transmission->has_local = local != NULL;
	if (local)
		transmission->local = *local;
	transmission->mid = mid;
	transmission->attempts = 0;
	/* RFC 7252 4.2: between ACK_TIMEOUT and 1.5 times that */
	transmission->pause_us =
		TRANSMISSION_ACK_TIMEOUT_US + (int64_t)(id_next(&all->random) % (TRANSMISSION_ACK_TIMEOUT_US / 2));
	transmission->timer.fire = fire;
	strbuf_add_str(&transmission->bytes, bytes);
	map_add(&all->by_id, &transmission->node, hash_of(all, peer, mid));
	send_now(transmission);
}

void transmission_end(struct transmission *transmission)
{
	struct transmissions *all = transmission->all;

	if (!all)
		return;
	loop_timer_cancel(all->loop, &transmission->timer);
	map_remove(&all->by_id, &transmission->node);
	strbuf_finish(&transmission->bytes);
	transmission->bytes = (struct strbuf){0};
	transmission->all = NULL;
}

bool transmissions_settle(struct transmissions *all, const struct udp_peer *peer, uint16_t mid,
			  enum transmission_end end)
{
	struct transmission *transmission = find(all, peer, mid);

	if (transmission)
		finish(transmission, end);
	return transmission != NULL;
}
