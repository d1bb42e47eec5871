/* guard: prefixes of IPv6 addresses; IPv4 is mapped into ::ffff:0:0/96, so that there is one kind of address. */
#include "bindings/guard.h"

#include "cse/base/str.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAPPED_BITS = 96, ADDRESS_BITS = 128 };

#define MAPPED(a, b, c, d)                                                                                             \
	{                                                                                                              \
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d                                                   \
	}

static const struct network never_from_public[] = {
	{MAPPED(0, 0, 0, 0), 96 + 8},				   /* 0.0.0.0/8, this host */
	{MAPPED(169, 254, 0, 0), 96 + 16},			   /* link-local, and the metadata services of clouds */
	{MAPPED(100, 100, 100, 200), 96 + 32},			   /* a metadata service */
	{MAPPED(224, 0, 0, 0), 96 + 4},				   /* multicast */
	{MAPPED(255, 255, 255, 255), 96 + 32},			   /* broadcast */
	{{0}, 128},						   /* ::, this host */
	{{0xfe, 0x80}, 10},					   /* link-local */
	{{0xff}, 8},						   /* multicast */
	{{0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, [15] = 0x54}, 128}, /* fd00:ec2::254, a metadata service */
};

/* ---- asking ---- */

static bool to_bytes(const struct sockaddr *address, uint8_t bytes[16])
{
	static const uint8_t mapped[16] = MAPPED(0, 0, 0, 0);

	if (address->sa_family == AF_INET6) {
		memcpy(bytes, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, 16);
		return true;
	}
	if (address->sa_family != AF_INET)
		return false;
	memcpy(bytes, mapped, 12);
	memcpy(bytes + 12, &((const struct sockaddr_in *)(const void *)address)->sin_addr, 4);
	return true;
}

static bool contains(const struct network *network, const uint8_t bytes[16])
{
	unsigned whole = network->bits / 8, rest = network->bits % 8;

	if (memcmp(network->address, bytes, whole) != 0)
		return false;
	return rest == 0 || (network->address[whole] ^ bytes[whole]) >> (8 - rest) == 0;
}

static bool is_in(const struct network *networks, size_t count, const uint8_t bytes[16])
{
	for (size_t i = 0; i < count; i++)
		if (contains(&networks[i], bytes))
			return true;
	return false;
}

bool guard_allows(const struct guard *guard, const struct sockaddr *address)
{
	uint8_t bytes[16];

	if (!to_bytes(address, bytes))
		return false;
	if (guard->allowed)
		return is_in(guard->allowed, guard->allowed_count, bytes);
	return !is_in(guard->refused, guard->refused_count, bytes);
}

/* ---- reading ---- */

static int read_address(struct str text, struct network *network)
{
	static const uint8_t mapped[16] = MAPPED(0, 0, 0, 0);
	char copy[INET6_ADDRSTRLEN];

	if (text.len >= sizeof(copy))
		return -1;
	memcpy(copy, text.ptr, text.len);
	copy[text.len] = '\0';
	if (inet_pton(AF_INET6, copy, network->address) == 1) {
		network->bits = 0;
		return 0;
	}
	memcpy(network->address, mapped, 12);
	network->bits = MAPPED_BITS;
	return inet_pton(AF_INET, copy, network->address + 12) == 1 ? 0 : -1;
}

static bool has_bits_behind(const struct network *network)
{
	for (unsigned bit = network->bits; bit < ADDRESS_BITS; bit++)
		if (network->address[bit / 8] >> (7 - bit % 8) & 1)
			return true;
	return false;
}

/* NULL, or what is wrong. */
static const char *read_network(struct str text, struct network *network)
{
	struct str length = text, address = str_split(&length, '/');
	uint64_t bits;

	if (read_address(address, network) < 0)
		return "is no IPv4 or IPv6 network such as 192.0.2.0/24";
	if (!length.ptr)
		network->bits = ADDRESS_BITS;
	else if (str_to_u64(length, &bits) < 0 || bits > ADDRESS_BITS - network->bits)
		return "has a prefix length that is out of range";
	else
		network->bits += (unsigned)bits;
	return has_bits_behind(network) ? "has bits set behind its prefix" : NULL;
}

static struct str trim(struct str text)
{
	while (text.len && *text.ptr == ' ')
		text = str_from(text, 1);
	while (text.len && text.ptr[text.len - 1] == ' ')
		text.len--;
	return text;
}

int guard_init(struct guard *guard, const char *networks, bool is_public, char *message, size_t size)
{
	struct str rest = trim(str_of(networks));

	*guard = (struct guard){0};
	if (!rest.len) {
		guard->refused = never_from_public;
		guard->refused_count = is_public ? sizeof(never_from_public) / sizeof(never_from_public[0]) : 0;
		return 0;
	}
	guard->allowed = xmalloc((rest.len / 2 + 1) * sizeof(*guard->allowed)); /* "::," is the shortest */
	while (rest.ptr) {
		struct str item = trim(str_split(&rest, ','));
		const char *wrong = read_network(item, &guard->allowed[guard->allowed_count]);

		if (wrong) {
			snprintf(message, size, "'%.*s' %s", item.len < 60 ? (int)item.len : 60, item.ptr, wrong);
			guard_finish(guard);
			return ERROR_FORMAT;
		}
		guard->allowed_count++;
	}
	return 0;
}

void guard_finish(struct guard *guard)
{
	free(guard->allowed);
	*guard = (struct guard){0};
}
