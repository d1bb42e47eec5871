/* group: what <group> and its <fanOutPoint> share. */
#ifndef RESOURCES_GROUP_H
#define RESOURCES_GROUP_H

#include "cse/core/cse.h"
#include "cse/core/hooks.h"

#define FANOUT_POINT "fanOutPoint"

struct member {
	struct str id; /* as listed; a view of the resource's text */
	struct reference reference;
	const struct virtual_def *virtual_; /* the member is a virtual resource */
};

/* resource->state of a <group>. */
struct group {
	struct holder holder;
	struct member *members;
	size_t count;
	bool is_resolved;
	struct policy_set *policies; /* membersAccessControlPolicyIDs; NULL: not set */
};

/* The group's members, with references to those that are here. */
const struct group *group_of(struct cse *cse, struct resource *resource);
bool group_is_fanout(const struct virtual_def *virtual_);
/* memberType; 0: mixed. */
uint64_t group_member_type(const struct cse *cse, const struct resource *resource);

#endif
