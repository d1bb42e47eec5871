/* Is the representation right for the operation? TS-0004 7.3.3.3 and 7.3.3.4. Fills req->type and req->attrs. */
#include "cse/core/state.h"

/* The one root member of the Content parameter: TS-0004 7.5.2. */
static enum rsc take_root(struct request *req, struct value *object, const struct type_def **type)
{
	struct value root, only;
	struct str name;

	if (req->content.len == 0)
		return req_fail(req, RSC_BAD_REQUEST, "content: missing");
	root = doc_root(&req->doc);
	if (value_type(root) != VALUE_OBJECT || value_token(root)->count != 1)
		return req_fail(req, RSC_BAD_REQUEST, "content: must be an object with one member, the resource");
	only = value_first(root);
	if (value_type(only) != VALUE_OBJECT)
		return req_fail(req, RSC_BAD_REQUEST, "content: the resource must be an object of attributes");
	*object = only;
	name = value_name(only);
	if (value_name_is_escaped(only))
		name = value_unescape(name, &req->arena);
	*type = schema_type_by_root(req->cse->schema, name);
	return RSC_NONE;
}

static enum rsc wrong_root(struct request *req, const char *expected)
{
	struct str name = value_name(value_first(doc_root(&req->doc)));

	return req_fail(req, RSC_BAD_REQUEST, "content: \"%.*s\" is no <%s>", name.len > 60 ? 60 : (int)name.len,
			name.ptr, expected);
}

/* Does the parent take such a child at all? */
static enum rsc check_child_type(struct request *req)
{
	const struct cse *cse = req->cse;
	const struct type_def *type = schema_type(cse->schema, req->ty), *parent = req->type;

	if (resource_type_is_of_in(req->ty) && cse->config.type != CSE_IN)
		return req_fail(req, RSC_OPERATION_NOT_ALLOWED, "<%s>: only on an IN-CSE", resource_type_name(req->ty));
	if (!type)
		return req_fail(req, RSC_NOT_IMPLEMENTED, "<%s>: not supported", resource_type_name(req->ty));
	if (type->flags & CSE_MADE)
		return req_fail(req, RSC_OPERATION_NOT_ALLOWED, "<%s>: not created by request", type->name);
	if (type->hooks && type->hooks->subscription && !type_allows_child(parent, req->ty))
		return req_fail(req, RSC_TARGET_NOT_SUBSCRIBABLE, "<%s>: takes no subscription", parent->name);
	if (!type_allows_child(parent, req->ty))
		return req_fail(req, RSC_INVALID_CHILD_RESOURCE_TYPE, "<%s>: no child of <%s>", type->name,
				parent->name);
	return RSC_NONE;
}

/* What this CSE does not do is refused, not stored and forgotten: TS-0004 7.3.3.3, 7.3.3.4. */
static enum rsc check_supported(struct request *req)
{
	static const uint16_t unsupported[] = {
		ATTR_announceTo,
		ATTR_announcedAttribute,
		ATTR_dynamicAuthorizationConsultationIDs,
	};

	for (size_t i = 0; i < sizeof(unsupported) / sizeof(unsupported[0]); i++) {
		struct value v = attrs_get(&req->attrs, unsupported[i]);
		struct str name = name_long(req->cse->schema, unsupported[i]);

		if (!value_is_absent(v) && value_type(v) != VALUE_NULL)
			return req_fail(req, RSC_NOT_IMPLEMENTED, "%.*s (%.*s): not supported", STR_ARG(name),
					STR_ARG(name_short(req->cse->schema, unsupported[i])));
	}
	return RSC_NONE;
}

enum { MOST_POLICIES = 32 }; /* each of them may have to be judged by */

static bool is_policy(const struct target *target)
{
	const struct type_hooks *hooks = target->resource->type->hooks;

	return !target->virtual_ && !target->instance && hooks && hooks->policy;
}

/* Whoever links what is no policy locks everybody out: it is refused, whether there is nothing or something else.
 * What another CSE hosts is taken as it is. */
