/* strbuf: a growing buffer of bytes. */
#include "cse/base/strbuf.h"

#include "cse/base/error.h"

#include <stdarg.h>
#include <stdio.h>

void strbuf_finish(struct strbuf *buf)
{
	free(buf->ptr);
	*buf = (struct strbuf){0};
}

char *strbuf_grow(struct strbuf *buf, size_t more)
{
	size_t wanted, cap = buf->cap ? buf->cap : 128;

	if (more > SIZE_MAX / 4 - buf->len)
		die_out_of_memory(more);
	wanted = buf->len + more;
	while (cap < wanted)
		cap *= 2;
	buf->ptr = xrealloc(buf->ptr, cap);
	buf->cap = cap;
	return buf->ptr + buf->len;
}

void strbuf_add_u64(struct strbuf *buf, uint64_t value)
{
	char digits[20], *at = digits + sizeof(digits);

	do
		*--at = (char)('0' + value % 10);
	while (value /= 10);
	strbuf_add(buf, at, (size_t)(digits + sizeof(digits) - at));
}

void strbuf_addf(struct strbuf *buf, const char *format, ...)
{
	size_t room;
	va_list args;
	int len;

	strbuf_reserve(buf, 64);
	room = buf->cap - buf->len;
	va_start(args, format);
	len = vsnprintf(buf->ptr + buf->len, room, format, args);
	va_end(args);
	ASSERT(len >= 0);
	if ((size_t)len >= room) {
		strbuf_reserve(buf, (size_t)len + 1);
		va_start(args, format);
		vsnprintf(buf->ptr + buf->len, (size_t)len + 1, format, args);
		va_end(args);
	}
	buf->len += (size_t)len;
}

static void add_escaped(struct strbuf *buf, unsigned char c)
{
	static const char short_escapes[][2] = {{'"', '"'},  {'\\', '\\'}, {'\b', 'b'}, {'\f', 'f'},
						{'\n', 'n'}, {'\r', 'r'},  {'\t', 't'}};
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; i < sizeof(short_escapes) / sizeof(short_escapes[0]); i++)
		if (short_escapes[i][0] == (char)c) {
			strbuf_add(buf, (char[]){'\\', short_escapes[i][1]}, 2);
			return;
		}
	strbuf_add(buf, (char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6);
}

void strbuf_add_json(struct strbuf *buf, struct str s)
{
	size_t plain = 0;

	strbuf_reserve(buf, s.len + 2);
	strbuf_add_char(buf, '"');
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		strbuf_add(buf, s.ptr + plain, i - plain);
		add_escaped(buf, c);
		plain = i + 1;
	}
	strbuf_add(buf, s.ptr + plain, s.len - plain);
	strbuf_add_char(buf, '"');
}

void strbuf_consume(struct strbuf *buf, size_t n)
{
	ASSERT(n <= buf->len);
	buf->len -= n;
	if (buf->len && n)
		memmove(buf->ptr, buf->ptr + n, buf->len);
}
