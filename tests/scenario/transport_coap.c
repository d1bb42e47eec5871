/* Requests written as CoAP to the binding's loopback socket, TS-0008, by libcoap's client. It runs in turns with the
 * loop of the CSE. */
#include "tests/scenario/contents.h"

#include <arpa/inet.h>
#include <coap3/coap.h>

/* TS-0008 table 6.2.2.4.0-1 */
enum {
	OPTION_RTURI = 263,
	OPTION_TY = 267,
	OPTION_RVI = 271,
	OPTION_RQI = 283,
	OPTION_RSC = 307,
	OPTION_CTO = 319,
};

static const struct {
	enum parameter parameter;
	uint16_t option;
	bool is_uint;
} mapped[] = {
	{PARAM_from, 279, false},
	{PARAM_requestIdentifier, OPTION_RQI, false},
	{PARAM_groupRequestIdentifier, 311, false},
	{PARAM_originatingTimestamp, 259, false},
	{PARAM_resultExpirationTimestamp, 295, false},
	{PARAM_requestExpirationTimestamp, 291, false},
	{PARAM_operationExecutionTime, 299, false},
	{PARAM_eventCategory, 303, true},
	{PARAM_releaseVersionIndicator, OPTION_RVI, false},
	{PARAM_vendorInformation, 331, false},
	{PARAM_groupRequestTargetMembers, 335, false},
	{PARAM_resourceType, OPTION_TY, true},
};

struct client {
	const struct transport *transport;
	struct world *world;
	const struct exchange *exchange;
	struct arena *arena;
	struct reply *reply;
	coap_context_t *context;
	coap_session_t *session;
	coap_optlist_t *options;
	const char *wrong; /* what the message cannot carry; NULL: nothing */
	unsigned format;   /* of the answer */
	unsigned code;	   /* 205 for 2.05 */
	bool done;
};

/* ---- writing ---- */

static void add(struct client *client, uint16_t number, struct str value)
{
	coap_insert_optlist(&client->options, coap_new_optlist(number, value.len, (const uint8_t *)value.ptr));
}

static void add_uint(struct client *client, uint16_t number, unsigned value)
{
	uint8_t bytes[4];

	add(client, number, str_make((const char *)bytes, coap_encode_var_safe(bytes, sizeof(bytes), value)));
}

static void add_mapped(struct client *client, size_t row, struct str value)
{
	uint64_t number;

	if (!mapped[row].is_uint)
		add(client, mapped[row].option, value);
	else if (str_to_u64(value, &number) == 0 && number <= UINT32_MAX)
		add_uint(client, mapped[row].option, (unsigned)number);
	else
		client->wrong = "the option is an unsigned number";
}

static bool is_mapped(enum parameter parameter)
{
	for (size_t i = 0; i < sizeof(mapped) / sizeof(mapped[0]); i++)
		if (mapped[i].parameter == parameter)
			return true;
	return false;
}

static void add_pair(struct client *client, struct str name, struct str value)
{
	struct str pair = arena_join(client->arena, name, STR("="), value);

	if (pair.len > 255)
		client->wrong = "an option has 255 bytes at most";
	else
		add(client, COAP_OPTION_URI_QUERY, pair);
}

/* TS-0008 6.2.2.3 */
static void add_path(struct client *client, struct str to)
{
	if (str_starts(to, STR("//"))) {
		add(client, COAP_OPTION_URI_PATH, STR("_"));
		to = str_from(to, 2);
	} else if (str_starts(to, STR("/"))) {
		add(client, COAP_OPTION_URI_PATH, STR("~"));
		to = str_from(to, 1);
	}
	while (to.ptr) {
		struct str segment = str_split(&to, '/');

		if (segment.len > 255)
			client->wrong = "an option has 255 bytes at most";
		else
			add(client, COAP_OPTION_URI_PATH, segment);
	}
}

/* TS-0008 6.2.1: what is not answered at once is POST with the operation in the query. */
static coap_pdu_code_t method_of(const struct exchange *exchange)
{
	static const coap_pdu_code_t methods[] = {[OP_CREATE] = COAP_REQUEST_CODE_POST,
						  [OP_RETRIEVE] = COAP_REQUEST_CODE_GET,
						  [OP_UPDATE] = COAP_REQUEST_CODE_PUT,
						  [OP_DELETE] = COAP_REQUEST_CODE_DELETE,
						  [OP_NOTIFY] = COAP_REQUEST_CODE_POST};
	struct str type = exchange->param[PARAM_responseType];

	return type.ptr && !str_eq(type, STR("3")) ? COAP_REQUEST_CODE_POST : methods[exchange->op];
}

