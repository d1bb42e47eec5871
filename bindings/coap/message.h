/* message: a view of a message of libcoap's, and a message to write. What options mean is not judged here. */
#ifndef BINDINGS_COAP_MESSAGE_H
#define BINDINGS_COAP_MESSAGE_H

#include "cse/base/error.h"
#include "cse/base/strbuf.h"

#include "bindings/coap/library.h"

enum {
	MESSAGE_OPTIONS_MAX = 160,
	MESSAGE_NUMBERS_SIZE = 96, /* bytes of the numbers that message_add_uint writes */
	MESSAGE_LARGEST = 1152,	   /* bytes of a datagram that everybody takes: RFC 7252 4.6 */
};

/* Codes are class << 5 | detail; MESSAGE_CODE(2, 5) is 2.05. */
#define MESSAGE_CODE(class, detail) ((class) << 5 | (detail))

struct message_option {
	uint16_t number;
	struct str value;
};

/* {0} with type, code, mid and token is a message to write. Views are of libcoap's message, or
 * the writer's. */
struct message {
	coap_pdu_type_t type; /* this and the message ID of a datagram only */
	uint8_t code;
	uint16_t mid;
	bool is_crowded; /* it has more options than are read; those beyond are left out */
	unsigned option_count;
	struct str token, payload;
	struct message_option options[MESSAGE_OPTIONS_MAX]; /* ascending by number */
	unsigned numbers_len; /* values of options that were written as numbers are views of `numbers` here */
	uint8_t numbers[MESSAGE_NUMBERS_SIZE];
};

/* Its options and payload are those of pdu, and valid as long; elective options that say nothing are left out. */
void message_read(struct message *message, const coap_pdu_t *pdu);

/* The first option with a number at or behind *at, which becomes the place behind it; ptr NULL: none. */
struct str message_next_option(const struct message *message, unsigned number, unsigned *at);
/* The first one. */
struct str message_option(const struct message *message, unsigned number);
/* The value of an option that is a number of at most 8 bytes. */
uint64_t message_uint(struct str value);

/* Adds an option behind those with the same or a smaller number. */
void message_add(struct message *message, unsigned number, struct str value);
void message_add_uint(struct message *message, unsigned number, uint64_t value);

/* Bytes of it as a datagram; in a stream it has a few less or more. */
size_t message_len(const struct message *message);
/* Appends it to out, as a datagram. */
void message_write(struct strbuf *out, const struct message *message);
/* The message in such bytes; NULL: libcoap does not take it. */
coap_pdu_t *message_pdu(struct str bytes);
/* Sends such bytes, over a connection in its own form; nothing, if the session has ended. */
void message_send(coap_session_t *session, struct str bytes);

static inline bool message_is_success(const struct message *message)
{
	return message->code >> 5 == 2;
}

#endif
