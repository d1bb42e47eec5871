/* udp: recvmsg and sendmsg with the address of ours that the datagram belongs to. */
#include "bindings/coap/udp.h"

#include "bindings/coap/message.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DATAGRAMS_PER_ROUND = 64, BUFFERED = 1 << 20 };

/* Room for the one control message that says which of our addresses it is. */
union control {
	char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
	struct cmsghdr aligned;
};

_Static_assert(sizeof(struct udp_peer) == 24, "no padding: peers are compared as bytes");

/* ---- addresses ---- */

struct udp_peer udp_peer_of(const struct sockaddr *address)
{
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)address;
	const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)address;
	struct udp_peer peer = {.family = address->sa_family};

	if (address->sa_family == AF_INET) {
		memcpy(peer.address, &four->sin_addr, sizeof(four->sin_addr));
		peer.port = four->sin_port;
	} else {
		memcpy(peer.address, &six->sin6_addr, sizeof(six->sin6_addr));
		peer.port = six->sin6_port;
		peer.scope = six->sin6_scope_id;
	}
	return peer;
}

socklen_t udp_peer_address(const struct udp_peer *peer, struct sockaddr_storage *address)
{
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)(void *)address;
	struct sockaddr_in *four = (struct sockaddr_in *)(void *)address;

	memset(address, 0, sizeof(*address));
	address->ss_family = peer->family;
	if (peer->family == AF_INET) {
		memcpy(&four->sin_addr, peer->address, sizeof(four->sin_addr));
		four->sin_port = peer->port;
		return sizeof(*four);
	}
	memcpy(&six->sin6_addr, peer->address, sizeof(six->sin6_addr));
	six->sin6_port = peer->port;
	six->sin6_scope_id = peer->scope;
	return sizeof(*six);
}

static void read_local(struct msghdr *header, struct udp_local *at)
{
	memset(at, 0, sizeof(*at));
	for (struct cmsghdr *control = CMSG_FIRSTHDR(header); control; control = CMSG_NXTHDR(header, control)) {
		if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO) {
			const struct in_pktinfo *info = (const void *)CMSG_DATA(control);

			memcpy(at->address, &info->ipi_spec_dst, sizeof(info->ipi_spec_dst));
		} else if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_PKTINFO) {
			const struct in6_pktinfo *info = (const void *)CMSG_DATA(control);

			memcpy(at->address, &info->ipi6_addr, sizeof(info->ipi6_addr));
			at->interface = info->ipi6_ifindex;
		}
	}
}

static void write_local(struct msghdr *header, union control *control, int family, const struct udp_local *at)
{
	struct cmsghdr *first;

	memset(control, 0, sizeof(*control));
	header->msg_control = control;
	header->msg_controllen = sizeof(*control);
	first = CMSG_FIRSTHDR(header);
	if (family == AF_INET) {
		struct in_pktinfo *info = (void *)CMSG_DATA(first);

		memcpy(&info->ipi_spec_dst, at->address, sizeof(info->ipi_spec_dst));
		first->cmsg_level = IPPROTO_IP;
		first->cmsg_type = IP_PKTINFO;
		first->cmsg_len = CMSG_LEN(sizeof(*info));
		header->msg_controllen = CMSG_SPACE(sizeof(*info));
	} else {
		struct in6_pktinfo *info = (void *)CMSG_DATA(first);

		memcpy(&info->ipi6_addr, at->address, sizeof(info->ipi6_addr));
		info->ipi6_ifindex = at->interface;
		first->cmsg_level = IPPROTO_IPV6;
		first->cmsg_type = IPV6_PKTINFO;
		first->cmsg_len = CMSG_LEN(sizeof(*info));
	}
}

/* ---- datagrams ---- */

void udp_send(const struct udp *udp, const struct udp_peer *to, const struct udp_local *at, struct str bytes)
{
	struct sockaddr_storage address;
	struct iovec vector = {(void *)(uintptr_t)bytes.ptr, bytes.len};
	struct msghdr header = {.msg_name = &address, .msg_iov = &vector, .msg_iovlen = 1};
	union control control;

	if (udp->watch.fd < 0 || (udp->may_send && !udp->may_send(udp, to, bytes.len)))
		return;
	header.msg_namelen = udp_peer_address(to, &address);
	if (at)
		write_local(&header, &control, to->family, at);
	(void)!sendmsg(udp->watch.fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static bool receive(struct udp *udp)
{
	struct sockaddr_storage address = {0};
	struct iovec vector = {udp->bytes, MESSAGE_DATAGRAM_MAX};
	union control control;
	struct msghdr header = {.msg_name = &address,
				.msg_namelen = sizeof(address),
				.msg_iov = &vector,
				.msg_iovlen = 1,
				.msg_control = &control,
				.msg_controllen = sizeof(control)};
	ssize_t len = recvmsg(udp->watch.fd, &header, MSG_DONTWAIT);
	struct udp_peer from;
	struct udp_local at;

	if (len < 0) /* an error may be that of an earlier datagram (ICMP): the next ones are good */
		return errno != EAGAIN;
	from = udp_peer_of((struct sockaddr *)&address);
	read_local(&header, &at);
	udp->received(udp, &from, &at, str_make(udp->bytes, (size_t)len));
	return true;
}

static void ready(struct loop_fd *watch, uint32_t events)
{
	struct udp *udp = container_of(watch, struct udp, watch);

	(void)events;
	for (int i = 0; i < DATAGRAMS_PER_ROUND && watch->fd >= 0; i++)
		if (!receive(udp))
			return;
}

/* ---- opening ---- */

static void set_options(int fd, int family)
{
	int one = 1, size = BUFFERED;

	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &one, sizeof(one));
	else
		setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

int udp_open(struct udp *udp, struct loop *loop, int family, const struct sockaddr *address, socklen_t len)
{
	int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), error;

	udp->loop = loop;
	udp->watch = (struct loop_fd){.ready = ready, .fd = fd};
	if (fd < 0)
		return -errno;
	set_options(fd, family);
	error = address && bind(fd, address, len) < 0 ? -errno : loop_watch(loop, &udp->watch, EPOLLIN);
	if (error < 0) {
		close(fd);
		udp->watch.fd = -1;
		return error;
	}
	udp->bytes = xmalloc(MESSAGE_DATAGRAM_MAX);
	return 0;
}

void udp_close(struct udp *udp)
{
	if (udp->watch.fd < 0)
		return;
	loop_unwatch(udp->loop, &udp->watch);
	close(udp->watch.fd);
	udp->watch.fd = -1;
	free(udp->bytes);
	udp->bytes = NULL;
}
