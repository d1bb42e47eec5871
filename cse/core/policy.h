/* policy: access control rules in a form that is quick to judge by, and the judgement of one request: TS-0003 7.1.
 * Which rules apply to a resource is the affair of policy_set.h and authorize.c. */
#ifndef CSE_CORE_POLICY_H
#define CSE_CORE_POLICY_H

#include "cse/core/originator.h"
#include "cse/core/request.h"

struct rule;

/* The rules of privileges or of selfPrivileges. */
struct rule_list {
	const struct rule *rules;
	unsigned count;
};

struct policy {
	struct rule_list privileges, self;
	/* There is a rule that looks at the time, the address, the roles or the authentication of a request: judged
	 * each time. */
	bool is_conditional;
};

/* From the two attributes' JSON (ptr NULL: no rules). What cannot be understood grants nothing. */
struct policy *policy_create(struct str privileges, struct str self, const struct home *home);
void policy_destroy(struct policy *policy);

/* What is asked, and by whom. */
struct access {
	struct cse *cse;
	unsigned privilege;	       /* one of enum privilege */
	unsigned child_ty;	       /* of a CREATE: the type to be created */
	const struct type_def *target; /* of a CREATE: the type of the parent */
	struct str from;
	bool has_identity;
	struct identity identity; /* of from */
	struct str roles;	  /* joined by '+' */
	const struct peer *peer;
	int64_t received_us;
	/* Is from a member of the group that address names? 1, 0, or -1 if it names no group. May lower until_us. */
	int (*is_member)(struct access *access, struct str address);
	int64_t until_us; /* how long the answer may be remembered if nothing else changes */
};

/* Those rules that do not look at the context of the request, or those that do: permitted if any rule of the two
 * permits. */
bool rules_permit(const struct rule_list *list, struct access *access);
bool rules_permit_in_context(const struct rule_list *list, struct access *access);

#endif
