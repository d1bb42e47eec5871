/* sender: an errand is a hop on its way: its address is found, its request goes out, whole or in parts, its response
 * comes, whole or in parts. */
#include "bindings/coap/sender.h"

#include "bindings/coap/block.h"
#include "bindings/coap/link.h"

#include <stdlib.h>

enum { TOKEN_SIZE = 8 };

struct errand {
	struct map_node node; /* by_token, while is_sent */
	struct sender *sender;
	struct hop *hop;
	struct list queue; /* in sender->waiting, a lane's waiting, or sender->failed */
	struct timer timer;
	struct arena arena;
	struct message message; /* the whole request */
	struct hop_target target;
	struct resolution *resolution;
	struct udp_peer peer;
	bool is_busy, is_sent;
	uint64_t token;
	struct transmission transmission;
	struct lane *lane; /* whose turn it is, or where it waits */
	struct link_user link;
	struct block block1, block2; /* what is sent next, what is asked for next */
	struct strbuf body;	     /* of the response so far */
};

/* RFC 7252 4.7: one message at a time waits for its acknowledgement at each peer (NSTART is 1). */
struct lane {
	struct list link;
	struct udp_peer peer;
	struct errand *active;
	struct list waiting;
};

static void start_next(struct sender *sender);
static void transmit(struct errand *errand);

/* ---- lanes ---- */

static struct lane *find_lane(struct sender *sender, const struct udp_peer *peer)
{
	struct lane *lane;

	list_each (item, &sender->lanes) {
		lane = container_of(item, struct lane, link);
		if (udp_peer_is(&lane->peer, peer))
			return lane;
	}
	lane = xzalloc(sizeof(*lane));
	lane->peer = *peer;
	list_init(&lane->waiting);
	list_push(&sender->lanes, &lane->link);
	return lane;
}

static void leave_lane(struct errand *errand)
{
	struct lane *lane = errand->lane;

	errand->lane = NULL;
	if (!lane || lane->active != errand) {
		list_remove(&errand->queue);
		return;
	}
	lane->active = NULL;
	if (list_empty(&lane->waiting)) {
		list_remove(&lane->link);
		free(lane);
		return;
	}
	lane->active = container_of(lane->waiting.next, struct errand, queue);
	list_remove(&lane->active->queue);
	transmit(lane->active);
}

/* ---- the end of hops ---- */

static void release(struct errand *errand)
{
	struct sender *sender = errand->sender;

	loop_timer_cancel(sender->loop, &errand->timer);
	if (errand->resolution)
		resolver_forget(errand->resolution);
	transmission_end(&errand->transmission);
	leave_lane(errand);
	link_leave(&errand->link);
	if (errand->is_sent)
		map_remove(&sender->by_token, &errand->node);
	sender->busy_count -= errand->is_busy;
	errand->hop->of_binding = NULL;
	arena_finish(&errand->arena);
}

static void finish(struct errand *errand)
{
	struct sender *sender = errand->sender;
	struct hop *hop = errand->hop;

	release(errand);
	start_next(sender);
	hop->done(hop);
	strbuf_finish(&errand->body);
	free(errand);
}

static void end_failed(struct timer *timer)
{
	struct sender *sender = container_of(timer, struct sender, soon);
	struct list failed;

	list_init(&failed);
	list_splice(&failed, &sender->failed);
	while (!list_empty(&failed))
		finish(container_of(failed.next, struct errand, queue));
}

/* Ends it in the next round, and nothing comes before that. */
static void fail_soon(struct errand *errand, enum hop_outcome outcome, const char *why)
{
	struct sender *sender = errand->sender;

	hop_message_fail(errand->hop, outcome, why);
	loop_timer_cancel(sender->loop, &errand->timer);
	transmission_end(&errand->transmission);
	leave_lane(errand);
	link_leave(&errand->link);
	if (errand->is_sent)
		map_remove(&sender->by_token, &errand->node);
	errand->is_sent = false;
	list_push(&sender->failed, &errand->queue);
	if (!sender->soon.is_set)
		loop_timer_set(sender->loop, &sender->soon, 0);
}

static void too_late(struct timer *timer)
{
	struct errand *errand = container_of(timer, struct errand, timer);

	hop_message_fail(errand->hop, errand->is_sent ? HOP_LATE : HOP_UNREACHABLE,
			 errand->is_sent ? "no answer in time" : "it could not be sent in time");
	finish(errand);
}

/* ---- sending ---- */