static void add_query(struct client *client)
{
	const struct exchange *exchange = client->exchange;
	struct str attribute = exchange->param[PARAM_to];

	str_split(&attribute, '#');
	if (!attribute.ptr && exchange->op == OP_RETRIEVE)
		attribute = contents_attribute_list(exchange, client->arena);
	if (method_of(exchange) == COAP_REQUEST_CODE_POST && exchange->param[PARAM_responseType].ptr)
		add_pair(client, str_of(parameter_defs[PARAM_operation].short_name),
			 arena_printf(client->arena, "%d", (int)exchange->op));
	for (enum parameter i = 0; i < PARAM_COUNT; i++)
		if (exchange->param[i].ptr && i != PARAM_to && i != PARAM_operation && !is_mapped(i))
			add_pair(client, str_of(parameter_defs[i].short_name), exchange->param[i]);
	for (unsigned i = 0; i < exchange->condition_count; i++)
		add_pair(client, exchange->conditions[i].name, exchange->conditions[i].text);
	if (attribute.ptr)
		add_pair(client, str_of(parameter_defs[PARAM_attributeList].short_name), attribute);
}

static const struct {
	const struct codec *codec;
	unsigned plain, vendor;
} formats[] = {{&codec_json, 50, 10001}, {&codec_xml, 41, 10014}, {&codec_cbor, 60, 10010}};

static const struct codec *codec_of(unsigned format)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (format == formats[i].plain || format == formats[i].vendor)
			return formats[i].codec;
	return NULL;
}

static void add_formats(struct client *client, bool has_content)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		bool is_create = client->exchange->op == OP_CREATE;

		if (formats[i].codec != client->transport->codec)
			continue;
		if (has_content)
			add_uint(client, COAP_OPTION_CONTENT_FORMAT, is_create ? formats[i].vendor : formats[i].plain);
		if (client->transport->asks)
			add_uint(client, COAP_OPTION_ACCEPT, formats[i].plain);
	}
}

static void add_options(struct client *client, bool has_content)
{
	const struct exchange *exchange = client->exchange;
	struct str to = exchange->param[PARAM_to];

	add_path(client, str_split(&to, '#'));
	for (size_t i = 0; i < sizeof(mapped) / sizeof(mapped[0]); i++)
		if (exchange->param[mapped[i].parameter].ptr)
			add_mapped(client, i, exchange->param[mapped[i].parameter]);
	if (exchange->response_targets.ptr)
		add(client, OPTION_RTURI, exchange->response_targets);
	add_query(client);
	add_formats(client, has_content);
	if (exchange->accept_etag.ptr)
		client->wrong = "there is no condition on an entity tag";
}

static void send_request(struct client *client, struct str content)
{
	bool has_content = content.len && client->exchange->op != OP_RETRIEVE;
	coap_pdu_t *pdu =
		coap_pdu_init(COAP_MESSAGE_CON, method_of(client->exchange), coap_new_message_id(client->session),
			      coap_session_max_pdu_size(client->session));

	add_options(client, has_content);
	coap_add_token(pdu, 3, (const uint8_t *)"scn");
	coap_add_optlist_pdu(pdu, &client->options);
	if (has_content)
		coap_add_data_large_request(client->session, pdu, content.len, (const uint8_t *)content.ptr, NULL,
					    NULL);
	if (client->wrong)
		coap_delete_pdu(pdu);
	else
		coap_send(client->session, pdu);
}

/* ---- reading ---- */

/* As HTTP names it, for whoever looks at a reply. */
static void keep_header(struct client *client, struct str name, struct str value)
{
	client->reply->headers[client->reply->header_count++] = (struct header){name, arena_copy(client->arena, value)};
}

static void read_option(struct client *client, unsigned number, struct str value)
{
	struct reply *reply = client->reply;
	uint64_t numeral = coap_decode_var_bytes8((const uint8_t *)value.ptr, value.len);

	if (number == OPTION_RSC)
		reply->rsc = (int)numeral;
	else if (number == OPTION_RQI)
		keep_header(client, STR("X-M2M-RI"), value);
	else if (number == OPTION_RVI)
		keep_header(client, STR("X-M2M-RVI"), value);
	else if (number == OPTION_CTO)
		reply->offset = arena_printf(client->arena, "%llu", (unsigned long long)numeral);
	else if (number == COAP_OPTION_LOCATION_PATH)
		reply->location = arena_join(client->arena, reply->location, STR("/"), value);
	else if (number == COAP_OPTION_CONTENT_FORMAT)
		client->format = (unsigned)numeral;
}

