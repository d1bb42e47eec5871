/* lane: the notes of one subscription for one target. Inside of the notifier. */
#ifndef CSE_CORE_LANE_H
#define CSE_CORE_LANE_H

#include "cse/core/commit.h"
#include "cse/core/notifier.h"
#include "cse/core/outgoing.h"

/* What a note's row says beside its text: the Event Category in the upper half, and */
enum note_flag {
	NOTE_BATCHED = 1,  /* sent within m2m:agn, with those that are batched with it */
	NOTE_FREE = 2,	   /* no policy holds it back (deletion notices) */
	NOTE_RESPONSE = 4, /* the answer to a request: m2m:rsp */
};
enum { NOTE_CATEGORY_SHIFT = 16 };

struct note {
	struct list in_lane, in_all, in_done;
	struct lane *lane;
	uint64_t key, batch; /* commit batch that makes it durable; 0: it is */
	int64_t created_us;
	uint32_t flags;
	bool is_taken; /* a change that takes it off is not durable yet */
	size_t size;
	char *text; /* NULL: in the store only */
};

struct lane {
	struct map_node node;
	struct list ready; /* in notifier->ready */
	struct notifier *notifier;
	uint64_t subscription;
	struct str target; /* behind the struct */
	struct list notes;
	size_t count;
	struct timer timer;

	bool is_sending;
	unsigned sending;      /* notes in the message under way, the first ones */
	struct outgoing out;   /* that message */
	struct strbuf content; /* of it */
	char identifier[16];
	unsigned attempts;	   /* that failed since the last success */
	int64_t retry_at_us;	   /* monotonic */
	bool is_waiting;	   /* in a polling channel: that message keeps nobody else's back */
	bool is_doubtful;	   /* counts for doubtful_in_flight */
	struct map_node unreached; /* in notifier->unreached, while is_unreached */
	bool is_unreached;

	int64_t window_start_us; /* of rateLimit */
	uint64_t window_count;
	uint64_t requests, responses, events; /* statistics */
	uint64_t dropped;
	uint64_t unsettled; /* messages delivered, but not yet counted in a change (expirationCounter) */
	size_t taken;	    /* notes that are on their way out of the store */
};

/* The lane of a subscription for a target, made on first use. */
struct lane *lane_get(struct notifier *notifier, uint64_t subscription, struct str target);
struct lane *lane_find(const struct notifier *notifier, uint64_t subscription, struct str target);
/* Lanes of one subscription have the same hash in notifier->lanes. */
uint64_t lane_hash(uint64_t subscription);
/* Frees it if nobody needs it any more: no notes, nothing under way, no subscription. */
void lane_release(struct lane *lane);
void lane_destroy(struct lane *lane);
/* It may have something to do. */
void lane_wake(struct lane *lane);
/* The lane's turn: sends what may be sent now, or sets the time for the next look. */
void lane_run(struct lane *lane);

struct str lane_target_for_log(const struct lane *lane);
/* The subscription that the lane belongs to; NULL if it is gone. */
const struct subscription *lane_subscription(const struct lane *lane);
/* Do the schedules let notifications out now (TS-0004 7.5.1.2.2, step 3.0)? If not, *next_us is when they next do. */
bool lane_is_open(const struct lane *lane, const struct subscription *subscription, bool is_immediate,
		  int64_t *next_us);

static inline unsigned note_category(uint32_t flags)
{
	return flags >> NOTE_CATEGORY_SHIFT;
}

/* The next lane of the subscription after `previous` (NULL: the first); NULL at the end. */
struct lane *lane_next(const struct notifier *notifier, uint64_t subscription, const struct lane *previous);
/* Counts a note that is given up, and says so in the log now and then. */
void lane_count_dropped(struct lane *lane, const char *why);

/* ---- notes ---- */

/* The notes that are not under way, but for the newest `kept`, are dropped by this request's change. */
void notes_supersede(struct request *req, struct lane *lane, size_t kept);
void note_drop_text(struct note *note);
void note_leave_lane(struct note *note);

/* delivered.c: the first `count` notes of the lane are to leave the store. */
void notifier_take_off(struct lane *lane, unsigned count, bool is_delivered);
/* What was taken off so far becomes a change of its own. */
void notifier_take_done(struct notifier *notifier);
void note_destroy(struct note *note);

static inline struct note *note_first(const struct lane *lane)
{
	return list_empty(&lane->notes) ? NULL : container_of(lane->notes.next, struct note, in_lane);
}

#endif
