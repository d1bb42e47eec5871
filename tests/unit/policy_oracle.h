/* policy_oracle: a slow and obvious implementation of TS-0003 7.1 over a simple model of resources, to compare
 * decisions with. */
#ifndef TESTS_UNIT_POLICY_ORACLE_H
#define TESTS_UNIT_POLICY_ORACLE_H

#include <stdbool.h>
#include <stdint.h>

enum { MOST_ITEMS = 3, MOST_RULES = 3, MOST_RESOURCES = 80, MOST_MEMBERS = 3, TEXT = 64 };

struct model_window {
	int minute_from, minute_to, hour_step, weekday; /* weekday -1: any; hour_step 1: any */
};

struct model_context {
	bool has_window, has_range, has_region;
	struct model_window window;
	const char *range; /* "10.0.0.0/8" */
};

struct model_object {
	int parent_ty; /* 0: not given */
	int child_ty[MOST_ITEMS];
	int count;
};

struct model_rule {
	char originator[MOST_ITEMS][TEXT];
	int originators, operations;
	struct model_context context[MOST_ITEMS];
	int contexts;
	struct model_object object[MOST_ITEMS];
	int objects;
	bool authenticated;
};

struct model_rules {
	struct model_rule rule[MOST_RULES];
	int count;
};

struct model_resource {
	bool exists;
	int ty, parent; /* parent -1: the CSEBase */
	char name[TEXT], id[TEXT], path[4 * TEXT], creator[TEXT];
	int64_t expires_s; /* 0: never within the test */
	bool has_policies;
	char policy[MOST_ITEMS][5 * TEXT]; /* addresses */
	int policies;
	struct model_rules privileges, self; /* of a policy */
	char member[MOST_MEMBERS][TEXT];     /* of a group: AE-ID-Stems */
	int members;
};

struct model {
	struct model_resource resource[MOST_RESOURCES];
	int64_t now_s;
};

struct model_request {
	char from[TEXT];
	const char *roles;   /* separated by '+', or NULL */
	const char *address; /* NULL: unknown */
	bool is_authenticated, is_loopback;
	int privilege, child_ty;
};

/* Does the resource, and everything above it, exist at this time? */
bool model_lives(const struct model *model, int resource);
/* TS-0004 7.3.3.15 for the resource; with `link`: for a change of its accessControlPolicyIDs. */
bool model_allows(const struct model *model, int resource, const struct model_request *request, bool link);

#endif
