/* origin: what connections can be shared for, a scheme, a host and a port, and the hops that wait for one. */
#ifndef BINDINGS_HTTP_ORIGIN_H
#define BINDINGS_HTTP_ORIGIN_H

#include "bindings/http/route.h"

struct origins {
	struct map by_url;
	struct list hungry; /* those that a connection is to be made to, in turn */
	unsigned most;	    /* connections to one of them */
	uint64_t seed;
};

struct origin {
	struct map_node node;
	struct origins *origins;
	struct list idle;    /* its idle connections, the one used last at the end */
	struct list waiting; /* hops */
	struct list again;   /* hops that need a connection that was never used; they go first */
	struct list hungry;
	unsigned open_count;	/* connections, those that are being made included */
	unsigned dialing_count; /* those that are being made */
	unsigned users;		/* connections and hops */
	bool is_tls;
	struct str url;
	char text[]; /* of url, with a NUL */
};

void origins_init(struct origins *origins, unsigned most);
/* No origin has users. */
void origins_finish(struct origins *origins);

/* Of a URL; made if there is none. It gets one more user, and goes when the last has left. */
struct origin *origin_join(struct origins *origins, const struct route *route);
void origin_leave(struct origin *origin);

/* After its queues or counts have changed: is it hungry? */
void origin_settle(struct origin *origin);
/* A connection is being made to it: it is the last in turn now. */
void origin_was_fed(struct origin *origin);

/* Is any other origin hungry? */
bool origin_is_in_the_way(const struct origin *origin);

#endif
