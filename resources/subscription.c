/* <subscription>: TS-0001 9.6.8, TS-0004 7.4.8. Events and delivery are core's (events.h, notifier.h); here is what a
 * representation must fulfil, and the verification of its targets. */
#include "cse/core/cse.h"
#include "cse/core/hooks.h"
#include "cse/core/notifier.h"
#include "cse/core/outgoing.h"

enum { MOST_TARGETS = 1000 };

/* ---- reading a representation ---- */

/* What is asked for, from the draft's text. */
struct wish {
	struct request *req;
	const struct schema *schema;
	const struct resource *parent;
	struct draft *draft;
	struct value criteria; /* eventNotificationCriteria; absent: none */
	struct value types;    /* notificationEventType */
	bool is_update;
};

static struct value parse(struct request *req, struct str json)
{
	return json_own(json, &req->arena);
}

static struct value criterion(const struct wish *wish, unsigned name)
{
	return value_is_absent(wish->criteria) ? wish->criteria
					       : value_member(wish->criteria, name_short(wish->schema, name));
}

static bool has_criterion(const struct wish *wish, unsigned name)
{
	return !value_is_absent(criterion(wish, name));
}

static bool asks_for(const struct wish *wish, enum event_type type)
{
	uint64_t number;

	if (value_is_absent(wish->types))
		return type == EVENT_UPDATE && !has_criterion(wish, ATTR_operationMonitor);
	for (struct value v = value_first(wish->types); !value_is_absent(v); v = value_next(wish->types, v))
		if (value_u64(v, &number) == 0 && number == type)
			return true;
	return false;
}

static bool is_alone(const struct wish *wish)
{
	return !value_is_absent(wish->types) && value_token(wish->types)->count == 1;
}

static void read_wish(struct wish *wish)
{
	wish->schema = cse_schema(wish->req->cse);
	wish->criteria = parse(wish->req, draft_get(wish->draft, ATTR_eventNotificationCriteria));
	wish->types = criterion(wish, ATTR_notificationEventType);
}

/* ---- eventNotificationCriteria: TS-0004 7.4.8.2.1, 7.4.8.2.3 ---- */

static enum rsc bad(const struct wish *wish, const char *why)
{
	return req_fail(wish->req, RSC_BAD_REQUEST, "eventNotificationCriteria (enc): %s", why);
}

static enum rsc check_monitors(const struct wish *wish)
{
	struct value list = criterion(wish, ATTR_operationMonitor);

	if (value_is_absent(list))
		return RSC_NONE;
	if (!value_is_absent(wish->types))
		return bad(wish, "notificationEventType (net) and operationMonitor (om) exclude each other");
	for (struct value v = value_first(list); !value_is_absent(v); v = value_next(list, v))
		if (value_token(v)->count == 0) /* TS-0004 table 6.3.5.57-1 */
			return bad(wish, "operationMonitor (om): an entry needs operations or an originator");
	return RSC_NONE;
}

static enum rsc check_child_types(const struct wish *wish)
{
	struct value list = criterion(wish, ATTR_childResourceType);
	uint64_t ty;

	if (value_is_absent(list))
		return RSC_NONE;
	for (struct value v = value_first(list); !value_is_absent(v); v = value_next(list, v))
		if (value_u64(v, &ty) != 0 || ty > UINT16_MAX || !type_allows_child(wish->parent->type, (unsigned)ty))
			return bad(wish, "childResourceType (chty): no child of the subscribed-to resource");
	return RSC_NONE;
}

/* Which events a resource of this type can have at all. */
static enum rsc check_events(const struct wish *wish)
{
	if (asks_for(wish, EVENT_RETRIEVE_MISSING) && wish->parent->type->ty != TY_container)
		return bad(wish, "notificationEventType (net): 5 is for a <container>");
	if (asks_for(wish, EVENT_TRIGGER))
		return wish->parent->type->ty == TY_AE ? req_fail(wish->req, RSC_NOT_IMPLEMENTED,
								  "notificationEventType (net): 6 is not supported")
						       : bad(wish, "notificationEventType (net): 6 is for an <AE>");
	if ((asks_for(wish, EVENT_MISSING_DATA) || has_criterion(wish, ATTR_missingData)) &&
	    wish->parent->type->ty != TY_timeSeries)
		return bad(wish, "missing data are those of a <timeSeries>");
	return RSC_NONE;
}

