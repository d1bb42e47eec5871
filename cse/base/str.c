/* str: splitting, comparing, reading numbers and hashing of byte views. */
#include "cse/base/str.h"

struct str str_split(struct str *rest, char sep)
{
	struct str part = *rest;
	const char *found = rest->len ? memchr(rest->ptr, sep, rest->len) : NULL;

	if (!found) {
		*rest = str_make(NULL, 0);
		return part;
	}
	part.len = (size_t)(found - part.ptr);
	*rest = str_make(found + 1, rest->len - part.len - 1);
	return part;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

struct str str_trim(struct str s)
{
	while (s.len && is_blank(s.ptr[0]))
		s = str_from(s, 1);
	while (s.len && is_blank(s.ptr[s.len - 1]))
		s.len--;
	return s;
}

struct str str_next_item(struct str *rest)
{
	while (rest->ptr) {
		struct str item = str_trim(str_split(rest, ','));

		if (item.len)
			return item;
	}
	return (struct str){0};
}

bool str_has_item(struct str list, struct str item)
{
	for (struct str next = str_next_item(&list); next.ptr; next = str_next_item(&list))
		if (str_eq(next, item))
			return true;
	return false;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool str_eq_nocase(struct str a, struct str b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (lower(a.ptr[i]) != lower(b.ptr[i]))
			return false;
	return true;
}

int str_to_u64(struct str s, uint64_t *value)
{
	uint64_t sum = 0;

	if (s.len == 0)
		return -1;
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return -1;
		if (__builtin_mul_overflow(sum, 10u, &sum) ||
		    __builtin_add_overflow(sum, (uint64_t)(s.ptr[i] - '0'), &sum))
			return -1;
	}
	*value = sum;
	return 0;
}

int str_to_i64(struct str s, int64_t *value)
{
	bool is_negative = s.len > 0 && s.ptr[0] == '-';
	uint64_t magnitude;

	if (str_to_u64(is_negative ? str_from(s, 1) : s, &magnitude) < 0)
		return -1;
	if (magnitude > (uint64_t)INT64_MAX + is_negative)
		return -1;
	*value = is_negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
	return 0;
}

/* Both halves of the 128-bit product, folded into one. */
static uint64_t fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t str_hash(struct str s, uint64_t seed)
{
	const uint64_t k1 = 0x9e3779b97f4a7c15u, k2 = 0xd1b54a32d192ed03u;
	uint64_t hash = seed ^ fold(s.len + k1, k2), word;
	size_t at = 0;

	for (; at + sizeof(word) <= s.len; at += sizeof(word)) {
		memcpy(&word, s.ptr + at, sizeof(word));
		hash = fold(hash ^ word, k1);
	}
	word = 0;
	if (at < s.len)
		memcpy(&word, s.ptr + at, s.len - at);
	return fold(hash ^ word ^ k2, k1 ^ (seed | 1));
}

/* Length of the UTF-8 sequence at the start of s, or 0: no overlong form, no surrogate, nothing above U+10FFFF. */
static size_t utf8_sequence(struct str s)
{
	const unsigned char *b = (const unsigned char *)s.ptr;
	unsigned char low = 0x80, high = 0xbf;
	size_t len;

	if (b[0] < 0x80)
		return 1;
	if (b[0] < 0xc2 || b[0] > 0xf4)
		return 0;
	len = b[0] < 0xe0 ? 2 : b[0] < 0xf0 ? 3 : 4;
	if (s.len < len)
		return 0;
	low = b[0] == 0xe0 ? 0xa0 : b[0] == 0xf0 ? 0x90 : low;
	high = b[0] == 0xed ? 0x9f : b[0] == 0xf4 ? 0x8f : high;
	if (b[1] < low || b[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++)
		if (b[i] < 0x80 || b[i] > 0xbf)
			return 0;
	return len;
}

bool str_is_utf8(struct str s)
{
	while (s.len) {
		size_t len = utf8_sequence(s);

		if (len == 0)
			return false;
		s = str_from(s, len);
	}
	return true;
}
