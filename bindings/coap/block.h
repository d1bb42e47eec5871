/* block: contents that go in pieces (RFC 7959): bodies of requests that are put together, responses that are handed out
 * piece by piece. */
#ifndef BINDINGS_COAP_BLOCK_H
#define BINDINGS_COAP_BLOCK_H

#include "bindings/coap/keeper.h"
#include "bindings/coap/message.h"
#include "cse/base/arena.h"

enum {
	BLOCK_SZX_LARGEST = 6, /* 1024 bytes */
	BLOCK_SZX_BERT = 7,    /* of streams: several of 1024 bytes (RFC 8323 section 6) */
};

/* The value of a Block option. */
struct block {
	bool is_there, has_more;
	uint8_t szx;
	uint32_t number;
};

static inline size_t block_size(unsigned szx)
{
	return (size_t)16 << (szx < BLOCK_SZX_LARGEST ? szx : BLOCK_SZX_LARGEST);
}

/* Where its first byte stands in the whole. */
static inline size_t block_offset(const struct block *block)
{
	return block->number * block_size(block->szx);
}

/* Not there without the option. */
struct block block_read(const struct message *message, unsigned option);
void block_add(struct message *message, unsigned option, const struct block *block);

/* What tells requests for the parts of one whole from others: code and options, without those that differ from part to
 * part. */
uint64_t block_key(const struct message *message, uint64_t seed);

/* ---- bodies of requests ---- */

struct assembly {
	struct kept kept;
	struct strbuf body;
};

enum assembly_result {
	ASSEMBLY_MORE,	    /* 2.31 */
	ASSEMBLY_WHOLE,	    /* *whole has the body */
	ASSEMBLY_MALFORMED, /* 4.00 */
	ASSEMBLY_GAP,	    /* 4.08 */
	ASSEMBLY_TOO_LARGE, /* 4.13 */
};

void assemblies_init(struct keeper *keeper, struct loop *loop, size_t most_bytes);
/* Takes a piece; most: the largest body. The owner of *whole frees it. */
enum assembly_result assembly_take(struct keeper *keeper, const struct party *party, uint64_t key,
				   const struct block *block, struct str piece, size_t most, struct strbuf *whole);

/* ---- responses ---- */

/* A whole response, without token and the options that are of one part. */
struct transfer {
	struct kept kept;
	struct arena arena;
	struct message message;
};

void transfers_init(struct keeper *keeper, struct loop *loop, size_t most_bytes);
/* Keeps a copy, in place of an earlier one for the same request. */
void transfer_keep(struct keeper *keeper, const struct party *party, uint64_t key, const struct message *message);
struct transfer *transfer_find(struct keeper *keeper, const struct party *party, uint64_t key);

/* Turns a whole response into the piece that starts at a block: its payload and option. The block's size has been
 * settled. false: there is no such block. */
bool block_cut(struct message *message, const struct block *block);
/* The largest size, not above szx, with which a piece of the response is at most limit bytes long as a message; the
 * smallest, if there is none. */
unsigned block_fit(const struct message *message, unsigned szx, size_t limit);

#endif
