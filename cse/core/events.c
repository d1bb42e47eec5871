/* Events held against the subscriptions to a resource. */
#include "cse/core/events.h"

#include "cse/core/filter.h"
#include "cse/core/notification.h"
#include "cse/core/notifier.h"
#include "cse/core/state.h"

/* Something that has happened. The representations are made when the first subscription asks for them. */
struct event {
	enum event_type type;
	struct resource *subject;	 /* whose subscriptions hear of it */
	const struct type_def *type_def; /* of what it tells of: the subject, or a child */
	const struct resource *resource; /* that; NULL: an instance below the subject */
	const struct instance *instance;
	const struct attrs *changed; /* of an UPDATE */
	struct str full, modified, id;
};

/* ---- what is told ---- */

/* The attributes that the request names, as they are now; null for those that are gone. */
static struct str modified_attributes(struct request *req, const struct event *event)
{
	const struct attrs *changed = event->changed;
	const struct schema *schema = req->cse->schema;
	struct str list = STR("");

	for (size_t i = 0; i < changed->type->attr_count; i++) {
		struct str name = name_short(schema, changed->type->attrs[i].name), text;

		if (value_is_absent(changed->value[i]))
			continue;
		text = resource_attribute(event->resource, name);
		if (!text.ptr)
			text = STR("null");
		list = arena_printf(&req->arena, "%.*s%s\"%.*s\":%.*s", STR_ARG(list), list.len ? "," : "",
				    STR_ARG(name), STR_ARG(text));
	}
	return arena_printf(&req->arena, "{\"%s:%s\":{%.*s}}", event->type_def->space, event->type_def->short_name,
			    STR_ARG(list));
}

static struct str full_representation(struct request *req, struct event *event)
{
	if (!event->full.ptr)
		event->full = event->resource ? present_resource(req, event->resource)
					      : present_instance(req, event->type_def, event->instance);
	return event->full;
}

static struct str identifier(struct request *req, struct event *event)
{
	char text[INSTANCE_ID_SIZE];
	struct str id;

	if (event->id.ptr)
		return event->id;
	if (event->instance)
		instance_id_print(text, 'i', event->instance->key);
	id = event->instance ? str_make(text, INSTANCE_ID_SIZE - 1) : event->resource->id;
	event->id = arena_printf(&req->arena, "{\"m2m:uri\":\"%s/%.*s\"}", req->cse->config.id, STR_ARG(id));
	return event->id;
}

/* TS-0004 7.5.1.2.2, step 2.1. */
static struct str representation(struct request *req, struct event *event, enum content_type content_type)
{
	switch (content_type) {
	case CONTENT_MODIFIED_ATTRIBUTES:
		if (!event->changed)
			break;
		if (!event->modified.ptr)
			event->modified = modified_attributes(req, event);
		return event->modified;
	case CONTENT_RESOURCE_ID:
		return identifier(req, event);
	case CONTENT_ALL_ATTRIBUTES:
	case CONTENT_TRIGGER_PAYLOAD:
	case CONTENT_TIME_SERIES:
		break;
	}
	return full_representation(req, event);
}

/* ---- who wants to hear of it ---- */

static const struct subscription *subscription_of(const struct resource *resource)
{
	return resource->type->hooks->subscription(resource);
}

static bool names_changed(const struct subscription *subscription, const struct schema *schema,
			  const struct attrs *changed)
{
	for (unsigned i = 0; i < subscription->attribute_count; i++) {
		int row = schema_row(schema, changed->type, subscription->attributes[i]);

		if (row >= 0 && !value_is_absent(changed->value[row]))
			return true;
	}
	return subscription->attribute_count == 0;
}

static bool wants_child(const struct subscription *subscription, unsigned ty)
{
	for (unsigned i = 0; i < subscription->child_type_count; i++)
		if (subscription->child_types[i] == ty)
			return true;
	return subscription->child_type_count == 0;
}

/* -1: what the event tells of has no such measure. */
static int64_t measure_of(struct request *req, const struct event *event, enum measure measure)
{
	const struct instance_head *head = event->instance ? &event->instance->head : NULL;
	const struct resource *resource = event->resource;
	bool has_tag = type_row(event->type_def, ATTR_stateTag) >= 0;
	struct str size;
	int64_t value = -1;

	switch (measure) {
	case OF_CREATION:
		return head ? head->ct_us : resource->created_us;
	case OF_MODIFICATION:
		return head ? head->ct_us : resource->modified_us;
	case OF_STATE_TAG:
		return has_tag ? (int64_t)(head ? head->st : resource->state_tag) : -1;
	case OF_EXPIRATION:
		return head ? head->et_us : resource->expiry.due_us;
	case OF_SIZE:
	case MEASURE_COUNT:
		break;
	}
	size = text_attribute(head ? event->instance->text : resource->text,
			      name_short(req->cse->schema, ATTR_contentSize));
	return size.ptr && str_to_i64(size, &value) == 0 ? value : -1;
}

/* The conditions that filterOperation joins: TS-0001 table 9.6.8-3. */
static bool ranges_hold(struct request *req, const struct subscription *subscription, const struct event *event)
{
	bool is_any_set = false;

	for (enum measure i = 0; i < MEASURE_COUNT; i++) {
		const struct range *range = &subscription->ranges[i];
		int64_t value;
		bool holds;

		if (!range->is_set)
			continue;
		is_any_set = true;
		value = measure_of(req, event, i);
		holds = value >= 0 && range->low <= value && value < range->high;
		if (holds == subscription->is_any)
			return holds;
	}
	return !is_any_set || !subscription->is_any;
}

