/* server: takes requests from datagrams and streams, hands them to the CSE, answers them. */
#ifndef BINDINGS_COAP_SERVER_H
#define BINDINGS_COAP_SERVER_H

#include "bindings/coap/credit.h"
#include "bindings/coap/exchange.h"
#include "bindings/transcoder.h"
#include "cse/core/binding.h"

#include <netdb.h>

struct server {
	struct cse *cse;
	struct loop *loop;
	const struct binding_config *config;
	struct udp udp;
	struct transmissions transmissions;
	struct keeper exchanges, assemblies, transfers, credits;
	struct transcoder transcoder;
	struct strbuf out, scratch;
	uint64_t seed, next_key;
	unsigned waiting_count;		     /* requests that the CSE has not answered */
	bool is_draining;		     /* what comes is turned away */
	void (*idle)(struct server *server); /* the last of them is answered */
};

/* config lives as long as the server. Listens for datagrams at an address of infos, the first that can be had. 0, or a
 * negative error. */
WARN_UNUSED int server_open(struct server *server, struct cse *cse, struct loop *loop,
			    const struct binding_config *config, const struct addrinfo *infos);
/* No more datagrams come or go. */
void server_stop(struct server *server);
/* Every request is answered. */
void server_finish(struct server *server);

/* A request that came over a stream. */
void server_request(struct server *server, struct stream *stream, const struct message *message);
/* The stream is closed: what it has asked for is performed, and answered to nobody. */
void server_forget_stream(struct server *server, struct stream *stream);

#endif
