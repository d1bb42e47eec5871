/* message: header, token, options, payload. */
#include "bindings/coap/message.h"

enum { COAP_VERSION = 1, MARKER = 0xff, HEADER_SIZE = 4 };

/* ---- reading ---- */

/* Of the elective options that are looked at: one with a length that it cannot have is ignored (RFC 7252 5.4.3; the
 * lengths are those of its table 4, of RFC 7641, 7959 and 9175). */
static bool is_ignored(unsigned number, size_t len)
{
	switch (number) {
	case COAP_OPTION_OBSERVE:
		return len > 3;
	case COAP_OPTION_CONTENT_FORMAT:
		return len > 2;
	case COAP_OPTION_SIZE1:
		return len > 4;
	case COAP_OPTION_ETAG:
		return len < 1 || len > 8;
	case COAP_OPTION_ECHO:
		return len < 1 || len > 40;
	default:
		return false;
	}
}

static void read_options(struct message *message, const coap_pdu_t *pdu)
{
	coap_opt_iterator_t iterator;
	const coap_opt_t *option;
	struct str value;

	coap_option_iterator_init(pdu, &iterator, COAP_OPT_ALL);
	while ((option = coap_option_next(&iterator)) != NULL) {
		if (message->option_count == MESSAGE_OPTIONS_MAX) {
			message->is_crowded = true;
			return;
		}
		value = str_make((const char *)coap_opt_value(option), coap_opt_length(option));
		if (!is_ignored(iterator.number, value.len))
			message->options[message->option_count++] = (struct message_option){iterator.number, value};
	}
}

void message_read(struct message *message, const coap_pdu_t *pdu)
{
	coap_bin_const_t token = coap_pdu_get_token(pdu);
	const uint8_t *payload;
	size_t len;

	message->type = coap_pdu_get_type(pdu);
	message->code = (uint8_t)coap_pdu_get_code(pdu);
	message->mid = (uint16_t)coap_pdu_get_mid(pdu);
	message->is_crowded = false;
	message->option_count = message->numbers_len = 0;
	message->token = str_make((const char *)token.s, token.length);
	message->payload = coap_get_data(pdu, &len, &payload) ? str_make((const char *)payload, len) : STR("");
	read_options(message, pdu);
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

void message_write(struct strbuf *out, const struct message *message)
{
	const uint8_t head[HEADER_SIZE] = {(uint8_t)(COAP_VERSION << 6 | message->type << 4 | message->token.len),
					   message->code, (uint8_t)(message->mid >> 8), (uint8_t)message->mid};

	strbuf_add(out, head, sizeof(head));
	strbuf_add_str(out, message->token);
	add_options(out, message);
}

coap_pdu_t *message_pdu(struct str bytes)
{
	coap_pdu_t *pdu = coap_pdu_init(COAP_MESSAGE_CON, 0, 0, bytes.len);

	if (pdu && coap_pdu_parse(COAP_PROTO_UDP, (const uint8_t *)bytes.ptr, bytes.len, pdu))
		return pdu;
	coap_delete_pdu(pdu);
	return NULL;
}

/* A session that has ended would be connected again. */
void message_send(coap_session_t *session, struct str bytes)
{
	coap_pdu_t *pdu = NULL;

	if (session && coap_session_get_state(session) != COAP_SESSION_STATE_NONE)
		pdu = message_pdu(bytes);
	if (pdu)
		coap_send(session, pdu);
}
