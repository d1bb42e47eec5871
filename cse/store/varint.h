/* varint: unsigned numbers in as few bytes as they need, seven bits to a byte, low bits first. */
#ifndef CSE_STORE_VARINT_H
#define CSE_STORE_VARINT_H

#include <stddef.h>
#include <stdint.h>

enum { VARINT_MAX = 10 };

/* Writes value to `to` and returns the number of bytes. */
static inline size_t varint_put(uint8_t *to, uint64_t value)
{
	size_t len = 0;

	while (value >= 0x80) {
		to[len++] = (uint8_t)(value | 0x80);
		value >>= 7;
	}
	to[len++] = (uint8_t)value;
	return len;
}

/* The number of bytes taken, or 0 if no whole varint of 64 bits begins at `from`. */
static inline size_t varint_get(const uint8_t *from, size_t size, uint64_t *value)
{
	uint64_t result = 0;

	for (size_t len = 0; len < size && len < VARINT_MAX; len++) {
		result |= (uint64_t)(from[len] & 0x7f) << (7 * len);
		if (from[len] < 0x80) {
			*value = result;
			return len == VARINT_MAX - 1 && from[len] > 1 ? 0 : len + 1;
		}
	}
	return 0;
}

#endif
