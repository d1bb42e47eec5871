/* <group>: TS-0001 9.6.13, TS-0004 7.4.13. The fan-out is in fan_out_point.c, the judgement of members in members.c. */
#include "resources/group.h"

#include "resources/members.h"

#include <stdlib.h>

bool group_is_fanout(const struct virtual_def *virtual_)
{
	return virtual_ && strcmp(virtual_->long_name, FANOUT_POINT) == 0;
}

uint64_t group_member_type(const struct cse *cse, const struct resource *resource)
{
	uint64_t type;

	return str_to_u64(resource_attribute(resource, name_short(cse_schema(cse), ATTR_memberType)), &type) == 0 ? type
														  : 0;
}

/* ---- members in memory ---- */

static void drop_members(struct group *group)
{
	for (size_t i = 0; i < group->count; i++)
		reference_clear(&group->members[i].reference);
	free(group->members);
	group->members = NULL;
	group->count = 0;
	group->is_resolved = false;
}

/* The next string of a JSON list that this CSE has printed without escapes; ptr NULL at the end. */
static struct str next_string(struct str *rest)
{
	const char *open = rest->len ? memchr(rest->ptr, '"', rest->len) : NULL, *close;
	struct str string;

	if (!open)
		return (struct str){0};
	string = str_from(*rest, (size_t)(open - rest->ptr) + 1);
	close = memchr(string.ptr, '"', string.len);
	string.len = (size_t)(close - string.ptr);
	*rest = str_from(*rest, (size_t)(close - rest->ptr) + 1);
	return string;
}

static void attach(struct cse *cse, struct resource *resource)
{
	struct group *group = resource->state;
	const struct schema *schema = cse_schema(cse);
	struct str list = resource_attribute(resource, name_short(schema, ATTR_memberIDs)), rest = list, id;
	struct str policies = resource_attribute(resource, name_short(schema, ATTR_membersAccessControlPolicyIDs));
	struct policy_set *previous = group->policies;
	size_t count = 0;

	if (!group->holder.resource) {
		holder_init(&group->holder, cse, resource);
		list_init(&group->forwards);
	}
	drop_members(group);
	while (next_string(&rest).ptr)
		count++;
	group->members = xzalloc((count + 1) * sizeof(*group->members));
	for (rest = list; (id = next_string(&rest)).ptr; group->count++)
		group->members[group->count].id = id;
	holder_announce(&group->holder);
	group->policies = policies.ptr ? policy_set_take(cse_policies(cse), policies) : NULL;
	policy_set_release(previous);
}

static void finish(struct resource *resource)
{
	struct group *group = resource->state;

	if (!group->holder.resource)
		return;
	drop_members(group);
	group_forget_forwards(group);
	policy_set_release(group->policies);
	holder_finish(&group->holder);
}

static void resolve(struct cse *cse, struct resource *resource)
{
	struct group *group = resource->state;
	struct target target;

	if (group->is_resolved)
		return;
	group->is_resolved = true;
	for (size_t i = 0; i < group->count; i++) {
		struct member *member = &group->members[i];
		enum found found;

		if (member->reference.holder) /* by an earlier try */
			continue;
		found = cse_find(cse, member->id, &target);
		if (found == FOUND_HERE) {
			member->virtual_ = target.virtual_;
			reference_set(&member->reference, &group->holder,
				      target.instance ? target.instance : target.resource->key,
				      target.instance ? target.resource->key : 0);
		} else if (found == FOUND_NOTHING) {
			reference_set(&member->reference, &group->holder, 0, 0);
		} else if (found == FOUND_ERROR) {
			group->is_resolved = false;
		}
	}
	if (!group->is_resolved) /* the store cannot be read: what is missing is looked for again */
		holder_announce(&group->holder);
}

const struct group *group_of(struct cse *cse, struct resource *resource)
{
	resolve(cse, resource);
	return resource->state;
}

