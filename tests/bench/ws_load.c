/* ws_load: a WebSocket load generator. N connections with one message outstanding on each, every message with an
 * identifier of its own, which the answer has to repeat; the result is one line of JSON as that of load. */
#include "tests/bench/clocks.h"
#include "tests/bench/histogram.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER_SIZE = 1 << 16, EVENTS = 256, STALL_MS = 30000, HEAD_SIZE = 8, DIGITS = 12 };

static const char handshake[] = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
				"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
				"Sec-WebSocket-Protocol: oneM2M.json\r\n\r\n";

struct connection {
	int fd;
	char *frame; /* the head, then the message, whose mask changes nothing */
	uint64_t sent_ns;
	size_t have;
	char buffer[BUFFER_SIZE];
};

struct load {
	struct sockaddr_in address;
	const char *message, *expected; /* '#' of the message: the identifier; NULL: any answer */
	unsigned connection_count;
	double seconds, warmup;
	long pid;
	struct connection *connections;
	int epoll;
	size_t size, identifier_at; /* of the frame, in it */
	uint64_t number, end_ns, errors;
	unsigned waiting;
	char first_error[100];
	struct histogram latency;
};

/* ---- frames ---- */

/* The identifier is DIGITS long, in the place of the '#'. */
static char *make_frame(struct load *load)
{
	const char *hole = strchr(load->message, '#');
	size_t before = hole ? (size_t)(hole - load->message) : 0, len = strlen(load->message) + DIGITS - 1;
	char *frame = calloc(1, HEAD_SIZE + len + 1);

	if (!hole || !frame || len < 126 || len > 65535)
		errx(1, "a message of 126 to 65535 bytes with a # is needed");
	frame[0] = (char)0x81;
	frame[1] = (char)(0x80 | 126);
	frame[2] = (char)(len >> 8);
	frame[3] = (char)len;
	memcpy(frame + HEAD_SIZE, load->message, before);
	memcpy(frame + HEAD_SIZE + before + DIGITS, hole + 1, strlen(hole + 1));
	load->identifier_at = HEAD_SIZE + before;
	load->size = HEAD_SIZE + len;
	return frame;
}

static void write_identifier(const struct load *load, char *frame, uint64_t number)
{
	for (size_t i = DIGITS; i-- > 0; number /= 10)
		frame[load->identifier_at + i] = (char)('0' + number % 10);
}

static void send_next(struct load *load, struct connection *connection, uint64_t now)
{
	if (now >= load->end_ns)
		return;
	write_identifier(load, connection->frame, ++load->number);
	connection->sent_ns = now;
	load->waiting++;
	if (send(connection->fd, connection->frame, load->size, MSG_NOSIGNAL) != (ssize_t)load->size)
		err(1, "send");
}

static bool is_good(const struct load *load, const struct connection *connection)
{
	return memmem(connection->buffer, connection->have, connection->frame + load->identifier_at, DIGITS) &&
	       (!load->expected ||
		memmem(connection->buffer, connection->have, load->expected, strlen(load->expected)));
}

static size_t frame_size(const struct connection *connection)
{
	const unsigned char *bytes = (const unsigned char *)connection->buffer;

	if (connection->have < 4)
		return SIZE_MAX;
	return bytes[1] < 126 ? bytes[1] + 2u : ((size_t)bytes[2] << 8 | bytes[3]) + 4u;
}

static void on_readable(struct load *load, struct connection *connection)
{
	ssize_t got = recv(connection->fd, connection->buffer + connection->have, BUFFER_SIZE - connection->have, 0);
	uint64_t now;

	if (got <= 0)
		errx(1, "connection lost");
	connection->have += (size_t)got;
	if (connection->have < frame_size(connection))
		return;
	now = now_ns();
	if (is_good(load, connection)) {
		histogram_add(&load->latency, now - connection->sent_ns);
	} else if (load->errors++ == 0) {
		snprintf(load->first_error, sizeof(load->first_error), "an answer of %zu bytes is wrong",
			 connection->have);
	}
	connection->have = 0;
	load->waiting--;
	send_next(load, connection, now);
}

