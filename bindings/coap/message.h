/* message: a CoAP message as bytes and back, in a datagram (RFC 7252 section 3) and in a stream (RFC 8323 3.2). Options
 * are read and written by libcoap. What they mean is not judged here. */
#ifndef BINDINGS_COAP_MESSAGE_H
#define BINDINGS_COAP_MESSAGE_H

#include "cse/base/error.h"
#include "cse/base/strbuf.h"

enum message_type { MESSAGE_CON, MESSAGE_NON, MESSAGE_ACK, MESSAGE_RST };

enum {
	MESSAGE_OPTIONS_MAX = 160,
	MESSAGE_NUMBERS_SIZE = 96, /* bytes of the numbers that message_add_uint writes */
	MESSAGE_DATAGRAM_MAX = 65507,
	MESSAGE_OVERHEAD_MAX = 13, /* bytes before options: header and token */
};

/* Codes are class << 5 | detail; MESSAGE_CODE(2, 5) is 2.05. */
#define MESSAGE_CODE(class, detail) ((class) << 5 | (detail))

/* Numbers of options that are not oneM2M's: RFC 7252, 7641, 7959, 8323; those of the last belong to signals. */
enum {
	COAP_NUMBER_OBSERVE = 6,
	COAP_NUMBER_URI_PORT = 7,
	COAP_NUMBER_LOCATION_PATH = 8,
	COAP_NUMBER_URI_PATH = 11,
	COAP_NUMBER_CONTENT_FORMAT = 12,
	COAP_NUMBER_MAX_AGE = 14,
	COAP_NUMBER_URI_QUERY = 15,
	COAP_NUMBER_ACCEPT = 17,
	COAP_NUMBER_BLOCK2 = 23,
	COAP_NUMBER_BLOCK1 = 27,
	COAP_NUMBER_SIZE2 = 28,
	COAP_NUMBER_PROXY_URI = 35,
	COAP_NUMBER_PROXY_SCHEME = 39,
	COAP_NUMBER_SIZE1 = 60,
	COAP_SIGNAL_MAX_MESSAGE_SIZE = 2,
	COAP_SIGNAL_BLOCK_WISE = 4,
};

/* Codes of signals, RFC 8323 section 5. */
enum {
	SIGNAL_CSM = MESSAGE_CODE(7, 1),
	SIGNAL_PING = MESSAGE_CODE(7, 2),
	SIGNAL_PONG = MESSAGE_CODE(7, 3),
	SIGNAL_RELEASE = MESSAGE_CODE(7, 4),
	SIGNAL_ABORT = MESSAGE_CODE(7, 5),
};

struct message_option {
	uint16_t number;
	struct str value;
};

/* {0} with type, code, mid and token is a message to write. Views are of the bytes that were read, or the writer's. */
struct message {
	enum message_type type; /* this and the message ID of a datagram only */
	uint8_t code;
	uint16_t mid;
	bool is_crowded; /* it has more options than are read; those beyond are left out */
	unsigned option_count;
	struct str token, payload;
	struct message_option options[MESSAGE_OPTIONS_MAX]; /* ascending by number */
	unsigned numbers_len; /* values of options that were written as numbers are views of `numbers` here */
	uint8_t numbers[MESSAGE_NUMBERS_SIZE];
};

/* 0, or -1: malformed (RFC 7252 section 3; also a version other than 1). Type and message ID are valid either way if
 * there are four bytes of version 1. */
WARN_UNUSED int message_read_datagram(struct message *message, struct str bytes);

/* How long the message at the beginning of a stream is, framing included; 0: more bytes are needed to tell. */
uint64_t message_stream_len(struct str bytes);
/* Reads it; bytes are as long as that. 0, or -1: malformed. */
WARN_UNUSED int message_read_stream(struct message *message, struct str bytes);

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
/* Append it to out. */
void message_write_datagram(struct strbuf *out, const struct message *message);
void message_write_stream(struct strbuf *out, const struct message *message);

static inline bool message_is_request(const struct message *message)
{
	return message->code >= 1 && message->code < MESSAGE_CODE(1, 0);
}

static inline bool message_is_response(const struct message *message)
{
	return message->code >= MESSAGE_CODE(2, 0) && message->code < MESSAGE_CODE(6, 0);
}

static inline bool message_is_success(const struct message *message)
{
	return message->code >> 5 == 2;
}

#endif