static void note_sent(struct errand *errand)
{
	if (errand->is_sent)
		return;
	errand->is_sent = true;
	map_add(&errand->sender->by_token, &errand->node, errand->token ^ errand->sender->seed);
}

/* The message that goes out next: all of it, a part of the request, or a question for a part of the response. Numbers
 * of its options are in the message itself, so it must not be copied. */
static void write_next(struct errand *errand, struct message *message)
{
	size_t offset = block_offset(&errand->block1), size = block_size(errand->block1.szx);

	*message = errand->message;
	message->token = str_make((const char *)&errand->token, TOKEN_SIZE);
	if (errand->block2.is_there) {
		message->payload = STR("");
		block_add(message, COAP_NUMBER_BLOCK2, &errand->block2);
	} else if (errand->block1.is_there) {
		errand->block1.has_more = message->payload.len - offset > size;
		if (offset == 0)
			message_add_uint(message, COAP_NUMBER_SIZE1, message->payload.len);
		message->payload = str_make(message->payload.ptr + offset,
					    errand->block1.has_more ? size : message->payload.len - offset);
		block_add(message, COAP_NUMBER_BLOCK1, &errand->block1);
	}
}

/* An acknowledgement alone says that the peer works on it; otherwise it is not there, or does not take it. */
static void transmitted(struct transmission *transmission, enum transmission_end end)
{
	struct errand *errand = container_of(transmission, struct errand, transmission);

	if (end == TRANSMISSION_ACKNOWLEDGED)
		leave_lane(errand);
	else
		fail_soon(errand, HOP_UNREACHABLE,
			  end == TRANSMISSION_RESET ? "the peer rejects the message" : "the peer does not answer");
}

static struct udp *socket_for(struct sender *sender, const struct udp_peer *peer)
{
	struct udp *udp = peer->family == AF_INET ? &sender->udp4 : &sender->udp6;

	if (udp->watch.fd < 0 && udp_open(udp, sender->loop, peer->family, NULL, 0) < 0)
		return NULL;
	return udp;
}

static void transmit(struct errand *errand)
{
	struct sender *sender = errand->sender;
	const struct udp *udp = socket_for(sender, &errand->peer);
	struct message message;

	if (!udp) {
		fail_soon(errand, HOP_UNREACHABLE, "no socket can be opened");
		return;
	}
	note_sent(errand);
	write_next(errand, &message);
	message.type = MESSAGE_CON;
	message.mid = transmissions_new_mid(&sender->transmissions);
	strbuf_clear(&sender->out);
	message_write_datagram(&sender->out, &message);
	errand->transmission.done = transmitted;
	transmission_begin(&errand->transmission, &sender->transmissions, udp, &errand->peer, NULL, message.mid,
			   strbuf_str(&sender->out));
}

/* The next message, when it is its turn. */
static void send_datagram(struct errand *errand)
{
	struct lane *lane = find_lane(errand->sender, &errand->peer);

	errand->lane = lane;
	if (lane->active) {
		list_push(&lane->waiting, &errand->queue);
		return;
	}
	lane->active = errand;
	transmit(errand);
}

static void send_over_link(struct errand *errand)
{
	struct message message;

	note_sent(errand);
	write_next(errand, &message);
	link_send(&errand->link, &message);
}

static void go_on(struct errand *errand)
{
	if (errand->target.is_stream)
		send_over_link(errand);
	else
		send_datagram(errand);
}

static void link_is_open(struct link_user *user)
{
	struct errand *errand = container_of(user, struct errand, link);

	if (message_len(&errand->message) > link_peer_max(user))
		errand->block1 = (struct block){.is_there = true, .szx = BLOCK_SZX_LARGEST};
	send_over_link(errand);
}

static void link_is_lost(struct link_user *user, const char *why)
{
	fail_soon(container_of(user, struct errand, link), HOP_UNREACHABLE, why);
}

/* ---- addresses ---- */

static void address_found(struct errand *errand, const struct sockaddr *address)
{
	struct sender *sender = errand->sender;

	errand->peer = udp_peer_of(address);
	if (errand->target.is_stream) {
		errand->link.opened = link_is_open;
		errand->link.lost = link_is_lost;
		link_join(sender, &errand->link, &errand->peer);
		return;
	}
	if (errand->message.payload.len > block_size(BLOCK_SZX_LARGEST))
		errand->block1 = (struct block){.is_there = true, .szx = BLOCK_SZX_LARGEST};
	send_datagram(errand);
}

