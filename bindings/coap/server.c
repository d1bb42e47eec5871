/* server: what comes, in the order of the checks that it passes. */
#include "bindings/coap/server.h"

#include "bindings/address.h"
#include "bindings/coap/observe.h"
#include "bindings/coap/translate.h"
#include "cse/base/id.h"

#include <errno.h>
#include <stdio.h>

/* ---- refusals ---- */

static void refuse(struct exchange *exchange, const struct message *request, uint8_t code, enum rsc rsc,
		   const char *why)
{
	struct server *server = exchange->server;
	struct message message = {0};

	translate_refusal(&message, request, code, rsc, str_of(why), &server->scratch, &server->transcoder);
	if (code == MESSAGE_CODE(4, 13)) /* RFC 7959 2.9.3 */
		message_add_uint(&message, COAP_OPTION_SIZE1, server->config->max_body);
	exchange_answer(exchange, &message);
}

/* ---- requests of the CSE's ---- */

void server_request_ended(struct server *server)
{
	if (--server->waiting_count == 0)
		server->idle(server);
}

static void replied(struct request *req, void *arg)
{
	struct exchange *exchange = arg;
	struct server *server = exchange->server;
	struct message message = {0};

	translate_response(&message, req, exchange->media, &server->transcoder);
	if (message_is_success(&message))
		observe_begin(exchange, &message);
	if (message.code)
		exchange_answer(exchange, &message);
	else
		exchange_end(exchange);
	request_release(req);
	server_request_ended(server);
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
	req->peer = address_peer(&coap_session_get_addr_remote(exchange->session)->addr.sa);
	translate_request(message, content, server->config->schema, req);
	server->waiting_count++;
	observe_look(exchange, message, req->param[PARAM_to]);
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

	if (message_uint(message_option(message, COAP_OPTION_SIZE1)) > server->config->max_body)
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

/* A GET whose response is not kept any more is performed again. */
static bool hand_out(struct exchange *exchange, const struct message *message)
{
	struct server *server = exchange->server;
	const struct transfer *transfer = transfer_find(&server->transfers, &exchange->kept.party, exchange->key);

	if (transfer) {
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
	bool is_stream = exchange->kept.party.connection;

	exchange->block1 = block_read(message, COAP_OPTION_BLOCK1);
	exchange->block2 = block_read(message, COAP_OPTION_BLOCK2);
	if (!is_stream && (exchange->block1.szx == BLOCK_SZX_BERT || exchange->block2.szx == BLOCK_SZX_BERT)) {
		refuse(exchange, message, MESSAGE_CODE(4, 0), RSC_BAD_REQUEST, "a Block option has a reserved size");
		return;
	}
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

static void take_new(struct server *server, coap_session_t *session, const struct message *message, uint64_t hash)
{
	struct exchange *exchange = exchange_begin(server, session, message, hash);
	bool is_datagram = !exchange->kept.party.connection;
	char why[100];
	uint8_t code = option_refuses(message, why, sizeof(why));

	if (is_datagram)
		exchange_take_echo(session, message);
	if (is_datagram && message_len(message) >= COAP_RXBUFFER_SIZE) /* libcoap has cut it, without a word */
		refuse(exchange, message, MESSAGE_CODE(4, 13), RSC_CONTENTS_UNACCEPTABLE,
		       "datagram is too long: send blocks");
	else if (code && is_datagram && message->type == COAP_MESSAGE_NON) /* RFC 7252 5.4.1 */
		exchange_reset(exchange);
	else if (code)
		refuse(exchange, message, code, RSC_BAD_REQUEST, why);
	else
		take(exchange, message);
}

static uint64_t hash_of(const struct message *message, uint64_t seed)
{
	uint64_t hash = str_hash(message->token, seed + message->code);

	for (unsigned i = 0; i < message->option_count; i++)
		hash = str_hash(message->options[i].value, hash + message->options[i].number);
	return str_hash(message->payload, hash);
}

/* A message ID that comes again is the same request if all of the datagram is. */
static void take_datagram(struct server *server, coap_session_t *session, const struct message *message)
{
	const struct party party = exchange_party(session);
	struct kept *kept = keeper_find(&server->exchanges, &party, message->mid);
	struct exchange *known = kept ? container_of(kept, struct exchange, kept) : NULL;
	uint64_t hash = hash_of(message, server->seed);

	if (known && known->hash == hash) {
		exchange_repeat(known, session);
		return;
	}
	if (known && kept_is_pinned(kept)) /* the ID is in use */
		return;
	if (known)
		keeper_drop(&server->exchanges, kept);
	take_new(server, session, message, hash);
}

/* The answer is a message of our own, now or later: libcoap is to send nothing, which it does for an empty response
 * that is no acknowledgement. */
static void requested(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *pdu,
		      const coap_string_t *query, coap_pdu_t *response)
{
	struct server *server = coap_get_app_data(coap_session_get_context(session));
	struct tcp *tcp = tcp_of(session);
	struct message message;

	(void)resource, (void)query;
	coap_pdu_set_type(response, COAP_MESSAGE_NON);
	message_read(&message, pdu);
	if (!tcp)
		take_datagram(server, session, &message);
	else if (tcp_use(tcp))
		take_new(server, session, &message, 0);
}

static void connection_ended(struct tcps *tcps, struct tcp *tcp)
{
	struct server *server = container_of(tcps, struct server, tcps);
	const struct party party = {.connection = tcp->id};

	list_each (item, &tcp->exchanges)
		exchange_forsake(container_of(item, struct exchange, of_tcp));
	keeper_drop_party(&server->observers, &party);
	keeper_drop_party(&server->assemblies, &party);
	keeper_drop_party(&server->transfers, &party);
	if (tcps->count == 0 && server->idle)
		server->idle(server);
}

static int happened(coap_session_t *session, const coap_event_t event)
{
	struct server *server = coap_get_app_data(coap_session_get_context(session));

	tcps_event(&server->tcps, session, event);
	return 0;
}

static void rejected(coap_session_t *session, const coap_pdu_t *sent, const coap_nack_reason_t reason,
		     const coap_mid_t mid)
{
	(void)reason, (void)mid;
	observe_end(coap_get_app_data(coap_session_get_context(session)), session, coap_pdu_get_token(sent));
}

/* Nothing is asked of those who ask. */
static coap_response_t responded(coap_session_t *session, const coap_pdu_t *sent, const coap_pdu_t *received,
				 const coap_mid_t mid)
{
	struct tcp *tcp = tcp_of(session);

	(void)sent, (void)mid;
	if (tcp)
		tcp_heard(tcp);
	return tcp || coap_pdu_get_type(received) != COAP_MESSAGE_CON ? COAP_RESPONSE_OK : COAP_RESPONSE_FAIL;
}

static void pinged(coap_session_t *session, const coap_pdu_t *ping, const coap_mid_t mid)
{
	struct tcp *tcp = tcp_of(session);

	(void)mid;
	if (!tcp)
		return;
	tcp_heard(tcp);
	if (coap_pdu_get_code(ping) && coap_pdu_get_token(ping).length)
		tcp_pong(tcp, ping);
}

static void ponged(coap_session_t *session, const coap_pdu_t *pong, const coap_mid_t mid)
{
	struct tcp *tcp = tcp_of(session);

	(void)mid;
	if (!tcp)
		return;
	tcp_heard(tcp);
	if (engine_is_release(pong))
		tcp_release(tcp);
}

/* ---- opening and closing ---- */

/* All paths and methods: libcoap knows no resources. What it answers by itself, .well-known/core, is nobody's here. */
static void add_handlers(coap_context_t *context)
{
	coap_resource_t *resources[] = {coap_resource_unknown_init(requested),
					coap_resource_init(coap_make_str_const(COAP_DEFAULT_URI_WELLKNOWN), 0)};

	for (size_t i = 0; i < sizeof(resources) / sizeof(resources[0]); i++) {
		for (int method = COAP_REQUEST_GET; method <= COAP_REQUEST_IPATCH; method++)
			coap_register_handler(resources[i], (coap_request_t)method, requested);
		coap_add_resource(context, resources[i]);
	}
}

static coap_endpoint_t *listen_at(coap_context_t *context, const struct addrinfo *info, uint16_t port,
				  coap_proto_t proto)
{
	coap_address_t address;

	coap_address_init(&address);
	address.size = info->ai_addrlen;
	memcpy(&address.addr, info->ai_addr, info->ai_addrlen);
	if (port)
		coap_address_set_port(&address, port);
	return coap_new_endpoint(context, &address, proto);
}

/* libcoap tells the port that the kernel has picked in the text of an endpoint alone: "127.0.0.1:5683 TCP". */
static uint16_t describe(struct server *server, const coap_endpoint_t *endpoint)
{
	struct str text = str_of(coap_endpoint_str(endpoint)), where = str_split(&text, ' '), port = where;
	uint64_t number = 0;

	snprintf(server->address, sizeof(server->address), "coap://%" STR_FMT, STR_ARG(where));
	for (struct str rest = where; rest.ptr; port = str_split(&rest, ':'))
		;
	return str_to_u64(port, &number) < 0 ? 0 : (uint16_t)number;
}

/* The same port for both; one that the kernel has picked for connections may be taken for datagrams. */
static bool listen_both(struct server *server, const struct addrinfo *info)
{
	enum { TRIES = 8 };

	for (int i = 0; i < TRIES; i++) {
		coap_endpoint_t *tcp = listen_at(server->engine.context, info, 0, COAP_PROTO_TCP), *udp;

		if (!tcp)
			return false;
		udp = listen_at(server->engine.context, info, describe(server, tcp), COAP_PROTO_UDP);
		if (udp) {
			coap_endpoint_set_default_mtu(udp, COAP_RXBUFFER_SIZE);
			return true;
		}
		coap_free_endpoint(tcp);
	}
	return false;
}

/* Several of the largest contents, so that one peer with a large one keeps nobody else from having his. */
static size_t room_for_parts(const struct binding_config *config)
{
	enum { CONTENTS = 32 };

	return CONTENTS * (config->max_body + 4096);
}

static void set_up(struct server *server)
{
	enum { MOST_SESSIONS = 256 };
	coap_context_t *context = server->engine.context;

	coap_set_app_data(context, server);
	coap_register_event_handler(context, happened);
	coap_register_nack_handler(context, rejected);
	coap_register_ping_handler(context, pinged);
	coap_register_pong_handler(context, ponged);
	coap_register_response_handler(context, responded);
	coap_context_set_max_idle_sessions(context, MOST_SESSIONS);
	engine_announce(&server->engine, server->config->max_body);
	add_handlers(context);
	server_set_limits(server);
}

int server_open(struct server *server, struct cse *cse, struct loop *loop, const struct binding_config *config,
		const struct addrinfo *infos)
{
	int error;

	*server = (struct server){.cse = cse, .loop = loop, .config = config, .seed = id_seed()};
	error = engine_open(&server->engine, loop);
	if (error < 0)
		return error;
	error = -EADDRNOTAVAIL;
	for (const struct addrinfo *info = infos; info && error < 0; info = info->ai_next) {
		errno = 0;
		error = listen_both(server, info) ? 0 : errno ? -errno : -EADDRINUSE;
	}
	if (error < 0) {
		engine_close(&server->engine);
		return error;
	}
	tcps_init(&server->tcps, loop, config);
	server->tcps.ended = connection_ended;
	exchanges_init(&server->exchanges, loop);
	assemblies_init(&server->assemblies, loop, room_for_parts(config));
	transfers_init(&server->transfers, loop, room_for_parts(config));
	observers_init(&server->observers, loop);
	transcoder_init(&server->transcoder, config->schema);
	set_up(server);
	return 0;
}

void server_set_limits(struct server *server)
{
	coap_context_set_session_timeout(server->engine.context, server->config->idle_timeout_ms / 1000 + 1);
}

bool server_is_idle(const struct server *server)
{
	return server->waiting_count == 0 && server->tcps.count == 0;
}

void server_drain(struct server *server)
{
	server->is_draining = true;
	tcps_drain(&server->tcps);
}

void server_stop(struct server *server)
{
	keeper_finish(&server->observers);
	exchanges_forsake(server);
	tcps_finish(&server->tcps);
	engine_close(&server->engine);
}

void server_finish(struct server *server)
{
	keeper_finish(&server->exchanges);
	keeper_finish(&server->assemblies);
	keeper_finish(&server->transfers);
	transcoder_finish(&server->transcoder);
	strbuf_finish(&server->out);
	strbuf_finish(&server->scratch);
}
