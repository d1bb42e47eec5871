/* cse: one running CSE. There are no globals: a test runs several in one process. */
#ifndef CSE_CORE_CSE_H
#define CSE_CORE_CSE_H

#include "cse/base/log.h"
#include "cse/base/loop.h"
#include "cse/core/binding.h"
#include "cse/store/store.h"
#include "schemas/schema.h"

enum cse_type { CSE_IN = 1, CSE_MN = 2, CSE_ASN = 3 }; /* TS-0004 6.3.4.2.2 */

struct virtual_hooks; /* hooks.h */

/* Strings outlive the CSE. 0 for a number means "none" where it says so. */
struct cse_config {
	const struct virtual_hooks *const *virtuals; /* what stands behind fixed child names; NULL-terminated */
	const char *id;				     /* "/id-in" */
	const char *name;			     /* resourceName of the CSEBase */
	enum cse_type type;
	const char *sp_id;	    /* without the leading "//" */
	const char *admin;	    /* originator with every right; "": none */
	bool admin_from_anywhere;   /* honour it from any peer */
	const char *releases;	    /* served values of Release Version Indicator, comma separated */
	const char *ae_originators; /* comma separated patterns of AE-ID-Stems that may register, `*` matches any run of
				       characters */
	const char *base_create; /* comma separated names of types that every originator may create below the CSEBase */
	bool strict;		 /* From is judged by TS-0004 7.3.2.1 to the letter, not by policies alone */
	bool require_subscription;    /* an AE registers only with a service subscription */
	const char *points_of_access; /* comma separated URLs shown in the CSEBase; "": none */
	struct decode_limits decode;
	uint64_t most_aes;				 /* registered at once; 0 here and below: any number */
	uint64_t most_children, most_groups, most_bytes; /* of one originator: quota.h */
	int64_t fanout_timeout_s;			 /* for the answers of a group's members */
	unsigned max_requests;				 /* in work at once */
	int64_t notify_timeout_s;			 /* for a target's answer */
	int64_t notify_max_age_s;			 /* how long an undelivered notification is kept */
	int64_t notify_retry_longest_s;			 /* pause between two attempts */
	uint64_t notify_most_queued;			 /* of one subscription for one target */
	size_t notify_most_in_flight;			 /* messages that wait for an answer */
	int64_t poll_timeout_s;				 /* of a poll that names no time itself */
	int64_t result_persistence_s;			 /* of a non-blocking request that names none */
	uint64_t most_deferrals;			 /* non-blocking requests whose <request> is kept */
	int64_t batch_duration_s;			 /* of batchNotify and notifyAggregation that name none */
	bool notify_unverified;				 /* subscriptions are made without asking their targets */
	size_t cache_bytes;				 /* recent instances kept in memory */
	int64_t expiration_default_s, expiration_max_s;
	int64_t expiration_grace_s;			/* how long nothing expires after the wall clock jumped */
	uint64_t discovery_results;			/* most resources that one answer lists; 0: 1000 */
	uint64_t discovery_cost;			/* most that are looked at for it; 0: 20000 */
	uint64_t default_mni, default_mbs, default_mia; /* of new containers; 0: none */
};

struct cse;
struct notification_counts; /* notifier.h */

/* schema and store stay the caller's; the store is loaded, and a new one gets its CSEBase.
 * 0, or a negative error and a sentence for the operator. */
WARN_UNUSED int cse_open(const struct cse_config *config, struct loop *loop, struct clock *clock, struct log *log,
			 struct schema *schema, struct store *store, struct cse **cse, char *message, size_t size);
/* Before the bindings drain: polls that find nothing are answered at once from now on; those that wait, and requests
 * that are to be performed later, end now. */
void cse_end_waiting(struct cse *cse);
/* Every request must have been answered (see cse_is_idle). Writes a last snapshot. */
void cse_close(struct cse *cse);
/* From now on the numbers of config bound what requests may ask for; which CSE this is, and whom it serves, stays. */
void cse_set_limits(struct cse *cse, const struct cse_config *config);
/* Nothing in work and nothing uncommitted. */
bool cse_is_idle(const struct cse *cse);

/* Checks that memory is consistent in itself (indexes, parents, counters against key lists). Returns NULL, or what is
 * wrong (static or a buffer of the CSE). For tests and `copse verify`. */
const char *cse_check(struct cse *cse);
void cse_count_notifications(const struct cse *cse, struct notification_counts *counts);
/* Counts for tests and start-up logs. */
size_t cse_resource_count(const struct cse *cse);

#endif
