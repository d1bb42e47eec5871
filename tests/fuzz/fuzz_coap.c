/* fuzz_coap: datagrams that the CoAP server receives, over a core that answers with what it got. The input is a row of
 * them, each behind two bytes with its length; the highest bit says that it comes from another peer. What is answered
 * is well formed, and a datagram that comes again gets the same answer. Each is also read as the answer to a request of
 * ours, and as a URL; all of the input is also what a connection brings. */
#include "tests/fuzz/fuzz.h"

#include "bindings/coap/coap.h"
#include "tests/http/fake_core.h"
#include "tests/unit/tables.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

enum { NUMBERS_MOST = 5000, PEERS = 2, DATAGRAMS_MOST = 16, BYTES_MOST = 65507 };

extern const struct binding binding_coap;

struct stand {
	struct clock clock;
	struct log log;
	struct loop *loop;
	struct schema *schema;
	struct cse *cse;
	struct binding_config config;
	struct binding_state *front;
	struct sockaddr_in address; /* the server's */
	int sockets[PEERS];
	struct transcoder transcoder;
};

/* A peer's socket, connected to the server. */
static int open_socket(const struct stand *stand, int type)
{
	int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	FUZZ_HOLDS(fd >= 0);
	(void)!connect(fd, (const struct sockaddr *)&stand->address, sizeof(stand->address));
	return fd;
}

static void find_server(struct stand *stand)
{
	const char *port = strrchr(binding_coap.address(stand->front), ':');
	uint64_t number;

	FUZZ_HOLDS(port && str_to_u64(str_of(port + 1), &number) == 0);
	stand->address = (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = htons((uint16_t)number), .sin_addr = {htonl(INADDR_LOOPBACK)}};
}

static struct stand *shared_stand(void)
{
	static const struct setting settings[] = {{"acknowledge_after", "1", 1}, {0}};
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
		.body_timeout_ms = 1000,
		.idle_timeout_ms = 1000,
		.max_answer = 3000,
		.networks = "",
		.schema = stand.schema,
		.settings = settings,
	};
	if (binding_coap.open(stand.cse, stand.loop, &stand.config, &stand.front, message, sizeof(message)) < 0)
		fuzz_give_up("coap", STR(""), message);
	find_server(&stand);
	transcoder_init(&stand.transcoder, stand.schema);
	return &stand;
}

/* The next datagram that a peer got, which it acknowledges; false: none. */
static bool take_answer(struct stand *stand, int peer, struct strbuf *answer)
{
	ssize_t got;

	loop_round(stand->loop, 0);
	strbuf_clear(answer);
	got = recv(stand->sockets[peer], strbuf_reserve(answer, BYTES_MOST), BYTES_MOST, 0);
	if (got < 0)
		return false;
	answer->len = (size_t)got;
	FUZZ_HOLDS(got >= 4);
	if (((uint8_t)answer->ptr[0] >> 4 & 3) == COAP_MESSAGE_CON)
		(void)!send(stand->sockets[peer],
			    (const uint8_t[]){0x60, 0, (uint8_t)answer->ptr[2], (uint8_t)answer->ptr[3]}, 4, 0);
	return true;
}

static void check_answer(struct str bytes)
{
	static struct message message;
	coap_pdu_t *pdu = message_pdu(bytes);
	struct str rsc;

	if (!pdu)
		fuzz_give_up("answer", bytes, "is malformed");
	message_read(&message, pdu);
	rsc = message_option(&message, 307);
	FUZZ_HOLDS(!message.code || message.code == MESSAGE_CODE(2, 31) || rsc.ptr);
	FUZZ_HOLDS(!message.is_crowded && bytes.len < 1024 + 1500);
	coap_delete_pdu(pdu);
}

static void receive(struct stand *stand, int peer, struct str bytes)
{
	(void)!send(stand->sockets[peer], bytes.ptr, bytes.len, 0);
}

static void take_rest(struct stand *stand, int peer)
{
	struct strbuf answer = {0};

	while (take_answer(stand, peer, &answer))
		check_answer(strbuf_str(&answer));
	strbuf_finish(&answer);
}