/* ---- the run ---- */

static void connect_one(struct load *load, struct connection *connection)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
	char answer[1000];
	size_t have = 0;
	int one = 1;

	connection->frame = make_frame(load);
	connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(connection->fd, (const struct sockaddr *)&load->address, sizeof(load->address)) < 0)
		err(1, "connect");
	setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (send(connection->fd, handshake, sizeof(handshake) - 1, MSG_NOSIGNAL) < 0)
		err(1, "send");
	while (!memmem(answer, have, "\r\n\r\n", 4)) {
		ssize_t got = recv(connection->fd, answer + have, sizeof(answer) - have, 0);

		if (got <= 0)
			errx(1, "the handshake is refused");
		have += (size_t)got;
	}
	if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, connection->fd, &event) < 0)
		err(1, "epoll_ctl");
}

static double run_phase(struct load *load, double seconds)
{
	struct epoll_event events[EVENTS];
	uint64_t start = now_ns();

	load->end_ns = start + (uint64_t)(seconds * 1e9);
	for (unsigned i = 0; i < load->connection_count; i++)
		send_next(load, &load->connections[i], start);
	while (load->waiting > 0) {
		int count = epoll_wait(load->epoll, events, EVENTS, STALL_MS);

		if (count == 0)
			errx(1, "no answer for %d ms", STALL_MS);
		for (int i = 0; i < count; i++)
			on_readable(load, events[i].data.ptr);
	}
	return (double)(now_ns() - start) / 1e9;
}

static void run_load(struct load *load)
{
	uint64_t server_ns, own_ns, answers;
	double seconds, each;

	load->epoll = epoll_create1(EPOLL_CLOEXEC);
	load->connections = calloc(load->connection_count, sizeof(load->connections[0]));
	if (load->epoll < 0 || !load->connections)
		err(1, "fork");
	load->number = now_ns() / 1000000 % 100000 * 1000000; /* not those of the last run */
	for (unsigned i = 0; i < load->connection_count; i++)
		connect_one(load, &load->connections[i]);
	run_phase(load, load->warmup);
	load->latency = (struct histogram){0};
	server_ns = cpu_time_ns(load->pid);
	own_ns = cpu_time_ns(getpid());
	seconds = run_phase(load, load->seconds);
	own_ns = cpu_time_ns(getpid()) - own_ns;
	server_ns = cpu_time_ns(load->pid) - server_ns;
	answers = load->latency.count;
	each = answers ? 1e-3 / (double)answers : 0;
	printf("{\"requests\":%" PRIu64 ",\"errors\":%" PRIu64
	       ",\"seconds\":%.3f,\"rate\":%.1f,\"p50_us\":%.1f,\"p90_us\":%.1f,"
	       "\"p99_us\":%.1f,\"max_us\":%.1f,\"cpu_us\":%.3f,\"load_cpu_us\":%.3f,\"first_error\":\"%s\"}\n",
	       answers, load->errors, seconds, (double)answers / seconds, histogram_quantile(&load->latency, 0.5) / 1e3,
	       histogram_quantile(&load->latency, 0.9) / 1e3, histogram_quantile(&load->latency, 0.99) / 1e3,
	       (double)load->latency.max_ns / 1e3, (double)server_ns * each, (double)own_ns * each, load->first_error);
}

int main(int argc, char **argv)
{
	struct load load = {.address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}}};

	if (argc < 7) {
		fputs("ws_load PORT PID CONNECTIONS SECONDS WARMUP MESSAGE [EXPECTED]: load on 127.0.0.1, result as a line of "
		      "JSON. # in the message is its identifier; EXPECTED is in every answer\n",
		      stderr);
		return 2;
	}
	load.address.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10));
	load.pid = strtol(argv[2], NULL, 10);
	load.connection_count = (unsigned)strtoul(argv[3], NULL, 10);
	load.seconds = strtod(argv[4], NULL);
	load.warmup = strtod(argv[5], NULL);
	load.message = argv[6];
	load.expected = argc > 7 ? argv[7] : NULL;
	run_load(&load);
	return 0;
}
