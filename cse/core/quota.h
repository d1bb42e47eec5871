/* quota: how much each originator has: resources, groups, bytes; kept with the tree, so that every way a resource comes
 * and goes counts (request, undo, expiration, start). Instances and their content count for the originator of their
 * parent. */
#ifndef CSE_CORE_QUOTA_H
#define CSE_CORE_QUOTA_H

#include "cse/base/map.h"
#include "cse/base/str.h"
#include "schemas/schema.h"
#include "schemas/status.h"

struct request;
struct resource;
struct tree;

struct use {
	uint64_t resources; /* instances included, registrations not */
	uint64_t groups;
	uint64_t bytes; /* of attributes and of content */
};

/* One originator's; exists while it has something. */
struct quota {
	struct map_node node;
	size_t holders; /* resources */
	struct use use, counted;
	struct str originator; /* behind the struct */
};

struct quotas {
	struct map by_originator;
	uint64_t registrations; /* of AEs */
};

/* Called by tree.c. */
void quota_attach(struct tree *tree, struct resource *resource);
void quota_detach(struct tree *tree, struct resource *resource);
void quotas_finish(struct quotas *quotas);
/* The text or the instances of a resource have changed; nothing while it is outside the tree. */
void quota_adjust(struct resource *resource, int64_t resources, int64_t bytes);
/* After the load of instances. */
void quotas_recount(struct tree *tree);
/* Do the counters agree with the tree? */
bool quotas_agree(struct tree *tree);

/* May a resource of this type and size be created? Below parent: an instance. 5207 and which limit is reached. */
enum rsc quota_admit(struct request *req, const struct resource *parent, const struct type_def *type, uint64_t bytes);
/* May the attributes of a resource grow to this size? */
enum rsc quota_admit_update(struct request *req, const struct resource *resource, uint64_t bytes);

#endif
