/* fuzz_websocket: what a client of the WebSocket binding sends, to a CSE with a small tree (small_cse.h), over a socket
 * that the binding takes over as it does those of HTTP.
 *
 * The first byte says what the rest is: bit 0 a handshake and what follows it; else a handshake is made, for the
 * subprotocol of bits 1 and 2, with compression by bit 3, and the rest is frames as they are by bit 4, else messages
 * between bytes 0x1e, which are sent as frames with a mask. The second byte says how it is cut into pieces; 0: not at
 * all, but for what follows a handshake for compression, which nobody may know to be agreed on before. Requests of the
 * CSE are answered. */
#include "bindings/websocket/websocket.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/small_cse.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	IS_RAW_HANDSHAKE = 1,
	DEFLATES = 8,
	IS_RAW_FRAMES = 16,
	SEPARATOR = 0x1e,
	INPUTS_PER_CSE = 200,
	RESOURCES_MOST = 200,
	ROUNDS = 6,
	ROUNDS_AT_MOST = 4000,
};

extern const struct binding binding_websocket;

struct server {
	struct small_cse small;
	struct binding_state *state;
	unsigned inputs;
};

/* The client's end of one connection. */
struct client {
	int fd;
	struct strbuf came;
	bool is_open; /* the handshake was answered with 101 */
};

/* ---- the server ---- */

static void open_server(struct server *server)
{
	static const struct setting settings[] = {
		{"upgrade", "yes", 1},	   {"max_connections", "10", 10},
		{"max_requests", "3", 3},  {"max_backlog", "20000", 20000},
		{"ping", "5", 5},	   {"idle_timeout", "600", 600},
		{"max_deflating", "1", 1}, {0},
	};
	struct binding_config config = {
		.listen = "",
		.root = "/root",
		.cors_origins = "http://a.example",
		.max_body = 5000,
		.max_headers = 1000,
		.header_timeout_ms = 1000,
		.body_timeout_ms = 1000,
		.drain_timeout_ms = 1000,
		.settings = settings,
	};
	char message[200];

	small_cse_open(&server->small);
	config.schema = server->small.world.schema;
	if (binding_websocket.open(server->small.world.cse, server->small.world.loop, &config, &server->state, message,
				   sizeof(message)) < 0)
		fuzz_give_up("websocket", STR(""), message);
	cse_add_binding(server->small.world.cse, &binding_websocket, server->state);
	server->inputs = 0;
}

static void close_server(struct server *server)
{
	cse_remove_bindings(server->small.world.cse);
	binding_websocket.close(server->state);
	small_cse_close(&server->small);
}

/* One that lasts for a while, so that not every input has to wait for a new one. */
static struct server *shared_server(void)
{
	static struct server server;

	if (server.state && (++server.inputs == INPUTS_PER_CSE ||
			     cse_resource_count(server.small.world.cse) > RESOURCES_MOST || server.small.has_jumped)) {
		close_server(&server);
		server.state = NULL;
	}
	if (!server.state)
		open_server(&server);
	return &server;
}

/* ---- sending ---- */

static void add_handshake(struct strbuf *out, unsigned how)
{
	static const char *const names[] = {"json", "xml", "cbor", "json, oneM2M.xml"};

	strbuf_addf(out,
		    "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
		    "Sec-WebSocket-Protocol: oneM2M.%s\r\n%s\r\n",
		    names[how >> 1 & 3], how & DEFLATES ? "Sec-WebSocket-Extensions: permessage-deflate\r\n" : "");
}

static void add_message(struct strbuf *out, struct str text, bool is_binary)
{
	strbuf_add_char(out, (char)(is_binary ? 0x82 : 0x81));
	if (text.len < 126) {
		strbuf_add_char(out, (char)(0x80 | text.len));
	} else {
		strbuf_add_char(out, (char)(0x80 | 126));
		strbuf_add_char(out, (char)(text.len >> 8));
		strbuf_add_char(out, (char)text.len);
	}
	strbuf_add(out, "\0\0\0", 4); /* a mask that changes nothing */
	strbuf_add_str(out, text);
}

static void add_input(struct strbuf *out, unsigned how, struct str input)
{
	if (how & IS_RAW_FRAMES) {
		strbuf_add_str(out, input);
		return;
	}
	while (input.ptr) {
		struct str message = str_split(&input, SEPARATOR);

		add_message(out, str_make(message.ptr, message.len & 0xffff), (how >> 1 & 3) == 2);
	}
}

/* ---- receiving ---- */

static void answer(const struct client *client, struct str primitive)
{
	static const struct str key = {"\"rqi\":\"", 7};
	const char *at = memmem(primitive.ptr, primitive.len, key.ptr, key.len);
	struct strbuf text = {0}, out = {0};
	struct str rest;

	if (!at || memmem(primitive.ptr, primitive.len, "\"rsc\":", 6) == primitive.ptr + 1)
		return;
	rest = str_make(at + key.len, primitive.len - (size_t)(at + key.len - primitive.ptr));
	strbuf_addf(&text, "{\"rsc\":2000,\"rqi\":\"%.*s\"}", STR_ARG(str_split(&rest, '"')));
	add_message(&out, strbuf_str(&text), false);
	(void)!send(client->fd, out.ptr, out.len, MSG_DONTWAIT | MSG_NOSIGNAL);
	strbuf_finish(&text);
	strbuf_finish(&out);
}