static bool goes_with(enum event_type type, uint64_t content_type)
{
	const enum content_type *allowed = event_content_types(type);

	while (*allowed && *allowed != content_type)
		allowed++;
	return *allowed != 0;
}

/* TS-0001 table 9.6.8-4: the content type goes with every event; without one it is the events' default. */
static enum rsc settle_content_type(const struct wish *wish)
{
	uint64_t chosen = draft_get_u64(wish->draft, ATTR_notificationContentType, 0);
	bool is_chosen = chosen != 0;

	for (unsigned type = EVENT_UPDATE; type <= EVENT_LAST; type++) {
		if (!asks_for(wish, (enum event_type)type))
			continue;
		if (!chosen)
			chosen = event_content_types((enum event_type)type)[0];
		if (!goes_with((enum event_type)type, chosen))
			return req_fail(wish->req, RSC_BAD_REQUEST,
					"notificationContentType (nct): %s %llu does not go with notificationEventType "
					"(net) %u",
					is_chosen ? "the value" : "the default", (unsigned long long)chosen, type);
	}
	draft_set_u64(wish->draft, ATTR_notificationContentType, chosen ? chosen : CONTENT_ALL_ATTRIBUTES);
	return RSC_NONE;
}

/* ---- blocking updates ---- */

static bool has_blocking(const struct resource *parent, const struct resource *but)
{
	list_each (item, (struct list *)(uintptr_t)&parent->watchers) {
		const struct resource *other = container_of(item, struct resource, watching);
		const struct subscription *subscription = other->state;

		if (other != but && subscription->events & EVENT_BIT(EVENT_BLOCKING_UPDATE))
			return true;
	}
	return false;
}

/* Nothing of a subscription's own beside criteria and target, and of the criteria nothing but the attributes. */
static enum rsc check_blocking_alone(const struct wish *wish)
{
	static const uint16_t with[] = {ATTR_eventNotificationCriteria, ATTR_notificationURI,
					ATTR_notificationContentType, ATTR_creator};
	const struct type_def *type = wish->draft->type;
	size_t first = (size_t)type_row(type, ATTR_eventNotificationCriteria);

	for (size_t i = first; i < type->attr_count; i++) {
		bool is_allowed = !wish->draft->text[i].ptr;

		for (size_t j = 0; j < sizeof(with) / sizeof(with[0]); j++)
			is_allowed |= type->attrs[i].name == with[j];
		if (!is_allowed)
			return req_fail(wish->req, RSC_BAD_REQUEST,
					"%.*s: not allowed in a subscription to blocking updates",
					STR_ARG(name_long(wish->schema, type->attrs[i].name)));
	}
	for (struct value v = value_first(wish->criteria); !value_is_absent(v); v = value_next(wish->criteria, v))
		if (!str_eq(value_name(v), name_short(wish->schema, ATTR_notificationEventType)) &&
		    !str_eq(value_name(v), name_short(wish->schema, ATTR_attribute)))
			return bad(wish, "blocking updates go with the condition attribute (atr) alone");
	return RSC_NONE;
}

/* TS-0001 10.2.10.2: the one who consents must be allowed to change the resource. */
static enum rsc check_blocking_target(const struct wish *wish, struct value targets)
{
	struct str id = value_string(value_first(targets), &wish->req->arena);
	struct request probe = *wish->req;
	struct target target;

	if (is_url(id))
		return req_fail(wish->req, RSC_BAD_REQUEST,
				"notificationURI (nu): blocking updates need the identifier of a resource");
	if (cse_find(wish->req->cse, id, &target) != FOUND_HERE || target.instance || target.virtual_)
		return RSC_NONE;
	probe.from = target.resource->id;
	if (!may(&probe, wish->parent, PRIVILEGE_UPDATE))
		return req_fail(wish->req, RSC_BAD_REQUEST,
				"notificationURI (nu): the target may not update the subscribed-to resource");
	return RSC_NONE;
}

static enum rsc check_blocking(const struct wish *wish)
{
	struct value targets = parse(wish->req, draft_get(wish->draft, ATTR_notificationURI));
	enum rsc code;

