/* load: an HTTP/1.1 load generator. N connections with one request outstanding on each, every request with an
 * identifier of its own; the result is one line of JSON. `load --help` lists the options; tests/bench/bench is who uses
 * it. */
#include "tests/bench/clocks.h"
#include "tests/bench/histogram.h"
#include "tests/bench/template.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER_SIZE = 1 << 16, EVENTS = 256, STALL_MS = 30000 };

struct connection {
	int fd;
	char *request; /* a copy of the template's text */
	uint64_t ri, sent_ns;
	bool is_waiting; /* for an answer */
	bool has_head;	 /* of the answer that is coming in */
	bool is_good;	 /* that head says what is expected */
	uint64_t body_left;
	size_t have; /* bytes in buffer */
	char buffer[BUFFER_SIZE];
};

struct options {
	struct sockaddr_in address;
	struct template_parts parts;
	unsigned connections;
	double seconds, warmup;
	uint64_t requests;     /* 0: by seconds */
	uint64_t first, count; /* numbers of the requests: first to first + count - 1 */
	bool is_random;	       /* numbers at random instead of in turn */
	unsigned expect_rsc;   /* 0: any */
	bool expect_ri;	       /* the answer repeats X-M2M-RI */
	long pids[16];
	unsigned pid_count;
};

struct load {
	const struct options *options;
	struct template template;
	struct connection **connections;
	int epoll;
	uint64_t number, ri, random;
	uint64_t end_ns;  /* of the phase */
	uint64_t to_send; /* requests still to be sent in it */
	unsigned waiting; /* connections with an outstanding request */
	uint64_t errors;
	char first_error[200];
	struct histogram latency;
};

static void note_error(struct load *load, const char *text, size_t size)
{
	load->errors++;
	if (load->first_error[0])
		return;
	for (size_t i = 0; i < size && i + 1 < sizeof(load->first_error); i++)
		load->first_error[i] =
			(char)(text[i] < ' ' || text[i] > '~' || text[i] == '"' || text[i] == '\\' ? ' ' : text[i]);
}

static void connection_open(struct load *load, struct connection *connection)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
	int one = 1;

	connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connection->fd < 0 || connect(connection->fd, (const struct sockaddr *)&load->options->address,
					  sizeof(load->options->address)) < 0)
		err(1, "connect");
	setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, connection->fd, &event) < 0)
		err(1, "epoll_ctl");
	connection->have = 0;
	connection->has_head = connection->is_waiting = false;
}

static uint64_t next_number(struct load *load)
{
	const struct options *options = load->options;

	if (!options->is_random)
		return options->first + load->number++ % options->count;
	load->random ^= load->random << 13;
	load->random ^= load->random >> 7;
	load->random ^= load->random << 17;
	return options->first + load->random % options->count;
}

/* Sends the connection's next request if the phase goes on. */
static void send_next(struct load *load, struct connection *connection, uint64_t now)
{
	if (load->to_send == 0 || now >= load->end_ns)
		return;
	load->to_send--;
	connection->ri = ++load->ri;
	template_patch(&load->template, connection->request, next_number(load), connection->ri);
	connection->sent_ns = now;
	connection->is_waiting = true;
	load->waiting++;
	for (size_t sent = 0; sent < load->template.size;) {
		ssize_t size =
			send(connection->fd, connection->request + sent, load->template.size - sent, MSG_NOSIGNAL);
		if (size < 0)
			return; /* reading will tell */
		sent += (size_t)size;
	}
}

static void finish_request(struct load *load, struct connection *connection, bool is_good)
{
	uint64_t now = now_ns();

	connection->is_waiting = connection->has_head = false;
	load->waiting--;
	if (is_good)
		histogram_add(&load->latency, now - connection->sent_ns);
	send_next(load, connection, now);
}

