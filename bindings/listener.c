/* listener: binding, accepting, and waiting for descriptors when there are none. */
#include "bindings/listener.h"

#include "cse/base/str.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 4096, ACCEPTS_PER_ROUND = 64, PAUSE_US = 100000 };

/* ---- accepting ---- */

static bool is_loopback(const struct sockaddr_storage *address)
{
	const struct in6_addr *six = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
	const struct in_addr *four = &((const struct sockaddr_in *)(const void *)address)->sin_addr;

	if (address->ss_family == AF_INET)
		return ntohl(four->s_addr) >> 24 == 127;
	if (address->ss_family != AF_INET6)
		return false;
	return IN6_IS_ADDR_LOOPBACK(six) || (IN6_IS_ADDR_V4MAPPED(six) && six->s6_addr[12] == 127);
}

static struct peer peer_of(const struct sockaddr_storage *address)
{
	const struct in6_addr *six = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
	const struct in_addr *four = &((const struct sockaddr_in *)(const void *)address)->sin_addr;
	struct peer peer = {.is_direct_loopback = is_loopback(address)};

	if (address->ss_family == AF_INET) {
		peer.family = PEER_IPV4;
		memcpy(peer.address, four, sizeof(*four));
	} else if (address->ss_family == AF_INET6) {
		memcpy(peer.address, six, sizeof(*six));
		peer.family = peer_unmap(peer.address) ? PEER_IPV4 : PEER_IPV6;
	}
	return peer;
}

static void resume(struct timer *timer)
{
	struct listener *listener = container_of(timer, struct listener, pause);

	if (loop_rewatch(listener->loop, &listener->watch, EPOLLIN) < 0)
		loop_timer_set(listener->loop, &listener->pause, PAUSE_US);
}

/* Nobody can be accepted now, and the socket stays readable: look again later. */
static void pause_accepting(struct listener *listener)
{
	if (loop_rewatch(listener->loop, &listener->watch, 0) == 0)
		loop_timer_set(listener->loop, &listener->pause, PAUSE_US);
}

static void ready(struct loop_fd *watch, uint32_t events)
{
	struct listener *listener = container_of(watch, struct listener, watch);
	int one = 1;

	(void)events;
	for (int i = 0; i < ACCEPTS_PER_ROUND && watch->fd >= 0; i++) {
		struct sockaddr_storage address = {0};
		socklen_t len = sizeof(address);
		struct peer peer;
		int fd = accept4(watch->fd, (struct sockaddr *)&address, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0 && (errno == ECONNABORTED || errno == EINTR))
			continue;
		if (fd < 0) {
			if (errno != EAGAIN)
				pause_accepting(listener);
			return;
		}
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		peer = peer_of(&address);
		listener->accepted(listener, fd, &peer);
	}
}

/* ---- opening ---- */

/* Splits "host:port"; brackets go around an address that has colons. */
static int split_address(const char *where, char *host, size_t size, const char **port)
{
	const char *colon = strrchr(where, ':');
	struct str name;

	if (!colon || !colon[1])
		return -1;
	name = str_make(where, (size_t)(colon - where));
	if (name.len >= 2 && name.ptr[0] == '[' && name.ptr[name.len - 1] == ']')
		name = str_make(name.ptr + 1, name.len - 2);
	else if (memchr(name.ptr, ':', name.len))
		return -1;
	if (name.len >= size)
		return -1;
	snprintf(host, size, "%" STR_FMT, STR_ARG(name));
	*port = colon + 1;
	return 0;
}

static int open_socket(const struct addrinfo *info)
{
	int one = 1, error;
	int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, info->ai_addr, info->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

static int open_first(const struct addrinfo *infos)
{
	int fd = -EADDRNOTAVAIL;

	for (const struct addrinfo *info = infos; info && fd < 0; info = info->ai_next)
		fd = open_socket(info);
	return fd;
}

static void describe(struct listener *listener, const char *scheme)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);
	char host[64] = "?", port[8] = "?";

	if (getsockname(listener->watch.fd, (struct sockaddr *)&address, &len) == 0)
		getnameinfo((struct sockaddr *)&address, len, host, sizeof(host), port, sizeof(port),
			    NI_NUMERICHOST | NI_NUMERICSERV);
	snprintf(listener->address, sizeof(listener->address), strchr(host, ':') ? "%s://[%s]:%s" : "%s://%s:%s",
		 scheme, host, port);
}

static int open_address(const char *key, const char *where, char *message, size_t size)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *infos;
	char host[256];
	const char *port;
	int failed, fd;

	if (split_address(where, host, sizeof(host), &port) < 0) {
		snprintf(message, size, "%s %s: not of the form host:port or [host]:port", key, where);
		return ERROR_FORMAT;
	}
	failed = getaddrinfo(host[0] ? host : NULL, port, &hints, &infos);
	if (failed) {
		snprintf(message, size, "%s %s: %s", key, where, gai_strerror(failed));
		return ERROR_FORMAT;
	}
	fd = open_first(infos);
	freeaddrinfo(infos);
	if (fd < 0)
		snprintf(message, size, "%s %s: %s", key, where, error_text(fd));
	return fd;
}

int listener_open(struct listener *listener, struct loop *loop, const char *scheme, const char *key, const char *where,
		  char *message, size_t size)
{
	int fd = open_address(key, where, message, size), error;

	listener->loop = loop;
	listener->pause = (struct timer){.fire = resume};
	listener->watch = (struct loop_fd){.ready = ready, .fd = fd};
	if (fd < 0)
		return fd;
	error = loop_watch(loop, &listener->watch, EPOLLIN);
	if (error < 0) {
		snprintf(message, size, "%s %s: %s", key, where, error_text(error));
		close(fd);
		listener->watch.fd = -1;
		return error;
	}
	describe(listener, scheme);
	return 0;
}

void listener_close(struct listener *listener)
{
	if (listener->watch.fd < 0)
		return;
	loop_timer_cancel(listener->loop, &listener->pause);
	loop_unwatch(listener->loop, &listener->watch);
	close(listener->watch.fd);
	listener->watch.fd = -1;
}