	if (!asks_for(wish, EVENT_BLOCKING_UPDATE))
		return RSC_NONE;
	if (wish->is_update && !value_is_absent(attrs_get(&wish->req->attrs, ATTR_eventNotificationCriteria)))
		return bad(wish, "notificationEventType (net): 7 cannot be set by an UPDATE");
	if (!is_alone(wish))
		return bad(wish, "notificationEventType (net): 7 goes with no other");
	if (value_token(targets)->count > 1)
		return req_fail(wish->req, RSC_BAD_REQUEST, "notificationURI (nu): blocking updates have one target");
	code = check_blocking_alone(wish);
	if (code == RSC_NONE)
		code = check_blocking_target(wish, targets);
	if (code == RSC_NONE && !wish->is_update && has_blocking(wish->parent, NULL))
		return req_fail(wish->req, RSC_BLOCKING_SUBSCRIPTION_ALREADY_EXISTS,
				"there is a subscription to blocking updates here already");
	return code;
}

/* ---- targets ---- */

/* Those that are not asked. */
static enum rsc check_other_targets(const struct wish *wish)
{
	static const uint16_t names[] = {ATTR_subscriberURI, ATTR_notificationForwardingURI};
	enum rsc code = RSC_NONE;

	for (size_t i = 0; code == RSC_NONE && i < sizeof(names) / sizeof(names[0]); i++) {
		struct value v = attrs_get(&wish->req->attrs, names[i]);
		struct arena *arena = &wish->req->arena;

		if (!value_is_absent(v) && value_type(v) == VALUE_STRING)
			code = check_url(wish->req, arena_cstr(arena, name_long(wish->schema, names[i])),
					 value_string(v, arena));
	}
	return code;
}

/* Needs it to be asked? RSC_NONE and *asks, or a refusal. */
static enum rsc check_target(struct request *req, struct str id, bool *asks)
{
	struct request probe = *req;
	struct target target;

	*asks = true;
	if (is_url(id))
		return check_url(req, "notificationURI (nu)", id);
	if (cse_find(req->cse, id, &target) != FOUND_HERE)
		return RSC_NONE; /* asking will tell */
	if (target.instance || target.virtual_ || !target.resource->type->hooks ||
	    !target.resource->type->hooks->notify || !target.resource->parent)
		return req_fail(req, RSC_BAD_REQUEST, "notificationURI (nu): names no entity that can be notified");
	*asks = target.resource->type->flags & REGISTRATION && !str_eq(target.resource->id, req->from);
	probe.op = OP_NOTIFY;
	/* TS-0004 7.5.1.2.3: what the entity's own CSE, which this is, has to check. */
	if (*asks && !may(&probe, target.resource, PRIVILEGE_NOTIFY))
		return req_fail(req, RSC_SUBSCRIPTION_VERIFICATION_INITIATION_FAILED,
				"notificationURI (nu): the originator has no right to notify \"%.*s\" (%d)",
				STR_ARG(target.resource->id), RSC_SUBSCRIPTION_CREATOR_HAS_NO_PRIVILEGE);
	return RSC_NONE;
}

static bool is_in(struct value list, struct str id, struct arena *arena)
{
	if (value_is_absent(list))
		return false;
	for (struct value v = value_first(list); !value_is_absent(v); v = value_next(list, v))
		if (str_eq(value_string(v, arena), id))
			return true;
	return false;
}

/* Those of the list that are not in `known` and are not the originator's are asked. */
static enum rsc verify(struct request *req, struct str resource_id, struct value list, struct value known)
{
	struct str *asked = arena_alloc(&req->arena, (value_token(list)->count + 1) * sizeof(*asked));
	unsigned count = 0;

	if (value_token(list)->count > MOST_TARGETS)
		return req_fail(req, RSC_BAD_REQUEST, "notificationURI (nu): more than %d targets", MOST_TARGETS);
	for (struct value v = value_first(list); !value_is_absent(v); v = value_next(list, v)) {
		struct str id = value_string(v, &req->arena);
		bool asks;
		enum rsc code = check_target(req, id, &asks);

		if (code != RSC_NONE)
			return code;
		if (asks && !is_in(known, id, &req->arena))
			asked[count++] = id;
	}
	if (count == 0 || cse_config(req->cse)->notify_unverified)
		return RSC_NONE;
	return verify_targets(req, resource_id, asked, count);
}

