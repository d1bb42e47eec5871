/* notifier: the durable dispatcher of notifications (TS-0001 10.2.10.7, TS-0004 7.5.1.2.2, steps 2 to 7).
 *
 * A notification for one target is a note: a row of the store, written in the transaction of the change that it tells
 * of, and taken off when the target has answered. The notes of one subscription for one target are a lane: they go out
 * in order, one message at a time, at least once, with the same request identifier each time. What the subscription's
 * policies hold back (batches, rates, schedules) is worked out from the notes and the attributes when the lane's turn
 * comes, so that nothing of it is lost with the process. */
#ifndef CSE_CORE_NOTIFIER_H
#define CSE_CORE_NOTIFIER_H

#include "cse/base/id.h"
#include "cse/base/loop.h"
#include "cse/base/map.h"
#include "cse/core/request.h"
#include "cse/core/subscription.h"

struct notification_counts {
	uint64_t queued;    /* notes not delivered yet */
	uint64_t delivered; /* notes that were answered, with whatever code */
	uint64_t dropped;   /* too old, or too many for one target */
	uint64_t failed;    /* messages that came to nothing and were tried again */
};

struct notifier {
	struct cse *cse;
	struct map lanes;     /* by the key of the subscription */
	struct map unreached; /* lanes whose target, an entity, could not be reached: by the key of its registration */
	struct list notes;    /* all, in the order of their keys */
	struct list ready;    /* lanes to look at */
	struct list done;     /* notes to take off the store */
	uint64_t taken_in;    /* the batch that the last ones were taken off in */
	struct loop_task task;
	struct loop_hook end_of_round;
	bool is_posted, is_stopped;
	size_t in_flight, doubtful_in_flight; /* messages; of those to targets that failed before */
	size_t responses;		      /* notes that are answers to non-blocking requests */
	size_t text_bytes;		      /* of notes kept in memory */
	struct id_source random;
	struct timer pause; /* while set, nothing is taken off: the store has failed */
	struct timer lull;  /* while set, what is done may wait for others */
	struct notification_counts counts;
};

/* Adds the notification to the request's changes, for each target of the subscription / for one target that its
 * policies do not concern. text: the value of m2m:sgn. */
void notifier_add(struct request *req, const struct subscription *subscription, struct str text);
void notifier_add_to(struct request *req, const struct subscription *subscription, struct str target, struct str text);
/* The answer to a non-blocking request, the value of m2m:rsp, for one target: TS-0004 7.5.1.2.5. lane: a number never
 * given before, the same for all targets of one answer. */
void notifier_add_response(struct request *req, uint64_t lane, struct str target, struct str text);
/* The subscription goes: what a schedule holds back goes with it, the rest is delivered at once. */
void notifier_end(struct request *req, const struct subscription *subscription);
/* The attributes of a subscription are about to change: what pendingNotification and latestNotify no longer keep is
 * dropped (TS-0004 7.4.8.2.3, TS-0001 10.2.10.4). */
void notifier_change(struct request *req, const struct subscription *before, const struct subscription *after);

/* What was sent to each target: for notificationStatsInfo. */
struct target_statistics {
	struct str target;
	uint64_t requests, responses, events;
};
/* The next one in *out, in the order of the targets; false at the end. index starts as 0. */
bool notifier_statistics(struct cse *cse, const struct subscription *subscription, unsigned *index,
			 struct target_statistics *out);
void notifier_forget_statistics(struct cse *cse, const struct subscription *subscription);
/* What a subscription's row keeps of its lanes (windows of rateLimit, statistics), and back. */
void notifier_print_lanes(struct cse *cse, const struct subscription *subscription, struct strbuf *out);
void notifier_read_lanes(struct cse *cse, const struct resource *resource, struct value lanes, struct arena *arena);

/* The entity of a registration can be reached again: its lanes' pauses end. */
void notifier_reached(struct notifier *notifier, uint64_t registration);

/* A subscription, or a schedule below it, has changed: its lanes are looked at by the end of the round. */
void notifier_look(struct cse *cse, const struct resource *subscription);

void notifier_start(struct notifier *notifier, struct cse *cse);
/* At load: a note of the store. */
void notifier_load(struct notifier *notifier, uint64_t key, uint64_t subscription, struct str target, int64_t ct_us,
		   uint32_t flags, size_t size);
/* Nothing is under way and nothing could be sent now. */
bool notifier_is_idle(const struct notifier *notifier);
void notifier_stop(struct notifier *notifier);

#endif
