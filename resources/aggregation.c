/* Notifications of a group's members to its subscribers: TS-0004 7.4.14.2.3, 7.5.1.2.6. Subscriptions that are made
 * through the group notify the group, which sends what it gathers to where the subscriber said. */
#include "cse/core/cse.h"
#include "cse/core/gather.h"
#include "cse/core/hooks.h"
#include "resources/group.h"
#include "schemas/timestamp.h"

#include <stdlib.h>

/* ---- where what was gathered goes ---- */

/* A group that was itself subscribed to through another one sends to that one, not to the subscriber. */
struct forward {
	struct list link;	     /* in group->forwards */
	struct str subscriber, next; /* behind the struct */
};

enum { MOST_FORWARDS = 1000 };

static struct str place(char *at, struct str s)
{
	memcpy(at, s.ptr, s.len);
	return str_make(at, s.len);
}

static struct forward *find_forward(const struct group *group, struct str subscriber)
{
	list_each (item, (struct list *)(uintptr_t)&group->forwards)
		if (str_eq(container_of(item, struct forward, link)->subscriber, subscriber))
			return container_of(item, struct forward, link);
	return NULL;
}

static void remember_forward(struct group *group, struct str subscriber, struct str next)
{
	struct forward *forward = find_forward(group, subscriber);

	if (forward)
		list_remove(&forward->link);
	free(forward);
	if (group->forward_count >= MOST_FORWARDS || str_eq(subscriber, next))
		return;
	forward = xmalloc(sizeof(*forward) + subscriber.len + next.len);
	list_init(&forward->link);
	forward->subscriber = place((char *)(forward + 1), subscriber);
	forward->next = place((char *)(forward + 1) + subscriber.len, next);
	list_push(&group->forwards, &forward->link);
	group->forward_count++;
}

void group_forget_forwards(struct group *group)
{
	while (!list_empty(&group->forwards)) {
		struct forward *forward = container_of(group->forwards.next, struct forward, link);

		list_remove(&forward->link);
		free(forward);
	}
	group->forward_count = 0;
}

void group_print_hidden(struct cse *cse, const struct resource *resource, struct strbuf *out)
{
	const struct group *group = resource->state;
	const char *comma = ",\"forwards\":[";

	(void)cse;
	list_each (item, (struct list *)(uintptr_t)&group->forwards) {
		const struct forward *forward = container_of(item, struct forward, link);

		strbuf_addf(out, "%s[", comma);
		strbuf_add_json(out, forward->subscriber);
		strbuf_add_char(out, ',');
		strbuf_add_json(out, forward->next);
		strbuf_add_char(out, ']');
		comma = ",";
	}
	if (comma[1])
		return;
	strbuf_add_char(out, ']');
}

void group_read_hidden(struct cse *cse, const struct resource *resource, struct value hidden, struct arena *arena)
{
	struct value list = value_member(hidden, STR("forwards"));

	(void)cse;
	if (value_is_absent(list) || value_type(list) != VALUE_ARRAY)
		return;
	for (struct value v = value_first(list); !value_is_absent(v); v = value_next(list, v))
		if (value_type(v) == VALUE_ARRAY && value_token(v)->count == 2)
			remember_forward(resource->state, value_string(value_first(v), arena),
					 value_string(value_next(v, value_first(v)), arena));
}

/* ---- the subscription on its way to the members ---- */

static struct str string_member(struct request *req, struct value object, unsigned name)
{
	struct value v = value_member(object, name_short(cse_schema(req->cse), name));

	return value_is_absent(v) ? (struct str){0} : value_string(v, &req->arena);
}

/* What the members get instead of the request's content: they notify this group. */
static struct str rewritten(struct request *req, struct value object)
{
	const struct schema *schema = cse_schema(req->cse);
	struct str own =
		arena_printf(&req->arena, "%s/%.*s", cse_config(req->cse)->id, STR_ARG(req->target.resource->id));
	struct str targets = name_short(schema, ATTR_notificationURI), group = name_short(schema, ATTR_groupID);
	struct strbuf out = {0};
	struct str content;

	strbuf_addf(&out, "{\"%.*s\":{\"%.*s\":[\"%.*s\"],\"%.*s\":\"%.*s\"", STR_ARG(value_name(object)),
		    STR_ARG(targets), STR_ARG(own), STR_ARG(group), STR_ARG(own));
	for (struct value v = value_first(object); !value_is_absent(v); v = value_next(object, v))
		if (!str_eq(value_name(v), targets) && !str_eq(value_name(v), group))
			strbuf_addf(&out, ",\"%.*s\":%.*s", STR_ARG(value_name(v)), STR_ARG(value_text(v)));
	STRBUF_LIT(&out, "}}");
	content = arena_copy(&req->arena, strbuf_str(&out));
	strbuf_finish(&out);
	return content;
}

