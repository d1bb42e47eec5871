/* chunked: a state for each place in the framing, one byte at a time; chunk data as whole pieces. */
#include "bindings/http/chunked.h"

#include <stdbool.h>
#include <string.h>

enum {
	LONGEST_SIZE = 12,	/* hexadecimal digits */
	LONGEST_LINE = 1024,	/* a size with its extensions */
	LONGEST_TRAILER = 8192, /* all trailer lines together */
};

enum state { SIZE, EXTENSION, SIZE_LF, DATA, DATA_CR, DATA_LF, TRAILER_START, TRAILER, TRAILER_LF, END_LF };

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool is_text(char c)
{
	return c == '\t' || ((unsigned char)c >= ' ' && c != 0x7f);
}

static bool in_size(struct chunked *chunked, char c)
{
	int digit = hex_digit(c);

	if (digit >= 0) {
		chunked->left = chunked->left << 4 | (unsigned)digit;
		return chunked->line <= LONGEST_SIZE;
	}
	if (c == '\r')
		chunked->state = SIZE_LF;
	else if (c == ';' || c == ' ' || c == '\t')
		chunked->state = EXTENSION;
	else
		return false;
	return chunked->line > 1;
}

static bool in_text(struct chunked *chunked, char c, enum state behind, uint32_t longest)
{
	if (c == '\r')
		chunked->state = behind;
	else if (!is_text(c))
		return false;
	return chunked->line <= longest;
}

static bool expect(struct chunked *chunked, char c, char wanted, enum state next)
{
	chunked->state = next;
	return c == wanted;
}

static bool after_size(struct chunked *chunked, char c)
{
	chunked->line = 0;
	return expect(chunked, c, '\n', chunked->left ? DATA : TRAILER_START);
}

static bool read_framing(struct chunked *chunked, char c)
{
	chunked->line++;
	switch ((enum state)chunked->state) {
	case SIZE:
		return in_size(chunked, c);
	case EXTENSION:
		return in_text(chunked, c, SIZE_LF, LONGEST_LINE);
	case SIZE_LF:
		return after_size(chunked, c);
	case DATA_CR:
		return expect(chunked, c, '\r', DATA_LF);
	case DATA_LF:
		chunked->line = 0;
		return expect(chunked, c, '\n', SIZE);
	case TRAILER_START:
		chunked->state = c == '\r' ? END_LF : TRAILER;
		return c == '\r' || (is_text(c) && c != ' ' && c != '\t');
	case TRAILER:
		return in_text(chunked, c, TRAILER_LF, LONGEST_TRAILER);
	case TRAILER_LF:
		return expect(chunked, c, '\n', TRAILER_START);
	case END_LF:
	case DATA:
		break;
	}
	return c == '\n';
}

static size_t move_data(struct chunked *chunked, char *bytes, size_t from, size_t to, size_t *body_end)
{
	size_t len = to - from < chunked->left ? to - from : (size_t)chunked->left;

	if (from != *body_end)
		memmove(bytes + *body_end, bytes + from, len);
	*body_end += len;
	chunked->left -= len;
	if (chunked->left == 0)
		chunked->state = DATA_CR;
	return from + len;
}

enum chunked_result chunked_decode(struct chunked *chunked, char *bytes, size_t *from, size_t to, size_t *body_end)
{
	while (*from < to) {
		bool is_end = chunked->state == END_LF;

		if (chunked->state == DATA) {
			*from = move_data(chunked, bytes, *from, to, body_end);
			continue;
		}
		if (!read_framing(chunked, bytes[(*from)++]))
			return CHUNKED_BAD;
		if (is_end)
			return CHUNKED_DONE;
	}
	return CHUNKED_MORE;
}