/* The value of a header line if it is called name, else NULL. */
static const char *header_value(const char *line, const char *name, size_t size)
{
	if (strncasecmp(line, name, size) != 0 || line[size] != ':')
		return NULL;
	line += size + 1;
	return line + strspn(line, " \t");
}

#define HEADER(line, name) header_value(line, name, sizeof(name) - 1)

/* Does the answer's head, which ends with an empty line, say what is expected? Notes the size of the body. */
static bool read_head(struct load *load, struct connection *connection, const char *head)
{
	const struct options *options = load->options;
	bool is_good = head[9] == '2', has_rsc = options->expect_rsc == 0, has_ri = !options->expect_ri;
	const char *value;

	connection->body_left = 0;
	for (const char *line = strchr(head, '\n'); line && line[1] != '\r'; line = strchr(line, '\n')) {
		line++;
		if ((value = HEADER(line, "Content-Length")))
			connection->body_left = strtoull(value, NULL, 10);
		else if ((value = HEADER(line, "X-M2M-RSC")))
			has_rsc = has_rsc || strtoul(value, NULL, 10) == options->expect_rsc;
		else if ((value = HEADER(line, "X-M2M-RI")))
			has_ri = has_ri || strtoull(value, NULL, 10) == connection->ri;
	}
	return is_good && has_rsc && has_ri;
}

/* Works off what is in the buffer: a part of an answer, or the rest of it. */
static void take_answer(struct load *load, struct connection *connection)
{
	if (!connection->has_head) {
		char *end = memmem(connection->buffer, connection->have, "\r\n\r\n", 4);
		size_t size;
		if (!end && connection->have == BUFFER_SIZE)
			errx(1, "a head of more than %d bytes", BUFFER_SIZE);
		if (!end)
			return;
		end[3] = '\0';
		connection->is_good = read_head(load, connection, connection->buffer);
		if (!connection->is_good)
			note_error(load, connection->buffer, connection->have);
		connection->has_head = true;
		size = (size_t)(end - connection->buffer) + 4;
		connection->have -= size;
		memmove(connection->buffer, connection->buffer + size, connection->have);
	}
	if (connection->body_left > connection->have) {
		connection->body_left -= connection->have;
		connection->have = 0;
		return;
	}
	connection->have -= connection->body_left;
	if (connection->have > 0)
		errx(1, "%zu bytes after an answer", connection->have);
	finish_request(load, connection, connection->is_good);
}

static void on_readable(struct load *load, struct connection *connection)
{
	ssize_t size = recv(connection->fd, connection->buffer + connection->have, BUFFER_SIZE - connection->have,
			    MSG_DONTWAIT);

	if (size < 0 && errno == EAGAIN)
		return;
	if (size <= 0) {
		static const char text[] = "connection lost";
		bool was_waiting = connection->is_waiting;
		close(connection->fd);
		connection_open(load, connection);
		if (!was_waiting)
			return;
		note_error(load, text, sizeof(text) - 1);
		finish_request(load, connection, false);
		return;
	}
	connection->have += (size_t)size;
	take_answer(load, connection);
}

/* Sends for seconds, or so many requests, and waits for all answers. The seconds it took. */
static double run_phase(struct load *load, double seconds, uint64_t requests)
{
	struct epoll_event events[EVENTS];
	uint64_t start = now_ns();

	load->to_send = requests ? requests : UINT64_MAX;
	load->end_ns = requests ? UINT64_MAX : start + (uint64_t)(seconds * 1e9);
	for (unsigned i = 0; i < load->options->connections; i++)
		send_next(load, load->connections[i], start);
	while (load->waiting > 0) {
		int count = epoll_wait(load->epoll, events, EVENTS, STALL_MS);
		if (count == 0)
			errx(1, "no answer for %d ms", STALL_MS);
		for (int i = 0; i < count; i++)
			on_readable(load, events[i].data.ptr);
	}
	return (double)(now_ns() - start) / 1e9;
}

