/* frames: see frames.h. RFC 6455 5.2. */
#include "bindings/websocket/frames.h"

enum {
	FIN = 0x80,
	RESERVED = 0x70,
	RSV1 = 0x40,
	OPCODE = 0x0f,
	OPCODE_CONTINUATION = 0,
	OPCODE_CLOSE = 8, /* and above: control frames */
	OPCODE_PING = 9,
	MASK = 0x80,
	LENGTH = 0x7f,
	LENGTH_16 = 126,
	LENGTH_64 = 127,
	SHORTEST_64 = 65536,
	MASK_SIZE = 4,
};

static enum close_code fault(struct frames *frames, enum close_code code, const char *why)
{
	frames->why = why;
	return code;
}

/* Bytes of the head behind the first two, as far as these say. */
static unsigned length_size(uint8_t second)
{
	switch (second & LENGTH) {
	case LENGTH_16:
		return 2;
	case LENGTH_64:
		return 8;
	default:
		return 0;
	}
}

static uint64_t length_of(const uint8_t *head)
{
	uint64_t length = head[1] & LENGTH;
	unsigned size = length_size(head[1]);

	if (size)
		length = 0;
	for (unsigned i = 0; i < size; i++)
		length = length << 8 | head[2 + i];
	return length;
}

static bool is_control(const uint8_t *head)
{
	return (head[0] & OPCODE) >= OPCODE_CLOSE;
}

static enum close_code begin_control(struct frames *frames, uint64_t length)
{
	unsigned opcode = frames->head[0] & OPCODE;

	if (length >= LENGTH_16)
		return fault(frames, CLOSE_PROTOCOL_ERROR, "a control frame is too long");
	if (opcode == OPCODE_CLOSE && length == 1)
		return fault(frames, CLOSE_PROTOCOL_ERROR, "half a status code");
	frames->had_control |= opcode == OPCODE_CLOSE || opcode == OPCODE_PING;
	return CLOSE_NONE;
}

static enum close_code begin_data(struct frames *frames, uint64_t length)
{
	if ((frames->head[0] & OPCODE) != OPCODE_CONTINUATION)
		frames->message = 0;
	if (length > frames->max_message - frames->message)
		return fault(frames, CLOSE_TOO_BIG, "the message is larger than what is taken");
	frames->message += length;
	frames->is_last = frames->head[0] & FIN;
	frames->is_in_message = !frames->is_last || length;
	return CLOSE_NONE;
}

static bool has_wrong_reserved(const struct frames *frames)
{
	unsigned reserved = frames->head[0] & RESERVED, opcode = frames->head[0] & OPCODE;
	bool begins = opcode != OPCODE_CONTINUATION && opcode < OPCODE_CLOSE;

	return reserved && (reserved != RSV1 || !frames->takes_deflated || !begins);
}

/* The head is complete. */
static enum close_code begin_frame(struct frames *frames)
{
	const uint8_t *head = frames->head;
	uint64_t length = length_of(head);
	unsigned size = length_size(head[1]);

	frames->head_len = 0;
	if ((size == 2 && length < LENGTH_16) || (size == 8 && length < SHORTEST_64) || length >> 63)
		return fault(frames, CLOSE_PROTOCOL_ERROR, "the length of a frame is malformed");
	if (has_wrong_reserved(frames))
		return fault(frames, CLOSE_PROTOCOL_ERROR, "a reserved bit is set");
	frames->left = length;
	return is_control(head) ? begin_control(frames, length) : begin_data(frames, length);
}

/* Takes a byte of the head. */
static enum close_code take(struct frames *frames, uint8_t byte)
{
	frames->head[frames->head_len++] = byte;
	if (frames->head_len < 2)
		return CLOSE_NONE;
	if (!(frames->head[1] & MASK))
		return fault(frames, CLOSE_PROTOCOL_ERROR, "a frame has no mask");
	if (frames->head_len < 2 + length_size(frames->head[1]) + MASK_SIZE)
		return CLOSE_NONE;
	return begin_frame(frames);
}

enum close_code frames_scan(struct frames *frames, struct str bytes)
{
	enum close_code code = CLOSE_NONE;

	while (bytes.len && code == CLOSE_NONE) {
		size_t passing = frames->left < bytes.len ? (size_t)frames->left : bytes.len;

		bytes = str_from(bytes, passing);
		frames->left -= passing;
		if (passing && !frames->left && !is_control(frames->head) && frames->is_last)
			frames->is_in_message = false;
		if (bytes.len) {
			code = take(frames, (uint8_t)*bytes.ptr);
			bytes = str_from(bytes, 1);
		}
	}
	return code;
}
