/* events: what has happened to a resource, told to whoever has subscribed to it (TS-0004 7.5.1.2.2, step 1.0). The
 * procedures call these functions when they have done something and before the answer; what matches becomes
 * notifications in the request's change list (notifier.h). */
#ifndef CSE_CORE_EVENTS_H
#define CSE_CORE_EVENTS_H

#include "cse/core/instances.h"
#include "cse/core/request.h"

/* A child has been created. */
void events_created(struct request *req, struct resource *resource);
void events_created_instance(struct request *req, struct resource *parent, const struct instance *instance);
/* The attributes that the request names have been changed. */
void events_updated(struct request *req, struct resource *resource);
/* Before a resource goes, with all below it: deletions, and the end of the subscriptions among them. */
void events_removing(struct request *req, struct resource *top);
void events_removing_instance(struct request *req, struct resource *parent, uint64_t key);
/* A RETRIEVE of what is below found no instance. */
void events_missed(struct request *req, struct resource *resource);
/* An operation on a resource has been tried, whatever came of it. */
void events_operated(struct request *req, struct resource *resource);
/* The subscription that holds back an UPDATE with the attributes of this request, or NULL. */
const struct subscription *events_blocking(const struct request *req, const struct resource *resource);

#endif
