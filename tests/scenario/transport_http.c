/* Requests written as HTTP/1.1 to the binding's loopback socket, TS-0009. The client's socket is watched by the loop
 * that the CSE runs on. */
#include "tests/scenario/contents.h"
#include "tests/scenario/transport.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <http_parser.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/* Parameters that travel as headers, TS-0009 6.4; the others are in the query. */
static const struct {
	enum parameter parameter;
	const char *header;
} mapped[] = {
	{PARAM_from, "X-M2M-Origin"},
	{PARAM_requestIdentifier, "X-M2M-RI"},
	{PARAM_groupRequestIdentifier, "X-M2M-GID"},
	{PARAM_originatingTimestamp, "X-M2M-OT"},
	{PARAM_resultExpirationTimestamp, "X-M2M-RST"},
	{PARAM_requestExpirationTimestamp, "X-M2M-RET"},
	{PARAM_operationExecutionTime, "X-M2M-OET"},
	{PARAM_eventCategory, "X-M2M-EC"},
	{PARAM_releaseVersionIndicator, "X-M2M-RVI"},
	{PARAM_vendorInformation, "X-M2M-VSI"},
};

struct client {
	struct loop_fd watch;
	struct arena *arena;
	struct reply *reply;
	struct strbuf name, value, body;
	http_parser parser;
	bool in_value, done, failed;
};

/* ---- writing ---- */

static void add_escaped(struct strbuf *out, struct str text, const char *kept)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		if (isalnum(c) || strchr(kept, c))
			strbuf_add_char(out, (char)c);
		else
			strbuf_addf(out, "%%%02X", c);
	}
}

static const char *header_of(enum parameter parameter)
{
	for (size_t i = 0; i < sizeof(mapped) / sizeof(mapped[0]); i++)
		if (mapped[i].parameter == parameter)
			return mapped[i].header;
	return NULL;
}

/* TS-0009 6.2.2.1; the attribute behind a # goes into the query. */
static void add_path(struct strbuf *out, struct str to)
{
	if (str_starts(to, STR("//"))) {
		STRBUF_LIT(out, "/_");
		to = str_from(to, 1);
	} else if (str_starts(to, STR("/"))) {
		STRBUF_LIT(out, "/~");
	} else {
		STRBUF_LIT(out, "/");
	}
	add_escaped(out, to, "-._~/");
}

static void add_query(struct strbuf *out, char *separator, struct str name, struct str value)
{
	strbuf_add_char(out, *separator);
	strbuf_add_str(out, name);
	strbuf_add_char(out, '=');
	add_escaped(out, value, "-._~*+,:");
	*separator = '&';
}

static bool goes_into_query(enum parameter parameter)
{
	return parameter != PARAM_to && parameter != PARAM_operation && parameter != PARAM_resourceType &&
	       !header_of(parameter);
}

static void add_target(struct strbuf *out, const struct exchange *exchange, struct arena *arena)
{
	struct str attribute = exchange->param[PARAM_to], to = str_split(&attribute, '#');
	char separator = '?';

	add_path(out, to);
	for (enum parameter i = 0; i < PARAM_COUNT; i++)
		if (exchange->param[i].ptr && goes_into_query(i))
			add_query(out, &separator, str_of(parameter_defs[i].short_name), exchange->param[i]);
	for (unsigned i = 0; i < exchange->condition_count; i++)
		add_query(out, &separator, exchange->conditions[i].name, exchange->conditions[i].text);
	if (!attribute.ptr && exchange->op == OP_RETRIEVE)
		attribute = contents_attribute_list(exchange, arena);
	if (attribute.ptr)
		add_query(out, &separator, str_of(parameter_defs[PARAM_attributeList].short_name), attribute);
}

static void add_request(struct strbuf *out, const struct transport *transport, const struct exchange *exchange,
			struct str content, struct arena *arena)
{
	static const char *const methods[] = {"", "POST", "GET", "PUT", "DELETE", "POST"};
	bool has_body = content.len && exchange->op != OP_RETRIEVE;
	struct str ty = exchange->param[PARAM_resourceType];

