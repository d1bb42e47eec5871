/* base64: see base64.h. */
#include "schemas/codec/base64.h"

struct str base64_encode(struct str bytes, struct arena *arena)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *start = arena_alloc(arena, bytes.len / 3 * 4 + 5), *out = start;

	for (size_t i = 0; i < bytes.len; i += 3) {
		size_t left = bytes.len - i;
		unsigned group = 0;

		for (size_t j = 0; j < 3; j++)
			group = group << 8 | (j < left ? (unsigned char)bytes.ptr[i + j] : 0);
		*out++ = letters[group >> 18];
		*out++ = letters[group >> 12 & 63];
		*out++ = left > 1 ? letters[group >> 6 & 63] : '=';
		*out++ = left > 2 ? letters[group & 63] : '=';
	}
	return str_make(start, (size_t)(out - start));
}
