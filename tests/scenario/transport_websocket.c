/* Request primitives as messages of a WebSocket (RFC 6455, TS-0020 6.1), by a client of a few lines. Each exchange has
 * a connection of its own, so that no entity has one when something is to be sent to it. */
#include "tests/scenario/primitives.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROUNDS_AT_MOST = 10000, ROUNDS_OF_SILENCE = 60, FRAME_TEXT = 0x81, FRAME_BINARY = 0x82, FIN_OPCODE = 0x8f };

struct client {
	struct loop_fd watch;
	struct strbuf bytes; /* received and not taken */
	struct str message;  /* ptr NULL: none yet */
	bool is_open, failed;
};

/* ---- writing ---- */

static void add_handshake(struct strbuf *out, const struct transport *transport)
{
	strbuf_addf(out,
		    "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
		    "Sec-WebSocket-Protocol: oneM2M.%s\r\n\r\n",
		    transport->codec->name);
}

static void add_length(struct strbuf *out, size_t len)
{
	unsigned size = len < 126 ? 0 : len < 65536 ? 2 : 8;

	strbuf_add_char(out, (char)(0x80 | (size == 0 ? len : size == 2 ? 126 : 127)));
	for (unsigned i = size; i-- > 0;)
		strbuf_add_char(out, (char)(len >> (8 * i)));
}

static void add_frame(struct strbuf *out, bool is_binary, struct str payload)
{
	static const char mask[4] = {0x12, 0x34, 0x56, 0x78};

	strbuf_add_char(out, (char)(is_binary ? FRAME_BINARY : FRAME_TEXT));
	add_length(out, payload.len);
	strbuf_add(out, mask, sizeof(mask));
	for (size_t i = 0; i < payload.len; i++)
		strbuf_add_char(out, (char)(payload.ptr[i] ^ mask[i % 4]));
}

/* ---- reading ---- */

static void take_handshake(struct client *client)
{
	const char *end = memmem(client->bytes.ptr, client->bytes.len, "\r\n\r\n", 4);

	if (!end)
		return;
	client->is_open = str_starts(strbuf_str(&client->bytes), STR("HTTP/1.1 101 "));
	client->failed = !client->is_open;
	strbuf_consume(&client->bytes, (size_t)(end + 4 - client->bytes.ptr));
}

/* A message of the server's is one frame without a mask. */
static void take_frame(struct client *client)
{
	const unsigned char *bytes = (const unsigned char *)client->bytes.ptr;
	size_t head = 2, len;

	if (client->bytes.len < head)
		return;
	len = bytes[1];
	head += len == 126 ? 2 : len == 127 ? 8 : 0;
	if (client->bytes.len < head)
		return;
	if (head > 2)
		len = 0;
	for (size_t i = 2; i < head; i++)
		len = len << 8 | bytes[i];
	if ((bytes[0] & FIN_OPCODE) != FRAME_TEXT && (bytes[0] & FIN_OPCODE) != FRAME_BINARY)
		client->failed = true;
	else if (client->bytes.len - head >= len)
		client->message = str_make(client->bytes.ptr + head, len);
}

static void client_ready(struct loop_fd *watch, uint32_t events)
{
	struct client *client = container_of(watch, struct client, watch);
	ssize_t len = recv(watch->fd, strbuf_reserve(&client->bytes, 8192), 8192, MSG_DONTWAIT);

	(void)events;
	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	client->failed |= len <= 0;
	client->bytes.len += len > 0 ? (size_t)len : 0;
	if (!client->is_open)
		take_handshake(client);
	if (client->is_open && !client->message.ptr)
		take_frame(client);
}

/* ---- the exchange ---- */

static const char *converse(const struct transport *transport, struct world *world, struct client *client,
			    const struct exchange *exchange, struct str bytes, struct arena *arena, struct reply *reply)
{
	bool is_unanswered = str_eq(exchange->param[PARAM_responseType], STR("5"));
	int rounds = is_unanswered ? ROUNDS_OF_SILENCE : ROUNDS_AT_MOST;

	if (!transport_send(world, client->watch.fd, bytes))
		return "the connection broke while the request was sent";
	for (int i = 0; i < rounds && !client->message.ptr && !client->failed; i++) {
		world_pass_time(world, i);
		loop_round(world->loop, is_unanswered || world_may_wait(world) ? 1 : 10);
	}
	if (is_unanswered && client->is_open && !client->failed && !client->message.ptr) {
		*reply = (struct reply){.rsc = RSC_ACCEPTED, .content = STR(""), .location = STR(""), .etag = STR("")};
		return NULL;
	}
	if (!client->message.ptr)
		return client->failed ? "the connection was closed" : "no answer";
	return primitives_read(transport, world, exchange, arena_copy(arena, client->message), arena, reply);
}

static const char *perform_websocket(const struct transport *transport, struct world *world,
				     const struct exchange *exchange, struct arena *arena, struct reply *reply)
{
	struct client client = {.watch = {client_ready, -1}};
	struct strbuf bytes = {0};
	struct str payload;
	const char *fault = primitives_write(transport, world, exchange, arena, &payload);

	if (fault)
		return fault;
	add_handshake(&bytes, transport);
	add_frame(&bytes, transport->codec == &codec_cbor, payload);
	fault = "cannot connect";
	client.watch.fd = transport_connect(world);
	if (client.watch.fd >= 0 && loop_watch(world->loop, &client.watch, EPOLLIN) == 0) {
		fault = converse(transport, world, &client, exchange, strbuf_str(&bytes), arena, reply);
		loop_unwatch(world->loop, &client.watch);
	}
	if (client.watch.fd >= 0)
		close(client.watch.fd);
	strbuf_finish(&bytes);
	strbuf_finish(&client.bytes);
	return fault;
}

const struct transport transport_websocket = {.name = "websocket",
					      .binding = "websocket",
					      .is_whole = true,
					      .codec = &codec_json,
					      .perform = perform_websocket};
const struct transport transport_websocket_xml = {.name = "websocket+xml",
						  .binding = "websocket",
						  .is_whole = true,
						  .codec = &codec_xml,
						  .perform = perform_websocket};
const struct transport transport_websocket_cbor = {.name = "websocket+cbor",
						   .binding = "websocket",
						   .is_whole = true,
						   .codec = &codec_cbor,
						   .perform = perform_websocket};