static void resolved(void *arg, const struct addrinfo *infos, const char *why)
{
	struct errand *errand = arg;

	errand->resolution = NULL;
	for (const struct addrinfo *info = infos; info; info = info->ai_next)
		if (guard_allows(&errand->sender->guard, info->ai_addr)) {
			address_found(errand, info->ai_addr);
			return;
		}
	fail_soon(errand, HOP_UNREACHABLE, why ? why : "address is none that may be connected to (outgoing.networks)");
}

static void find_address(struct errand *errand)
{
	struct sender *sender = errand->sender;
	const struct hop_target *target = &errand->target;
	struct sockaddr_storage address;
	const struct addrinfo info = {.ai_addr = (struct sockaddr *)&address};

	errand->is_busy = true;
	sender->busy_count++;
	if (resolver_is_literal(target->host, target->port, &address)) {
		resolved(errand, &info, NULL);
		return;
	}
	errand->resolution = resolver_ask(sender->resolver, target->host, target->port, resolved, errand);
	if (!errand->resolution)
		fail_soon(errand, HOP_UNREACHABLE, "too many names are being looked up");
}

static void start_next(struct sender *sender)
{
	while (!list_empty(&sender->waiting) && sender->busy_count < sender->config.most_outgoing) {
		struct errand *errand = container_of(sender->waiting.next, struct errand, queue);

		list_remove(&errand->queue);
		find_address(errand);
	}
}

/* ---- responses ---- */

static struct errand *find_errand(const struct sender *sender, struct str token, const struct udp_peer *peer)
{
	uint64_t value;

	if (token.len != TOKEN_SIZE)
		return NULL;
	memcpy(&value, token.ptr, sizeof(value));
	for (struct map_node *node = map_first(&sender->by_token, value ^ sender->seed); node; node = map_next(node)) {
		struct errand *errand = container_of(node, struct errand, node);

		if (errand->token == value && udp_peer_is(&errand->peer, peer))
			return errand;
	}
	return NULL;
}

/* RFC 7959 2.5: the next part of the request, in the size that the peer wants. */
static bool send_next_part(struct errand *errand, const struct message *message)
{
	struct block taken = block_read(message, COAP_NUMBER_BLOCK1);
	size_t next = block_offset(&errand->block1) + block_size(errand->block1.szx);

	if (!errand->block1.is_there || !errand->block1.has_more || message->code != MESSAGE_CODE(2, 31))
		return false;
	if (taken.is_there && taken.szx < errand->block1.szx)
		errand->block1.szx = taken.szx;
	errand->block1.number = (uint32_t)(next / block_size(errand->block1.szx));
	go_on(errand);
	return true;
}

/* false: the response is not whole yet, and the errand goes on or has failed. */
static bool take_payload(struct errand *errand, const struct message *message)
{
	struct block block = block_read(message, COAP_NUMBER_BLOCK2);

	if (errand->body.len + message->payload.len > errand->sender->config.max_answer) {
		fail_soon(errand, HOP_UNREACHABLE, "content of the answer is larger than what is taken");
		return false;
	}
	if (block.is_there && block_offset(&block) != errand->body.len) {
		fail_soon(errand, HOP_UNREACHABLE, "a part of the answer is not the one that was asked for");
		return false;
	}
	strbuf_add_str(&errand->body, message->payload);
	if (!block.is_there || !block.has_more)
		return true;
	errand->block2 = (struct block){.is_there = true, .szx = block.szx, .number = block.number + 1};
	go_on(errand);
	return false;
}

static void take_response(struct errand *errand, const struct message *message)
{
	struct sender *sender = errand->sender;

	transmission_end(&errand->transmission);
	leave_lane(errand);
	if (send_next_part(errand, message) || !take_payload(errand, message))
		return;
	hop_message_judge(errand->hop, message, &errand->body, &sender->transcoder, &sender->limits);
	finish(errand);
}

static void reply_empty(struct udp *udp, const struct udp_peer *to, const struct udp_local *at, enum message_type type,
			uint16_t mid)
{
	const struct message message = {.type = type, .mid = mid, .token = STR("")};
	struct strbuf bytes = {0};

	message_write_datagram(&bytes, &message);
	udp_send(udp, to, at, strbuf_str(&bytes));
	strbuf_finish(&bytes);
}

