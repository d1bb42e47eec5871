/* exchange: acknowledging, answering, answering again. */
#include "bindings/coap/exchange.h"

#include "bindings/coap/server.h"
#include "bindings/coap/stream.h"

#include <stdlib.h>

enum {
	MOST_BYTES = 48 << 20,
	/* A client sends again after two seconds; an answer within this time goes with the acknowledgement and costs
	 * half the datagrams. */
	PIGGYBACK_US = 500000,
};

/* ---- life ---- */

static void drop(struct keeper *keeper, struct kept *kept)
{
	struct exchange *exchange = container_of(kept, struct exchange, kept);

	loop_timer_cancel(keeper->loop, &exchange->soon);
	transmission_end(&exchange->separate);
	list_remove(&exchange->of_stream);
	strbuf_finish(&exchange->sent);
	strbuf_finish(&exchange->observation);
	free(exchange);
}

void exchanges_init(struct keeper *keeper, struct loop *loop)
{
	keeper_init(keeper, loop, MOST_BYTES, TRANSMISSION_EXCHANGE_LIFETIME_US, drop);
}

static struct exchange *make(struct server *server, const struct party *party, uint64_t key,
			     const struct message *message)
{
	struct exchange *exchange = xzalloc(sizeof(*exchange));

	exchange->server = server;
	exchange->token_len = (uint8_t)message->token.len;
	if (message->token.len)
		memcpy(exchange->token, message->token.ptr, message->token.len);
	list_init(&exchange->of_stream);
	keeper_add(&server->exchanges, &exchange->kept, party, key);
	return exchange;
}

struct exchange *exchange_of_datagram(struct server *server, const struct udp_peer *from, const struct udp_local *at,
				      const struct message *message, uint64_t hash)
{
	const struct party party = {.peer = *from};
	struct exchange *exchange = make(server, &party, message->mid, message);

	exchange->local = *at;
	exchange->hash = hash;
	exchange->is_con = message->type == MESSAGE_CON;
	return exchange;
}

struct exchange *exchange_of_stream(struct server *server, struct stream *stream, const struct message *message)
{
	const struct party party = {.stream = stream->id};
	struct exchange *exchange = make(server, &party, server->next_key++, message);

	exchange->stream = stream;
	list_push(&stream->exchanges, &exchange->of_stream);
	return exchange;
}

/* Answered: datagrams are remembered. */
static void settle(struct exchange *exchange)
{
	struct keeper *keeper = &exchange->server->exchanges;

	loop_timer_cancel(keeper->loop, &exchange->soon);
	if (exchange->kept.party.stream)
		keeper_drop(keeper, &exchange->kept);
	else
		keeper_use(keeper, &exchange->kept,
			   sizeof(*exchange) + exchange->sent.cap + exchange->separate.bytes.cap);
}

/* ---- empty messages ---- */

static const struct udp_peer *peer_of(const struct exchange *exchange)
{
	return &exchange->kept.party.peer;
}

static void send_bytes(struct exchange *exchange, struct str bytes)
{
	udp_send(&exchange->server->udp, peer_of(exchange), &exchange->local, bytes);
}

static void send_empty(struct exchange *exchange, enum message_type type)
{
	const struct message message = {.type = type, .mid = (uint16_t)exchange->kept.key, .token = STR("")};
	struct strbuf *out = &exchange->server->out;

	strbuf_clear(out);
	message_write_datagram(out, &message);
	send_bytes(exchange, strbuf_str(out));
}

static void acknowledge(struct timer *timer)
{
	struct exchange *exchange = container_of(timer, struct exchange, soon);

	exchange->is_acknowledged = true;
	send_empty(exchange, MESSAGE_ACK);
}

void exchange_wait(struct exchange *exchange)
{
	if (!exchange->is_con)
		return;
	exchange->soon.fire = acknowledge;
	loop_timer_set(exchange->server->loop, &exchange->soon, PIGGYBACK_US);
}

void exchange_end(struct exchange *exchange)
{
	if (exchange->is_con && !exchange->is_acknowledged)
		acknowledge(&exchange->soon);
	settle(exchange);
}

void exchange_reset(struct exchange *exchange)
{
	send_empty(exchange, MESSAGE_RST);
	keeper_drop(&exchange->server->exchanges, &exchange->kept);
}

