/* frames: the heads of the frames that a client sends, as they pass by on their way to libwebsockets. What RFC 6455
 * forbids and the library lets through is found here: frames without a mask, lengths longer than they need be; and a
 * message that grows too large is found before there is memory for it. Payloads are passed over. */
#ifndef BINDINGS_WEBSOCKET_FRAMES_H
#define BINDINGS_WEBSOCKET_FRAMES_H

#include "cse/base/str.h"

/* RFC 6455 7.4.1 */
enum close_code {
	CLOSE_NONE = 0,
	CLOSE_NORMAL = 1000,
	CLOSE_GOING_AWAY = 1001,
	CLOSE_PROTOCOL_ERROR = 1002,
	CLOSE_INVALID_DATA = 1007,
	CLOSE_POLICY = 1008,
	CLOSE_TOO_BIG = 1009,
};

enum { FRAME_HEAD_MAX = 14 };

/* {.max_message = ...} is a valid one to begin with. */
struct frames {
	uint64_t max_message; /* bytes of a message's payload, as it travels */
	bool takes_deflated;  /* RSV1 of a message's first frame (RFC 7692 6) */
	uint8_t head[FRAME_HEAD_MAX];
	uint8_t head_len;
	uint64_t left;	    /* of the payload that is passing by */
	uint64_t message;   /* payload of the message so far */
	bool is_in_message; /* its last frame has not begun, or not passed by */
	bool is_last;	    /* the frame is the last one of its message */
	bool had_control;   /* a ping or close was among them; whoever answers it resets this */
	const char *why;    /* of a fault */
};

/* Reads on. CLOSE_NONE, or why the connection has to end; then nothing more may be read. */
enum close_code frames_scan(struct frames *frames, struct str bytes);

/* Is a message or the head of a frame half there? */
static inline bool frames_is_amid(const struct frames *frames)
{
	return frames->is_in_message || frames->head_len || frames->left;
}

#endif