static void take_datagram(struct sender *sender, struct udp *udp, const struct udp_peer *from,
			  const struct udp_local *at, const struct message *message)
{
	struct errand *errand = message_is_response(message) ? find_errand(sender, message->token, from) : NULL;

	/* RFC 7252 5.3.2: a response that nobody waits for is rejected, also when it comes again: what it says has
	 * been taken. */
	if (message->type == MESSAGE_CON)
		reply_empty(udp, from, at, errand ? MESSAGE_ACK : MESSAGE_RST, message->mid);
	if (errand && (message->type != MESSAGE_ACK || errand->transmission.mid == message->mid))
		take_response(errand, message);
	else if (message->type == MESSAGE_ACK)
		transmissions_settle(&sender->transmissions, from, message->mid, TRANSMISSION_ACKNOWLEDGED);
	else if (message->type == MESSAGE_RST)
		transmissions_settle(&sender->transmissions, from, message->mid, TRANSMISSION_RESET);
}

static void datagram_came(struct sender *sender, struct udp *udp, const struct udp_peer *from,
			  const struct udp_local *at, struct str bytes)
{
	struct message message;

	if (message_read_datagram(&message, bytes) == 0)
		take_datagram(sender, udp, from, at, &message);
}

static void received4(struct udp *udp, const struct udp_peer *from, const struct udp_local *at, struct str bytes)
{
	datagram_came(container_of(udp, struct sender, udp4), udp, from, at, bytes);
}

static void received6(struct udp *udp, const struct udp_peer *from, const struct udp_local *at, struct str bytes)
{
	datagram_came(container_of(udp, struct sender, udp6), udp, from, at, bytes);
}

static void took(struct sender *sender, const struct udp_peer *peer, const struct message *message)
{
	struct errand *errand = message_is_response(message) ? find_errand(sender, message->token, peer) : NULL;

	if (errand)
		take_response(errand, message);
}

/* ---- hops ---- */

void sender_send(struct sender *sender, struct hop *hop)
{
	struct errand *errand = xzalloc(sizeof(*errand));
	const char *why;

	errand->sender = sender;
	errand->hop = hop;
	errand->timer.fire = too_late;
	errand->token = sender->next_token++;
	arena_init(&errand->arena);
	list_init(&errand->queue);
	hop->of_binding = errand;
	loop_timer_set(sender->loop, &errand->timer, hop->timeout_us);
	if (hop_target_read(&errand->target, hop->url, &why) < 0 ||
	    hop_message_write(&errand->message, hop, &errand->target, cse_id(sender->cse), &sender->transcoder,
			      &errand->arena, &why) < 0) {
		fail_soon(errand, HOP_UNREACHABLE, why);
		return;
	}
	list_push(&sender->waiting, &errand->queue);
	start_next(sender);
}

void sender_cancel(struct sender *sender, struct hop *hop)
{
	struct errand *errand = hop->of_binding;

	release(errand);
	strbuf_finish(&errand->body);
	free(errand);
	start_next(sender);
}

/* ---- opening and closing ---- */

int sender_open(struct sender *sender, struct cse *cse, struct loop *loop, const struct binding_config *config,
		char *message, size_t size)
{
	struct id_source random;
	int error = guard_init(&sender->guard, config->networks, config->is_public, message, size);

	if (error < 0)
		return error;
	sender->cse = cse;
	sender->loop = loop;
	sender->config = *config;
	sender->config.idle_timeout_ms = config->outgoing_idle_ms;
	sender->resolver = resolver_create(loop);
	sender->udp4 = (struct udp){.watch.fd = -1, .received = received4};
	sender->udp6 = (struct udp){.watch.fd = -1, .received = received6};
	sender->took = took;
	transmissions_init(&sender->transmissions, loop);
	streams_init(&sender->streams, loop, &sender->config);
	list_init(&sender->links);
	list_init(&sender->waiting);
	list_init(&sender->lanes);
	list_init(&sender->failed);
	sender->soon.fire = end_failed;
	id_source_init(&random, id_seed());
	sender->next_token = id_next(&random);
	sender->seed = id_seed();
	transcoder_init(&sender->transcoder, config->schema);
	sender->limits = *cse_decode_limits(cse);
	sender->limits.bytes = config->max_answer;
	return 0;
}

void sender_close(struct sender *sender)
{
	ASSERT(sender->busy_count == 0 && list_empty(&sender->waiting));
	links_close(sender);
	streams_finish(&sender->streams);
	loop_timer_cancel(sender->loop, &sender->soon);
	udp_close(&sender->udp4);
	udp_close(&sender->udp6);
	transmissions_finish(&sender->transmissions);
	resolver_destroy(sender->resolver);
	map_finish(&sender->by_token);
	guard_finish(&sender->guard);
	transcoder_finish(&sender->transcoder);
	strbuf_finish(&sender->out);
}
