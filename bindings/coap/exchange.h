/* exchange: one request of a peer and what it is answered with. One that came in a datagram is remembered for a while
 * by its message ID, so that the same datagram is never performed twice and gets the same answer again (RFC 7252 4.5).
 */
#ifndef BINDINGS_COAP_EXCHANGE_H
#define BINDINGS_COAP_EXCHANGE_H

#include "bindings/coap/block.h"
#include "bindings/coap/transmission.h"
#include "bindings/media.h"

struct server;
struct stream;
struct observer;

struct exchange {
	struct kept kept; /* pinned until it is answered */
	struct server *server;
	struct stream *stream; /* NULL: datagrams, or it is closed */
	struct list of_stream;
	struct observer *observer; /* whose turn to be told it is; NULL: a request of a peer's */
	struct udp_local local;
	uint64_t hash; /* of the datagram */
	uint8_t token[8];
	uint8_t token_len;
	bool is_con;
	bool is_acknowledged; /* by an empty message: the answer is one of its own (RFC 7252 5.2.2) */
	bool observes;	      /* the answer says that it is observed */
	struct block block1, block2;
	uint64_t key; /* block_key */
	const struct media_def *media;
	struct timer soon;  /* when it is acknowledged by an empty message */
	struct strbuf sent; /* what is sent again */
	struct transmission separate;
};

/* Remembers a request that came in a datagram. */
struct exchange *exchange_of_datagram(struct server *server, const struct udp_peer *from, const struct udp_local *at,
				      const struct message *message, uint64_t hash);
/* One of a stream, or of an observer. */
struct exchange *exchange_of_stream(struct server *server, struct stream *stream, const struct message *message);

/* It will take a while: from here on an empty message acknowledges it if there is no answer soon. */
void exchange_wait(struct exchange *exchange);
/* Sends a whole response, or its first part, with the token and Block options added. message is changed. The exchange
 * may be gone. */
void exchange_answer(struct exchange *exchange, struct message *message);
/* Sends the part of a response that it asks for. */
void exchange_answer_part(struct exchange *exchange, const struct transfer *transfer);
/* No response follows. */
void exchange_end(struct exchange *exchange);
/* The same datagram has come again. */
void exchange_repeat(struct exchange *exchange);
/* It is rejected (RFC 7252 4.2, 4.3). */
void exchange_reset(struct exchange *exchange);

void exchanges_init(struct keeper *keeper, struct loop *loop);

#endif