static coap_response_t take_answer(coap_session_t *session, const coap_pdu_t *sent, const coap_pdu_t *received,
				   coap_mid_t mid)
{
	struct client *client = coap_session_get_app_data(session);
	coap_opt_iterator_t iterator;
	const coap_opt_t *option;
	const uint8_t *data;
	size_t len, offset, total;
	coap_pdu_code_t code = coap_pdu_get_code(received);

	(void)sent, (void)mid;
	client->reply->location = STR("");
	coap_option_iterator_init(received, &iterator, COAP_OPT_ALL);
	while ((option = coap_option_next(&iterator)) != NULL)
		read_option(client, iterator.number,
			    str_make((const char *)coap_opt_value(option), coap_opt_length(option)));
	if (coap_get_data_large(received, &len, &data, &offset, &total))
		client->reply->content = arena_copy(client->arena, str_make((const char *)data, len));
	client->code = (unsigned)(code >> 5) * 100 + (code & 31);
	client->done = true;
	return COAP_RESPONSE_OK;
}

/* ---- the exchange ---- */

static bool connect_to(struct client *client)
{
	const char *address = client->world->binding->address(client->world->binding_state);
	const char *port = strrchr(address, ':');
	coap_address_t to;
	int64_t number;

	if (!port || str_to_i64(str_of(port + 1), &number) != 0)
		return false;
	coap_address_init(&to);
	to.size = sizeof(to.addr.sin);
	to.addr.sin.sin_family = AF_INET;
	to.addr.sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	to.addr.sin.sin_port = htons((uint16_t)number);
	client->context = coap_new_context(NULL);
	coap_context_set_block_mode(client->context, COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY);
	coap_register_response_handler(client->context, take_answer);
	client->session = coap_new_client_session(client->context, NULL, &to, COAP_PROTO_UDP);
	if (client->session)
		coap_session_set_app_data(client->session, client);
	return client->session != NULL;
}

/* TS-0008 table 6.2.4-1 */
static bool is_right_code(const struct client *client)
{
	const struct status_def *status = status_find(client->reply->rsc);
	unsigned code = client->code;

	if (client->reply->rsc == RSC_OK)
		return code == (client->exchange->op == OP_RETRIEVE ? 205 : 204);
	if (client->reply->rsc == RSC_ACCEPTED_ASYNCH)
		return code == (client->reply->location.len ? 201 : 204);
	return status && code == status->coap;
}

static const char *converse(struct client *client)
{
	enum { ROUNDS_AT_MOST = 10000, ROUNDS_OF_SILENCE = 100 };
	struct world *world = client->world;
	bool is_silent = str_eq(client->exchange->param[PARAM_responseType], STR("5")); /* TS-0004 6.3.4.2.6 */

	for (int i = 0; i < (is_silent ? ROUNDS_OF_SILENCE : ROUNDS_AT_MOST) && !client->done; i++) {
		world_pass_time(world, i);
		loop_round(world->loop, 0);
		if (coap_io_process(client->context, COAP_IO_NO_WAIT) < 0)
			return "libcoap fails";
		loop_round(world->loop, client->done || world_may_wait(world) ? 0 : 1);
	}
	if (!client->done && is_silent) /* acknowledged and no more: TS-0008 table 6.2.4-1 has nothing for 1000 */
		client->reply->rsc = RSC_ACCEPTED;
	else if (!client->done)
		return "no answer";
	else if (!client->reply->rsc)
		return "no oneM2M-RSC in the answer";
	return !client->done || is_right_code(client) ? NULL : "the code of CoAP is not that of the oneM2M-RSC";
}

static const char *perform_coap(const struct transport *transport, struct world *world, const struct exchange *exchange,
				struct arena *arena, struct reply *reply)
{
	struct client client = {
		.transport = transport, .world = world, .exchange = exchange, .arena = arena, .reply = reply};
	struct str content;
	const char *fault = contents_encode(transport, world, exchange, arena, &content);

	if (fault)
		return fault;
	coap_set_log_level(LOG_EMERG);
	reply->content = reply->location = reply->etag = STR("");
	if (!connect_to(&client))
		return "cannot connect";
	send_request(&client, content);
	fault = client.wrong ? client.wrong : converse(&client);
	if (!fault)
		fault = contents_decode(transport, world, exchange, codec_of(client.format), arena, reply);
	coap_delete_optlist(client.options);
	coap_session_release(client.session);
	coap_free_context(client.context);
	return fault;
}

const struct transport transport_coap = {
	.name = "coap", .binding = "coap", .codec = &codec_json, .perform = perform_coap};
const struct transport transport_coap_xml = {
	.name = "coap+xml", .binding = "coap", .asks = true, .codec = &codec_xml, .perform = perform_coap};
const struct transport transport_coap_cbor = {
	.name = "coap+cbor", .binding = "coap", .asks = true, .codec = &codec_cbor, .perform = perform_coap};
