/* listener: binding, accepting, and waiting for descriptors when there are none. */
#include "bindings/listener.h"

#include "bindings/address.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 4096, ACCEPTS_PER_ROUND = 64, PAUSE_US = 100000 };

/* ---- accepting ---- */

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
		peer = address_peer((struct sockaddr *)&address);
		listener->accepted(listener, fd, &peer);
	}
}

/* ---- opening ---- */

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

static int open_address(const char *key, const char *where, char *message, size_t size)
{
	struct addrinfo *infos;
	int fd = address_resolve(key, where, SOCK_STREAM, &infos, message, size);

	if (fd < 0)
		return fd;
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
	address_describe(fd, scheme, listener->address, sizeof(listener->address));
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
