/* exchange: one request of a peer and what it is answered with. One that came in a datagram is remembered for a while
 * by its message ID, so that the same datagram is never performed twice and gets the same answer again (RFC 7252 4.5).
 */
#ifndef BINDINGS_COAP_EXCHANGE_H
#define BINDINGS_COAP_EXCHANGE_H

#include "bindings/coap/block.h"
#include "bindings/coap/tcp.h"
#include "bindings/media.h"

struct observer;
struct server;

enum { EXCHANGE_TRANSMISSIONS = 5 }; /* of a confirmable message, RFC 7252 4.8 */

struct exchange {
	struct kept kept; /* pinned until it is answered */
	struct server *server;
	coap_session_t *session; /* kept for the answer; NULL: it has been given, or the peer has gone */
	struct list of_tcp;
	uint64_t hash; /* of the message */
	size_t len;    /* of the message */
	uint8_t token[8];
	uint8_t token_len;
	bool is_con;
	bool is_acknowledged;	   /* by an empty message: the answer is one of its own (RFC 7252 5.2.2) */
	struct observer *observer; /* who wants to hear of changes once it is answered (observe.h) */
	struct block block1, block2;
	uint64_t key; /* block_key */
	const struct media_def *media;
	struct timer soon;  /* when it is acknowledged by an empty message */
	struct strbuf sent; /* what is sent again */
};

/* Who is at the other end of a session. */
struct party exchange_party(const coap_session_t *session);

/* Remembers a request. */
struct exchange *exchange_begin(struct server *server, coap_session_t *session, const struct message *message,
				uint64_t hash);

/* It will take a while: from here on an empty message acknowledges it if there is no answer soon. */
void exchange_wait(struct exchange *exchange);
/* Sends a whole response, or its first part, with the token and Block options added. message is changed. The exchange
 * may be gone. */
void exchange_answer(struct exchange *exchange, struct message *message);
/* How long a message to a session may be that answers one of so many bytes, and may be sent so many times. The source
 * of a datagram can be forged: beyond loopback nobody is sent much more than came from there (RFC 7252 11.3) until he
 * has repeated what he alone was sent (RFC 9175 2.6). */
size_t exchange_limit(const coap_session_t *session, size_t asked, unsigned times);
/* If a message is longer than the limit because nothing is known of the peer: the Echo option that he may repeat. */
void exchange_add_echo(coap_session_t *session, size_t limit, struct message *message);
/* Looks for it in a request in a datagram. */
void exchange_take_echo(coap_session_t *session, const struct message *message);
/* Cuts a whole response down to what one message may hold, or to the part that is asked for, and keeps the whole for
 * questions for the rest under the key. false: there is no such part. */
bool exchange_fit(struct keeper *transfers, const struct party *party, const struct block *asked, uint64_t key,
		  size_t limit, struct message *message);
/* Sends the part of a response that it asks for. */
void exchange_answer_part(struct exchange *exchange, const struct transfer *transfer);
/* No response follows. */
void exchange_end(struct exchange *exchange);
/* The same datagram has come again, over this session. */
void exchange_repeat(struct exchange *exchange, coap_session_t *session);
/* It is rejected (RFC 7252 4.2, 4.3). */
void exchange_reset(struct exchange *exchange);
/* The peer has gone: it is answered to nobody. */
void exchange_forsake(struct exchange *exchange);

void exchanges_init(struct keeper *keeper, struct loop *loop);
/* Nobody is answered any more. */
void exchanges_forsake(struct server *server);

#endif
