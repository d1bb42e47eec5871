/* input: what a connection has received and not yet handed over: the request being read, and what was sent behind it.
 * An idle connection has none. */
#ifndef BINDINGS_HTTP_INPUT_H
#define BINDINGS_HTTP_INPUT_H

#include "bindings/head.h"
#include "bindings/http/chunked.h"

struct input {
	struct input *next; /* in the pool */
	char *bytes;
	size_t cap;
	size_t start;  /* of the request being read */
	size_t parsed; /* behind what was read of it */
	size_t len;    /* behind what was received */
	bool in_body;
	size_t body_start, body_end; /* a chunked body is put together here */
	uint64_t body_left;	     /* of Content-Length */
	uint64_t body_received;	     /* with chunk framing */
	struct chunked chunked;
	struct head head;
};

struct input_pool {
	struct input *free;
	unsigned free_count;
};

/* An empty one. */
struct input *input_take(struct input_pool *pool);
/* Takes it back; NULL is fine. */
void input_give(struct input_pool *pool, struct input *input);
void input_pool_finish(struct input_pool *pool);

/* The next request begins behind what was parsed. */
void input_begin(struct input *input, size_t max_head);

/* Makes room for receiving, up to a total of limit bytes, and returns how much there is at bytes + len; 0: full. */
size_t input_room(struct input *input, size_t limit);

enum input_result { INPUT_MORE, INPUT_READY, INPUT_REFUSED };

/* Reads on in the head; INPUT_READY: the head is complete and judged, and the body begins. */
enum input_result input_read_head(struct input *input, size_t max_body);
/* Reads on in the body; INPUT_READY: it is complete. On INPUT_REFUSED head.refusal says why. */
enum input_result input_read_body(struct input *input, size_t max_body);

static inline bool input_is_empty(const struct input *input)
{
	return input->len == input->start;
}

static inline struct str input_body(const struct input *input)
{
	return str_make(input->bytes + input->body_start, input->body_end - input->body_start);
}

#endif
