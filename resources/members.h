/* members: the members that a request wants a <group> to have, judged: TS-0004 7.4.13.2.1 and 7.4.13.2.3. */
#ifndef RESOURCES_MEMBERS_H
#define RESOURCES_MEMBERS_H

#include "cse/core/hooks.h"

/* Takes memberIDs of the request into the draft: each once, not too many, of the right type, or what
 * consistencyStrategy says. Sets currentNrOfMembers and memberTypeValidated. */
enum rsc members_settle(struct request *req, struct draft *draft);
/* 6010 if there are more members than maxNrOfMembers allows. */
enum rsc members_check_count(struct request *req, const struct draft *draft, uint64_t count);

#endif
