/* server: what comes, in the order of the checks that it passes. */
#include "bindings/coap/server.h"

#include "bindings/address.h"
#include "bindings/coap/tcp.h"
#include "bindings/coap/translate.h"

#include <errno.h>

/* ---- refusals ---- */

static void refuse(struct exchange *exchange, const struct message *request, uint8_t code, enum rsc rsc,
		   const char *why)
{
	struct message message = {0};

	translate_refusal(&message, request, code, rsc, str_of(why), &exchange->server->scratch);
	exchange_answer(exchange, &message);
}

/* ---- requests of the CSE's ---- */

static void replied(struct request *req, void *arg)
{
	struct exchange *exchange = arg;
	struct server *server = exchange->server;
	struct message message = {0};

	translate_response(&message, req, exchange->media, &server->transcoder);
	if (message.code)
		exchange_answer(exchange, &message);
	else
		exchange_end(exchange);
	request_release(req);
	if (--server->waiting_count == 0 && server->idle)
		server->idle(server);
}

static struct peer peer_of(const struct exchange *exchange)
{
	struct sockaddr_storage address;

	if (exchange->stream)
		return exchange->stream->peer;
	udp_peer_address(&exchange->kept.party.peer, &address);
	return address_peer((struct sockaddr *)&address);
}

static void submit(struct exchange *exchange, const struct message *message, struct str content)
{
	struct server *server = exchange->server;
	struct request *req = server->is_draining ? NULL : request_create(server->cse);

	if (!req) {
		refuse(exchange, message, MESSAGE_CODE(5, 3), RSC_INTERNAL_SERVER_ERROR,
		       server->is_draining ? "the server is stopping" : "as many requests are in work as are served");
		return;
	}
	exchange->media = translate_media(message);
	if (!exchange->media)
		exchange->media = media_of_codec(&codec_json);
	req->peer = peer_of(exchange);
	translate_request(message, content, server->config->schema, req);
	server->waiting_count++;
	exchange_wait(exchange);
	cse_submit(server->cse, req, replied, exchange);
}

/* ---- parts ---- */

static void answer_piece(struct exchange *exchange, const struct message *request, enum assembly_result result)
{
	struct message message = {.code = MESSAGE_CODE(2, 31)};
	struct str identifier = message_option(request, ONEM2M_RQI);

	switch (result) {
	case ASSEMBLY_MORE:
		if (identifier.ptr)
			message_add(&message, ONEM2M_RQI, identifier);
		exchange_answer(exchange, &message);
		break;
	case ASSEMBLY_GAP:
		refuse(exchange, request, MESSAGE_CODE(4, 8), RSC_BAD_REQUEST, "a part before this one is missing");
		break;
	case ASSEMBLY_TOO_LARGE:
		refuse(exchange, request, MESSAGE_CODE(4, 13), RSC_CONTENTS_UNACCEPTABLE,
		       "content is larger than what is taken");
		break;
	default:
		refuse(exchange, request, MESSAGE_CODE(4, 0), RSC_BAD_REQUEST,
		       "a part has another length than its option says");
	}
}

static void take_piece(struct exchange *exchange, const struct message *message)
{
	struct server *server = exchange->server;
	struct strbuf whole = {0};
	enum assembly_result result;

	if (message_uint(message_option(message, COAP_NUMBER_SIZE1)) > server->config->max_body)
		result = ASSEMBLY_TOO_LARGE;
	else
		result = assembly_take(&server->assemblies, &exchange->kept.party, exchange->key, &exchange->block1,
				       message->payload, server->config->max_body, &whole);
	if (result == ASSEMBLY_WHOLE)
		submit(exchange, message, strbuf_str(&whole));
	else
		answer_piece(exchange, message, result);
	strbuf_finish(&whole);
}

/* What asks for a later part receives what it is sent. A GET whose response is not kept any more is performed again. */
static bool hand_out(struct exchange *exchange, const struct message *message)
{
	struct server *server = exchange->server;
	const struct transfer *transfer = transfer_find(&server->transfers, &exchange->kept.party, exchange->key);

	if (transfer) {
		if (!exchange->kept.party.stream)
			credit_verify(&server->credits, &exchange->kept.party.peer);
		exchange_answer_part(exchange, transfer);
		return true;
	}
	if (message->code == 1)
		return false;
	refuse(exchange, message, MESSAGE_CODE(4, 8), RSC_BAD_REQUEST, "the response is not kept any more");
	return true;
}

static void take(struct exchange *exchange, const struct message *message)
{
	struct server *server = exchange->server;
	bool is_stream = exchange->kept.party.stream;

	exchange->block1 = block_read(message, COAP_NUMBER_BLOCK1);
	exchange->block2 = block_read(message, COAP_NUMBER_BLOCK2);
	if (!is_stream && (exchange->block1.szx == BLOCK_SZX_BERT || exchange->block2.szx == BLOCK_SZX_BERT)) {
		refuse(exchange, message, MESSAGE_CODE(4, 0), RSC_BAD_REQUEST, "a Block option has a reserved size");
		return;
	}
	if (exchange->block1.is_there || exchange->block2.is_there || !is_stream)
		exchange->key = block_key(message, server->seed);
	if (exchange->block2.number && hand_out(exchange, message))
		return;
	if (exchange->block1.is_there)
		take_piece(exchange, message);
	else if (message->payload.len > server->config->max_body)
		answer_piece(exchange, message, ASSEMBLY_TOO_LARGE);
	else
		submit(exchange, message, message->payload);
}

