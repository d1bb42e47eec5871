/* fuzz_coap: datagrams as the CoAP server receives them, over a core that answers with what it got. The input is a row
 * of them, each behind two bytes with its length; the highest bit says that it comes from another peer. What is
 * answered is well formed, and a datagram that comes again gets the same answer. Each is also read as a part of a
 * stream, and as the answer to a request of ours. */
#include "tests/fuzz/fuzz.h"

#include "bindings/coap/coap.h"
#include "bindings/registry.h"
#include "tests/http/fake_core.h"
#include "tests/unit/tables.h"

#include <arpa/inet.h>
#include <sys/socket.h>

enum { NUMBERS_MOST = 5000, PEERS = 2, DATAGRAMS_MOST = 16 };

struct stand {
	struct clock clock;
	struct log log;
	struct loop *loop;
	struct schema *schema;
	struct cse *cse;
	struct binding_config config;
	struct binding_state *front;
	int sockets[PEERS];
	struct udp_peer peers[PEERS];
	struct transcoder transcoder;
};

static void open_peer(struct stand *stand, int i)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(address);

	stand->sockets[i] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	FUZZ_HOLDS(stand->sockets[i] >= 0 &&
		   bind(stand->sockets[i], (struct sockaddr *)&address, sizeof(address)) == 0 &&
		   getsockname(stand->sockets[i], (struct sockaddr *)&address, &len) == 0);
	stand->peers[i] = udp_peer_of((struct sockaddr *)&address);
}

static struct stand *shared_stand(void)
{
	static struct stand stand;
	char message[200];

	if (stand.loop)
		return &stand;
	clock_init_virtual(&stand.clock, INT64_C(1767225600000000));
	stand.log = (struct log){.level = LOG_ERROR, .format = LOG_TEXT, .out = stderr};
	stand.loop = loop_create(&stand.clock);
	stand.schema = schema_create(test_types, test_type_count);
	if (schema_load_builtin(stand.schema, message, sizeof(message)) < 0)
		fuzz_give_up("schema", STR(""), message);
	stand.cse = fake_core_create(stand.loop, &stand.log, stand.schema);
	stand.config = (struct binding_config){
		.listen = "127.0.0.1:0",
		.max_body = 3000,
		.max_connections = 10,
		.max_answer = 3000,
		.networks = "",
		.schema = stand.schema,
	};
	if (binding_find("coap")->open(stand.cse, stand.loop, &stand.config, &stand.front, message, sizeof(message)) <
	    0)
		fuzz_give_up("coap", STR(""), message);
	for (int i = 0; i < PEERS; i++)
		open_peer(&stand, i);
	transcoder_init(&stand.transcoder, stand.schema);
	return &stand;
}

/* The next datagram that a peer got; false: none. */
static bool take_answer(struct stand *stand, int peer, struct strbuf *answer)
{
	ssize_t got;

	loop_round(stand->loop, 0);
	strbuf_clear(answer);
	got = recv(stand->sockets[peer], strbuf_reserve(answer, MESSAGE_DATAGRAM_MAX), MESSAGE_DATAGRAM_MAX, 0);
	if (got < 0)
		return false;
	answer->len = (size_t)got;
	return true;
}

static void check_answer(struct str bytes)
{
	static struct message message;
	struct str rsc;

	if (message_read_datagram(&message, bytes) < 0)
		fuzz_give_up("answer", bytes, "is malformed");
	rsc = message_option(&message, 307);
	FUZZ_HOLDS(!message.code || message.code == MESSAGE_CODE(2, 31) || rsc.ptr);
	FUZZ_HOLDS(!message.is_crowded && bytes.len < 1024 + 1500);
}

static void receive(struct stand *stand, int peer, struct str bytes)
{
	struct server *server = &stand->front->server;

	server->udp.received(&server->udp, &stand->peers[peer], &(struct udp_local){0}, bytes);
}

