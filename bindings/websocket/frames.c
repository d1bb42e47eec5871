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
	OPCODE_PONG = 10,
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

/* ---- control frames ---- */

/* RFC 6455 7.4.1, 7.4.2, and those registered since. */
static bool is_close_code(unsigned code)
{
	return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

static unsigned code_of(const struct frames *frames)
{
	return (unsigned)(uint8_t)frames->control[0] << 8 | (uint8_t)frames->control[1];
}

static enum close_code end_close(struct frames *frames)
{
	struct str payload = str_make(frames->control, frames->control_len);

	frames->has_closed = true;
	if (payload.len == 0)
		return CLOSE_NONE;
	if (payload.len == 1 || !is_close_code(code_of(frames)))
		return fault(frames, CLOSE_PROTOCOL_ERROR, "the close frame has no status code that may be sent");
	if (!str_is_utf8(str_from(payload, 2)))
		return fault(frames, CLOSE_INVALID_DATA, "the reason of the close frame is malformed UTF-8");
	return CLOSE_NONE;
}

static enum close_code end_control(struct frames *frames)
{
	switch (frames->head[0] & OPCODE) {
	case OPCODE_CLOSE:
		return end_close(frames);
	case OPCODE_PING:
		memcpy(frames->ping, frames->control, frames->control_len);
		frames->ping_len = frames->control_len;
		frames->had_ping = true;
		return CLOSE_NONE;
	default:
		return CLOSE_NONE;
	}
}

static enum close_code begin_control(struct frames *frames, uint64_t length)
{
	if (length > CONTROL_MAX)
		return fault(frames, CLOSE_PROTOCOL_ERROR, "a control frame is too long");
	if (!(frames->head[0] & FIN))
		return fault(frames, CLOSE_PROTOCOL_ERROR, "a control frame is fragmented");
	frames->control_len = 0;
	return length ? CLOSE_NONE : end_control(frames);
}

/* The library refuses the codes that were registered after it was made. */
static void translate_code(const struct frames *frames, char *byte)
{
	unsigned code = code_of(frames);

	if ((frames->head[0] & OPCODE) == OPCODE_CLOSE && code >= 1012 && code <= 1014)
		*byte ^= (char)((code ^ CLOSE_NORMAL) & 0xff);
}

/* Payload of a control frame passes by. */
static enum close_code pass_control(struct frames *frames, char *bytes, size_t len)
{
	const uint8_t *mask = frames->head + 2; /* its length is in the second byte */

	for (size_t i = 0; i < len; i++) {
		frames->control[frames->control_len] =
			(char)((uint8_t)bytes[i] ^ mask[frames->control_len % MASK_SIZE]);
		if (++frames->control_len == 2)
			translate_code(frames, &bytes[i]);
	}
	return frames->left ? CLOSE_NONE : end_control(frames);
}

/* ---- messages ---- */

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
static enum close_code take(struct frames *frames, char *byte)
{
	frames->head[frames->head_len++] = (uint8_t)*byte;
	if (frames->head_len < 2) {
		if ((*byte & OPCODE) == OPCODE_PING)
			*byte ^= OPCODE_PING ^ OPCODE_PONG;
		return CLOSE_NONE;
	}
	if (!(frames->head[1] & MASK))
		return fault(frames, CLOSE_PROTOCOL_ERROR, "a frame has no mask");
	if (frames->head_len < 2 + length_size(frames->head[1]) + MASK_SIZE)
		return CLOSE_NONE;
	return begin_frame(frames);
}

static enum close_code pass(struct frames *frames, char *bytes, size_t len)
{
	frames->left -= len;
	if (is_control(frames->head))
		return pass_control(frames, bytes, len);
	if (!frames->left && frames->is_last)
		frames->is_in_message = false;
	return CLOSE_NONE;
}

enum close_code frames_scan(struct frames *frames, char *bytes, size_t *len)
{
	enum close_code code = frames->failed;
	size_t at = 0;

	while (at < *len && code == CLOSE_NONE && !frames->has_closed) {
		size_t passing = frames->left < *len - at ? (size_t)frames->left : *len - at;

		if (passing)
			code = pass(frames, bytes + at, passing);
		else
			code = take(frames, &bytes[at]);
		at += passing ? passing : 1;
	}
	*len = at;
	frames->failed = code;
	return code;
}
