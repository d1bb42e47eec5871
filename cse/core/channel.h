/* channel: requests for an entity that is reached only by its own polling (TS-0001 9.6.21, 10.2.5.19; TS-0004 7.4.22).
 *
 * What is sent to such an entity waits here until a poll fetches it, and then for the NOTIFY that brings the answer,
 * matched by the Request Identifier. A poll that finds nothing is parked. */
#ifndef CSE_CORE_CHANNEL_H
#define CSE_CORE_CHANNEL_H

#include "cse/core/outgoing.h"

struct channel {
	struct list waiting; /* struct outgoing: to be fetched, oldest first */
	struct list fetched; /* struct outgoing: to be answered */
	struct list polls;   /* struct poll: parked, oldest first */
	unsigned poll_count;
	bool aggregates; /* a poll takes all that waits, as m2m:agrp */
};

void channel_init(struct channel *channel);
/* What is in it fails, and its polls end. */
void channel_finish(struct channel *channel);

/* Takes a filled hop; it ends by outgoing_end. */
void channel_put(struct channel *channel, struct outgoing *out);
/* Out of the channel that it is in. */
void channel_take_back(struct outgoing *out);

/* The RETRIEVE: what waits, or RSC_PENDING until something comes or the request expires. */
enum rsc channel_poll(struct request *req, struct channel *channel);
/* The NOTIFY with the answer to something that was fetched. */
enum rsc channel_answer(struct request *req, struct channel *channel);

/* Every parked poll ends, and from now on none is parked. */
void polls_stop(struct cse *cse);

#endif