	strbuf_addf(out, "%s ", methods[exchange->op]);
	add_target(out, exchange, arena);
	STRBUF_LIT(out, " HTTP/1.1\r\nHost: 127.0.0.1\r\n");
	for (enum parameter i = 0; i < PARAM_COUNT; i++)
		if (exchange->param[i].ptr && header_of(i))
			strbuf_addf(out, "%s: %.*s\r\n", header_of(i), STR_ARG(exchange->param[i]));
	for (unsigned i = 0; i < exchange->header_count; i++)
		strbuf_addf(out, "%.*s: %.*s\r\n", STR_ARG(exchange->headers[i].name),
			    STR_ARG(exchange->headers[i].value));
	if (exchange->response_targets.ptr)
		strbuf_addf(out, "X-M2M-RTU: %.*s\r\n", STR_ARG(exchange->response_targets));
	if (exchange->accept_etag.ptr)
		strbuf_addf(out, "If-Match: %.*s\r\n", STR_ARG(exchange->accept_etag));
	if (ty.ptr)
		strbuf_addf(out, "Content-Type: application/vnd.onem2m-res+%s;ty=%.*s\r\n", transport->codec->name,
			    STR_ARG(ty));
	else if (has_body && !contents_has_header(exchange, STR("Content-Type")))
		strbuf_addf(out, "Content-Type: application/%s\r\n", transport->codec->name);
	if (transport->asks && !contents_has_header(exchange, STR("Accept")))
		strbuf_addf(out, "Accept: application/%s\r\n", transport->codec->name);
	if (has_body || exchange->op == OP_CREATE || exchange->op == OP_UPDATE)
		strbuf_addf(out, "Content-Length: %zu\r\n", content.len);
	STRBUF_LIT(out, "\r\n");
	if (has_body)
		strbuf_add_str(out, content);
}

/* ---- reading ---- */

static void end_header(struct client *client)
{
	struct reply *reply = client->reply;

	if (client->in_value && reply->header_count < MAX_HEADERS)
		reply->headers[reply->header_count++] =
			(struct header){arena_copy(client->arena, strbuf_str(&client->name)),
					arena_copy(client->arena, strbuf_str(&client->value))};
	strbuf_clear(&client->name);
	strbuf_clear(&client->value);
	client->in_value = false;
}

static int on_header_field(http_parser *parser, const char *at, size_t len)
{
	struct client *client = parser->data;

	if (client->in_value)
		end_header(client);
	strbuf_add(&client->name, at, len);
	return 0;
}

static int on_header_value(http_parser *parser, const char *at, size_t len)
{
	struct client *client = parser->data;

	client->in_value = true;
	strbuf_add(&client->value, at, len);
	return 0;
}

static int on_headers_complete(http_parser *parser)
{
	end_header(parser->data);
	return 0;
}

static int on_body(http_parser *parser, const char *at, size_t len)
{
	struct client *client = parser->data;

	strbuf_add(&client->body, at, len);
	return 0;
}

static int on_message_complete(http_parser *parser)
{
	struct client *client = parser->data;

	client->reply->status = parser->status_code;
	client->done = true;
	http_parser_pause(parser, 1);
	return 0;
}

static void client_ready(struct loop_fd *watch, uint32_t events)
{
	static const http_parser_settings callbacks = {
		.on_header_field = on_header_field,
		.on_header_value = on_header_value,
		.on_headers_complete = on_headers_complete,
		.on_body = on_body,
		.on_message_complete = on_message_complete,
	};
	struct client *client = container_of(watch, struct client, watch);
	char bytes[8192];
	ssize_t len = recv(watch->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	(void)events;
	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	size_t used = http_parser_execute(&client->parser, &callbacks, bytes, len > 0 ? (size_t)len : 0);

	if (!client->done && (len <= 0 || used != (size_t)len))
		client->failed = true;
}

/* ---- the exchange ---- */

int transport_connect(struct world *world)
{
	const char *address = world->binding->address(world->binding_state), *port = strrchr(address, ':');
	struct sockaddr_in where = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int64_t number;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || !port || str_to_i64(str_of(port + 1), &number) != 0)
		return -1;
	where.sin_port = htons((uint16_t)number);
	if (connect(fd, (struct sockaddr *)&where, sizeof(where)) == 0)
		return fd;
	close(fd);
	return -1;
}

