/* stream: one WebSocket connection as libwebsockets has it: pieces of messages come out, whole messages go in.
 *
 * The library runs in the CSE's thread, on sockets that are watched by the CSE's loop: it is called when one of them
 * can be read or written, and it never waits, listens or sets a timer itself (docs/decisions/websocket.md). */
#ifndef BINDINGS_WEBSOCKET_STREAM_H
#define BINDINGS_WEBSOCKET_STREAM_H

#include "bindings/websocket/frames.h"
#include "cse/base/error.h"

struct stream;
struct lws;
struct lws_context;
struct lws_vhost;

enum { STREAM_ROOM = 16 }; /* bytes in front of a message that are the library's */

struct library {
	struct lws_context *context;
	struct lws_vhost *vhost;
};

/* 0, or -1: there is no memory or no descriptor for it. */
WARN_UNUSED int library_open(struct library *library);
/* No stream is open. */
void library_close(struct library *library);

struct stream_piece {
	struct str bytes;
	bool is_first, is_last; /* of its message */
	bool is_binary;
	bool is_deflated; /* of the first piece */
};

/* All are called from within stream_read and stream_write only. */
struct stream_hooks {
	void (*received)(struct stream *stream, const struct stream_piece *piece);
	/* Something can be written: as much as there is, until stream_is_full. */
	void (*writable)(struct stream *stream);
	/* It has ended, and its descriptor is closed. */
	void (*ended)(struct stream *stream);
};

struct stream {
	const struct stream_hooks *hooks;
	struct library *library;
	struct lws *wsi; /* NULL: it has ended */
	struct frames frames;
	struct str early; /* what was received before; it is read first */
	int fd;
	bool is_deflating; /* permessage-deflate is agreed on; compressing is the owner's */
	bool sends_deflated;
	bool wants_to_write; /* stream_write is to be called as soon as the socket takes something */
	bool pings;	     /* with the next write */
	bool was_writable, has_ended;
	enum { STREAM_OPEN, STREAM_CLOSING, STREAM_CLOSED } phase; /* a close frame is to be written; was written */
	enum close_code close_code;				   /* asked for; NONE: it stays open */
	const char *close_why;
};

/* Takes over the socket of a handshake that was accepted: request is what the library is to see of it, valid during the
 * call, early what was received behind it, which stays valid until the first stream_read. The answer is sent. hooks,
 * is_deflating and the limit of frames are set by the caller, the rest is cleared. 0, or -1: there is no memory for it,
 * and the descriptor is closed. */
WARN_UNUSED int stream_open(struct stream *stream, struct library *library, int fd, struct str request,
			    struct str early);

/* The socket can be read (or has failed) / can be written. Either may end it. */
void stream_read(struct stream *stream);
void stream_write(struct stream *stream);

/* Does what was written wait for the socket? Then nothing is sent. */
bool stream_is_full(const struct stream *stream);
/* One whole message. The STREAM_ROOM bytes in front of it are overwritten. */
void stream_send(struct stream *stream, char *bytes, size_t len, bool is_binary, bool is_deflated);

/* Asks for the end: what has been sent goes out, then a close frame with the code, and the peer's answer is waited for.
 * Only the first code counts. */
void stream_close(struct stream *stream, enum close_code code, const char *why);
/* The end, at once. */
void stream_kill(struct stream *stream);

#endif
