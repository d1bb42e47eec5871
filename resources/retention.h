/* retention: how many instances a parent keeps, how many bytes of them and for how long (TS-0004 7.4.7.2.1). */
#ifndef RESOURCES_RETENTION_H
#define RESOURCES_RETENTION_H

#include "cse/core/hooks.h"

#define RETENTION_NONE UINT64_MAX

/* RETENTION_NONE: no limit. */
struct retention {
	uint64_t max_count, max_bytes, max_age_s;
};

/* From the attributes maxNrOfInstances, maxByteSize and maxInstanceAge. */
struct retention retention_of_draft(const struct draft *draft);
struct retention retention_of_resource(struct cse *cse, const struct resource *resource);

/* A new instance of head->size bytes: is it acceptable? Makes room and bounds its expiration. */
enum rsc retention_admit(struct request *req, struct resource *parent, const struct retention *retention,
			 struct draft *draft, struct instance_head *head);
/* Removes the oldest until the limits hold. */
enum rsc retention_apply(struct request *req, struct resource *parent, const struct retention *retention);
/* Removes the oldest as far as they have expired or are too old, and sets the time of the next look. */
enum rsc retention_sweep(struct request *req, struct resource *parent, const struct retention *retention);

#endif