/* TS-0004 7.4.8.2.1: whoever has somebody else notified is named as the creator. A URL may be the originator's own. */
static void settle_creator(struct request *req, struct draft *draft, struct value targets)
{
	struct target target;

	for (struct value v = value_first(targets); !value_is_absent(v); v = value_next(targets, v)) {
		struct str id = value_string(v, &req->arena);

		if (is_url(id) || (cse_find(req->cse, id, &target) == FOUND_HERE && !target.instance &&
				   str_eq(target.resource->id, req->from)))
			continue;
		draft_set_string(draft, ATTR_creator, req->from);
	}
}

/* ---- policies ---- */

/* TS-0004 7.4.8.2.1: the duration that the subscriber leaves open. */
static void settle_batch(struct request *req, struct draft *draft)
{
	struct value batch = parse(req, draft_get(draft, ATTR_batchNotify));
	struct value number;
	long long seconds = (long long)cse_config(req->cse)->batch_duration_s;

	if (value_is_absent(batch) || value_type(batch) != VALUE_OBJECT ||
	    !value_is_absent(value_member(batch, name_short(draft->schema, ATTR_duration))))
		return;
	number = value_member(batch, name_short(draft->schema, ATTR_number));
	if (value_is_absent(number))
		draft_set(draft, ATTR_batchNotify,
			  arena_printf(draft->arena, "{\"%.*s\":\"PT%lldS\"}",
				       STR_ARG(name_short(draft->schema, ATTR_duration)), seconds));
	else
		draft_set(draft, ATTR_batchNotify,
			  arena_printf(draft->arena, "{\"%.*s\":%.*s,\"%.*s\":\"PT%lldS\"}",
				       STR_ARG(name_short(draft->schema, ATTR_number)), STR_ARG(value_text(number)),
				       STR_ARG(name_short(draft->schema, ATTR_duration)), seconds));
}

static enum rsc check_supported(struct request *req)
{
	static const uint16_t unsupported[] = {ATTR_preSubscriptionNotify, ATTR_notificationStoragePriority};

	for (size_t i = 0; i < sizeof(unsupported) / sizeof(unsupported[0]); i++) {
		struct value v = attrs_get(&req->attrs, unsupported[i]);

		if (!value_is_absent(v) && value_type(v) != VALUE_NULL)
			return req_fail(req, RSC_NOT_IMPLEMENTED, "%.*s: not supported",
					STR_ARG(name_long(cse_schema(req->cse), unsupported[i])));
	}
	return RSC_NONE;
}

/* Everything that CREATE and UPDATE have in common. */
static enum rsc settle(struct wish *wish)
{
	static enum rsc (*const checks[])(const struct wish *wish) = {
		check_monitors, check_events,	     check_child_types,
		check_blocking, check_other_targets, settle_content_type,
	};
	enum rsc code = check_supported(wish->req);

	read_wish(wish);
	for (size_t i = 0; code == RSC_NONE && i < sizeof(checks) / sizeof(checks[0]); i++)
		code = checks[i](wish);
	if (code == RSC_NONE)
		settle_batch(wish->req, wish->draft);
	return code;
}

/* ---- hooks ---- */

/* TS-0004 7.4.8.2.1: whoever subscribes must be allowed to RETRIEVE what it is told of. */
static enum rsc authorize_create(struct request *req, const struct resource *parent)
{
	if (may(req, parent, PRIVILEGE_CREATE) && may(req, parent, PRIVILEGE_RETRIEVE))
		return RSC_NONE;
	return req_fail(req, RSC_ORIGINATOR_HAS_NO_PRIVILEGE,
			"a subscription needs the rights to CREATE below the resource and to RETRIEVE it");
}

static enum rsc create(struct request *req, struct resource *parent, struct draft *draft)
{
	struct wish wish = {.req = req, .parent = parent, .draft = draft};
	struct value targets = attrs_get(&req->attrs, ATTR_notificationURI);
	enum rsc code = settle(&wish);

	if (code != RSC_NONE)
		return code;
	settle_creator(req, draft, targets);
	return verify(req, (struct str){0}, targets, (struct value){0});
}

