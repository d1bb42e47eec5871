/* exchange: acknowledging, answering, answering again. */
#include "bindings/coap/exchange.h"

#include "bindings/address.h"
#include "bindings/coap/observe.h"
#include "bindings/coap/server.h"
#include "bindings/coap/translate.h"
#include "cse/base/id.h"

#include <stdlib.h>

enum {
	MOST_BYTES = 48 << 20,
	LIFETIME_US = 247000000, /* RFC 7252 4.8.2, EXCHANGE_LIFETIME */
};

/* ---- life ---- */

static void drop(struct keeper *keeper, struct kept *kept)
{
	struct exchange *exchange = container_of(kept, struct exchange, kept);

	loop_timer_cancel(keeper->loop, &exchange->soon);
	exchange_forsake(exchange);
	strbuf_finish(&exchange->sent);
	free(exchange);
}

void exchanges_init(struct keeper *keeper, struct loop *loop)
{
	keeper_init(keeper, loop, MOST_BYTES, LIFETIME_US, drop);
}

struct party exchange_party(const coap_session_t *session)
{
	const struct tcp *tcp = tcp_of(session);

	return tcp ? (struct party){.connection = tcp->id} : party_at(&coap_session_get_addr_remote(session)->addr.sa);
}

struct exchange *exchange_begin(struct server *server, coap_session_t *session, const struct message *message,
				uint64_t hash)
{
	struct tcp *tcp = tcp_of(session);
	struct exchange *exchange = xzalloc(sizeof(*exchange));
	struct party party = exchange_party(session);

	exchange->server = server;
	exchange->session = coap_session_reference(session);
	exchange->hash = hash;
	exchange->len = message_len(message);
	exchange->is_con = !tcp && message->type == COAP_MESSAGE_CON;
	exchange->token_len = (uint8_t)message->token.len;
	if (message->token.len)
		memcpy(exchange->token, message->token.ptr, message->token.len);
	list_init(&exchange->of_tcp);
	if (tcp)
		list_push(&tcp->exchanges, &exchange->of_tcp);
	keeper_add(&server->exchanges, &exchange->kept, &party, tcp ? server->next_key++ : message->mid);
	return exchange;
}

void exchange_forsake(struct exchange *exchange)
{
	coap_session_t *session = exchange->session;
	struct tcp *tcp = session ? tcp_of(session) : NULL;

	observe_forget(exchange);
	exchange->session = NULL;
	list_remove(&exchange->of_tcp);
	if (tcp)
		tcp_settle(tcp);
	coap_session_release(session);
}

void exchanges_forsake(struct server *server)
{
	size_t state = 0;

	for (struct map_node *node = map_walk(&server->exchanges.by_key, &state, NULL); node;
	     node = map_walk(&server->exchanges.by_key, &state, node))
		exchange_forsake(container_of(node, struct exchange, kept.node));
}

/* Answered: datagrams are remembered. */
static void settle(struct exchange *exchange)
{
	struct keeper *keeper = &exchange->server->exchanges;

	loop_timer_cancel(keeper->loop, &exchange->soon);
	exchange_forsake(exchange);
	if (exchange->kept.party.connection)
		keeper_drop(keeper, &exchange->kept);
	else
		keeper_use(keeper, &exchange->kept, sizeof(*exchange) + exchange->sent.cap);
}

/* ---- empty messages ---- */

static void send_empty(struct exchange *exchange, coap_session_t *session, coap_pdu_type_t type)
{
	const struct message message = {.type = type, .mid = (uint16_t)exchange->kept.key, .token = STR("")};
	struct strbuf *out = &exchange->server->out;

	strbuf_clear(out);
	message_write(out, &message);
	message_send(session, strbuf_str(out));
}

static void acknowledge(struct timer *timer)
{
	struct exchange *exchange = container_of(timer, struct exchange, soon);

	exchange->is_acknowledged = true;
	send_empty(exchange, exchange->session, COAP_MESSAGE_ACK);
}

void exchange_wait(struct exchange *exchange)
{
	if (!exchange->is_con)
		return;
	exchange->soon.fire = acknowledge;
	loop_timer_set(exchange->server->loop, &exchange->soon, exchange->server->acknowledge_after_us);
}

void exchange_end(struct exchange *exchange)
{
	if (exchange->is_con && !exchange->is_acknowledged)
		acknowledge(&exchange->soon);
	settle(exchange);
}

void exchange_reset(struct exchange *exchange)
{
	send_empty(exchange, exchange->session, COAP_MESSAGE_RST);
	keeper_drop(&exchange->server->exchanges, &exchange->kept);
}

void exchange_repeat(struct exchange *exchange, coap_session_t *session)
{
	if (exchange->sent.len)
		message_send(session, strbuf_str(&exchange->sent));
	else if (exchange->is_acknowledged)
		send_empty(exchange, session, COAP_MESSAGE_ACK);
}

/* ---- answers ---- */

/* ---- parts ---- */

/* What libcoap keeps for us with a session of datagrams: nothing, the value of the Echo option that its peer was sent,
 * or that he has sent it back. */
enum { PEER_IS_UNKNOWN, PEER_IS_THERE };

static uintptr_t peer_is(const coap_session_t *session)
{
	return (uintptr_t)coap_session_get_app_data(session);
}