/* TS-0004 7.4.14.2.3. What is wrong with the content the members will say. */
void group_take_subscription(struct request *req)
{
	struct value root = req->content.len ? doc_root(&req->doc) : (struct value){0}, object, targets;
	struct resource *resource = req->target.resource;
	struct str forwarding;

	if (req->op != OP_CREATE || req->ty != TY_subscription || value_is_absent(root) ||
	    value_type(root) != VALUE_OBJECT)
		return;
	object = value_first(root);
	if (value_is_absent(object) || value_type(object) != VALUE_OBJECT)
		return;
	forwarding = string_member(req, object, ATTR_notificationForwardingURI);
	targets = value_member(object, name_short(cse_schema(req->cse), ATTR_notificationURI));
	if (!forwarding.ptr || value_is_absent(targets) || value_type(targets) != VALUE_ARRAY ||
	    value_token(targets)->count == 0)
		return;
	remember_forward(resource->state, forwarding, value_string(value_first(targets), &req->arena));
	req->content = rewritten(req, object);
	resource_store(req, resource);
}

/* ---- notifications that come from the members ---- */

/* Is it from a subscription to a member, or to something below one? */
static bool is_of_a_member(struct request *req, struct str reference)
{
	const struct type_hooks *hooks = req->target.resource->type->hooks;
	struct target target;
	const struct resource *resource;

	if (cse_find(req->cse, reference, &target) != FOUND_HERE || target.instance || target.virtual_)
		return false;
	for (resource = target.resource->parent; resource; resource = resource->parent)
		if (hooks->has_member(req->cse, req->target.resource, resource->id))
			return true;
	return false;
}

static enum rsc check_origin(struct request *req, struct value notification, struct str *forwarding)
{
	struct str reference = string_member(req, notification, ATTR_subscriptionReference);

	*forwarding = string_member(req, notification, ATTR_notificationForwardingURI);
	if (forwarding->ptr && is_of_a_member(req, reference))
		return RSC_NONE;
	return req_fail(req, RSC_ORIGINATOR_HAS_NO_PRIVILEGE, "the notification is not from a member of the group");
}

/* notifyAggregation, or the number of members and the CSE's duration (TS-0004 7.4.14.2.5). */
static void read_rule(struct request *req, struct gathering_rule *rule)
{
	const struct resource *resource = req->target.resource;
	const struct schema *schema = cse_schema(req->cse);
	struct str text = resource_attribute(resource, name_short(schema, ATTR_notifyAggregation));
	struct str inner = text.len > 2 ? str_make(text.ptr + 1, text.len - 2) : STR(""), number, duration;

	number = text_attribute(inner, name_short(schema, ATTR_number));
	duration = text_attribute(inner, name_short(schema, ATTR_duration));
	if (!number.ptr || str_to_u64(number, &rule->number) != 0 || rule->number == 0)
		rule->number = text.ptr ? UINT64_MAX : ((const struct group *)resource->state)->count;
	if (duration.len < 2 || duration_parse(str_make(duration.ptr + 1, duration.len - 2), &rule->duration_us) != 0)
		rule->duration_us = cse_config(req->cse)->batch_duration_s * 1000000;
}

enum rsc group_notify(struct request *req)
{
	struct value only = value_first(doc_root(&req->doc)), list = value_first(only), single = notification_of(req);
	struct gathering_rule rule = {.group = req->target.resource->key};
	const struct forward *forward;
	struct str forwarding = {0};
	enum rsc code = RSC_NONE;

	if (!value_is_absent(single))
		code = check_origin(req, single, &forwarding);
	else if (str_eq(value_name(only), STR("m2m:agn")))
		for (struct value v = value_first(list); code == RSC_NONE && !value_is_absent(v);
		     v = value_next(list, v))
			code = check_origin(req, v, &forwarding);
	else
		code = req_fail(req, RSC_BAD_REQUEST, "content: a group takes m2m:sgn and m2m:agn");
	if (code != RSC_NONE)
		return code;
	forward = find_forward(req->target.resource->state, forwarding);
	rule.target = forward ? forward->next : forwarding;
	read_rule(req, &rule);
	return gather_notification(req, &rule);
}

/* Who may is told by where the notification comes from, when it is looked at. */
enum rsc group_authorize_notify(struct request *req, const struct resource *resource)
{
	(void)req;
	(void)resource;
	return RSC_NONE;
}
