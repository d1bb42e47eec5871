/* handshake: what a client asks for when it opens a connection (RFC 6455 4.2.1, TS-0020 6.2.2). */
#ifndef BINDINGS_WEBSOCKET_HANDSHAKE_H
#define BINDINGS_WEBSOCKET_HANDSHAKE_H

#include "bindings/head.h"
#include "cse/base/strbuf.h"
#include "cse/core/binding.h"

/* A row of table 6.2.2.9-1 of TS-0020. */
struct subprotocol {
	const char *name;
	const struct codec *codec;
	bool is_binary; /* the kind of frame for messages */
};

enum { SUBPROTOCOL_COUNT = 3 };
extern const struct subprotocol subprotocols[SUBPROTOCOL_COUNT];

struct handshake {
	const struct subprotocol *subprotocol;
	struct str key;
	struct str deflate; /* the offer of permessage-deflate that is taken (RFC 7692); ptr NULL: none */
	bool forgets_coming, forgets_going; /* and what it says of context takeover */
	struct str hint;		    /* X-M2M-Origin: who it says it is; ptr NULL: it does not */
	struct refusal refusal;
};

/* Judges the head of a request. Views are those of the head and the arena. Then handshake->refusal.status is set, or
 * the rest of it. */
void handshake_judge(struct handshake *handshake, const struct head *head, const struct binding_config *config,
		     struct arena *arena);

/* Appends the request as libwebsockets is to see it: nothing that was not judged. */
void handshake_add_request(struct strbuf *out, const struct handshake *handshake);
/* Appends the answer to a refused one. */
void handshake_add_refusal(struct strbuf *out, const struct refusal *refusal);

#endif