/* Twice: what was answered is answered with the same bytes. */
static void deliver(struct stand *stand, int peer, struct str bytes)
{
	struct strbuf first = {0}, second = {0}, rest = {0};
	bool is_answered;

	receive(stand, peer, bytes);
	is_answered = take_answer(stand, peer, &first);
	if (is_answered)
		check_answer(strbuf_str(&first));
	receive(stand, peer, bytes);
	if (take_answer(stand, peer, &second) && is_answered)
		FUZZ_HOLDS(str_eq(strbuf_str(&first), strbuf_str(&second)));
	while (take_answer(stand, peer, &rest))
		check_answer(strbuf_str(&rest));
	strbuf_finish(&first);
	strbuf_finish(&second);
	strbuf_finish(&rest);
}

static void read_as_stream(struct str bytes)
{
	static struct message message, again;
	struct strbuf written = {0};
	uint64_t len = message_stream_len(bytes);

	if (!len || len > bytes.len || message_read_stream(&message, str_make(bytes.ptr, len)) < 0)
		return;
	message_write_stream(&written, &message);
	FUZZ_HOLDS(message.is_crowded ||
		   (message_stream_len(strbuf_str(&written)) == written.len &&
		    message_read_stream(&again, strbuf_str(&written)) == 0 &&
		    again.option_count == message.option_count && str_eq(again.payload, message.payload)));
	strbuf_finish(&written);
}

static void read_as_response(struct stand *stand, struct str bytes)
{
	static struct message message;
	struct hop hop = {0};
	struct strbuf body = {0};

	if (message_read_datagram(&message, bytes) < 0 || !message_is_response(&message))
		return;
	strbuf_add_str(&body, message.payload);
	hop_message_judge(&hop, &message, &body, &stand->transcoder,
			  &(struct decode_limits){.bytes = 3000, .depth = 16, .tokens = 1000});
	FUZZ_HOLDS(hop.outcome != HOP_ANSWERED || (hop.rsc >= 1000 && hop.rsc <= 9999));
	strbuf_finish(&body);
}

/* A URL that a hop may have: its request can be written and read. */
static void read_as_url(struct stand *stand, struct str url)
{
	static struct message message, again;
	struct hop hop = {.url = url, .content = STR("{\"m2m:sgn\":{}}"), .serialization = STR("json")};
	struct strbuf written = {0};
	struct hop_target target;
	struct arena arena;
	const char *why;

	arena_init(&arena);
	hop.param[PARAM_operation] = STR("5");
	hop.param[PARAM_from] = STR("/id-in");
	if (hop_target_read(&target, url, &why) == 0 &&
	    hop_message_write(&message, &hop, &target, STR("/id-in"), &stand->transcoder, &arena, &why) == 0) {
		message_write_datagram(&written, &message);
		FUZZ_HOLDS(written.len == message_len(&message));
		FUZZ_HOLDS(message_read_datagram(&again, strbuf_str(&written)) == 0 &&
			   again.option_count == message.option_count);
	}
	strbuf_finish(&written);
	arena_finish(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stand *stand = shared_stand();
	struct str rest = str_make((const char *)data, size);
	struct strbuf late = {0};

	fake_core_begin(stand->cse, NUMBERS_MOST);
	for (int i = 0; i < DATAGRAMS_MOST && rest.len >= 2; i++) {
		size_t len = (size_t)((uint8_t)rest.ptr[0] & 0x7f) << 8 | (uint8_t)rest.ptr[1];
		int peer = (uint8_t)rest.ptr[0] >> 7;
		struct str bytes = str_from(rest, 2);

		bytes.len = len < bytes.len ? len : bytes.len;
		rest = str_from(rest, 2 + bytes.len);
		deliver(stand, peer, bytes);
		read_as_stream(bytes);
		read_as_response(stand, bytes);
		read_as_url(stand, bytes);
	}
	for (int i = 0; i < 8; i++) {
		clock_advance(&stand->clock, 60000000);
		for (int peer = 0; peer < PEERS; peer++)
			while (take_answer(stand, peer, &late))
				check_answer(strbuf_str(&late));
	}
	strbuf_finish(&late);
	FUZZ_HOLDS(fake_core_is_idle(stand->cse) && stand->front->server.waiting_count == 0);
	return 0;
}