/* A deleted member leaves the list at once: TS-0004 7.4.14.3.5 asks for it after a fan-out. */
static void forget(struct request *req, struct resource *resource)
{
	const struct group *group = resource->state;
	struct strbuf list = {0};
	struct target target;
	struct draft draft;
	uint64_t count = 0;

	if (resource_draft(req, resource, &draft) != RSC_NONE)
		return;
	strbuf_add_char(&list, '[');
	for (size_t i = 0; i < group->count; i++) {
		if (cse_find(req->cse, group->members[i].id, &target) == FOUND_NOTHING)
			continue;
		if (count++)
			strbuf_add_char(&list, ',');
		strbuf_add_json(&list, group->members[i].id);
	}
	strbuf_add_char(&list, ']');
	if (count < group->count) {
		draft_set(&draft, ATTR_memberIDs, arena_copy(&req->arena, strbuf_str(&list)));
		draft_set_u64(&draft, ATTR_currentNrOfMembers, count);
		resource_amend(req, resource, &draft);
	}
	strbuf_finish(&list);
}

/* ---- membership ---- */

struct wanted wanted_member(struct cse *cse, struct str id)
{
	struct wanted wanted = {.id = id, .budget = MOST_LOOKS};
	struct target target;

	wanted.found = cse_find(cse, id, &target);
	if (wanted.found == FOUND_HERE) {
		wanted.key = target.instance ? target.instance : target.resource->key;
		wanted.virtual_ = target.virtual_;
	}
	return wanted;
}

struct member *group_find(const struct group *group, const struct wanted *wanted)
{
	struct reference *r = NULL;

	if (wanted->found == FOUND_HERE) {
		while ((r = holder_find(&group->holder, wanted->key, r))) {
			struct member *member = container_of(r, struct member, reference);

			if (member->virtual_ == wanted->virtual_)
				return member;
		}
		return NULL;
	}
	for (size_t i = 0; i < group->count && wanted->found == FOUND_ELSEWHERE; i++)
		if (!group->members[i].reference.holder && str_eq(group->members[i].id, wanted->id))
			return &group->members[i];
	return NULL;
}

static bool lists(struct cse *cse, struct resource *resource, struct wanted *wanted, unsigned depth)
{
	const struct group *group;

	if (depth > DEEPEST)
		return false;
	group = group_of(cse, resource);
	if (group_find(group, wanted))
		return true;
	if (wanted->budget < group->count)
		return false;
	wanted->budget -= group->count;
	for (size_t i = 0; i < group->count; i++)
		if (group_lists_below(cse, &group->members[i], wanted, depth))
			return true;
	return false;
}

bool group_lists_below(struct cse *cse, const struct member *member, struct wanted *wanted, unsigned depth)
{
	struct target target;

	return group_is_fanout(member->virtual_) && cse_find(cse, member->id, &target) == FOUND_HERE &&
	       lists(cse, target.resource, wanted, depth + 1);
}

static bool has_member(struct cse *cse, const struct resource *resource, struct str id)
{
	struct wanted wanted = wanted_member(cse, id);

	return lists(cse, (struct resource *)(uintptr_t)resource, &wanted, 0);
}

/* ---- CREATE and UPDATE ---- */

static enum rsc create(struct request *req, struct resource *parent, struct draft *draft)
{
	(void)parent;
	return members_settle(req, draft);
}

static enum rsc update(struct request *req, struct resource *resource, struct draft *draft)
{
	uint64_t count = draft_get_u64(draft, ATTR_currentNrOfMembers, 0);

	(void)resource;
	if (!value_is_absent(attrs_get(&req->attrs, ATTR_memberIDs)))
		return members_settle(req, draft);
	return members_check_count(req, draft, count);
}

static const struct type_hooks group_hooks = {
	.state_size = sizeof(struct group),
	.create = create,
	.update = update,
	.authorize_notify = group_authorize_notify,
	.notify = group_notify,
	.print_hidden = group_print_hidden,
	.read_hidden = group_read_hidden,
	.attach = attach,
	.finish = finish,
	.resolve = resolve,
	.forget = forget,
	.has_member = has_member,
};

#define TYPE_DEF "schemas/types/group.def"
#define TYPE_HOOKS &group_hooks
#include "schemas/define_type.h"