/* Twice: what was answered is answered with the same bytes. */
static void deliver(struct stand *stand, int peer, struct str bytes)
{
	struct strbuf first = {0}, second = {0};
	bool is_answered;

	receive(stand, peer, bytes);
	is_answered = take_answer(stand, peer, &first);
	if (is_answered)
		check_answer(strbuf_str(&first));
	receive(stand, peer, bytes);
	if (take_answer(stand, peer, &second) && is_answered)
		FUZZ_HOLDS(str_eq(strbuf_str(&first), strbuf_str(&second)));
	take_rest(stand, peer);
	strbuf_finish(&first);
	strbuf_finish(&second);
}

static void deliver_as_stream(struct stand *stand, struct str bytes)
{
	int fd = open_socket(stand, SOCK_STREAM);
	char answers[4096];

	loop_round(stand->loop, 0);
	(void)!send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
	for (int i = 0; i < 4; i++)
		loop_round(stand->loop, 0);
	while (recv(fd, answers, sizeof(answers), 0) > 0)
		;
	close(fd);
	loop_round(stand->loop, 0);
}

static void read_as_response(struct stand *stand, struct str bytes)
{
	static struct message message;
	coap_pdu_t *pdu = message_pdu(bytes);
	struct hop hop = {0};
	struct strbuf body = {0};

	if (!pdu)
		return;
	message_read(&message, pdu);
	strbuf_add_str(&body, message.payload);
	hop_message_judge(&hop, &message, &body, &stand->transcoder,
			  &(struct decode_limits){.bytes = 3000, .depth = 16, .tokens = 1000});
	FUZZ_HOLDS(hop.outcome != HOP_ANSWERED || (hop.rsc >= 1000 && hop.rsc <= 9999));
	strbuf_finish(&body);
	coap_delete_pdu(pdu);
}

/* A URL that a hop may have: its request can be written and read. */
static void read_as_url(struct stand *stand, struct str url)
{
	static struct message message, again;
	coap_pdu_t *pdu;
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
		message_write(&written, &message);
		FUZZ_HOLDS(written.len == message_len(&message));
		pdu = message_pdu(strbuf_str(&written));
		FUZZ_HOLDS(pdu);
		message_read(&again, pdu);
		FUZZ_HOLDS(again.option_count == message.option_count);
		coap_delete_pdu(pdu);
	}
	strbuf_finish(&written);
	arena_finish(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stand *stand = shared_stand();
	struct str rest = str_make((const char *)data, size);

	fake_core_begin(stand->cse, NUMBERS_MOST);
	for (int i = 0; i < PEERS; i++)
		stand->sockets[i] = open_socket(stand, SOCK_DGRAM);
	for (int i = 0; i < DATAGRAMS_MOST && rest.len >= 2; i++) {
		size_t len = (size_t)((uint8_t)rest.ptr[0] & 0x7f) << 8 | (uint8_t)rest.ptr[1];
		int peer = (uint8_t)rest.ptr[0] >> 7;
		struct str bytes = str_from(rest, 2);

		bytes.len = len < bytes.len ? len : bytes.len;
		rest = str_from(rest, 2 + bytes.len);
		deliver(stand, peer, bytes);
		read_as_response(stand, bytes);
		read_as_url(stand, bytes);
	}
	for (int i = 0; i < 8; i++) {
		clock_advance(&stand->clock, 60000000);
		for (int peer = 0; peer < PEERS; peer++)
			take_rest(stand, peer);
	}
	deliver_as_stream(stand, str_make((const char *)data, size));
	for (int i = 0; i < PEERS; i++)
		close(stand->sockets[i]);
	clock_advance(&stand->clock, 600000000);
	for (int i = 0; i < 3; i++)
		loop_round(stand->loop, 0);
	FUZZ_HOLDS(fake_core_is_idle(stand->cse) && stand->front->server.waiting_count == 0);
	return 0;
}