static void take_head(struct client *client)
{
	const char *end = memmem(client->came.ptr, client->came.len, "\r\n\r\n", 4);

	if (!end)
		return;
	client->is_open = str_starts(strbuf_str(&client->came), STR("HTTP/1.1 101 "));
	strbuf_consume(&client->came, client->is_open ? (size_t)(end + 4 - client->came.ptr) : client->came.len);
}

/* What a server may send: RFC 6455 5.1, 5.2. false: there is no whole frame. */
static bool take_frame(struct client *client)
{
	const unsigned char *bytes = (const unsigned char *)client->came.ptr;
	size_t head = 2, len;

	if (client->came.len < head)
		return false;
	FUZZ_HOLDS(!(bytes[1] & 0x80) && (bytes[0] & 0x30) == 0);
	len = bytes[1];
	head += len == 126 ? 2 : len == 127 ? 8 : 0;
	if (client->came.len < head)
		return false;
	if (head > 2)
		len = 0;
	for (size_t i = 2; i < head; i++)
		len = len << 8 | bytes[i];
	if (client->came.len - head < len)
		return false;
	FUZZ_HOLDS((bytes[0] & 0xf) < 3 || (bytes[0] & 0x8f) == 0x88 || (bytes[0] & 0x8f) == 0x89 ||
		   (bytes[0] & 0x8f) == 0x8a);
	if (bytes[0] == 0x81)
		answer(client, str_make(client->came.ptr + head, len));
	strbuf_consume(&client->came, head + len);
	return true;
}

static void receive(struct client *client)
{
	ssize_t got = recv(client->fd, strbuf_reserve(&client->came, 65536), 65536, MSG_DONTWAIT);

	client->came.len += got > 0 ? (size_t)got : 0;
	if (!client->is_open)
		take_head(client);
	while (client->is_open && take_frame(client))
		;
}

/* ---- one input ---- */

static void rounds(struct server *server, struct client *client, int count)
{
	for (int i = 0; i < count; i++) {
		loop_round(server->small.world.loop, 0);
		receive(client);
	}
}

/* The first piece has the head of the handshake, as HTTP hands it over. */
static size_t first_piece(struct str bytes)
{
	const char *end = memmem(bytes.ptr, bytes.len, "\r\n\r\n", 4);

	return end ? (size_t)(end + 4 - bytes.ptr) : bytes.len;
}

static void send_pieces(struct server *server, struct client *client, struct str rest, size_t size)
{
	while (rest.len) {
		size_t len = size && size < rest.len ? size : rest.len;
		ssize_t sent = send(client->fd, rest.ptr, len, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent <= 0 && errno != EAGAIN)
			break;
		rest = str_from(rest, sent > 0 ? (size_t)sent : 0);
		rounds(server, client, 1);
	}
}

/* The connection ends, and everything that was asked on it. */
static void expect_end(const struct server *server)
{
	enum { STEP_US = 1000000 };

	for (int i = 0; i < ROUNDS_AT_MOST && (server->state->open_count || server->state->waiting_count); i++) {
		loop_round(server->small.world.loop, 0);
		if (i > ROUNDS)
			clock_advance((struct clock *)(uintptr_t)&server->small.world.clock, STEP_US);
	}
	FUZZ_HOLDS(server->state->open_count == 0 && server->state->waiting_count == 0);
}

static void converse(struct server *server, struct str bytes, size_t first, size_t size)
{
	static const struct peer peer = {.is_direct_loopback = true};
	struct client client = {0};
	const char *fault;
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0)
		fuzz_give_up("socketpair", STR(""), strerror(errno));
	client.fd = fds[1];
	binding_websocket.adopt(server->state, fds[0], &peer, str_make(bytes.ptr, first));
	send_pieces(server, &client, str_from(bytes, first), size);
	rounds(server, &client, ROUNDS);
	close(client.fd);
	strbuf_finish(&client.came);
	expect_end(server);
	fault = cse_check(server->small.world.cse);
	if (fault)
		fuzz_give_up("cse_check", STR(""), fault);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str input = str_make((const char *)data + 2, size > 2 ? size - 2 : 0);
	struct strbuf bytes = {0};
	bool is_one_piece = size > 1 && !data[1] && (data[0] & IS_RAW_HANDSHAKE || !(data[0] & DEFLATES));

	if (size < 2)
		return 0;
	if (data[0] & IS_RAW_HANDSHAKE) {
		strbuf_add_str(&bytes, input);
	} else {
		add_handshake(&bytes, data[0]);
		add_input(&bytes, data[0], input);
	}
	converse(shared_server(), strbuf_str(&bytes), is_one_piece ? bytes.len : first_piece(strbuf_str(&bytes)),
		 data[1]);
	strbuf_finish(&bytes);
	return 0;
}
