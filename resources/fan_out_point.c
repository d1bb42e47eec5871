/* <fanOutPoint>: a request to every member of a group: TS-0001 9.6.14, TS-0004 7.4.14. */
#include "cse/core/fanout.h"
#include "resources/group.h"
#include "resources/virtuals.h"

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
	size_t budget; /* members that may be looked at */
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

/* What is asked of a member of the group, by its index. */
struct selection {
	bool *is_whole;	   /* the member itself */
	struct str *below; /* members of the sub-group that it is, joined by `+`; ptr NULL: none */
};

static struct str join(struct arena *arena, struct str list, struct str id)
{
	return list.ptr ? arena_join(arena, list, STR("+"), id) : id;
}

/* A requested member is one of the group, or of a sub-group. */
static bool select_one(struct fan *fan, struct selection *selection, struct str id)
{
	struct cse *cse = fan->req->cse;
	struct wanted wanted = wanted_member(cse, id);
	const struct member *member = group_find(fan->group, &wanted);
	bool found = member != NULL;

	if (found)
		selection->is_whole[member - fan->group->members] = true;
	wanted.budget = fan->budget;
	for (size_t i = 0; !member && wanted.budget && i < fan->group->count; i++) {
		wanted.budget--;
		if (!group_lists_below(cse, &fan->group->members[i], &wanted, 0))
			continue;
		selection->below[i] = join(&fan->req->arena, selection->below[i], id);
		found = true;
	}
	fan->budget = wanted.budget;
	return found;
}

/* TS-0004 7.4.14.2.4. */
static enum rsc add_requested(struct fan *fan)
{
	enum { MOST = 1000 };
	struct request *req = fan->req;
	size_t count = fan->group->count;
	struct selection selection = {arena_zalloc(&req->arena, count * sizeof(bool)),
				      arena_zalloc(&req->arena, count * sizeof(struct str))};
	struct str rest = req->param[PARAM_groupRequestTargetMembers];

	for (unsigned i = 0; rest.ptr; i++) {
		struct str id = str_split(&rest, '+');

		if (i == MOST)
			return req_fail(req, RSC_BAD_REQUEST, "groupRequestTargetMembers (grtm): more than %d", MOST);
		if (!select_one(fan, &selection, id))
			return req_fail(req, RSC_BAD_REQUEST, "groupRequestTargetMembers (grtm): \"%.*s\" is no member",
					id.len > 100 ? 100 : (int)id.len, id.ptr);
	}
	for (size_t i = 0; i < count; i++)
		if (selection.is_whole[i] || selection.below[i].ptr)
			add_target(fan, fan->group->members[i].id,
				   selection.is_whole[i] ? (struct str){0} : selection.below[i]);
	return RSC_NONE;
}

/* ---- the fan-out ---- */

static enum rsc add_targets(struct fan *fan)
{
	if (request_has(fan->req, PARAM_groupRequestTargetMembers))
		return add_requested(fan);
	for (size_t i = 0; i < fan->group->count; i++)
		add_target(fan, fan->group->members[i].id, (struct str){0});
	return RSC_NONE;
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
	struct fan fan = {.req = req, .group = group_of(req->cse, req->target.resource), .budget = MOST_LOOKS};
	enum rsc code = check_child_type(req);

	if (code != RSC_NONE)
		return code;
	if (fan.group->count == 0)
		return req_fail(req, RSC_NO_MEMBERS, "the group has no members");
	fan.targets = arena_alloc(&req->arena, fan.group->count * sizeof(*fan.targets));
	code = add_targets(&fan);
	if (code != RSC_NONE)
		return code;
	group_take_subscription(req);
	return fanout_start(req, fan.targets, fan.count, fan.is_nested);
}

const struct virtual_hooks virtual_fan_out_point = {
	.long_name = FANOUT_POINT,
	.operations = OP_BIT(OP_CREATE) | OP_BIT(OP_RETRIEVE) | OP_BIT(OP_UPDATE) | OP_BIT(OP_DELETE),
	.authorize = authorize,
	.perform = perform,
	.takes_suffix = true,
};
