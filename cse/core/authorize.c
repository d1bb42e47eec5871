/* Who may do what: TS-0004 7.3.3.15, TS-0001 9.6.1.3.2. */
#include "cse/core/filter.h"
#include "cse/core/state.h"

/* The admin needs no credentials where only this machine can speak for it. */
bool is_admin(const struct request *req)
{
	const struct cse_config *config = &req->cse->config;

	if (config->admin[0] == '\0' || req->peer.is_no_admin || !str_eq(req->from, str_of(config->admin)))
		return false;
	return config->admin_from_anywhere || req->peer.is_direct_loopback || req->peer.is_authenticated;
}

/* Somebody who only claims the admin's name may do nothing. */
static bool is_false_admin(const struct request *req)
{
	return str_eq(req->from, str_of(req->cse->config.admin));
}

static const struct policy *policy_of(const struct resource *resource)
{
	const struct type_hooks *hooks = resource->type->hooks;

	return hooks && hooks->policy ? hooks->policy(resource) : NULL;
}

/* What holds where no policy is linked: the creator has all rights, and the CSEBase, which nobody created, lets
 * everybody create what the configuration names (TS-0001 9.6.1.3.2). */
static bool may_by_default(const struct request *req, const struct resource *resource, enum privilege privilege)
{
	const char *name;

	if (!resource->parent) {
		name = privilege == PRIVILEGE_CREATE ? resource_type_name(req->ty) : NULL;
		return name && str_has_item(str_of(req->cse->config.base_create), str_of(name));
	}
	return req->from.len > 0 && str_eq(req->from, resource->originator);
}

bool may(const struct request *req, const struct resource *resource, enum privilege privilege)
{
	const struct type_def *target = resource->type;
	const struct policy *policy;

	if (is_admin(req))
		return true;
	if (is_false_admin(req))
		return false;
	/* A type without policies of its own is judged by its parent's; a policy by its own selfPrivileges. */
	while (!(policy = policy_of(resource)) && resource->type->flags & NO_ACPI && resource->parent)
		resource = resource->parent;
	if (policy)
		return rules_permit_request(req, &policy->self, privilege, target);
	if (resource->policies)
		return policy_set_permits(req, resource->policies, privilege, target, false);
	return may_by_default(req, resource, privilege);
}

bool may_by_set(const struct request *req, struct policy_set *set, const struct type_def *target,
		enum privilege privilege)
{
	return is_admin(req) || (!is_false_admin(req) && policy_set_permits(req, set, privilege, target, false));
}

/* Who links other policies needs UPDATE in selfPrivileges of one that is linked now: TS-0001 9.6.1.3.2. */
static bool may_link(const struct request *req, const struct resource *resource)
{
	struct policy_set *set = resource->policies;

	if (!set)
		return may(req, resource, PRIVILEGE_UPDATE);
	if (is_admin(req))
		return true;
	return !is_false_admin(req) && policy_set_permits(req, set, PRIVILEGE_UPDATE, resource->type, true);
}

/* Does the content, which has not been validated yet, set or delete accessControlPolicyIDs? */
static bool links_policies(struct request *req)
{
	struct value object, root;

	if (req->op != OP_UPDATE || req->content.len == 0 || req->target.virtual_ || req->target.instance ||
	    type_row(req->target.resource->type, ATTR_accessControlPolicyIDs) < 0)
		return false;
	root = doc_root(&req->doc);
	object = value_type(root) == VALUE_OBJECT ? value_first(root) : (struct value){0};
	if (value_is_absent(object) || value_type(object) != VALUE_OBJECT)
		return false;
	for (struct value v = value_first(object); !value_is_absent(v); v = value_next(object, v)) {
		struct str name = value_name(v);

		if (value_name_is_escaped(v))
			name = value_unescape(name, &req->arena);
		if (str_eq(name, name_short(req->cse->schema, ATTR_accessControlPolicyIDs)))
			return true;
	}
	return false;
}

enum privilege privilege_of(enum operation op)
{
	static const enum privilege privileges[] = {
		[OP_CREATE] = PRIVILEGE_CREATE, [OP_RETRIEVE] = PRIVILEGE_RETRIEVE, [OP_UPDATE] = PRIVILEGE_UPDATE,
		[OP_DELETE] = PRIVILEGE_DELETE, [OP_NOTIFY] = PRIVILEGE_NOTIFY,
	};

	return privileges[op];
}

static enum rsc denied(struct request *req)
{
	return req_fail(req, RSC_ORIGINATOR_HAS_NO_PRIVILEGE, "the originator has no privilege for this operation");
}

/* A CREATE asks for the right on the parent, but a registration has its own rule (TS-0004 7.4.5.2.1). */
enum rsc check_authorization(struct request *req)
{
	const struct resource *resource = req->target.resource;
	const struct virtual_def *def = req->target.virtual_;
	const struct virtual_hooks *hooks = def ? virtual_find(req->cse, def->long_name) : NULL;
	const struct type_def *type = req->op == OP_CREATE ? schema_type(req->cse->schema, req->ty) : NULL;

	commit_depend(req, req->cse->policies.batch);
	if (hooks && hooks->authorize)
		return hooks->authorize(req);
	if (req->query && req->query->is_discovery)
		return RSC_NONE; /* each result is judged instead: TS-0004 7.3.3.14 */
	if (type && type->hooks && type->hooks->authorize_create)
		return type->hooks->authorize_create(req, resource);
	if (req->is_own)
		return RSC_NONE;
	if (req->op == OP_NOTIFY && resource->type->hooks->authorize_notify)
		return resource->type->hooks->authorize_notify(req, resource);
	if (links_policies(req))
		return may_link(req, resource) ? RSC_NONE : denied(req);
	if (!may(req, resource, privilege_of(req->op)))
		return denied(req);
	return resource->type->hooks && resource->type->hooks->authorize_more && !req->target.instance
		       ? resource->type->hooks->authorize_more(req, resource)
		       : RSC_NONE;
}
