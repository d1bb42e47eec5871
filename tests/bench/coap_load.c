/* coap_load: a CoAP load generator over UDP. N sockets with one confirmable request outstanding on each, every request
 * with a message ID, token and Request Identifier of its own. Answers are taken with the acknowledgement or apart. The
 * result is one line of JSON, as of tests/bench/load. */
#include "bindings/coap/message.h"
#include "tests/bench/clocks.h"
#include "tests/bench/histogram.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	EVENTS = 256,
	STALL_MS = 2000,
	STALLS_MOST = 5,
	FR = 279,
	RQI = 283,
	RVI = 271,
	TY = 267,
	JSON = 50,
	ERROR_SIZE = 200
};

struct options {
	unsigned port, connections, type, code; /* type 0: none; code: 201 for 2.01 */
	double seconds, warmup;
	const char *path, *body; /* %u of the path is a number below `range` */
	uint64_t range;
	bool is_plain; /* without oneM2M's options, for a server that does not know them */
	long pid;
};

struct connection {
	int fd;
	uint16_t mid;
	bool is_waiting;
	uint64_t number, sent_ns;
};

struct load {
	const struct options *options;
	struct connection *connections;
	int epoll;
	uint64_t number, end_ns, errors;
	unsigned waiting;
	char first_error[ERROR_SIZE];
	struct histogram latency;
	struct strbuf out;
};

static void note_error(struct load *load, const char *what)
{
	if (!load->errors++)
		snprintf(load->first_error, sizeof(load->first_error), "%s", what);
}

/* ---- requests ---- */

static void add_path(struct message *message, struct str path)
{
	while (path.ptr) {
		struct str segment = str_split(&path, '/');

		if (segment.len)
			message_add(message, COAP_OPTION_URI_PATH, segment);
	}
}

static void send_datagram(struct load *load, struct connection *conn)
{
	const struct options *options = load->options;
	struct message message = {.type = COAP_MESSAGE_CON, .code = options->body ? 2 : 1, .mid = conn->mid};
	char path[200], number[24];
	uint64_t token = conn->number;

	/* the multiplier spreads the numbers over the range */
	snprintf(path, sizeof(path), options->path, (unsigned)(token * UINT64_C(2654435761) % options->range));
	snprintf(number, sizeof(number), "%" PRIu64, token);
	message.token = str_make((const char *)&token, 4);
	add_path(&message, str_of(path));
	if (!options->is_plain) {
		message_add(&message, FR, STR("CAdmin"));
		message_add(&message, RQI, str_of(number));
		message_add(&message, RVI, STR("3"));
		if (options->type)
			message_add_uint(&message, TY, options->type);
	}
	message.payload = options->body ? str_of(options->body) : STR("");
	if (options->body)
		message_add_uint(&message, COAP_OPTION_CONTENT_FORMAT, JSON);
	strbuf_clear(&load->out);
	message_write(&load->out, &message);
	if (send(conn->fd, load->out.ptr, load->out.len, 0) < 0)
		note_error(load, "cannot send");
}

static void send_request(struct load *load, struct connection *conn)
{
	conn->mid++;
	conn->number = ++load->number;
	conn->is_waiting = true;
	conn->sent_ns = now_ns();
	load->waiting++;
	send_datagram(load, conn);
}

/* What was lost is sent again, as a client would. */
static void send_again(struct load *load)
{
	for (unsigned i = 0; i < load->options->connections; i++)
		if (load->connections[i].is_waiting)
			send_datagram(load, &load->connections[i]);
}

/* ---- answers ---- */

static void acknowledge(struct load *load, const struct connection *conn, uint16_t mid)
{
	const struct message message = {.type = COAP_MESSAGE_ACK, .mid = mid, .token = STR(""), .payload = STR("")};

	strbuf_clear(&load->out);
	message_write(&load->out, &message);
	(void)!send(conn->fd, load->out.ptr, load->out.len, 0);
}

static void take_answer(struct load *load, struct connection *conn, const struct message *message)
{
	unsigned code = load->options->code;

	if (message->code == 0) /* the answer comes apart */
		return;
	if (message->type == COAP_MESSAGE_CON)
		acknowledge(load, conn, message->mid);
	if (message->code != MESSAGE_CODE(code / 100, code % 100))
		note_error(load, "an answer has another code");
	if (!conn->is_waiting) /* it was sent again, and both are answered */
		return;
	conn->is_waiting = false;
	histogram_add(&load->latency, now_ns() - conn->sent_ns);
	load->waiting--;
	if (now_ns() < load->end_ns)
		send_request(load, conn);
}

static void take_datagram(struct load *load, struct connection *conn, struct str bytes)
{
	coap_pdu_t *pdu = message_pdu(bytes);
	struct message message;

	if (!pdu) {
		note_error(load, "an answer is malformed");
		return;
	}
	message_read(&message, pdu);
	take_answer(load, conn, &message);
	coap_delete_pdu(pdu);
}

