/* address: names and numbers of sockets. */
#include "bindings/address.h"

#include <netinet/in.h>
#include <stdio.h>

/* Splits "host:port"; brackets go around an address that has colons. */
static int split(const char *where, char *host, size_t size, const char **port)
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

void address_add_point(struct strbuf *out, const char *scheme, const char *listen, const char *path)
{
	size_t len = strlen(listen);

	if (len && strncmp(listen, "0.0.0.0:", 8) != 0 && strncmp(listen, "[::]:", 5) != 0 &&
	    strcmp(listen + len - 2, ":0") != 0)
		strbuf_addf(out, "%s%s://%s%s", out->len ? "," : "", scheme, listen, path);
}

int address_resolve(const char *key, const char *where, int socktype, struct addrinfo **infos, char *message,
		    size_t size)
{
	const struct addrinfo hints = {.ai_socktype = socktype, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	char host[256];
	const char *port;
	int failed;

	if (split(where, host, sizeof(host), &port) < 0) {
		snprintf(message, size, "%s %s: not of the form host:port or [host]:port", key, where);
		return ERROR_FORMAT;
	}
	failed = getaddrinfo(host[0] ? host : NULL, port, &hints, infos);
	if (failed) {
		snprintf(message, size, "%s %s: %s", key, where, gai_strerror(failed));
		return ERROR_FORMAT;
	}
	return 0;
}

static bool is_loopback(const struct sockaddr *address)
{
	const struct in6_addr *six = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
	const struct in_addr *four = &((const struct sockaddr_in *)(const void *)address)->sin_addr;

	if (address->sa_family == AF_INET)
		return ntohl(four->s_addr) >> 24 == 127;
	if (address->sa_family != AF_INET6)
		return false;
	return IN6_IS_ADDR_LOOPBACK(six) || (IN6_IS_ADDR_V4MAPPED(six) && six->s6_addr[12] == 127);
}

struct peer address_peer(const struct sockaddr *address)
{
	const struct in6_addr *six = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
	const struct in_addr *four = &((const struct sockaddr_in *)(const void *)address)->sin_addr;
	struct peer peer = {.is_direct_loopback = is_loopback(address)};

	if (address->sa_family == AF_INET) {
		peer.family = PEER_IPV4;
		memcpy(peer.address, four, sizeof(*four));
	} else if (address->sa_family == AF_INET6) {
		memcpy(peer.address, six, sizeof(*six));
		peer.family = peer_unmap(peer.address) ? PEER_IPV4 : PEER_IPV6;
	}
	return peer;
}

void address_describe(int fd, const char *scheme, char *text, size_t size)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);
	char host[64] = "?", port[8] = "?";

	if (getsockname(fd, (struct sockaddr *)&address, &len) == 0)
		getnameinfo((struct sockaddr *)&address, len, host, sizeof(host), port, sizeof(port),
			    NI_NUMERICHOST | NI_NUMERICSERV);
	snprintf(text, size, strchr(host, ':') ? "%s://[%s]:%s" : "%s://%s:%s", scheme, host, port);
}
