/* client: hops on their way to other hosts over HTTP and HTTPS, on the loop's thread. Connections are kept and shared
 * by all hops to the same scheme, host and port. */
#ifndef BINDINGS_HTTP_CLIENT_H
#define BINDINGS_HTTP_CLIENT_H

#include "bindings/http/dial.h"
#include "bindings/http/origin.h"
#include "bindings/transcoder.h"
#include "cse/base/strbuf.h"
#include "cse/core/binding.h"

struct errand;

struct client {
	struct loop *loop;
	struct cse *cse;
	const struct binding_config *config;
	struct dialing dialing;
	struct routes routes;
	struct origins origins;
	struct list idle;   /* connections, the longest idle first */
	struct timer stale; /* when the first of them has been idle for too long */
	struct list failed; /* hops that end in the next round */
	struct timer soon;
	unsigned open_count;	/* connections, those that are being made included */
	unsigned dialing_count; /* those that are being made */
	unsigned hop_count;
	struct errand *spare;
	struct strbuf out; /* the request that is being sent */
	struct transcoder transcoder;
	struct decode_limits limits; /* of answers */
	char *received;
};

/* config outlives the client. 0, or a negative error and a sentence. */
WARN_UNUSED int client_open(struct client *client, struct cse *cse, struct loop *loop,
			    const struct binding_config *config, char *message, size_t size);
/* Every hop is done or cancelled. */
void client_close(struct client *client);

/* As in struct binding. hop->done may send and cancel other hops. */
void client_send(struct client *client, struct hop *hop);
void client_cancel(struct client *client, struct hop *hop);

#endif
