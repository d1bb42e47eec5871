/* Who may do what: TS-0004 7.3.3.15, TS-0001 9.6.1.3.2. */
#include "cse/core/state.h"

/* The admin needs no credentials where only this machine can speak for it. */
bool is_admin(const struct request *req)
{
	const struct cse_config *config = &req->cse->config;

	if (config->admin[0] == '\0' || !str_eq(req->from, str_of(config->admin)))
		return false;
	return config->admin_from_anywhere || req->peer.is_direct_loopback || req->peer.is_authenticated;
}

/* A type without policies of its own is judged by its parent's; one with them that names none belongs to its creator.
 */
bool may(const struct request *req, const struct resource *resource, enum operation op)
{
	(void)op;
	if (is_admin(req))
		return true;
	if (str_eq(req->from, str_of(req->cse->config.admin)))
		return false; /* somebody who only claims its name owns nothing either */
	while (resource->type->flags & NO_ACPI && resource->parent)
		resource = resource->parent;
	if (resource->has_policies)
		return false; /* policies are set, and none that this CSE could evaluate grants anything */
	return req->from.len > 0 && resource->originator.len > 0 && str_eq(req->from, resource->originator);
}

static enum rsc denied(struct request *req)
{
	return req_fail(req, RSC_ORIGINATOR_HAS_NO_PRIVILEGE, "the originator has no privilege for this operation");
}

/* A CREATE asks for the right on the parent, but a registration has its own rule (TS-0004 7.4.5.2.1). */
enum rsc check_authorization(struct request *req)
{
	const struct resource *resource = req->target.resource;
	const struct type_def *type = req->op == OP_CREATE ? schema_type(req->cse->schema, req->ty) : NULL;

	if (type && type->hooks && type->hooks->authorize_create)
		return type->hooks->authorize_create(req, resource);
	return may(req, resource, req->op) ? RSC_NONE : denied(req);
}
