/* <schedule>: TS-0001 9.6.9, TS-0004 7.4.9. */
#include "schemas/schedule.h"
#include "cse/core/cse.h"
#include "cse/core/hooks.h"
#include "cse/core/notifier.h"

#include <stdlib.h>

#define NOTIFICATION_SCHEDULE "notificationSchedule"

struct schedule_state {
	struct schedule *entries; /* views of the resource's text */
	size_t count;
};

static void attach(struct cse *cse, struct resource *resource)
{
	struct schedule_state *state = resource->state;
	struct str list = resource_attribute(resource, name_short(cse_schema(cse), ATTR_scheduleElement));
	const char *open = list.len ? memchr(list.ptr, '[', list.len) : NULL;
	struct str rest = open ? str_from(list, (size_t)(open - list.ptr)) : (struct str){0}, raw;

	free(state->entries);
	*state = (struct schedule_state){0};
	/* The shortest entry has 13 characters, quotes and a comma. */
	state->entries = xmalloc((rest.len / 16 + 1) * sizeof(*state->entries));
	while (catalog_next_string(&rest, &raw))
		if (schedule_parse(raw, &state->entries[state->count]) == 0)
			state->count++;
}

static void finish(struct resource *resource)
{
	free(((struct schedule_state *)resource->state)->entries);
}

static int64_t opens(const struct resource *resource, int64_t wall_us)
{
	const struct schedule_state *state = resource->state;
	int64_t first = INT64_MAX;

	for (size_t i = 0; i < state->count && first > wall_us; i++) {
		int64_t next = schedule_next(&state->entries[i], wall_us);

		if (next < first)
			first = next;
	}
	return first;
}

/* networkCoordinated is for the schedule of a node alone (TS-0004 7.4.9.2.1, 7.4.9.2.3), where coordination with an
 * underlying network would follow. */
static enum rsc check_coordination(struct request *req, const struct resource *parent)
{
	struct value v = attrs_get(&req->attrs, ATTR_networkCoordinated);

	if (value_is_absent(v) || value_type(v) == VALUE_NULL)
		return RSC_NONE;
	if (parent->type->ty != TY_node)
		return req_fail(req, RSC_CONTENTS_UNACCEPTABLE,
				"networkCoordinated (nco): only for the schedule of a <node>");
	if (value_type(v) == VALUE_TRUE)
		return req_fail(req, RSC_NOT_IMPLEMENTED, "networkCoordinated (nco): not supported");
	return RSC_NONE;
}

static bool has_schedule(const struct resource *parent)
{
	list_each (item, (struct list *)(uintptr_t)&parent->children)
		if (container_of(item, struct resource, siblings)->type->ty == TY_schedule)
			return true;
	return false;
}

/* TS-0004 table 7.4.8.1-4 fixes the name below a subscription, tables 7.4.3.1-4 and 7.4.8.1-4 the number. */
static enum rsc check_place(struct request *req, struct resource *parent, struct draft *draft)
{
	struct str name = draft_get_string(draft, ATTR_resourceName);

	if (parent->type->ty == TY_subscription && name.ptr && !str_eq(name, STR(NOTIFICATION_SCHEDULE)))
		return req_fail(req, RSC_BAD_REQUEST, "resourceName (rn): must be " NOTIFICATION_SCHEDULE " here");
	if (parent->type->ty == TY_subscription)
		draft_set_string(draft, ATTR_resourceName, STR(NOTIFICATION_SCHEDULE));
	if (parent->type->ty == TY_CSEBase && has_schedule(parent))
		return req_fail(req, RSC_BAD_REQUEST, "<schedule>: there is one here already");
	return RSC_NONE;
}

static enum rsc create(struct request *req, struct resource *parent, struct draft *draft)
{
	enum rsc code = check_coordination(req, parent);

	notifier_look(req->cse, parent);
	return code == RSC_NONE ? check_place(req, parent, draft) : code;
}

static enum rsc update(struct request *req, struct resource *resource, struct draft *draft)
{
	(void)draft;
	notifier_look(req->cse, resource->parent);
	return check_coordination(req, resource->parent);
}

static const struct type_hooks schedule_hooks = {
	.state_size = sizeof(struct schedule_state),
	.attach = attach,
	.finish = finish,
	.opens = opens,
	.create = create,
	.update = update,
};

#define TYPE_DEF "schemas/types/schedule.def"
#define TYPE_HOOKS &schedule_hooks
#include "schemas/define_type.h"
