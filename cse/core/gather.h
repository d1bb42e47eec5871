/* gather: notifications of a group's members for one subscriber, sent on as one (TS-0004 7.5.1.2.6). The requests that
 * bring them are parked until the subscriber has answered, so that whoever sent them keeps them until then. */
#ifndef CSE_CORE_GATHER_H
#define CSE_CORE_GATHER_H

#include "cse/core/outgoing.h"

/* What a group does with what comes. */
struct gathering_rule {
	uint64_t group;	     /* key */
	struct str target;   /* where it goes */
	uint64_t number;     /* of notifications that are enough */
	int64_t duration_us; /* that the first one waits at most */
};

/* Takes the notifications (m2m:sgn, or those within m2m:agn) of a checked NOTIFY. RSC_PENDING, or a refusal. */
enum rsc gather_notification(struct request *req, const struct gathering_rule *rule);
/* What has been gathered is refused. */
void gatherings_stop(struct cse *cse);

#endif
