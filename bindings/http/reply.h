/* reply: one HTTP answer as it comes in, tokenised by libhttp-parser. Interim answers (1xx) are passed over; size and
 * framing are bounded, so that no peer can keep it busy for ever. */
#ifndef BINDINGS_HTTP_REPLY_H
#define BINDINGS_HTTP_REPLY_H

#include "cse/base/strbuf.h"

#include <http_parser.h>

enum { REPLY_NAME_SIZE = 16, REPLY_VALUE_SIZE = 96 };

/* A header field that matters. */
struct reply_field {
	bool is_there;
	uint8_t len; /* of the value; REPLY_VALUE_SIZE: it is longer than that */
	char value[REPLY_VALUE_SIZE];
};

struct reply {
	struct http_parser parser;
	size_t max_body;
	uint64_t received;   /* bytes of all kinds */
	uint32_t head_bytes; /* of status lines and header fields */
	unsigned interim_count;
	struct reply_field code, content_type; /* X-M2M-RSC, Content-Type */
	struct reply_field *field;	       /* which is read; NULL: another */
	bool is_in_value;
	uint8_t name_len;
	char name[REPLY_NAME_SIZE];
	struct str piece; /* the body while it is one piece of what is being read */
	struct strbuf body;
	bool is_done;
	bool keeps_alive; /* once it is done: another request may follow */
	const char *why;  /* it is BAD */
};

enum reply_result { REPLY_MORE, REPLY_DONE, REPLY_BAD };

/* {0} is a valid one to begin with; a body of an earlier answer is dropped. */
void reply_begin(struct reply *reply, size_t max_body);
void reply_finish(struct reply *reply);

/* Reads on. Once it is DONE, the body may be a view of bytes. */
enum reply_result reply_read(struct reply *reply, struct str bytes);
/* The peer sends nothing more. */
enum reply_result reply_end(struct reply *reply);

static inline unsigned reply_status(const struct reply *reply)
{
	return reply->parser.status_code;
}

struct str reply_body(const struct reply *reply);
/* The value of a field; ptr NULL if it is absent or too long to be of use. */
struct str reply_value(const struct reply_field *field);

#endif
