/* message: header, token, options, payload. libcoap 4.3.1 gives options their form; its own messages belong to its
 * sessions, which are not used (docs/decisions/coap.md). */
#include "bindings/coap/message.h"

#include <coap3/coap.h>

enum { COAP_VERSION = 1, TOKEN_MAX = 8, MARKER = 0xff, HEADER_SIZE = 4 };

/* ---- reading ---- */

/* libcoap lets a delta run over. */
static bool delta_is_too_large(struct str bytes)
{
	const uint8_t *at = (const uint8_t *)bytes.ptr;

	return at[0] >> 4 == 14 && bytes.len >= 3 && (at[1] << 8 | at[2]) + 269 > UINT16_MAX;
}

static int read_options(struct message *message, struct str bytes)
{
	unsigned number = 0;

	while (bytes.len && (uint8_t)*bytes.ptr != MARKER) {
		coap_option_t option;
		size_t len = coap_opt_parse((const uint8_t *)bytes.ptr, bytes.len, &option);

		if (!len || delta_is_too_large(bytes))
			return -1;
		number += option.delta;
		if (number > UINT16_MAX)
			return -1;
		if (message->option_count == MESSAGE_OPTIONS_MAX)
			message->is_crowded = true;
		else
			message->options[message->option_count++] = (struct message_option){
				(uint16_t)number, str_make((const char *)option.value, option.length)};
		bytes = str_from(bytes, len);
	}
	if (bytes.len == 1) /* RFC 7252 section 3: a marker without a payload */
		return -1;
	message->payload = bytes.len ? str_from(bytes, 1) : STR("");
	return 0;
}

static void clear(struct message *message)
{
	message->option_count = message->numbers_len = 0;
	message->is_crowded = false;
	message->token = message->payload = STR("");
}

/* The empty message is four bytes (RFC 7252 4.1), and classes 1, 6 and 7 are reserved (12.1). Some peers repeat the
 * token in an acknowledgement; it says what it says. */
static bool is_code_of_datagram(const struct message *message, size_t len)
{
	unsigned class = message->code >> 5;

	if (message->code)
		return class != 1 && class != 6 && class != 7;
	return len == HEADER_SIZE || message->type == MESSAGE_ACK || message->type == MESSAGE_RST;
}

int message_read_datagram(struct message *message, struct str bytes)
{
	const uint8_t *head = (const uint8_t *)bytes.ptr;
	size_t token_len;

	clear(message);
	if (bytes.len < HEADER_SIZE || head[0] >> 6 != COAP_VERSION)
		return -1;
	message->type = (enum message_type)(head[0] >> 4 & 3);
	message->code = head[1];
	message->mid = (uint16_t)(head[2] << 8 | head[3]);
	token_len = head[0] & 15;
	if (token_len > TOKEN_MAX || bytes.len < HEADER_SIZE + token_len || !is_code_of_datagram(message, bytes.len))
		return -1;
	message->token = str_make(bytes.ptr + HEADER_SIZE, token_len);
	return read_options(message, str_from(bytes, HEADER_SIZE + token_len));
}

/* Bytes of the extended length in a stream's framing. */
static size_t extension_of(uint8_t first)
{
	static const uint8_t sizes[] = {[13] = 1, [14] = 2, [15] = 4};

	return sizes[first >> 4];
}

uint64_t message_stream_len(struct str bytes)
{
	static const uint32_t bases[] = {[1] = 13, [2] = 269, [4] = 65805};
	const uint8_t *head = (const uint8_t *)bytes.ptr;
	size_t extension;
	uint64_t len = 0;

	if (!bytes.len)
		return 0;
	extension = extension_of(head[0]);
	if (bytes.len < 1 + extension)
		return 0;
	for (size_t i = 0; i < extension; i++)
		len = len << 8 | head[1 + i];
	len += extension ? bases[extension] : head[0] >> 4;
	return len + 2 + extension + (head[0] & 15);
}

int message_read_stream(struct message *message, struct str bytes)
{
	const uint8_t *head = (const uint8_t *)bytes.ptr;
	size_t at = 1 + extension_of(head[0]), token_len = head[0] & 15;

	clear(message);
	message->type = MESSAGE_CON;
	message->mid = 0;
	message->code = head[at++];
	if (token_len > TOKEN_MAX || bytes.len < at + token_len)
		return -1;
	message->token = str_make(bytes.ptr + at, token_len);
	return read_options(message, str_from(bytes, at + token_len));
}