static uint64_t servers_cpu_ns(const struct options *options)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < options->pid_count; i++)
		sum += cpu_time_ns(options->pids[i]);
	return sum;
}

static void load_open(struct load *load)
{
	const struct options *options = load->options;

	load->epoll = epoll_create1(EPOLL_CLOEXEC);
	load->connections = calloc(options->connections, sizeof(load->connections[0]));
	if (load->epoll < 0 || !load->connections)
		err(1, "setting up");
	for (unsigned i = 0; i < options->connections; i++) {
		struct connection *connection = calloc(1, sizeof(*connection));
		if (!connection || !(connection->request = malloc(load->template.size)))
			errx(1, "out of memory");
		memcpy(connection->request, load->template.text, load->template.size);
		connection_open(load, connection);
		load->connections[i] = connection;
	}
}

static void load_close(struct load *load)
{
	for (unsigned i = 0; i < load->options->connections; i++) {
		close(load->connections[i]->fd);
		free(load->connections[i]->request);
		free(load->connections[i]);
	}
	free(load->connections);
	close(load->epoll);
	template_finish(&load->template);
}

static void run_load(const struct options *options)
{
	struct load load = {.options = options, .random = now_ns() | 1};
	uint64_t server_ns, own_ns, answers;
	double seconds, each;

	load.ri = now_ns() / 1000000 % 1000000 * 1000000; /* not those of the last run */
	if (template_init(&load.template, &options->parts) < 0)
		errx(1, "%%: only %%%% and %%0Nu are known in path, headers and body");
	load_open(&load);
	if (options->warmup > 0)
		run_phase(&load, options->warmup, 0);
	load.latency = (struct histogram){0};
	server_ns = servers_cpu_ns(options);
	own_ns = cpu_time_ns(getpid());
	seconds = run_phase(&load, options->seconds, options->requests);
	own_ns = cpu_time_ns(getpid()) - own_ns;
	server_ns = servers_cpu_ns(options) - server_ns;
	answers = load.latency.count;
	each = answers ? 1e-3 / (double)answers : 0;
	printf("{\"requests\":%" PRIu64 ",\"errors\":%" PRIu64
	       ",\"seconds\":%.3f,\"rate\":%.1f,\"p50_us\":%.1f,\"p90_us\":%.1f,"
	       "\"p99_us\":%.1f,\"max_us\":%.1f,\"cpu_us\":%.3f,\"load_cpu_us\":%.3f,\"first_error\":\"%s\"}\n",
	       answers, load.errors, seconds, (double)answers / seconds, histogram_quantile(&load.latency, 0.5) / 1e3,
	       histogram_quantile(&load.latency, 0.9) / 1e3, histogram_quantile(&load.latency, 0.99) / 1e3,
	       (double)load.latency.max_ns / 1e3, (double)server_ns * each, (double)own_ns * each, load.first_error);
	load_close(&load);
}

static const char usage[] =
	"load --port N [OPTIONS]: HTTP/1.1 load on 127.0.0.1, result as a line of JSON\n"
	"  --connections N        one outstanding request on each (1)\n"
	"  --seconds S            how long (1), or --requests N: how many\n"
	"  --warmup S             before that, not counted\n"
	"  --method M --path P --header 'NAME: VALUE' --body TEXT \n"
	"                         the request; %0Nu in it is the number of the request in N digits\n"
	"  --range FIRST:COUNT    the numbers, in turn (0:1000000000); --random: at random\n"
	"  --rsc CODE             response status code that every answer must have\n"
	"  --ri                   every answer must repeat X-M2M-RI\n"
	"  --pid PID              whose processor time is reported, children included\n";

enum {
	OPT_PORT = 1,
	OPT_CONNECTIONS,
	OPT_SECONDS,
	OPT_REQUESTS,
	OPT_WARMUP,
	OPT_METHOD,
	OPT_PATH,
	OPT_HEADER,
	OPT_BODY,
	OPT_RANGE,
	OPT_RANDOM,
	OPT_RSC,
	OPT_RI,
	OPT_PID,
	OPT_HELP
};

