/* sink: where notifications end. It listens on N free ports of 127.0.0.1, prints them, answers every request with 200
 * and X-M2M-RSC: 2000 at once, and counts. A GET is not counted: it answers the count. At SIGTERM it prints
 * {"requests":..,"connections":..}. With `deaf` it accepts and never reads. Usage: sink [N [deaf]] */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER_SIZE = 1 << 17, EVENTS = 256 };

enum kind { LISTENER, PEER, SIGNALS };

/* What epoll tells of. */
struct end {
	enum kind kind;
	int fd;
	size_t have, size; /* bytes of the request that is coming in; room */
	char *buffer;	   /* NULL: nothing of one was kept */
};

struct sink {
	int epoll;
	uint64_t requests, connections;
	bool is_over, is_deaf;
	char buffer[BUFFER_SIZE];
};

static void watch(struct sink *sink, enum kind kind, int fd)
{
	struct end *end = calloc(1, sizeof(*end));
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = end};

	if (!end || epoll_ctl(sink->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		err(1, "epoll");
	*end = (struct end){.kind = kind, .fd = fd};
}

/* The size of the request at the beginning of text; 0: more is needed. */
static size_t request_size(const char *text, size_t have)
{
	const char *end = memmem(text, have, "\r\n\r\n", 4), *length;
	size_t size;

	if (!end)
		return 0;
	size = (size_t)(end - text) + 4;
	length = memmem(text, size, "Content-Length: ", 16);
	if (length)
		size += strtoul(length + 16, NULL, 10);
	return size <= have ? size : 0;
}

static size_t answer(struct sink *sink, const char *request, char *out, size_t size)
{
	char body[24] = "";
	int len;

	if (strncmp(request, "GET ", 4) == 0)
		snprintf(body, sizeof(body), "%" PRIu64, sink->requests);
	else
		sink->requests++;
	len = snprintf(out, size, "HTTP/1.1 200 OK\r\nX-M2M-RSC: 2000\r\nContent-Length: %zu\r\n\r\n%s", strlen(body),
		       body);
	return (size_t)len;
}

/* Keeps what is left of a request for later. */
static void keep(struct end *end, const char *rest, size_t len)
{
	if (len > end->size || (!end->buffer && len)) {
		end->size = BUFFER_SIZE;
		if (len > end->size || !(end->buffer = realloc(end->buffer, end->size)))
			err(1, "a request that is too large");
	}
	if (len)
		memmove(end->buffer, rest, len);
	end->have = len;
}

static void hang_up(struct end *end)
{
	close(end->fd);
	free(end->buffer);
	free(end);
}

static void serve(struct sink *sink, struct end *end)
{
	size_t have = end->have, at = 0, size, len = 0;
	char out[4096];
	ssize_t got;

	if (have)
		memcpy(sink->buffer, end->buffer, have);
	got = recv(end->fd, sink->buffer + have, sizeof(sink->buffer) - have - 1, MSG_DONTWAIT);
	if (got < 0 && errno == EAGAIN)
		return;
	if (got <= 0) {
		hang_up(end);
		return;
	}
	have += (size_t)got;
	sink->buffer[have] = '\0';
	while ((size = request_size(sink->buffer + at, have - at)) > 0 && len + 128 < sizeof(out)) {
		len += answer(sink, sink->buffer + at, out + len, sizeof(out) - len);
		at += size;
	}
	keep(end, sink->buffer + at, have - at);
	if (len && send(end->fd, out, len, MSG_NOSIGNAL) != (ssize_t)len)
		hang_up(end);
}

static void take(struct sink *sink, struct end *end)
{
	int fd = accept4(end->fd, NULL, NULL, SOCK_CLOEXEC), one = 1;

	if (fd < 0)
		return;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	sink->connections++;
	if (!sink->is_deaf)
		watch(sink, PEER, fd);
}

static void listen_on_free_port(struct sink *sink)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(address);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, len) < 0 || listen(fd, 1024) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &len) < 0)
		err(1, "listen");
	watch(sink, LISTENER, fd);
	printf("%d\n", ntohs(address.sin_port));
}

static void handle(struct sink *sink, struct end *end)
{
	switch (end->kind) {
	case LISTENER:
		take(sink, end);
		break;
	case PEER:
		serve(sink, end);
		break;
	case SIGNALS:
		sink->is_over = true;
		break;
	}
}

int main(int argc, char **argv)
{
	static struct sink sink;
	struct epoll_event events[EVENTS];
	struct rlimit limit;
	sigset_t set;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	sink.epoll = epoll_create1(EPOLL_CLOEXEC);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sink.is_deaf = argc > 2 && strcmp(argv[2], "deaf") == 0;
	watch(&sink, SIGNALS, signalfd(-1, &set, SFD_CLOEXEC));
	for (unsigned long i = argc > 1 ? strtoul(argv[1], NULL, 10) : 1; i > 0; i--)
		listen_on_free_port(&sink);
	fflush(stdout);
	while (!sink.is_over) {
		int count = epoll_wait(sink.epoll, events, EVENTS, -1);

		for (int i = 0; i < count; i++)
			handle(&sink, events[i].data.ptr);
	}
	printf("{\"requests\":%" PRIu64 ",\"connections\":%" PRIu64 "}\n", sink.requests, sink.connections);
	return 0;
}