static enum rsc check_linked(struct request *req)
{
	struct value list = attrs_get(&req->attrs, ATTR_accessControlPolicyIDs);

	if (value_is_absent(list) || value_type(list) != VALUE_ARRAY)
		return RSC_NONE;
	if (value_token(list)->count > MOST_POLICIES)
		return req_fail(req, RSC_BAD_REQUEST, "accessControlPolicyIDs (acpi): has more than %d elements",
				MOST_POLICIES);
	for (struct value v = value_first(list); !value_is_absent(v); v = value_next(list, v)) {
		struct target target;
		enum found found = cse_find(req->cse, value_string(v, &req->arena), &target);

		if (found != FOUND_ELSEWHERE && (found != FOUND_HERE || !is_policy(&target)))
			return req_fail(req, RSC_BAD_REQUEST,
					"accessControlPolicyIDs (acpi): names what is no <accessControlPolicy> here");
	}
	return RSC_NONE;
}

static enum rsc check_create(struct request *req)
{
	const struct type_def *type = NULL;
	struct problem problem;
	struct value object;
	enum rsc code = check_child_type(req);

	if (code == RSC_NONE)
		code = take_root(req, &object, &type);
	if (code != RSC_NONE)
		return code;
	if (!type || type->ty != req->ty)
		return wrong_root(req, resource_type_name(req->ty));
	code = validate_create(req->cse->schema, type, object, &req->arena, &req->attrs, &problem);
	if (code != RSC_NONE)
		return req_fail(req, code, "%s", problem.text);
	req->type = type;
	code = check_linked(req);
	return code == RSC_NONE ? check_supported(req) : code;
}

/* TS-0001 9.6.1.3.2. */
static enum rsc check_policies_alone(struct request *req, struct value object)
{
	if (value_token(object)->count > 1 && !value_is_absent(attrs_get(&req->attrs, ATTR_accessControlPolicyIDs)))
		return req_fail(req, RSC_BAD_REQUEST,
				"accessControlPolicyIDs (acpi): must be the only attribute of its UPDATE");
	return RSC_NONE;
}

static enum rsc check_update(struct request *req)
{
	const struct type_def *type = NULL;
	struct problem problem;
	struct value object;
	enum rsc code = take_root(req, &object, &type);

	if (code != RSC_NONE)
		return code;
	if (type != req->type)
		return wrong_root(req, req->type->name);
	code = validate_update(req->cse->schema, type, object, &req->arena, &req->attrs, &problem);
	if (code != RSC_NONE)
		return req_fail(req, code, "%s", problem.text);
	code = check_policies_alone(req, object);
	if (code == RSC_NONE)
		code = check_linked(req);
	return code == RSC_NONE ? check_supported(req) : code;
}

/* What a virtual resource does by itself, such as asking others, is judged there. */
static const struct virtual_hooks *performer(const struct request *req)
{
	const struct virtual_def *def = req->target.virtual_;
	const struct virtual_hooks *hooks = def ? virtual_find(req->cse, def->long_name) : NULL;

	return hooks && hooks->perform ? hooks : NULL;
}

enum rsc check_representation(struct request *req)
{
	if (performer(req))
		return RSC_NONE;
	switch (req->op) {
	case OP_CREATE:
		return check_create(req);
	case OP_UPDATE:
		return check_update(req);
	case OP_NOTIFY:
		return check_notification(req);
	case OP_NONE:
	case OP_RETRIEVE:
	case OP_DELETE:
		break;
	}
	return RSC_NONE;
}

enum rsc perform(struct request *req)
{
	static enum rsc (*const operations[])(struct request * req) = {
		[OP_CREATE] = perform_create, [OP_RETRIEVE] = perform_retrieve, [OP_UPDATE] = perform_update,
		[OP_DELETE] = perform_delete, [OP_NOTIFY] = perform_notify,
	};

	return performer(req) ? performer(req)->perform(req) : operations[req->op](req);
}
