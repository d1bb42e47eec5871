/* server: takes requests from libcoap, hands them to the CSE, answers them. */
#ifndef BINDINGS_COAP_SERVER_H
#define BINDINGS_COAP_SERVER_H

#include "bindings/coap/engine.h"
#include "bindings/coap/exchange.h"
#include "bindings/transcoder.h"
#include "cse/core/binding.h"

#include <netdb.h>

struct server {
	struct cse *cse;
	struct loop *loop;
	const struct binding_config *config;
	struct engine engine;
	struct tcps tcps;
	struct keeper exchanges, assemblies, transfers, observers;
	struct transcoder transcoder;
	struct strbuf out, scratch;
	uint64_t seed, next_key;
	uint32_t sequence;		     /* of the last notification */
	uint16_t observers_at[1024];	     /* by address */
	unsigned waiting_count;		     /* requests that the CSE has not answered */
	bool is_draining;		     /* what comes is turned away */
	int64_t acknowledge_after_us;	     /* see exchange_wait */
	void (*idle)(struct server *server); /* the last of them is answered, or the last connection is closed */
	char address[80];		     /* "coap://127.0.0.1:5683" */
};

/* config lives as long as the server; acknowledge_after_us and idle are set before the next round. Listens for
 * datagrams and connections at an address of infos, the first that can be had. 0, or a negative error. */
WARN_UNUSED int server_open(struct server *server, struct cse *cse, struct loop *loop,
			    const struct binding_config *config, const struct addrinfo *infos);
/* Answers still go out; what comes new is turned away. */
void server_drain(struct server *server);
/* Nothing comes or goes any more. */
void server_stop(struct server *server);
/* Every request is answered. */
void server_finish(struct server *server);
/* Numbers and times have changed in config. */
void server_set_limits(struct server *server);

/* The CSE has answered one. May free the server. */
void server_request_ended(struct server *server);

/* Is everything answered, and every connection closed? */
bool server_is_idle(const struct server *server);

#endif
