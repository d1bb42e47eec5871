/* <accessControlPolicy>: TS-0001 9.6.2, TS-0004 7.4.2. Its rules are compiled once and judged by core. */
#include "cse/core/hooks.h"
#include "cse/core/policy_set.h"

struct access_control_policy {
	struct policy *policy;
};

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
	.attach = attach,
	.finish = finish,
	.policy = policy_of,
};

#define TYPE_DEF "schemas/types/accessControlPolicy.def"
#define TYPE_HOOKS &access_control_policy_hooks
#include "schemas/define_type.h"
