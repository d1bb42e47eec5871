/* outgoing: a request that this CSE sends, to whatever its target leads to: a URL, the points of access of an entity
 * that is registered here (TS-0004 7.3.3.9.1: the next one only if one cannot be reached) or its polling channel, or a
 * resource of this CSE that takes the request itself. */
#ifndef CSE_CORE_OUTGOING_H
#define CSE_CORE_OUTGOING_H

#include "cse/base/loop.h"
#include "cse/core/binding.h"
#include "cse/core/request.h"

enum { OUTGOING_REASON = sizeof(((struct hop *)0)->reason) };

struct outgoing {
	/* ---- the caller's; texts stay valid until done ---- */
	struct str target; /* as listed: a URL with or without `ct`, or a resource identifier */
	enum operation op;
	struct str from, identifier;
	struct str content; /* canonical JSON; empty: none */
	unsigned category;  /* Event Category; 0: none */
	int64_t timeout_us;
	bool is_patient; /* may wait in a polling channel for as long as nobody polls; the timeout counts from then */
	/* Called once, never from within outgoing_send. */
	void (*done)(struct outgoing *out);

	/* ---- valid during done ---- */
	enum hop_outcome outcome;
	enum rsc rsc;	   /* if it was answered */
	struct str answer; /* content of the answer; empty: none */
	char reason[OUTGOING_REASON];
	uint64_t registration; /* key of that of the entity it was for; 0: it was for none */

	/* ---- of outgoing.c ---- */
	struct list link; /* in cse->outgoings.complete, or .under_way */
	struct cse *cse;
	struct arena arena;
	struct str *points; /* where it may go, in order */
	unsigned point_count, next_point;
	struct hop hop;
	const struct open_binding *via; /* while the hop is a binding's */
	struct request *local;		/* while a resource of this CSE has it */
	struct list in_channel;		/* of a polling channel, while is_in_channel */
	struct timer expiry;		/* of the time in it */
	bool is_in_channel, is_fetched;
	struct inquiry *asker;
};

/* A binding that hops go out through. */
struct open_binding {
	struct list link;
	const struct binding *binding;
	struct binding_state *state;
};

struct outgoings {
	struct list bindings; /* struct open_binding */
	struct list complete; /* whose done is to be called */
	struct list under_way;
	struct list polls; /* parked in polling channels: channel.c */
	bool polls_have_ended;
	struct loop_task task;
	bool is_posted;
	struct cse *cse;
};

/* {0} but for the caller's members. Exactly one done, unless it is cancelled before. */
void outgoing_send(struct cse *cse, struct outgoing *out);
/* Takes it back: done is not called. */
void outgoing_cancel(struct outgoing *out);

/* For what carries it: it has ended so; rsc and answer are set if it was answered. */
void outgoing_end(struct outgoing *out, enum hop_outcome outcome, const char *reason);

/* Is this a target by URL? */
bool is_url(struct str target);
/* What is kept as a target can be read by others: no secret in a URL. what: the parameter or attribute, in the
 * refusal. */
enum rsc check_url(struct request *req, const char *what, struct str target);
/* The target without its indication of a serialization (TS-0004 table 7.4.8.1-3), in the arena if it has one. */
struct str url_without_serialization(struct str url, struct arena *arena, struct str *serialization);

/* One request of others' that waits for answers to several of this CSE's: a verification, a forwarded NOTIFY. The
 * request is parked meanwhile and holds nothing of the tree. */
struct inquiry {
	struct request *req;
	unsigned count, left;
	struct outgoing *outs; /* count of them */
	void (*done)(struct inquiry *inquiry);
};

/* In the request's arena; the caller fills outs but for done, then sends it. */
struct inquiry *inquiry_create(struct request *req, unsigned count, void (*done)(struct inquiry *inquiry));
/* RSC_PENDING. */
enum rsc inquiry_send(struct inquiry *inquiry);
/* What is left of the time that the request has (rset, rqet), at most longest_us. */
int64_t request_time_left(const struct request *req, int64_t longest_us);
/* An identifier for a request of this CSE's. */
struct str new_request_identifier(struct request *req);

void outgoings_start(struct outgoings *outgoings, struct cse *cse);
void outgoings_stop(struct outgoings *outgoings);

#endif
