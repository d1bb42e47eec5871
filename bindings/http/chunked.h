/* chunked: the chunked transfer coding (RFC 7230 4.1), decoded in place and strictly. */
#ifndef BINDINGS_HTTP_CHUNKED_H
#define BINDINGS_HTTP_CHUNKED_H

#include <stddef.h>
#include <stdint.h>

/* {0} is the start of a body. */
struct chunked {
	uint64_t left; /* bytes of the current chunk that are still to come */
	uint32_t line; /* bytes of the current size line, or of the trailer */
	uint8_t state;
};

enum chunked_result { CHUNKED_MORE, CHUNKED_DONE, CHUNKED_BAD };

/* Reads bytes[*from .. to) and moves what is body to bytes[*body_end ..); both go forward, *body_end never beyond
 * *from. CHUNKED_MORE: everything was read. CHUNKED_DONE: *from is behind the body and its trailer. */
enum chunked_result chunked_decode(struct chunked *chunked, char *bytes, size_t *from, size_t to, size_t *body_end);

#endif