static bool is_trusted(const coap_session_t *session)
{
	return tcp_of(session) || peer_is(session) == PEER_IS_THERE ||
	       address_peer(&coap_session_get_addr_remote(session)->addr.sa).is_direct_loopback;
}

size_t exchange_limit(const coap_session_t *session, size_t asked, unsigned times)
{
	enum { FACTOR = 3, LEAST = 64 };
	size_t limit = FACTOR * asked / times;

	if (tcp_of(session))
		return coap_session_max_pdu_size(session);
	if (is_trusted(session))
		return MESSAGE_LARGEST;
	return limit < LEAST ? LEAST : limit < MESSAGE_LARGEST ? limit : MESSAGE_LARGEST;
}

/* RFC 9175 2.3: whoever knows the value is at that address. */
void exchange_add_echo(coap_session_t *session, size_t limit, struct message *message)
{
	uintptr_t value;

	if (!session || is_trusted(session) || message_len(message) <= limit)
		return;
	value = peer_is(session);
	while (value <= PEER_IS_THERE)
		value = (uintptr_t)id_seed();
	coap_session_set_app_data(session, (void *)value);
	message_add_uint(message, COAP_OPTION_ECHO, value);
}

void exchange_take_echo(coap_session_t *session, const struct message *message)
{
	uintptr_t sent = peer_is(session);
	struct str value;

	if (sent <= PEER_IS_THERE)
		return;
	value = message_option(message, COAP_OPTION_ECHO);
	if (value.len && value.len <= sizeof(uint64_t) && message_uint(value) == sent)
		coap_session_set_app_data(session, (void *)PEER_IS_THERE);
}

static bool fits(const struct message *message, const struct party *party, const struct block *asked, size_t limit)
{
	size_t most = party->connection ? SIZE_MAX : block_size(BLOCK_SZX_LARGEST);

	if (asked->is_there)
		most = block_size(asked->szx);
	return asked->number == 0 && message->payload.len <= most && message_len(message) <= limit;
}

/* false: there is no such part. */
static bool cut(struct message *message, const struct block *asked, size_t limit)
{
	struct block block = *asked;
	unsigned szx;

	if (!block.is_there || block.szx > BLOCK_SZX_LARGEST)
		block.szx = BLOCK_SZX_LARGEST;
	szx = block_fit(message, block.szx, limit);
	block.number <<= block.szx - szx;
	block.szx = (uint8_t)szx;
	return block_cut(message, &block);
}

bool exchange_fit(struct keeper *transfers, const struct party *party, const struct block *asked, uint64_t key,
		  size_t limit, struct message *message)
{
	if (!message->payload.len || fits(message, party, asked, limit))
		return true;
	transfer_keep(transfers, party, key, message);
	return cut(message, asked, limit);
}

/* ---- responses ---- */

/* One of its own is sent again by libcoap until the peer has it, so it is not kept here. */
static void send_response(struct exchange *exchange, struct message *message)
{
	bool is_separate = exchange->is_con && exchange->is_acknowledged;
	struct strbuf *out = is_separate || exchange->kept.party.connection ? &exchange->server->out : &exchange->sent;

	if (exchange->session) {
		message->token = str_make((const char *)exchange->token, exchange->token_len);
		message->type = !exchange->is_con ? COAP_MESSAGE_NON
				: is_separate	  ? COAP_MESSAGE_CON
						  : COAP_MESSAGE_ACK;
		message->mid = message->type == COAP_MESSAGE_ACK ? (uint16_t)exchange->kept.key
								 : coap_new_message_id(exchange->session);
		strbuf_clear(out);
		message_write(out, message);
		message_send(exchange->session, strbuf_str(out));
	}
	settle(exchange);
}

static size_t limit_of(const struct exchange *exchange)
{
	return exchange->session ? exchange_limit(exchange->session, exchange->len,
						  exchange->is_acknowledged ? EXCHANGE_TRANSMISSIONS : 1)
				 : SIZE_MAX;
}

/* RFC 7959 2.4: a part behind the end. */
static void refuse_part(struct exchange *exchange, const struct message *whole)
{
	struct server *server = exchange->server;
	struct message message = {0};

	translate_refusal(&message, whole, MESSAGE_CODE(4, 0), RSC_BAD_REQUEST, STR("there is no such part"),
			  &server->scratch, &server->transcoder);
	exchange_answer(exchange, &message);
}

/* What does not fit into one message, or was asked for in parts, goes in parts (RFC 7959 2.4). */
void exchange_answer(struct exchange *exchange, struct message *message)
{
	size_t limit = limit_of(exchange);

	if (!message_is_success(message)) /* whatever part was asked for, this is why there is none */
		exchange->block2 = (struct block){0};
	exchange_add_echo(exchange->session, limit, message);
	if (!exchange_fit(&exchange->server->transfers, &exchange->kept.party, &exchange->block2, exchange->key, limit,
			  message)) {
		refuse_part(exchange, message);
		return;
	}
	if (exchange->block1.is_there)
		block_add(message, COAP_OPTION_BLOCK1, &exchange->block1);
	send_response(exchange, message);
}

void exchange_answer_part(struct exchange *exchange, const struct transfer *transfer)
{
	struct message message = transfer->message;

	if (cut(&message, &exchange->block2, limit_of(exchange)))
		send_response(exchange, &message);
	else
		refuse_part(exchange, &message);
}
