/* stream: CoAP messages over a TCP connection (RFC 8323), of either side: the framing, the signals, the bounds.
 * Block-wise transfer is offered. */
#ifndef BINDINGS_COAP_TCP_H
#define BINDINGS_COAP_TCP_H

#include "bindings/coap/message.h"
#include "cse/core/binding.h"

struct stream;

/* The connections of one binding. */
struct streams {
	struct loop *loop;
	const struct binding_config *config;
	struct list all;
	struct list dead; /* freed at the end of the round */
	struct loop_hook reaper;
	unsigned count;
	uint64_t next_id;
	void (*emptied)(struct streams *streams); /* the last one has closed; may be NULL */
};

/* What a connection waits for, and for how long at most. */
enum tcp_wait { STREAM_WAITS_NOT, STREAM_WAITS_CSM, STREAM_WAITS_REST, STREAM_WAITS_WRITE, STREAM_IS_IDLE };

struct stream {
	struct list link;
	struct streams *streams;
	uint64_t id; /* of all streams' */
	struct peer peer;
	struct loop_fd watch; /* fd -1: closed */
	uint32_t watched;
	struct strbuf in, out;
	size_t max_in;	 /* longest message that is taken */
	size_t peer_max; /* longest message that the peer takes */
	bool has_csm;
	bool is_ending;	       /* nothing more is read; it closes when all is answered and sent */
	bool is_reading;       /* messages are being taken from in */
	struct list exchanges; /* requests of the peer's that are not answered (exchange.h) */
	unsigned observer_count;
	enum tcp_wait wait;
	struct timer deadline;
	struct timer resume;
	void *owner; /* of a client's */
	/* A request or response has come. The stream may be closed meanwhile. */
	void (*took)(struct stream *stream, const struct message *message);
	/* It is closed; memory stays until the end of the round. Not called by tcp_close. */
	void (*closed)(struct stream *stream, const char *why);
};

void streams_init(struct streams *streams, struct loop *loop, const struct binding_config *config);
/* Closes all. */
void streams_finish(struct streams *streams);

/* Takes over a non-blocking descriptor, connected; took and closed are to be set before the next round. NULL: it cannot
 * be watched, and is closed. */
struct stream *tcp_open(struct streams *streams, int fd, const struct peer *peer, size_t max_in);
void tcp_send(struct stream *stream, const struct message *message);
void tcp_close(struct stream *stream);
/* Reads nothing more and closes when all is answered. */
void tcp_drain(struct stream *stream);
/* What it waits for has changed: exchanges, observers. */
void tcp_settle(struct stream *stream);

#endif
