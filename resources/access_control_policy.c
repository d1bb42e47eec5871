/* <accessControlPolicy>: TS-0001 9.6.2, TS-0004 7.4.2. Its rules are compiled once and judged by core. */
#include "cse/core/hooks.h"
#include "cse/core/policy_set.h"

/* A request is judged by every rule of a policy, while others wait: more than this belongs into a group. */
enum { MOST_VALUES = 5000 };

struct access_control_policy {
	struct policy *policy;
};

static enum rsc check_size(struct request *req, unsigned name)
{
	struct value rules = attrs_get(&req->attrs, name);

	if (value_is_absent(rules) || value_token(rules)->next - rules.token <= MOST_VALUES)
		return RSC_NONE;
	return req_fail(req, RSC_BAD_REQUEST, "%.*s: has more than %d names and values",
			STR_ARG(name_long(cse_schema(req->cse), name)), MOST_VALUES);
}

static enum rsc check_sizes(struct request *req, struct resource *resource, struct draft *draft)
{
	enum rsc code = check_size(req, ATTR_privileges);

	(void)resource;
	(void)draft;
	return code == RSC_NONE ? check_size(req, ATTR_selfPrivileges) : code;
}

static void attach(struct cse *cse, struct resource *resource)
{
	struct access_control_policy *acp = resource->state;
	const struct home home = cse_home(cse);

	policy_destroy(acp->policy);
	acp->policy = policy_create(resource_attribute(resource, name_short(NULL, ATTR_privileges)),
				    resource_attribute(resource, name_short(NULL, ATTR_selfPrivileges)), &home);
}

static void finish(struct resource *resource)
{
	struct access_control_policy *acp = resource->state;

	policy_destroy(acp->policy);
}

static const struct policy *policy_of(const struct resource *resource)
{
	const struct access_control_policy *acp = resource->state;

	return acp->policy;
}

static const struct type_hooks access_control_policy_hooks = {
	.state_size = sizeof(struct access_control_policy),
	.create = check_sizes,
	.update = check_sizes,
	.attach = attach,
	.finish = finish,
	.policy = policy_of,
};

#define TYPE_DEF "schemas/types/accessControlPolicy.def"
#define TYPE_HOOKS &access_control_policy_hooks
#include "schemas/define_type.h"