void exchange_repeat(struct exchange *exchange)
{
	if (exchange->sent.len)
		send_bytes(exchange, strbuf_str(&exchange->sent));
	else if (exchange->is_acknowledged)
		send_empty(exchange, MESSAGE_ACK);
}

/* ---- answers ---- */

/* The peer has it, or is not there; either way it asks no more. */
static void separate_done(struct transmission *transmission, enum transmission_end end)
{
	struct exchange *exchange = container_of(transmission, struct exchange, separate);

	if (end == TRANSMISSION_ACKNOWLEDGED)
		credit_verify(&exchange->server->credits, peer_of(exchange));
}

static void answer_datagram(struct exchange *exchange, struct message *message)
{
	struct server *server = exchange->server;
	bool is_separate = exchange->is_con && exchange->is_acknowledged;

	message->type = !exchange->is_con ? MESSAGE_NON : is_separate ? MESSAGE_CON : MESSAGE_ACK;
	message->mid = message->type == MESSAGE_ACK ? (uint16_t)exchange->kept.key
						    : transmissions_new_mid(&server->transmissions);
	if (is_separate) {
		strbuf_clear(&server->out);
		message_write_datagram(&server->out, message);
		exchange->separate.done = separate_done;
		transmission_begin(&exchange->separate, &server->transmissions, &server->udp, peer_of(exchange),
				   &exchange->local, message->mid, strbuf_str(&server->out));
	} else {
		message_write_datagram(&exchange->sent, message);
		send_bytes(exchange, strbuf_str(&exchange->sent));
	}
	settle(exchange);
}

/* ---- parts ---- */

/* How long a response may be as a message. */
static size_t limit_of(struct server *server, const struct party *party, const struct stream *stream)
{
	if (!party->stream)
		return credit_of(&server->credits, &party->peer);
	return stream ? stream->peer_max : SIZE_MAX;
}

static bool fits(const struct message *message, const struct party *party, const struct block *asked, size_t limit)
{
	size_t most = party->stream ? SIZE_MAX : block_size(BLOCK_SZX_LARGEST);

	if (asked->is_there)
		most = block_size(asked->szx);
	return asked->number == 0 && message->payload.len <= most && message_len(message) <= limit;
}

static void cut(struct message *message, const struct block *asked, size_t limit)
{
	struct block block = *asked;

	if (!block.is_there || block.szx > BLOCK_SZX_LARGEST)
		block.szx = BLOCK_SZX_LARGEST;
	if (block.number == 0) /* parts that follow have the size of the first */
		block.szx = (uint8_t)block_fit(message, block.szx, limit);
	if (block_cut(message, &block))
		return;
	message->code = MESSAGE_CODE(4, 0); /* RFC 7959 2.4 */
	message->payload = STR("");
}

void exchange_fit(struct server *server, const struct party *party, const struct stream *stream,
		  const struct block *asked, uint64_t key, struct message *message)
{
	size_t limit = limit_of(server, party, stream);

	if (!message->payload.len || fits(message, party, asked, limit))
		return;
	transfer_keep(&server->transfers, party, key, message);
	cut(message, asked, limit);
}

/* ---- responses ---- */

static void send_response(struct exchange *exchange, struct message *message)
{
	message->token = str_make((const char *)exchange->token, exchange->token_len);
	if (!exchange->kept.party.stream) {
		answer_datagram(exchange, message);
		return;
	}
	if (exchange->stream)
		stream_send(exchange->stream, message);
	settle(exchange);
}

/* What does not fit into one message, or was asked for in parts, goes in parts (RFC 7959 2.4). */
void exchange_answer(struct exchange *exchange, struct message *message)
{
	if (!message_is_success(message)) /* whatever part was asked for, this is why there is none */
		exchange->block2 = (struct block){0};
	exchange_fit(exchange->server, &exchange->kept.party, exchange->stream, &exchange->block2, exchange->key,
		     message);
	if (exchange->block1.is_there)
		block_add(message, COAP_NUMBER_BLOCK1, &exchange->block1);
	send_response(exchange, message);
}

void exchange_answer_part(struct exchange *exchange, const struct transfer *transfer)
{
	struct message message = transfer->message;

	cut(&message, &exchange->block2, SIZE_MAX);
	send_response(exchange, &message);
}
