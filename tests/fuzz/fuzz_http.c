/* fuzz_http: what a connection of the HTTP front receives, over a core that answers with what it got. The first byte
 * says how the rest is cut into pieces; the answers have to be the same as to the whole. */
#include "tests/fuzz/fuzz.h"

#include "bindings/http/connection.h"
#include "tests/http/fake_core.h"
#include "tests/unit/tables.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

extern const struct binding binding_http;

enum { NUMBERS_MOST = 5000 };

struct server {
	struct clock clock;
	struct log log;
	struct loop *loop;
	struct schema *schema;
	struct cse *cse;
	struct binding_state *front;
};

static const struct binding_config config = {
	.listen = "127.0.0.1:0",
	.root = "",
	.cors_origins = "http://a.example",
	.max_body = 300,
	.max_headers = 500,
	.max_connections = 10,
	.header_timeout_ms = 1000,
	.body_timeout_ms = 1000,
	.idle_timeout_ms = 1000,
	.drain_timeout_ms = 1000,
	.networks = "",
	.ca_file = "",
};

static struct server *shared_server(void)
{
	static struct server server;
	static struct binding_config with_schema;
	char message[200];

	if (server.loop)
		return &server;
	clock_init_virtual(&server.clock, INT64_C(1767225600000000));
	server.log = (struct log){.level = LOG_ERROR, .format = LOG_TEXT, .out = stderr};
	server.loop = loop_create(&server.clock);
	server.schema = schema_create(test_types, test_type_count);
	if (schema_load_builtin(server.schema, message, sizeof(message)) < 0)
		fuzz_give_up("schema", STR(""), message);
	server.cse = fake_core_create(server.loop, &server.log, server.schema);
	with_schema = config;
	with_schema.schema = server.schema;
	if (binding_http.open(server.cse, server.loop, &with_schema, &server.front, message, sizeof(message)) < 0)
		fuzz_give_up("http", STR(""), message);
	return &server;
}

static void take_answers(struct server *server, int fd, struct strbuf *answers)
{
	ssize_t got;

	for (int i = 0; i < 2; i++)
		loop_round(server->loop, 0);
	while ((got = recv(fd, strbuf_reserve(answers, 16384), 16384, MSG_DONTWAIT)) > 0)
		answers->len += (size_t)got;
}

/* The length of the next of about PIECES pieces; seed 0: all in one. */
static size_t next_piece(uint32_t *seed, size_t size, size_t left)
{
	enum { PIECES = 8 };
	size_t len;

	if (*seed == 0)
		return left;
	*seed = *seed * 1664525u + 1013904223u;
	len = 1 + (*seed >> 8) % (2 * size / PIECES + 1);
	return len < left ? len : left;
}

static void cut_out(struct strbuf *answers, char *at, size_t len)
{
	memmove(at, at + len, answers->len - (size_t)(at + len - answers->ptr));
	answers->len -= len;
}

static char *find(const struct strbuf *answers, const char *text)
{
	return answers->len ? memmem(answers->ptr, answers->len, text, strlen(text)) : NULL;
}

static void cut_lines(struct strbuf *answers, const char *beginning)
{
	char *at;

	while ((at = find(answers, beginning)) != NULL) {
		char *end = memchr(at + 1, '\n', answers->len - (size_t)(at + 1 - answers->ptr));

		FUZZ_HOLDS(end != NULL);
		cut_out(answers, at, (size_t)(end - at));
	}
}

/* What may differ by how the bytes arrive: times, interim answers, and for which of its faults a request is refused
 * that cannot be read to its end. */
static void normalise(struct strbuf *answers)
{
	static const char interim[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct str last;
	char *at;

	cut_lines(answers, "\nDate: ");
	cut_lines(answers, "\nX-M2M-OT: ");
	while ((at = find(answers, interim)) != NULL)
		cut_out(answers, at, sizeof(interim) - 1);
	last = strbuf_str(answers);
	for (at = find(answers, "HTTP/1.1 4"); at; at = last.len ? memmem(last.ptr, last.len, "HTTP/1.1 4", 10) : NULL)
		last = str_from(strbuf_str(answers), (size_t)(at - answers->ptr) + 1);
	if (last.ptr != answers->ptr && memmem(last.ptr, last.len, "\nConnection: close", 18))
		answers->len -= last.len;
}

static void converse(struct server *server, struct str input, uint32_t seed, struct strbuf *answers)
{
	struct peer peer = {.is_direct_loopback = true};
	struct str rest = input;
	int fds[2];

	fake_core_begin(server->cse, NUMBERS_MOST);
	FUZZ_HOLDS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
	connection_open(server->front, fds[1], &peer);
	while (rest.len) {
		ssize_t sent = send(fds[0], rest.ptr, next_piece(&seed, input.len, rest.len), MSG_NOSIGNAL);

		if (sent < 0)
			break;
		rest = str_from(rest, (size_t)sent);
		loop_round(server->loop, 0);
	}
	take_answers(server, fds[0], answers);
	for (int i = 0; i < 30 && server->front->open_count; i++) {
		clock_advance(&server->clock, 100000000);
		take_answers(server, fds[0], answers);
	}
	close(fds[0]);
	FUZZ_HOLDS(server->front->open_count == 0 && fake_core_is_idle(server->cse));
	normalise(answers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strbuf whole = {0}, pieces = {0};
	struct str input = str_make((const char *)data + 1, size ? size - 1 : 0);
	struct server *server = shared_server();

	if (size == 0)
		return 0;
	converse(server, input, 0, &whole);
	converse(server, input, data[0] + 1u, &pieces);
	if (!str_eq(strbuf_str(&whole), strbuf_str(&pieces)))
		fuzz_give_up("pieces", strbuf_str(&pieces), arena_cstr(&(struct arena){0}, strbuf_str(&whole)));
	strbuf_finish(&whole);
	strbuf_finish(&pieces);
	return 0;
}
