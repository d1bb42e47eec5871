/* str: a view of bytes that somebody else owns. Never NUL-terminated by contract. */
#ifndef CSE_BASE_STR_H
#define CSE_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
	const char *ptr; /* NULL means absent; an empty string has ptr != NULL and len 0 */
	size_t len;
};

#define STR(literal) ((struct str){(literal), sizeof(literal) - 1})
/* For printf: printf("%" STR_FMT, STR_ARG(s)) */
#define STR_FMT ".*s"
#define STR_ARG(s) (int)(s).len, (s).ptr

static inline struct str str_make(const char *ptr, size_t len)
{
	return (struct str){ptr, len};
}

static inline struct str str_of(const char *text)
{
	return (struct str){text, text ? strlen(text) : 0};
}

static inline bool str_eq(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool str_starts(struct str s, struct str prefix)
{
	return s.len >= prefix.len && memcmp(s.ptr, prefix.ptr, prefix.len) == 0;
}

/* The rest of s from byte n; n beyond the end gives an empty view. */
static inline struct str str_from(struct str s, size_t n)
{
	return n >= s.len ? (struct str){s.ptr ? s.ptr + s.len : s.ptr, 0} : (struct str){s.ptr + n, s.len - n};
}

/* Takes the part of *rest up to sep (or all of it) and moves *rest behind sep; an exhausted rest has ptr NULL. */
struct str str_split(struct str *rest, char sep);

/* Without the blanks and tabs around it. */
struct str str_trim(struct str s);
/* The next item of a comma separated list, without the blanks around it; empty ones are passed over. ptr NULL: no more.
 */
struct str str_next_item(struct str *rest);
bool str_has_item(struct str list, struct str item);

/* Case-insensitive (ASCII) comparison. */
bool str_eq_nocase(struct str a, struct str b);

/* Decimal integers, the whole of s and nothing else. Return 0, or -1 when s is no such number or out of range. */
int str_to_i64(struct str s, int64_t *value);
int str_to_u64(struct str s, uint64_t *value);

/* Well-formed UTF-8 (RFC 3629)? */
bool str_is_utf8(struct str s);

/* 64-bit hash for maps (not against a chosen-collision attack by itself: seed it per process). */
uint64_t str_hash(struct str s, uint64_t seed);

#endif