bool transport_send(struct world *world, int fd, struct str bytes)
{
	while (bytes.len) {
		ssize_t sent = send(fd, bytes.ptr, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent < 0 && errno != EAGAIN)
			return false;
		if (sent > 0)
			bytes = str_from(bytes, (size_t)sent);
		loop_round(world->loop, 0);
	}
	return true;
}

static struct str without_quotes(struct str etag)
{
	if (str_starts(etag, STR("W/")))
		etag = str_from(etag, 2);
	if (etag.len >= 2 && etag.ptr[0] == '"')
		return str_make(etag.ptr + 1, etag.len - 2);
	return etag;
}

static void finish_reply(struct client *client)
{
	struct reply *reply = client->reply;
	struct str rsc = reply_header(reply, STR("X-M2M-RSC"));
	int64_t code = 0;

	if (rsc.ptr && str_to_i64(rsc, &code) == 0)
		reply->rsc = (int)code;
	reply->content = arena_copy(client->arena, strbuf_str(&client->body));
	reply->location = reply_header(reply, STR("Content-Location"));
	if (str_eq(reply_header(reply, STR("X-M2M-CTS")), STR("1")))
		reply->offset = reply_header(reply, STR("X-M2M-CTO"));
	reply->etag = without_quotes(reply_header(reply, STR("ETag")));
	if (!reply->location.ptr)
		reply->location = STR("");
	if (!reply->etag.ptr)
		reply->etag = STR("");
}

static const char *converse(struct world *world, struct client *client, struct str bytes)
{
	enum { ROUNDS_AT_MOST = 10000 };

	if (!transport_send(world, client->watch.fd, bytes))
		return "the connection broke while the request was sent";
	for (int i = 0; i < ROUNDS_AT_MOST && !client->done && !client->failed; i++) {
		world_pass_time(world, i);
		loop_round(world->loop, world_may_wait(world) ? 1 : 10);
	}
	if (!client->done)
		return client->failed ? "the answer is broken or the connection was closed" : "no answer";
	finish_reply(client);
	return client->reply->rsc ? NULL : "no X-M2M-RSC in the answer";
}

static const char *perform_http(const struct transport *transport, struct world *world, const struct exchange *exchange,
				struct arena *arena, struct reply *reply)
{
	struct client client = {.watch = {client_ready, -1}, .arena = arena, .reply = reply};
	struct strbuf bytes = {0};
	struct str content;
	const char *fault = contents_encode(transport, world, exchange, arena, &content);

	if (fault)
		return fault;
	fault = "cannot connect";
	client.watch.fd = transport_connect(world);
	if (client.watch.fd >= 0 && loop_watch(world->loop, &client.watch, EPOLLIN) == 0) {
		http_parser_init(&client.parser, HTTP_RESPONSE);
		client.parser.data = &client;
		add_request(&bytes, transport, exchange, content, arena);
		fault = converse(world, &client, strbuf_str(&bytes));
		if (!fault) {
			struct str type = reply_header(reply, STR("Content-Type"));

			fault = contents_decode(transport, world, exchange, codec_of_media_type(str_split(&type, ';')),
						arena, reply);
		}
		loop_unwatch(world->loop, &client.watch);
	}
	if (client.watch.fd >= 0)
		close(client.watch.fd);
	strbuf_finish(&bytes);
	strbuf_finish(&client.name);
	strbuf_finish(&client.value);
	strbuf_finish(&client.body);
	return fault;
}

const struct transport transport_http = {
	.name = "http", .binding = "http", .is_http = true, .codec = &codec_json, .perform = perform_http};
const struct transport transport_http_xml = {.name = "http+xml",
					     .binding = "http",
					     .is_http = true,
					     .asks = true,
					     .codec = &codec_xml,
					     .perform = perform_http};
const struct transport transport_http_cbor = {.name = "http+cbor",
					      .binding = "http",
					      .is_http = true,
					      .asks = true,
					      .codec = &codec_cbor,
					      .perform = perform_http};