struct str message_next_option(const struct message *message, unsigned number, unsigned *at)
{
	for (unsigned i = *at; i < message->option_count && message->options[i].number <= number; i++)
		if (message->options[i].number == number) {
			*at = i + 1;
			return message->options[i].value;
		}
	return str_make(NULL, 0);
}

struct str message_option(const struct message *message, unsigned number)
{
	unsigned at = 0;

	return message_next_option(message, number, &at);
}

uint64_t message_uint(struct str value)
{
	return coap_decode_var_bytes8((const uint8_t *)value.ptr, value.len);
}

/* ---- writing ---- */

void message_add(struct message *message, unsigned number, struct str value)
{
	unsigned at = message->option_count++;

	ASSERT(at < MESSAGE_OPTIONS_MAX);
	for (; at && message->options[at - 1].number > number; at--)
		message->options[at] = message->options[at - 1];
	message->options[at] = (struct message_option){(uint16_t)number, value};
}

void message_add_uint(struct message *message, unsigned number, uint64_t value)
{
	uint8_t *to = message->numbers + message->numbers_len;
	size_t len;

	ASSERT(message->numbers_len + sizeof(value) <= sizeof(message->numbers));
	len = value ? coap_encode_var_safe8(to, sizeof(value), value) : 0;
	message->numbers_len += (unsigned)len;
	message_add(message, number, str_make((const char *)to, len));
}

static void add_options(struct strbuf *out, const struct message *message)
{
	unsigned last = 0;

	for (unsigned i = 0; i < message->option_count; i++) {
		const struct message_option *option = &message->options[i];
		size_t room = option->value.len + 5;
		uint8_t *to = (uint8_t *)strbuf_reserve(out, room);

		out->len += coap_opt_encode(to, room, (uint16_t)(option->number - last),
					    (const uint8_t *)option->value.ptr, option->value.len);
		last = option->number;
	}
	if (message->payload.len)
		strbuf_add_char(out, (char)MARKER);
	strbuf_add_str(out, message->payload);
}

size_t message_len(const struct message *message)
{
	size_t len = HEADER_SIZE + message->token.len + message->payload.len + (message->payload.len != 0);
	unsigned last = 0;

	for (unsigned i = 0; i < message->option_count; i++) {
		const struct message_option *option = &message->options[i];

		len += coap_opt_encode_size((uint16_t)(option->number - last), option->value.len);
		last = option->number;
	}
	return len;
}

void message_write_datagram(struct strbuf *out, const struct message *message)
{
	const uint8_t head[HEADER_SIZE] = {(uint8_t)(COAP_VERSION << 6 | message->type << 4 | message->token.len),
					   message->code, (uint8_t)(message->mid >> 8), (uint8_t)message->mid};

	strbuf_add(out, head, sizeof(head));
	strbuf_add_str(out, message->token);
	add_options(out, message);
}

/* The length comes first, so options and payload are written behind room for the longest framing and moved. */
void message_write_stream(struct strbuf *out, const struct message *message)
{
	enum { LONGEST = 5 };
	size_t start = out->len, len, framing;
	uint8_t head[LONGEST];

	strbuf_reserve(out, LONGEST);
	out->len += LONGEST;
	strbuf_add_char(out, (char)message->code);
	strbuf_add_str(out, message->token);
	len = out->len;
	add_options(out, message);
	len = out->len - len;
	if (len < 13) {
		head[0] = (uint8_t)(len << 4);
		framing = 1;
	} else if (len < 269) {
		head[0] = 13 << 4;
		head[1] = (uint8_t)(len - 13);
		framing = 2;
	} else if (len < 65805) {
		head[0] = 14 << 4;
		head[1] = (uint8_t)((len - 269) >> 8);
		head[2] = (uint8_t)(len - 269);
		framing = 3;
	} else {
		head[0] = 15 << 4;
		for (int i = 0; i < 4; i++)
			head[1 + i] = (uint8_t)((len - 65805) >> (24 - 8 * i));
		framing = 5;
	}
	head[0] |= (uint8_t)message->token.len;
	memcpy(out->ptr + start, head, framing);
	memmove(out->ptr + start + framing, out->ptr + start + LONGEST, out->len - start - LONGEST);
	out->len -= LONGEST - framing;
}