static bool is_wanted(struct request *req, const struct subscription *subscription, const struct event *event)
{
	bool is_of_child = event->type == EVENT_CREATE_CHILD || event->type == EVENT_DELETE_CHILD;

	if (!(subscription->events & EVENT_BIT(event->type)) || subscription->resource == event->resource)
		return false;
	if (is_of_child && !wants_child(subscription, event->type_def->ty))
		return false;
	if (event->changed && !names_changed(subscription, req->cse->schema, event->changed))
		return false;
	return ranges_hold(req, subscription, event);
}

static void tell(struct request *req, struct event *event)
{
	list_each (item, &event->subject->watchers) {
		const struct subscription *subscription =
			subscription_of(container_of(item, struct resource, watching));

		if (!is_wanted(req, subscription, event))
			continue;
		notifier_add(req, subscription,
			     notification_of_event(req, subscription, event->type,
						   representation(req, event, subscription->content_type)));
	}
}

static bool is_watched(const struct resource *resource)
{
	return resource && !list_empty(&resource->watchers);
}

/* ---- the events ---- */

void events_created(struct request *req, struct resource *resource)
{
	struct event event = {
		.type = EVENT_CREATE_CHILD,
		.subject = resource->parent,
		.type_def = resource->type,
		.resource = resource,
	};

	if (is_watched(resource->parent))
		tell(req, &event);
}

static void tell_of_instance(struct request *req, enum event_type type, struct resource *parent,
			     const struct instance *instance)
{
	struct event event = {
		.type = type,
		.subject = parent,
		.type_def = instance_type(req->cse, parent),
		.instance = instance,
	};

	tell(req, &event);
}

void events_created_instance(struct request *req, struct resource *parent, const struct instance *instance)
{
	watch_note(req->cse, parent);
	if (is_watched(parent))
		tell_of_instance(req, EVENT_CREATE_CHILD, parent, instance);
}

void events_removing_instance(struct request *req, struct resource *parent, uint64_t key)
{
	struct instance instance;

	watch_note(req->cse, parent);
	if (is_watched(parent) && instances_read(req->cse, parent, key, &instance) == 0)
		tell_of_instance(req, EVENT_DELETE_CHILD, parent, &instance);
}

void events_updated(struct request *req, struct resource *resource)
{
	struct event event = {
		.type = EVENT_UPDATE,
		.subject = resource,
		.type_def = resource->type,
		.resource = resource,
		.changed = &req->attrs,
	};

	watch_note(req->cse, resource);
	if (is_watched(resource))
		tell(req, &event);
}

void events_missed(struct request *req, struct resource *resource)
{
	struct event event = {
		.type = EVENT_RETRIEVE_MISSING,
		.subject = resource,
		.type_def = resource->type,
		.resource = resource,
	};

	if (is_watched(resource))
		tell(req, &event);
}

static void tell_of_removal(struct request *req, struct resource *resource)
{
	struct event event = {
		.type = EVENT_DELETE,
		.subject = resource,
		.type_def = resource->type,
		.resource = resource,
	};

	watch_note(req->cse, resource);
	if (is_watched(resource))
		tell(req, &event);
}

/* TS-0004 7.5.1.2.4. */
static void end_subscription(struct request *req, const struct subscription *subscription)
{
	struct str text = notification_of_deletion(req, subscription);

	notifier_end(req, subscription);
	if (subscription->subscriber.ptr)
		notifier_add_to(req, subscription, subscription->subscriber, text);
	for (unsigned i = 0; i < subscription->associate_count; i++)
		notifier_add_to(req, subscription, subscription->associates[i], text);
}

/* Of the children of what goes only the subscriptions are told of, not each child as a child that goes: whoever wants
 * to hear of the end hears of the end of the whole. */
void events_removing(struct request *req, struct resource *top)
{
	struct resource *resource = tree_next_postorder(top, NULL);
	struct event event = {
		.type = EVENT_DELETE_CHILD, .subject = top->parent, .type_def = top->type, .resource = top};

	for (; resource; resource = tree_next_postorder(top, resource))
		tell_of_removal(req, resource);
	if (is_watched(top->parent))
		tell(req, &event);
	resource = tree_next_postorder(top, NULL);
	for (; resource; resource = tree_next_postorder(top, resource))
		if (resource->type->hooks && resource->type->hooks->subscription)
			end_subscription(req, subscription_of(resource));
}

static bool is_monitored(const struct subscription *subscription, const struct request *req)
{
	unsigned privilege = req->query && req->query->is_discovery ? PRIVILEGE_DISCOVERY : privilege_of(req->op);

	for (unsigned i = 0; i < subscription->monitor_count; i++) {
		const struct monitor *monitor = &subscription->monitors[i];

		if ((!monitor->privileges || monitor->privileges & privilege) &&
		    (!monitor->originator.ptr || str_eq(monitor->originator, req->from) ||
		     str_eq(monitor->originator, req->param[PARAM_from])))
			return true;
	}
	return false;
}

void events_operated(struct request *req, struct resource *resource)
{
	if (!is_watched(resource) || req->is_own || req->op == OP_NONE)
		return;
	list_each (item, &resource->watchers) {
		const struct subscription *subscription =
			subscription_of(container_of(item, struct resource, watching));

		if (is_monitored(subscription, req))
			notifier_add(req, subscription, notification_of_operation(req, subscription));
	}
}

const struct subscription *events_blocking(const struct request *req, const struct resource *resource)
{
	list_each (item, &resource->watchers) {
		const struct subscription *subscription =
			subscription_of(container_of(item, struct resource, watching));

		if (subscription->events & EVENT_BIT(EVENT_BLOCKING_UPDATE) &&
		    names_changed(subscription, req->cse->schema, &req->attrs))
			return subscription;
	}
	return NULL;
}
