/* input: a buffer in which head and body of a request are read in place. */
#include "bindings/http/input.h"

#include "cse/base/error.h"

enum { FIRST_CAP = 8192, POOLED_MAX = 1024 };

/* ---- pool ---- */

struct input *input_take(struct input_pool *pool)
{
	struct input *input = pool->free;

	if (input) {
		pool->free = input->next;
		pool->free_count--;
	} else {
		input = xmalloc(sizeof(*input));
		input->bytes = xmalloc(FIRST_CAP);
		input->cap = FIRST_CAP;
	}
	input->parsed = input->len = 0;
	return input;
}

static void destroy(struct input *input)
{
	free(input->bytes);
	free(input);
}

void input_give(struct input_pool *pool, struct input *input)
{
	if (!input)
		return;
	if (input->cap != FIRST_CAP || pool->free_count == POOLED_MAX) {
		destroy(input);
		return;
	}
	input->next = pool->free;
	pool->free = input;
	pool->free_count++;
}

void input_pool_finish(struct input_pool *pool)
{
	struct input *next;

	for (struct input *input = pool->free; input; input = next) {
		next = input->next;
		destroy(input);
	}
	*pool = (struct input_pool){0};
}

/* ---- buffer ---- */

void input_begin(struct input *input, size_t max_head)
{
	if (input->parsed == input->len)
		input->parsed = input->len = 0;
	input->start = input->parsed;
	input->in_body = false;
	head_init(&input->head, max_head);
}

static void move_to_front(struct input *input)
{
	memmove(input->bytes, input->bytes + input->start, input->len - input->start);
	input->len -= input->start;
	input->parsed -= input->start;
	input->body_start -= input->in_body ? input->start : 0;
	input->body_end -= input->in_body ? input->start : 0;
	input->start = 0;
}

size_t input_room(struct input *input, size_t limit)
{
	if (input->start && input->cap - input->len < FIRST_CAP / 2)
		move_to_front(input);
	if (input->cap == input->len && input->cap < limit) {
		input->cap = input->cap * 2 < limit ? input->cap * 2 : limit;
		input->bytes = xrealloc(input->bytes, input->cap);
	}
	input->head.base = input->bytes + input->start;
	return input->cap - input->len;
}

/* ---- reading ---- */

static enum input_result refuse(struct input *input, unsigned status, const char *why)
{
	input->head.refusal = (struct refusal){status, why};
	return INPUT_REFUSED;
}

static enum input_result begin_body(struct input *input, size_t max_body)
{
	if (input->head.content_length > max_body)
		return refuse(input, 413, "content is larger than what is taken");
	input->in_body = true;
	input->body_start = input->body_end = input->parsed;
	input->body_left = input->head.content_length;
	input->body_received = 0;
	input->chunked = (struct chunked){0};
	return INPUT_READY;
}

enum input_result input_read_head(struct input *input, size_t max_body)
{
	struct head *head = &input->head;
	size_t start = input->start;

	if (input->parsed == input->len)
		return INPUT_MORE;
	input->parsed = start + head_parse(head, input->bytes + start, input->parsed - start, input->len - start);
	if (head->refusal.status)
		return INPUT_REFUSED;
	return head->is_done ? begin_body(input, max_body) : INPUT_MORE;
}

static enum input_result read_sized(struct input *input)
{
	size_t there = input->len - input->parsed;
	size_t len = there < input->body_left ? there : (size_t)input->body_left;

	input->parsed += len;
	input->body_end += len;
	input->body_left -= len;
	return input->body_left ? INPUT_MORE : INPUT_READY;
}

/* Chunks of one byte take six bytes on the wire; what has more framing than that only keeps us busy. */
static bool has_too_much_framing(const struct input *input, size_t max_body)
{
	return input->body_received / 8 > max_body + 8192;
}

static enum input_result read_chunked(struct input *input, size_t max_body)
{
	size_t from = input->parsed;
	enum chunked_result result =
		chunked_decode(&input->chunked, input->bytes, &input->parsed, input->len, &input->body_end);

	input->body_received += input->parsed - from;
	if (result == CHUNKED_BAD)
		return refuse(input, 400, "chunked content is malformed");
	if (input_body(input).len + input->chunked.left > max_body)
		return refuse(input, 413, "content is larger than what is taken");
	if (has_too_much_framing(input, max_body))
		return refuse(input, 400, "chunked content is mostly framing");
	if (result == CHUNKED_DONE)
		return INPUT_READY;
	/* What was read of the framing is not kept. */
	input->parsed = input->len = input->body_end;
	return INPUT_MORE;
}

enum input_result input_read_body(struct input *input, size_t max_body)
{
	return input->head.is_chunked ? read_chunked(input, max_body) : read_sized(input);
}
