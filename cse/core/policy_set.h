/* policy_set: the policies that resources with the same accessControlPolicyIDs share, and what was decided by them. A
 * decision is remembered until any policy, group or role changes; what depends on the context of a request is judged
 * each time. */
#ifndef CSE_CORE_POLICY_SET_H
#define CSE_CORE_POLICY_SET_H

#include "cse/core/policy.h"

struct verdict;

/* One per CSE. {0} is the empty one. */
struct policies {
	struct map sets; /* by the text of the attribute */
	uint64_t seed;
	uint64_t generation; /* goes up with every change of a policy or of what policies name */
	uint64_t batch;	     /* that will make the newest change durable */
	uint64_t last_number;
	struct verdict *memo; /* MEMO_SIZE of them, from the first use on */
};

struct policy_set {
	struct map_node node; /* in owner->sets */
	struct policies *owner;
	unsigned references;
	uint64_t number; /* never given twice, so that a verdict cannot outlive its set */
	struct str text;
	struct str *ids; /* as the attribute lists them */
	unsigned id_count;
	/* What the identifiers lead to, as of generation and before until_us. */
	const struct policy **members;
	unsigned member_count;
	bool is_conditional;
	uint64_t generation;
	int64_t until_us;
};

/* The set for an attribute's JSON list; shared, to be released by everyone who took it. */
struct policy_set *policy_set_take(struct policies *policies, struct str list);
void policy_set_release(struct policy_set *set); /* takes NULL */
void policies_finish(struct policies *policies);

/* A resource has come, changed or gone; matters if it is a policy or a group. */
void policies_note_change(struct cse *cse, const struct resource *resource);

/* Does one of the linked policies permit this: by its privileges, or with `self` by its selfPrivileges? Identifiers
 * that lead nowhere give nothing. */
bool policy_set_permits(const struct request *req, struct policy_set *set, unsigned privilege,
			const struct type_def *target, bool self);
/* The same by one list of rules. */
bool rules_permit_request(const struct request *req, const struct rule_list *list, unsigned privilege,
			  const struct type_def *target);
/* What home-relative identifiers of originators are relative to. */
struct home cse_home(const struct cse *cse);

#endif
