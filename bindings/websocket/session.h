/* session: one client's connection: primitives in and out, in both directions, and its limits. */
#ifndef BINDINGS_WEBSOCKET_SESSION_H
#define BINDINGS_WEBSOCKET_SESSION_H

#include "bindings/websocket/websocket.h"

/* A message on its way out; STREAM_ROOM bytes in front of it are the library's. */
struct parcel {
	struct list link;
	struct strbuf bytes;
};

struct session {
	struct stream stream;
	struct loop_fd watch;
	uint32_t watched; /* events; 0: it is not watched yet */
	struct list link; /* in state->sessions; nowhere once it is closed */
	struct list touched;
	struct binding_state *state;
	struct peer peer;
	const struct subprotocol *subprotocol;
	bool sends_binary; /* as its client does: JSON comes as either kind */

	struct deflation *deflation; /* NULL: messages are not compressed */
	struct strbuf message;	     /* what has come of one */
	bool is_in_message, is_message_deflated;
	struct list held; /* requests that wait for others to be answered, or for the client to read */
	size_t held_bytes;
	unsigned in_work; /* requests the CSE has not answered */

	struct list out;
	size_t out_bytes;

	/* registree.c */
	uint64_t number;
	struct list bonds;  /* to the registrations that it is the connection of */
	char *entity;	    /* From of requests that have none; NULL: unknown */
	uint64_t named;	    /* the registration whose name that is; 0: the handshake's word */
	bool is_superseded; /* what it was for has gone to a newer one */
	struct list errands;
	struct list parked; /* those that wait for the client to read */

	/* monotonic; 0: not so */
	int64_t heard_us, used_us;
	int64_t message_since_us, full_since_us, pinged_us, closing_since_us;
	struct timer timer;
};

/* Takes over the socket of an accepted handshake, with what was received behind it. */
void session_open(struct binding_state *state, int fd, const struct peer *peer, const struct handshake *handshake,
		  struct str early);
/* From anywhere: it ends with a close frame, or at once. */
void session_end(struct session *session, enum close_code code, const char *why);
/* Not from within anything of its own. */
void session_kill(struct session *session);
/* Its requests are answered. */
bool session_is_idle(const struct session *session);
/* It ends when its requests are answered. */
void session_drain(struct session *session);
/* It has something to do by the end of the round. */
void session_touch(struct session *session);
/* What there is to do; by its link in state->touched. */
void session_look(struct list *in_touched);
/* Frees a dead one. */
void session_free(struct list *in_dead);

/* Makes room for a message; the caller adds its bytes and posts it. */
struct parcel *parcel_create(void);
void parcel_post(struct session *session, struct parcel *parcel);
void parcel_destroy(struct parcel *parcel);

int64_t session_now_us(const struct session *session);

/* Does so much wait for the client to read it that nothing more is made for it? */
static inline bool session_is_backed_up(const struct session *session)
{
	return session->out_bytes > session->state->settings.max_backlog;
}

/* Is more taken from the client now? */
static inline bool session_is_reading(const struct session *session)
{
	return session->watched & EPOLLIN;
}

static inline struct session *session_of_link(struct list *in_sessions)
{
	return container_of(in_sessions, struct session, link);
}

#endif
