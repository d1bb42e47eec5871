/* group: what <group> and its <fanOutPoint> share. */
#ifndef RESOURCES_GROUP_H
#define RESOURCES_GROUP_H

#include "cse/core/cse.h"
#include "cse/core/hooks.h"

enum { DEEPEST = 8, MOST_LOOKS = 100000 };

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
	struct list forwards;	     /* where notifications go that came through an outer group: aggregation.c */
	size_t forward_count;
};

/* The group's members, with references to those that are here. */
const struct group *group_of(struct cse *cse, struct resource *resource);

/* Somebody who may be a member, directly or in a sub-group that a member ending in /fopt leads to. */
struct wanted {
	struct str id;
	enum found found;
	uint64_t key; /* of a resource or an instance here */
	const struct virtual_def *virtual_;
	size_t budget; /* members that may still be looked at */
};
struct wanted wanted_member(struct cse *cse, struct str id);
/* The direct member; NULL: none. */
struct member *group_find(const struct group *group, const struct wanted *wanted);
/* Is the member a sub-group that has it? Up to DEEPEST groups down and while the budget lasts. depth 0: from outside.
 */
bool group_lists_below(struct cse *cse, const struct member *member, struct wanted *wanted, unsigned depth);
bool group_is_fanout(const struct virtual_def *virtual_);
/* memberType; 0: mixed. */
uint64_t group_member_type(const struct cse *cse, const struct resource *resource);

/* ---- aggregation.c: notifications of the members ---- */

/* A CREATE of a <subscription> through the group: changes what is sent to the members. */
void group_take_subscription(struct request *req);
enum rsc group_authorize_notify(struct request *req, const struct resource *resource);
enum rsc group_notify(struct request *req);
void group_forget_forwards(struct group *group);
void group_print_hidden(struct cse *cse, const struct resource *resource, struct strbuf *out);
void group_read_hidden(struct cse *cse, const struct resource *resource, struct value hidden, struct arena *arena);

#endif
