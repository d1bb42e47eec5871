/* non_blocking: requests that are acknowledged first and performed later (TS-0004 7.3.2.2 to 7.3.2.5, 7.4.12).
 *
 * A <request> resource below the CSEBase stands for each. Its row of the store keeps the whole primitive until it has
 * been performed, and the result is stored with what the operation has changed, in one transaction: after a crash every
 * acknowledged request has been performed exactly once or is still to be. */
#ifndef CSE_CORE_NON_BLOCKING_H
#define CSE_CORE_NON_BLOCKING_H

#include "cse/base/loop.h"
#include "cse/base/map.h"
#include "cse/core/request.h"

/* What a <request> keeps of the request that it stands for: its resource->state. */
struct deferral {
	struct map_node node; /* in cse->deferrals while it is pending */
	struct cse *cse;
	uint64_t key; /* of the <request> */
	bool is_pending;
	char *primitive;	     /* heap, see deferral.c; NULL: none is to be performed any more */
	struct str from, identifier; /* of the request; heap, behind one another */
	int64_t due_us;
	struct timer timer;
	struct request *running; /* while it is performed */
};

/* Recv-3.0: makes the <request> and the acknowledgement; the code, which is a success or a refusal. */
enum rsc non_blocking_accept(struct request *req, bool is_asynchronous);
/* A blocking request whose time is later: RSC_PENDING, and it goes on then. */
enum rsc blocking_hold(struct request *req, int64_t due_us);
/* Is one with this originator and identifier pending? */
bool non_blocking_is_pending(const struct cse *cse, struct str from, struct str identifier);
/* What it has changed was taken back: is it to be performed again? Not if its <request> could not be stored either. */
bool non_blocking_goes_on(struct request *req);
/* Recv-7.0 and 8.0: the request that stood for it has its answer; before it is committed. */
void non_blocking_settle(struct request *req);

/* For the resource type. attach and finish as the hooks; begin takes the primitive that is to be performed. */
void deferral_attach(struct deferral *deferral, struct cse *cse, const struct resource *resource);
void deferral_begin(struct deferral *deferral, struct str primitive);
void deferral_finish(struct deferral *deferral);

/* meta_information.c: the value of the attribute as JSON, and whether it is right (RSC_NONE or a refusal). */
struct str meta_information_print(struct request *req);
enum rsc meta_information_check(struct request *req, struct str text);

/* deferral.c: the primitive, with these parameters, as a JSON object, and back into a new request. targets: where the
 * result goes. */
struct str deferral_print(struct request *req, const struct str param[PARAM_COUNT], int64_t due_us,
			  const struct str *targets, unsigned target_count);
bool deferral_restore(const struct deferral *deferral, struct request *req);
/* Fills the members of the deferral that say when and for whom; false: it is no such object. */
bool deferral_read(struct deferral *deferral, struct arena *arena);
/* The list of targets; absent: the primitive cannot be read. */
struct value deferral_targets(const struct deferral *deferral, struct arena *arena);

#endif