/* ---- what comes ---- */

static void take_datagram(struct server *server, const struct udp_peer *from, const struct udp_local *at,
			  const struct message *message, uint64_t hash)
{
	struct exchange *exchange = exchange_of_datagram(server, from, at, message, hash);
	char why[100];
	uint8_t code = option_refuses(message, why, sizeof(why));

	if (code && message->type == MESSAGE_NON) /* RFC 7252 5.4.1 */
		exchange_reset(exchange);
	else if (code)
		refuse(exchange, message, code, RSC_BAD_REQUEST, why);
	else
		take(exchange, message);
}

/* A message ID that comes again is the same request if all of the datagram is. */
static void request_came(struct server *server, const struct udp_peer *from, const struct udp_local *at,
			 const struct message *message, uint64_t hash)
{
	const struct party party = {.peer = *from};
	struct kept *kept = keeper_find(&server->exchanges, &party, message->mid);
	struct exchange *known = kept ? container_of(kept, struct exchange, kept) : NULL;

	if (known && known->hash == hash) {
		exchange_repeat(known);
		return;
	}
	if (known && kept_is_pinned(kept)) /* the ID is in use */
		return;
	if (known)
		keeper_drop(&server->exchanges, kept);
	take_datagram(server, from, at, message, hash);
}

static void reset(struct server *server, const struct udp_peer *to, const struct udp_local *at, uint16_t mid)
{
	const struct message message = {.type = MESSAGE_RST, .mid = mid, .token = STR("")};

	strbuf_clear(&server->out);
	message_write_datagram(&server->out, &message);
	udp_send(&server->udp, to, at, strbuf_str(&server->out));
}

/* RFC 7252 4.2, 4.3: a confirmable message that makes no sense is rejected, so is an empty one (a ping); anything else
 * is passed over. */
static void received(struct udp *udp, const struct udp_peer *from, const struct udp_local *at, struct str bytes)
{
	struct server *server = container_of(udp, struct server, udp);
	struct message message;
	bool is_good = message_read_datagram(&message, bytes) == 0;

	credit_received(&server->credits, from, bytes.len);
	if (!is_good && (bytes.len < 4 || (uint8_t)*bytes.ptr >> 6 != 1))
		return;
	if (is_good && message.type == MESSAGE_ACK)
		transmissions_settle(&server->transmissions, from, message.mid, TRANSMISSION_ACKNOWLEDGED);
	else if (is_good && message.type == MESSAGE_RST)
		transmissions_settle(&server->transmissions, from, message.mid, TRANSMISSION_RESET);
	else if (is_good && message_is_request(&message))
		request_came(server, from, at, &message, str_hash(bytes, server->seed));
	else if (message.type == MESSAGE_CON)
		reset(server, from, at, message.mid);
}

void server_request(struct server *server, struct stream *stream, const struct message *message)
{
	struct exchange *exchange = exchange_of_stream(server, stream, message);
	char why[100];
	uint8_t code = option_refuses(message, why, sizeof(why));

	if (code)
		refuse(exchange, message, code, RSC_BAD_REQUEST, why);
	else
		take(exchange, message);
}

void server_forget_stream(struct server *server, struct stream *stream)
{
	const struct party party = {.stream = stream->id};

	list_each (item, &stream->exchanges) {
		list_remove(item);
		container_of(item, struct exchange, of_stream)->stream = NULL;
	}
	keeper_drop_party(&server->assemblies, &party);
	keeper_drop_party(&server->transfers, &party);
}

/* ---- opening and closing ---- */

static bool may_send(const struct udp *udp, const struct udp_peer *to, size_t len)
{
	struct server *server = container_of(udp, struct server, udp);

	return credit_spend(&server->credits, to, len);
}

/* Several of the largest contents, so that one peer with a large one keeps nobody else from having his. */
static size_t room_for_parts(const struct binding_config *config)
{
	enum { CONTENTS = 32 };

	return CONTENTS * (config->max_body + 4096);
}

int server_open(struct server *server, struct cse *cse, struct loop *loop, const struct binding_config *config,
		const struct addrinfo *infos)
{
	int error = -EADDRNOTAVAIL;

	*server = (struct server){.cse = cse, .loop = loop, .config = config, .seed = id_seed()};
	server->udp.received = received;
	server->udp.may_send = may_send;
	for (const struct addrinfo *info = infos; info && error < 0; info = info->ai_next)
		error = udp_open(&server->udp, loop, info->ai_family, info->ai_addr, info->ai_addrlen);
	if (error < 0)
		return error;
	transmissions_init(&server->transmissions, loop);
	exchanges_init(&server->exchanges, loop);
	assemblies_init(&server->assemblies, loop, room_for_parts(config));
	transfers_init(&server->transfers, loop, room_for_parts(config));
	credit_init(&server->credits, loop);
	transcoder_init(&server->transcoder, config->schema);
	return 0;
}

void server_stop(struct server *server)
{
	udp_close(&server->udp);
}

void server_finish(struct server *server)
{
	keeper_finish(&server->exchanges);
	keeper_finish(&server->assemblies);
	keeper_finish(&server->transfers);
	keeper_finish(&server->credits);
	transmissions_finish(&server->transmissions);
	transcoder_finish(&server->transcoder);
	strbuf_finish(&server->out);
	strbuf_finish(&server->scratch);
}
