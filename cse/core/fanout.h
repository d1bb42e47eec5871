/* fanout: one request becomes many, and their answers become one (TS-0004 7.4.14.2.4, 7.4.14.2.5).
 *
 * The request is parked. Each member is a request of its own that goes through the whole procedure with the
 * originator's From. Members are begun in slices between which the loop serves everybody else; what they view belongs
 * to the fan-out, which outlives the parked request if that has to be answered early. */
#ifndef CSE_CORE_FANOUT_H
#define CSE_CORE_FANOUT_H

#include "cse/base/loop.h"
#include "cse/core/request.h"

struct fan_target {
	struct str id;	 /* From of the member's answer */
	struct str to;	 /* To of its request */
	struct str only; /* Group Request Target Members of its request; ptr NULL: all */
};

struct fans {
	struct list waiting;	/* fan-outs that have members to begin */
	struct list complete;	/* those whose members have all answered */
	struct list remembered; /* Group Request Identifiers that came from elsewhere */
	struct map noted;	/* all Group Request Identifiers, by them and their targets */
	struct loop_task work;
	bool is_posted;
	size_t in_flight; /* members' requests in work */
	struct cse *cse;
};

/* Parks the request and sends what it asks for to each target; the texts are copied. is_nested: a target fans out
 * further, so that a Group Request Identifier is needed. RSC_PENDING. */
enum rsc fanout_start(struct request *req, const struct fan_target *targets, size_t count, bool is_nested);

void fans_start(struct fans *fans, struct cse *cse);
void fans_stop(struct fans *fans);

/* ---- group_request.c: Group Request Identifiers that have been seen, TS-0004 7.3.3.2 ---- */

struct fanout;

/* Those of one fan-out that made its identifier itself are forgotten when it ends. */
void group_requests_forget(struct list *noted);
/* The list that an identifier of this member's request is kept in; NULL: nobody here made it. */
struct list *fanout_noted(struct fanout *fan);
/* Notes (identifier, target). RSC_NONE or a refusal. */
enum rsc group_request_note(struct request *req, struct str gid, struct list *noted);

#endif
