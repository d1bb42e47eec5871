/* block: options, assemblies, transfers. */
#include "bindings/coap/block.h"

#include "cse/base/id.h"

#include <stdlib.h>

struct block block_read(const struct message *message, unsigned option)
{
	struct str value = message_option(message, option);
	uint64_t number = value.ptr ? message_uint(value) : 0;

	return (struct block){value.ptr != NULL, number >> 3 & 1, number & 7, (uint32_t)(number >> 4)};
}

void block_add(struct message *message, unsigned option, const struct block *block)
{
	message_add_uint(message, option, (uint64_t)block->number << 4 | (unsigned)block->has_more << 3 | block->szx);
}

static bool is_of_part(unsigned number)
{
	return number == COAP_OPTION_BLOCK1 || number == COAP_OPTION_BLOCK2 || number == COAP_OPTION_SIZE1 ||
	       number == COAP_OPTION_SIZE2 || number == COAP_OPTION_OBSERVE || number == COAP_OPTION_ECHO;
}

uint64_t block_key(const struct message *message, uint64_t seed)
{
	uint64_t key = seed + message->code;

	for (unsigned i = 0; i < message->option_count; i++) {
		const struct message_option *option = &message->options[i];

		if (!is_of_part(option->number))
			key = str_hash(option->value, key * 31 + option->number);
	}
	return key;
}

/* ---- bodies of requests ---- */

static void drop_assembly(struct keeper *keeper, struct kept *kept)
{
	struct assembly *assembly = container_of(kept, struct assembly, kept);

	(void)keeper;
	strbuf_finish(&assembly->body);
	free(assembly);
}

void assemblies_init(struct keeper *keeper, struct loop *loop, size_t most_bytes)
{
	enum { LIFETIME_US = 247000000 }; /* RFC 7252 4.8.2, EXCHANGE_LIFETIME, from piece to piece */

	keeper_init(keeper, loop, most_bytes, LIFETIME_US, drop_assembly);
}

static struct assembly *begin_assembly(struct keeper *keeper, const struct party *party, uint64_t key)
{
	struct kept *kept = keeper_find(keeper, party, key);
	struct assembly *assembly;

	if (kept)
		keeper_drop(keeper, kept);
	assembly = xzalloc(sizeof(*assembly));
	keeper_add(keeper, &assembly->kept, party, key);
	return assembly;
}

/* All but the last have the size that they say (RFC 7959 2.3, RFC 8323 section 6). */
static bool has_right_size(const struct block *block, size_t len)
{
	size_t size = block_size(block->szx);

	if (block->szx == BLOCK_SZX_BERT)
		return !block->has_more || (len && len % size == 0);
	return block->has_more ? len == size : len <= size;
}

enum assembly_result assembly_take(struct keeper *keeper, const struct party *party, uint64_t key,
				   const struct block *block, struct str piece, size_t most, struct strbuf *whole)
{
	size_t offset = block_offset(block);
	struct kept *kept = keeper_find(keeper, party, key);
	struct assembly *assembly;

	if (!has_right_size(block, piece.len))
		return ASSEMBLY_MALFORMED;
	if (offset + piece.len > most) {
		if (kept)
			keeper_drop(keeper, kept);
		return ASSEMBLY_TOO_LARGE;
	}
	if (offset == 0)
		assembly = begin_assembly(keeper, party, key);
	else if (kept)
		assembly = container_of(kept, struct assembly, kept);
	else
		return ASSEMBLY_GAP;
	if (offset > assembly->body.len)
		return ASSEMBLY_GAP;
	assembly->body.len = offset; /* a piece may come again */
	strbuf_add_str(&assembly->body, piece);
	keeper_use(keeper, &assembly->kept, sizeof(*assembly) + assembly->body.cap);
	if (block->has_more)
		return ASSEMBLY_MORE;
	*whole = assembly->body;
	assembly->body = (struct strbuf){0};
	keeper_drop(keeper, &assembly->kept);
	return ASSEMBLY_WHOLE;
}

/* ---- responses ---- */

static void drop_transfer(struct keeper *keeper, struct kept *kept)
{
	struct transfer *transfer = container_of(kept, struct transfer, kept);

	(void)keeper;
	arena_finish(&transfer->arena);
	free(transfer);
}

void transfers_init(struct keeper *keeper, struct loop *loop, size_t most_bytes)
{
	enum { LIFETIME_US = 247000000 };

	keeper_init(keeper, loop, most_bytes, LIFETIME_US, drop_transfer);
}

void transfer_keep(struct keeper *keeper, const struct party *party, uint64_t key, const struct message *message)
{
	struct kept *kept = keeper_find(keeper, party, key);
	struct transfer *transfer;
	size_t bytes = sizeof(*transfer) + message->payload.len;

	if (kept)
		keeper_drop(keeper, kept);
	transfer = xmalloc(sizeof(*transfer));
	arena_init(&transfer->arena);
	transfer->message = *message;
	transfer->message.token = STR("");
	transfer->message.payload = arena_copy(&transfer->arena, message->payload);
	transfer->message.option_count = 0;
	for (unsigned i = 0; i < message->option_count; i++) {
		struct message_option option = message->options[i];

		if (is_of_part(option.number)) /* the first part's, no other's: RFC 7959 2.6 */
			continue;
		bytes += option.value.len;
		option.value = arena_copy(&transfer->arena, option.value);
		transfer->message.options[transfer->message.option_count++] = option;
	}
	keeper_add(keeper, &transfer->kept, party, key);
	keeper_use(keeper, &transfer->kept, bytes);
}

struct transfer *transfer_find(struct keeper *keeper, const struct party *party, uint64_t key)
{
	struct kept *kept = keeper_find(keeper, party, key);

	if (!kept)
		return NULL;
	keeper_use(keeper, kept, kept->bytes);
	return container_of(kept, struct transfer, kept);
}

bool block_cut(struct message *message, const struct block *block)
{
	size_t size = block_size(block->szx), offset = block_offset(block), len = message->payload.len;
	struct block piece = *block;

	if (offset >= len)
		return false;
	piece.has_more = len - offset > size;
	if (block->number == 0)
		message_add_uint(message, COAP_OPTION_SIZE2, len);
	block_add(message, COAP_OPTION_BLOCK2, &piece);
	message->payload = str_make(message->payload.ptr + offset, piece.has_more ? size : len - offset);
	return true;
}

unsigned block_fit(const struct message *message, unsigned szx, size_t limit)
{
	enum { BLOCK_OPTIONS = 12 }; /* bytes of Block2 and Size2 */
	size_t overhead = message_len(message) - message->payload.len + BLOCK_OPTIONS;

	while (szx && overhead + block_size(szx) > limit)
		szx--;
	return szx;
}
