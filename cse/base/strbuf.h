/* strbuf: a growing buffer of bytes on the heap. {0} is a valid empty buffer. */
#ifndef CSE_BASE_STRBUF_H
#define CSE_BASE_STRBUF_H

#include "cse/base/str.h"

struct strbuf {
	char *ptr;
	size_t len, cap;
};

void strbuf_finish(struct strbuf *buf);
/* For strbuf_reserve, where there is no room. */
char *strbuf_grow(struct strbuf *buf, size_t more);
void strbuf_add_u64(struct strbuf *buf, uint64_t value);
void strbuf_addf(struct strbuf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* s as a JSON string with quotes, escaping what JSON demands. s is valid UTF-8. */
void strbuf_add_json(struct strbuf *buf, struct str s);
/* Drops the first n bytes. */
void strbuf_consume(struct strbuf *buf, size_t n);

/* Makes room for `more` bytes behind len and returns where they go; the caller adds to len. */
static inline char *strbuf_reserve(struct strbuf *buf, size_t more)
{
	return buf->ptr && buf->cap - buf->len >= more ? buf->ptr + buf->len : strbuf_grow(buf, more);
}

static inline void strbuf_add(struct strbuf *buf, const void *bytes, size_t len)
{
	if (len == 0)
		return;
	memcpy(strbuf_reserve(buf, len), bytes, len);
	buf->len += len;
}

static inline void strbuf_add_str(struct strbuf *buf, struct str s)
{
	strbuf_add(buf, s.ptr, s.len);
}

static inline void strbuf_add_char(struct strbuf *buf, char c)
{
	*strbuf_reserve(buf, 1) = c;
	buf->len++;
}

#define STRBUF_LIT(buf, literal) strbuf_add((buf), (literal), sizeof(literal) - 1)

static inline struct str strbuf_str(const struct strbuf *buf)
{
	return str_make(buf->ptr ? buf->ptr : "", buf->len);
}

static inline void strbuf_clear(struct strbuf *buf)
{
	buf->len = 0;
}

#endif
