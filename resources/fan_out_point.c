/* <fanOutPoint>: a request to every member of a group: TS-0001 9.6.14, TS-0004 7.4.14. */
#include "cse/core/fanout.h"
#include "resources/group.h"
#include "resources/virtuals.h"

enum { DEEPEST = 8 }; /* sub-groups in which requested members are looked for */

/* TS-0004 7.4.14.3: membersAccessControlPolicyIDs, or without them what holds for the group. The members' own rules
 * come when their turn does. */
static enum rsc authorize(struct request *req)
{
	struct resource *resource = req->target.resource;
	const struct group *group = resource->state;
	enum privilege privilege = privilege_of(req->op);

	if (group->policies ? may_by_set(req, group->policies, resource->type, privilege)
			    : may(req, resource, privilege))
		return RSC_NONE;
	return req_fail(req, RSC_ORIGINATOR_HAS_NO_PRIVILEGE, "the originator has no privilege for this operation");
}

/* What is sent to one member or another. */
struct fan {
	struct request *req;
	const struct group *group;
	struct fan_target *targets;
	size_t count;
	bool is_nested;
};

/* Does an address go through a further fanOutPoint? */
static bool has_segment(struct str address, struct str name)
{
	while (address.ptr)
		if (str_eq(str_split(&address, '/'), name))
			return true;
	return false;
}

static struct str address_of(struct request *req, struct str id)
{
	struct str suffix = req->target.suffix, attribute = req->target.attribute;

	return arena_printf(&req->arena, "%.*s%s%.*s%s%.*s", STR_ARG(id), suffix.ptr ? "/" : "", STR_ARG(suffix),
			    attribute.ptr ? "#" : "", STR_ARG(attribute));
}

static void add_target(struct fan *fan, struct str id, struct str only)
{
	struct fan_target *target = &fan->targets[fan->count++];

	*target = (struct fan_target){.id = id, .to = address_of(fan->req, id), .only = only};
	fan->is_nested |= has_segment(target->to, STR("fopt"));
}

/* ---- Group Request Target Members ---- */

static bool is_member(struct cse *cse, const struct member *member, struct str id)
{
	struct target target;

	if (str_eq(member->id, id))
		return true;
	return member->reference.holder && cse_find(cse, id, &target) == FOUND_HERE &&
	       member->virtual_ == target.virtual_ &&
	       member->reference.key == (target.instance ? target.instance : target.resource->key);
}

static bool has_below(struct cse *cse, const struct member *member, struct str id, unsigned depth);

static bool lists(struct cse *cse, const struct group *group, struct str id, unsigned depth)
{
	for (size_t i = 0; i < group->count; i++)
		if (is_member(cse, &group->members[i], id) || has_below(cse, &group->members[i], id, depth))
			return true;
	return false;
}

/* Is id a member of the sub-group that member is the fanOutPoint of? */
static bool has_below(struct cse *cse, const struct member *member, struct str id, unsigned depth)
{
	struct target target;

	return depth < DEEPEST && group_is_fanout(member->virtual_) &&
	       cse_find(cse, member->id, &target) == FOUND_HERE &&
	       lists(cse, group_of(cse, target.resource), id, depth + 1);
}

/* The requested members that are below this one, joined by `+`; ptr NULL: none. */
static struct str requested_below(struct request *req, const struct member *member)
{
	struct str rest = req->param[PARAM_groupRequestTargetMembers], list = {0};

	while (group_is_fanout(member->virtual_) && rest.ptr) {
		struct str id = str_split(&rest, '+');

		if (has_below(req->cse, member, id, 0))
			list = list.ptr ? arena_printf(&req->arena, "%.*s+%.*s", STR_ARG(list), STR_ARG(id)) : id;
	}
	return list;
}

static bool is_requested(struct request *req, const struct member *member)
{
	struct str rest = req->param[PARAM_groupRequestTargetMembers];

	while (rest.ptr)
		if (is_member(req->cse, member, str_split(&rest, '+')))
			return true;
	return false;
}

static enum rsc check_requested(struct request *req, const struct group *group)
{
	enum { MOST = 1000 };
	struct str rest = req->param[PARAM_groupRequestTargetMembers];

	for (unsigned i = 0; rest.ptr; i++) {
		struct str id = str_split(&rest, '+');

		if (i == MOST)
			return req_fail(req, RSC_BAD_REQUEST, "groupRequestTargetMembers (grtm): more than %d", MOST);
		if (!lists(req->cse, group, id, 0))
			return req_fail(req, RSC_BAD_REQUEST, "groupRequestTargetMembers (grtm): \"%.*s\" is no member",
					id.len > 100 ? 100 : (int)id.len, id.ptr);
	}
	return RSC_NONE;
}

/* ---- the fan-out ---- */

static void add_targets(struct fan *fan)
{
	bool is_subset = request_has(fan->req, PARAM_groupRequestTargetMembers);

	for (size_t i = 0; i < fan->group->count; i++) {
		const struct member *member = &fan->group->members[i];
		struct str below = {0};

		if (!is_subset || is_requested(fan->req, member))
			add_target(fan, member->id, below);
		else if ((below = requested_below(fan->req, member)).ptr)
			add_target(fan, member->id, below);
	}
}

/* TS-0004 7.4.14.2.1. */
static enum rsc check_child_type(struct request *req)
{
	uint64_t type = group_member_type(req->cse, req->target.resource);
	const struct type_def *parent = type <= UINT16_MAX ? schema_type(cse_schema(req->cse), (unsigned)type) : NULL;

	if (req->op != OP_CREATE || req->target.suffix.ptr || !parent || parent->ty == TY_group ||
	    type_allows_child(parent, req->ty))
		return RSC_NONE;
	return req_fail(req, RSC_INVALID_CHILD_RESOURCE_TYPE, "the members, each a <%s>, take no such child",
			parent->name);
}

static enum rsc perform(struct request *req)
{
	struct fan fan = {.req = req, .group = group_of(req->cse, req->target.resource)};
	enum rsc code = check_child_type(req);

	if (code == RSC_NONE)
		code = check_requested(req, fan.group);
	if (code != RSC_NONE)
		return code;
	if (fan.group->count == 0)
		return req_fail(req, RSC_NO_MEMBERS, "the group has no members");
	fan.targets = arena_alloc(&req->arena, fan.group->count * sizeof(*fan.targets));
	add_targets(&fan);
	return fanout_start(req, fan.targets, fan.count, fan.is_nested);
}

const struct virtual_hooks virtual_fan_out_point = {
	.long_name = FANOUT_POINT,
	.operations = OP_BIT(OP_CREATE) | OP_BIT(OP_RETRIEVE) | OP_BIT(OP_UPDATE) | OP_BIT(OP_DELETE),
	.authorize = authorize,
	.perform = perform,
	.takes_suffix = true,
};