static struct str choose_id(struct request *req, struct draft *draft)
{
	(void)draft;
	return verified_id(req);
}

/* enc deleted is enc as it is by default: an UPDATE is what is told of. */
static void restore_criteria(struct request *req, struct draft *draft)
{
	struct value v = attrs_get(&req->attrs, ATTR_eventNotificationCriteria);

	if (!value_is_absent(v) && value_type(v) == VALUE_NULL)
		draft_set(draft, ATTR_eventNotificationCriteria,
			  arena_printf(draft->arena, "{\"%.*s\":[%d]}",
				       STR_ARG(name_short(draft->schema, ATTR_notificationEventType)), EVENT_UPDATE));
}

static enum rsc update(struct request *req, struct resource *resource, struct draft *draft)
{
	struct wish wish = {.req = req, .parent = resource->parent, .draft = draft, .is_update = true};
	struct value targets = attrs_get(&req->attrs, ATTR_notificationURI);
	struct value statistics = attrs_get(&req->attrs, ATTR_notificationStatsEnable);
	struct subscription after = {0};
	enum rsc code;

	restore_criteria(req, draft);
	code = settle(&wish);
	if (code == RSC_NONE && !value_is_absent(targets))
		code = verify(
			req, resource->id, targets,
			parse(req, resource_attribute(resource, name_short(draft->schema, ATTR_notificationURI))));
	if (code != RSC_NONE)
		return code;
	if (!value_is_absent(statistics) && value_type(statistics) != VALUE_FALSE)
		notifier_forget_statistics(req->cse, resource->state);
	after.pending = (enum pending_policy)draft_get_u64(draft, ATTR_pendingNotification, PENDING_NONE);
	after.is_latest = draft_get_bool(draft, ATTR_latestNotify, false);
	notifier_change(req, resource->state, &after);
	return RSC_NONE;
}

static void attach(struct cse *cse, struct resource *resource)
{
	subscription_compile(resource->state, cse, resource);
	notifier_look(cse, resource);
}

static void finish(struct resource *resource)
{
	subscription_finish(resource->state);
}

static const struct subscription *subscription(const struct resource *resource)
{
	return resource->state;
}

static void print_hidden(struct cse *cse, const struct resource *resource, struct strbuf *out)
{
	notifier_print_lanes(cse, resource->state, out);
}

static void read_hidden(struct cse *cse, const struct resource *resource, struct value hidden, struct arena *arena)
{
	notifier_read_lanes(cse, resource, value_member(hidden, STR("lanes")), arena);
}

static void present(struct cse *cse, const struct resource *resource, struct presenter *presenter)
{
	struct target_statistics statistics;
	struct strbuf list = {0};
	unsigned index = 0;

	while (notifier_statistics(cse, resource->state, &index, &statistics)) {
		const struct schema *schema = presenter->schema;

		strbuf_addf(&list, "%s{\"%.*s\":", list.len ? "," : "[", STR_ARG(name_short(schema, ATTR_target)));
		strbuf_add_json(&list, statistics.target);
		strbuf_addf(&list, ",\"%.*s\":%llu,\"%.*s\":%llu,\"%.*s\":%llu}",
			    STR_ARG(name_short(schema, ATTR_requestsSent)), (unsigned long long)statistics.requests,
			    STR_ARG(name_short(schema, ATTR_responsesReceived)),
			    (unsigned long long)statistics.responses,
			    STR_ARG(name_short(schema, ATTR_notificationEventCount)),
			    (unsigned long long)statistics.events);
	}
	if (list.len) {
		strbuf_add_char(&list, ']');
		present_json(presenter, ATTR_notificationStatsInfo, strbuf_str(&list));
	}
	strbuf_finish(&list);
}

static const struct type_hooks subscription_hooks = {
	.state_size = sizeof(struct subscription),
	.authorize_create = authorize_create,
	.create = create,
	.choose_id = choose_id,
	.update = update,
	.attach = attach,
	.finish = finish,
	.subscription = subscription,
	.print_hidden = print_hidden,
	.read_hidden = read_hidden,
	.present = present,
};

#define TYPE_DEF "schemas/types/subscription.def"
#define TYPE_HOOKS &subscription_hooks
#include "schemas/define_type.h"