static const struct option long_options[] = {
	{"port", required_argument, NULL, OPT_PORT},
	{"connections", required_argument, NULL, OPT_CONNECTIONS},
	{"seconds", required_argument, NULL, OPT_SECONDS},
	{"requests", required_argument, NULL, OPT_REQUESTS},
	{"warmup", required_argument, NULL, OPT_WARMUP},
	{"method", required_argument, NULL, OPT_METHOD},
	{"path", required_argument, NULL, OPT_PATH},
	{"header", required_argument, NULL, OPT_HEADER},
	{"body", required_argument, NULL, OPT_BODY},
	{"range", required_argument, NULL, OPT_RANGE},
	{"random", no_argument, NULL, OPT_RANDOM},
	{"rsc", required_argument, NULL, OPT_RSC},
	{"ri", no_argument, NULL, OPT_RI},
	{"pid", required_argument, NULL, OPT_PID},
	{"help", no_argument, NULL, OPT_HELP},
	{0},
};

static void set_range(struct options *options, const char *text)
{
	char *end;

	options->first = strtoull(text, &end, 10);
	options->count = *end == ':' ? strtoull(end + 1, NULL, 10) : 0;
	if (options->count == 0)
		errx(1, "--range FIRST:COUNT");
}

static void set_header(struct options *options, const char *text)
{
	if (options->parts.header_count == sizeof(options->parts.headers) / sizeof(options->parts.headers[0]))
		errx(1, "too many headers");
	options->parts.headers[options->parts.header_count++] = text;
}

static void set_pid(struct options *options, const char *text)
{
	if (options->pid_count == sizeof(options->pids) / sizeof(options->pids[0]))
		errx(1, "too many processes");
	options->pids[options->pid_count++] = strtol(text, NULL, 10);
}

static void set_option(struct options *options, int option)
{
	switch (option) {
	case OPT_PORT:
		options->address.sin_port = htons((uint16_t)strtoul(optarg, NULL, 10));
		break;
	case OPT_CONNECTIONS:
		options->connections = (unsigned)strtoul(optarg, NULL, 10);
		break;
	case OPT_SECONDS:
		options->seconds = strtod(optarg, NULL);
		break;
	case OPT_REQUESTS:
		options->requests = strtoull(optarg, NULL, 10);
		break;
	case OPT_WARMUP:
		options->warmup = strtod(optarg, NULL);
		break;
	case OPT_METHOD:
		options->parts.method = optarg;
		break;
	case OPT_PATH:
		options->parts.path = optarg;
		break;
	case OPT_HEADER:
		set_header(options, optarg);
		break;
	case OPT_BODY:
		options->parts.body = optarg;
		break;
	case OPT_RANGE:
		set_range(options, optarg);
		break;
	case OPT_RANDOM:
		options->is_random = true;
		break;
	case OPT_RSC:
		options->expect_rsc = (unsigned)strtoul(optarg, NULL, 10);
		break;
	case OPT_RI:
		options->expect_ri = true;
		break;
	case OPT_PID:
		set_pid(options, optarg);
		break;
	case OPT_HELP:
		fputs(usage, stdout);
		exit(0);
	default:
		fputs(usage, stderr);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	struct options options = {
		.address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)},
		.parts = {.method = "GET", .path = "/", .host = "localhost"},
		.connections = 1,
		.seconds = 1,
		.count = 1000000000,
	};
	struct rlimit limit = {0};
	int option;

	while ((option = getopt_long(argc, argv, "", long_options, NULL)) >= 0)
		set_option(&options, option);
	if (optind < argc || options.address.sin_port == 0 || options.connections == 0) {
		fputs(usage, stderr);
		return 2;
	}
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	run_load(&options);
	return 0;
}