static void run_phase(struct load *load, double seconds)
{
	struct epoll_event events[EVENTS];
	char buffer[4096];

	unsigned stalls = 0;

	load->end_ns = now_ns() + (uint64_t)(seconds * 1e9);
	memset(&load->latency, 0, sizeof(load->latency));
	for (unsigned i = 0; i < load->options->connections; i++)
		send_request(load, &load->connections[i]);
	while (load->waiting) {
		int count = epoll_wait(load->epoll, events, EVENTS, STALL_MS);

		if (count == 0 && ++stalls == STALLS_MOST) {
			note_error(load, "answers are missing");
			return;
		}
		if (count == 0)
			send_again(load);
		for (int i = 0; i < count; i++) {
			struct connection *conn = events[i].data.ptr;
			ssize_t got = recv(conn->fd, buffer, sizeof(buffer), MSG_DONTWAIT);

			if (got >= 0)
				take_datagram(load, conn, str_make(buffer, (size_t)got));
		}
	}
}

/* ---- the run ---- */

static bool open_connections(struct load *load)
{
	const struct options *options = load->options;
	const struct sockaddr_in address = {.sin_family = AF_INET,
					    .sin_addr = {htonl(INADDR_LOOPBACK)},
					    .sin_port = htons((uint16_t)options->port)};

	load->epoll = epoll_create1(EPOLL_CLOEXEC);
	load->connections = xzalloc(options->connections * sizeof(*load->connections));
	for (unsigned i = 0; i < options->connections; i++) {
		struct connection *conn = &load->connections[i];
		struct epoll_event event = {.events = EPOLLIN, .data.ptr = conn};

		conn->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		if (conn->fd < 0 || connect(conn->fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
		    epoll_ctl(load->epoll, EPOLL_CTL_ADD, conn->fd, &event) < 0)
			return false;
	}
	return true;
}

static int run(const struct options *options)
{
	struct load load = {.options = options};
	uint64_t started, server_ns;
	double seconds;

	if (!open_connections(&load)) {
		fprintf(stderr, "coap_load: sockets: %s\n", error_text(-errno));
		return 1;
	}
	run_phase(&load, options->warmup);
	server_ns = cpu_time_ns(options->pid);
	started = now_ns();
	run_phase(&load, options->seconds);
	seconds = (double)(now_ns() - started) / 1e9;
	server_ns = cpu_time_ns(options->pid) - server_ns;
	printf("{\"requests\":%" PRIu64 ",\"errors\":%" PRIu64 ",\"seconds\":%.3f,\"rate\":%.1f,\"p50_us\":%.1f,"
	       "\"p99_us\":%.1f,\"cpu_us\":%.3f,\"first_error\":\"%s\"}\n",
	       load.latency.count, load.errors, seconds, (double)load.latency.count / seconds,
	       histogram_quantile(&load.latency, 0.5) / 1e3, histogram_quantile(&load.latency, 0.99) / 1e3,
	       (double)server_ns * 1e-3 / (double)(load.latency.count ? load.latency.count : 1), load.first_error);
	strbuf_finish(&load.out);
	free(load.connections);
	return 0;
}

static const char usage[] = "coap_load --port N --path P [OPTIONS]: CoAP load on 127.0.0.1, result as a line of JSON\n"
			    "  --connections N, --seconds S, --warmup S, --range N (what %u in the path is below)\n"
			    "  --body TEXT --type N   a POST; without a body it is a GET\n"
			    "  --code N               that every answer must have (205)\n"
			    "  --plain                without the options of oneM2M\n"
			    "  --pid PID              whose processor time is reported\n";

int main(int argc, char **argv)
{
	static const struct option names[] = {
		{"port", 1, NULL, 'p'},	   {"path", 1, NULL, 'P'},   {"connections", 1, NULL, 'c'},
		{"seconds", 1, NULL, 's'}, {"warmup", 1, NULL, 'w'}, {"range", 1, NULL, 'r'},
		{"body", 1, NULL, 'b'},	   {"type", 1, NULL, 't'},   {"code", 1, NULL, 'C'},
		{"plain", 0, NULL, 'x'},   {"pid", 1, NULL, 'i'},    {NULL, 0, NULL, 0},
	};
	struct options options = {.connections = 1, .code = 205, .seconds = 1, .range = 1};
	int option;

	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
		unsigned long number = optarg ? strtoul(optarg, NULL, 10) : 0;

		switch (option) {
		case 'p':
			options.port = (unsigned)number;
			break;
		case 'P':
			options.path = optarg;
			break;
		case 'c':
			options.connections = (unsigned)number;
			break;
		case 's':
			options.seconds = strtod(optarg, NULL);
			break;
		case 'w':
			options.warmup = strtod(optarg, NULL);
			break;
		case 'r':
			options.range = number;
			break;
		case 'b':
			options.body = optarg;
			break;
		case 't':
			options.type = (unsigned)number;
			break;
		case 'C':
			options.code = (unsigned)number;
			break;
		case 'x':
			options.is_plain = true;
			break;
		case 'i':
			options.pid = (long)number;
			break;
		default:
			option = 0;
		}
		if (!option)
			break;
	}
	if (option != -1 || !options.port || !options.path || !options.range) {
		fputs(usage, stderr);
		return 2;
	}
	return run(&options);
}
