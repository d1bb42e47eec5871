/* frames: the heads of the frames that a client sends, and what control frames carry, as they pass by on their way to
 * libwebsockets. What RFC 6455 forbids and the library lets through is found here: frames without a mask, lengths
 * longer than they need be, wrong close frames; and a message that grows too large is found before there is memory for
 * it. Payloads of messages are passed over.
 *
 * The library answers the first of several pings and drops the others, where the last one counts (RFC 6455 5.5.2,
 * 5.5.3). So a ping is noted here and becomes a pong, which the library passes over. */
#ifndef BINDINGS_WEBSOCKET_FRAMES_H
#define BINDINGS_WEBSOCKET_FRAMES_H

#include "cse/base/str.h"

/* RFC 6455 7.4.1: those that are sent */
enum close_code {
	CLOSE_NONE = 0,
	CLOSE_NORMAL = 1000,
	CLOSE_GOING_AWAY = 1001,
	CLOSE_PROTOCOL_ERROR = 1002,
	CLOSE_INVALID_DATA = 1007,
	CLOSE_POLICY = 1008,
	CLOSE_TOO_BIG = 1009,
};

enum { FRAME_HEAD_MAX = 14, CONTROL_MAX = 125 };

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
	uint8_t control_len, ping_len;
	char control[CONTROL_MAX]; /* payload so far of the control frame that is passing by */
	char ping[CONTROL_MAX];	   /* that of the last ping */
	bool had_ping;		   /* whoever answers it resets this */
	bool has_closed;	   /* the close frame has come: what is behind it counts for nothing */
	const char *why;	   /* of a fault */
	enum close_code failed;	   /* with which the connection has to end; nothing is looked at any more */
};

/* Reads on; *len becomes how much of the bytes counts, and they what the library is to see. CLOSE_NONE, or why the
 * connection has to end, and again the same for all that comes then. */
enum close_code frames_scan(struct frames *frames, char *bytes, size_t *len);

/* Is a message or the head of a frame half there? */
static inline bool frames_is_amid(const struct frames *frames)
{
	return frames->is_in_message || frames->head_len || frames->left;
}

#endif
