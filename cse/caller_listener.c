/* caller_listener: takes notifications, one connection at a time, each closed behind its one answer. */
#include "cse/caller.h"

#include "bindings/listener.h"
#include "cse/base/arena.h"
#include "schemas/codec/codec.h"
#include "schemas/schema.h"

#include <fcntl.h>
#include <http_parser.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LARGEST_NOTIFICATION = 16 << 20, SECONDS_FOR_ONE = 10 };

struct caller_listener {
	struct listener listener;
	struct clock clock;
	struct loop *loop;
	struct loop_task stop;
	pthread_t thread;
	uint64_t most, count;
};

/* A request while it is read. */
struct arrival {
	struct http_parser parser;
	struct strbuf name, value; /* of the field being read */
	char request_id[200], release[20];
	struct strbuf content;
	bool is_complete;
};

/* ---- reading ---- */

static void keep(const struct arrival *arrival, const char *name, char *out, size_t size)
{
	if (str_eq_nocase(strbuf_str(&arrival->name), str_of(name)))
		snprintf(out, size, "%.*s", STR_ARG(strbuf_str(&arrival->value)));
}

static int end_field(struct http_parser *parser)
{
	struct arrival *arrival = parser->data;

	keep(arrival, "X-M2M-RI", arrival->request_id, sizeof(arrival->request_id));
	keep(arrival, "X-M2M-RVI", arrival->release, sizeof(arrival->release));
	strbuf_clear(&arrival->name);
	strbuf_clear(&arrival->value);
	return 0;
}

static int on_name(struct http_parser *parser, const char *bytes, size_t len)
{
	struct arrival *arrival = parser->data;

	if (arrival->value.len)
		end_field(parser);
	strbuf_add(&arrival->name, bytes, len);
	return 0;
}

static int on_value(struct http_parser *parser, const char *bytes, size_t len)
{
	struct arrival *arrival = parser->data;

	strbuf_add(&arrival->value, bytes, len);
	return 0;
}

static int on_content(struct http_parser *parser, const char *bytes, size_t len)
{
	struct arrival *arrival = parser->data;

	strbuf_add(&arrival->content, bytes, len);
	return arrival->content.len > LARGEST_NOTIFICATION;
}

static int on_complete(struct http_parser *parser)
{
	struct arrival *arrival = parser->data;

	arrival->is_complete = true;
	return 0;
}

static void receive(struct arrival *arrival, int fd)
{
	static const struct http_parser_settings settings = {
		.on_header_field = on_name,
		.on_header_value = on_value,
		.on_headers_complete = end_field,
		.on_body = on_content,
		.on_message_complete = on_complete,
	};
	char bytes[4096];
	ssize_t len;

	http_parser_init(&arrival->parser, HTTP_REQUEST);
	arrival->parser.data = arrival;
	while (!arrival->is_complete && (len = recv(fd, bytes, sizeof(bytes), 0)) > 0) {
		http_parser_execute(&arrival->parser, &settings, bytes, (size_t)len);
		if (HTTP_PARSER_ERRNO(&arrival->parser) != HPE_OK)
			return;
	}
}

/* ---- answering ---- */

static void answer(const struct arrival *arrival, int fd)
{
	struct strbuf text = {0};
	size_t sent = 0;
	ssize_t len = 0;

	STRBUF_LIT(&text, "HTTP/1.1 200 OK\r\nX-M2M-RSC: 2000\r\n");
	if (arrival->request_id[0])
		strbuf_addf(&text, "X-M2M-RI: %s\r\n", arrival->request_id);
	if (arrival->release[0])
		strbuf_addf(&text, "X-M2M-RVI: %s\r\n", arrival->release);
	STRBUF_LIT(&text, "Content-Length: 0\r\nConnection: close\r\n\r\n");
	while (len >= 0 && sent < text.len) {
		len = send(fd, text.ptr + sent, text.len - sent, MSG_NOSIGNAL);
		sent += len > 0 ? (size_t)len : 0;
	}
	strbuf_finish(&text);
}

/* A new subscription is tried out before it is made; that is no event. */
static bool is_verification(struct str content)
{
	static const struct decode_limits limits = {.bytes = LARGEST_NOTIFICATION, .depth = 32, .tokens = 1000000};
	struct decode_error error;
	struct arena arena;
	struct doc doc;
	bool found;

	arena_init(&arena);
	found = json_decode(content, &limits, &arena, &doc, &error) == 0 && value_type(doc_root(&doc)) == VALUE_OBJECT;
	if (found) {
		struct value notification = value_first(doc_root(&doc)), flag = {0};

		if (!value_is_absent(notification) && value_type(notification) == VALUE_OBJECT)
			flag = value_member(notification, name_short(NULL, ATTR_verificationRequest));
		found = !value_is_absent(flag) && value_type(flag) == VALUE_TRUE;
	}
	arena_finish(&arena);
	return found;
}

static void tell(struct caller_listener *caller, const struct arrival *arrival)
{
	if (is_verification(strbuf_str(&arrival->content))) {
		fputs("verified\n", stderr);
		return;
	}
	pretty_print(strbuf_str(&arrival->content), stdout);
	if (++caller->count == caller->most)
		kill(getpid(), SIGTERM);
}

static void accepted(struct listener *listener, int fd, const struct peer *peer)
{
	struct caller_listener *caller = container_of(listener, struct caller_listener, listener);
	const struct timeval patience = {.tv_sec = SECONDS_FOR_ONE};
	struct arrival arrival = {0};

	(void)peer;
	/* Here nothing else waits meanwhile. */
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	receive(&arrival, fd);
	if (arrival.is_complete) {
		answer(&arrival, fd);
		tell(caller, &arrival);
	}
	close(fd);
	strbuf_finish(&arrival.name);
	strbuf_finish(&arrival.value);
	strbuf_finish(&arrival.content);
}

/* ---- life ---- */

static void *run(void *arg)
{
	struct caller_listener *caller = arg;

	loop_run(caller->loop);
	return NULL;
}

static void stop(struct loop_task *task)
{
	loop_stop(container_of(task, struct caller_listener, stop)->loop);
}

struct caller_listener *caller_listen(const char *where, uint64_t most, char *message, size_t size)
{
	struct caller_listener *caller = xzalloc(sizeof(*caller));
	sigset_t all, before;
	int error;

	caller->most = most;
	caller->stop.run = stop;
	caller->listener.accepted = accepted;
	clock_init_real(&caller->clock);
	caller->loop = loop_create(&caller->clock);
	error = listener_open(&caller->listener, caller->loop, "http", "http.listen", where, message, size);
	if (!error) {
		sigfillset(&all);
		pthread_sigmask(SIG_BLOCK, &all, &before);
		error = -pthread_create(&caller->thread, NULL, run, caller);
		pthread_sigmask(SIG_SETMASK, &before, NULL);
		if (!error)
			return caller;
		listener_close(&caller->listener);
	}
	snprintf(message, size, "--listen %s: %s", where, error_text(error));
	loop_destroy(caller->loop);
	free(caller);
	return NULL;
}

const char *caller_listener_url(const struct caller_listener *caller)
{
	return caller->listener.address;
}

void caller_listener_close(struct caller_listener *caller)
{
	loop_post(caller->loop, &caller->stop);
	pthread_join(caller->thread, NULL);
	listener_close(&caller->listener);
	loop_destroy(caller->loop);
	free(caller);
}
