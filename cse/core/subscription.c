/* A <subscription>'s attributes, compiled. They have been validated; what cannot be read counts as absent. */
#include "cse/core/subscription.h"

#include "cse/core/state.h"
#include "schemas/timestamp.h"

#include <stdlib.h>

const enum content_type *event_content_types(enum event_type type)
{
	static const enum content_type allowed[EVENT_LAST + 1][4] = {
		[EVENT_UPDATE] = {CONTENT_ALL_ATTRIBUTES, CONTENT_MODIFIED_ATTRIBUTES, CONTENT_RESOURCE_ID},
		[EVENT_DELETE] = {CONTENT_ALL_ATTRIBUTES, CONTENT_RESOURCE_ID},
		[EVENT_CREATE_CHILD] = {CONTENT_ALL_ATTRIBUTES, CONTENT_RESOURCE_ID},
		[EVENT_DELETE_CHILD] = {CONTENT_ALL_ATTRIBUTES, CONTENT_RESOURCE_ID},
		[EVENT_RETRIEVE_MISSING] = {CONTENT_ALL_ATTRIBUTES, CONTENT_RESOURCE_ID},
		[EVENT_TRIGGER] = {CONTENT_TRIGGER_PAYLOAD},
		[EVENT_BLOCKING_UPDATE] = {CONTENT_MODIFIED_ATTRIBUTES},
		[EVENT_MISSING_DATA] = {CONTENT_TIME_SERIES},
	};

	return allowed[type <= EVENT_LAST ? type : 0];
}

/* ---- reading ---- */

struct reader {
	const struct schema *schema;
	struct value object; /* of attributes */
	struct arena arena;  /* dropped at the end */
	char *room;	     /* for texts that stay */
};

static struct value member(const struct reader *reader, struct value object, unsigned name)
{
	return value_is_absent(object) ? object : value_member(object, name_short(reader->schema, name));
}

static struct value attribute(const struct reader *reader, unsigned name)
{
	return member(reader, reader->object, name);
}

static struct str keep(struct reader *reader, struct value v)
{
	struct str text = value_string(v, &reader->arena), kept = str_make(reader->room, text.len);

	if (text.len)
		memcpy(reader->room, text.ptr, text.len);
	reader->room += text.len;
	return kept;
}

static struct str keep_string(struct reader *reader, struct value v)
{
	return value_is_absent(v) ? (struct str){0} : keep(reader, v);
}

static struct str *keep_strings(struct reader *reader, struct value list, unsigned *count)
{
	struct str *strings;

	*count = 0;
	if (value_is_absent(list))
		return NULL;
	strings = xmalloc((value_token(list)->count + 1) * sizeof(*strings));
	for (struct value v = value_first(list); !value_is_absent(v); v = value_next(list, v))
		strings[(*count)++] = keep(reader, v);
	return strings;
}

static uint64_t number_of(struct value v)
{
	uint64_t number;

	return !value_is_absent(v) && value_u64(v, &number) == 0 ? number : 0;
}

static bool is_true(struct value v)
{
	return !value_is_absent(v) && value_type(v) == VALUE_TRUE;
}

static int64_t duration_of(struct reader *reader, struct value v)
{
	int64_t us;

	return !value_is_absent(v) && duration_parse(value_string(v, &reader->arena), &us) == 0 ? us : 0;
}

/* ---- eventNotificationCriteria ---- */

static void set_end(struct range *range, bool is_high, int64_t value)
{
	if (!range->is_set)
		*range = (struct range){true, INT64_MIN, INT64_MAX};
	if (is_high)
		range->high = value;
	else
		range->low = value;
}

static void read_ranges(struct reader *reader, struct subscription *subscription, struct value criteria)
{
	static const struct {
		unsigned name;
		enum measure of;
		bool is_high, is_time;
	} ends[] = {
		{ATTR_createdBefore, OF_CREATION, true, true},
		{ATTR_createdAfter, OF_CREATION, false, true},
		{ATTR_unmodifiedSince, OF_MODIFICATION, true, true},
		{ATTR_modifiedSince, OF_MODIFICATION, false, true},
		{ATTR_stateTagSmaller, OF_STATE_TAG, true, false},
		{ATTR_stateTagBigger, OF_STATE_TAG, false, false},
		{ATTR_expireBefore, OF_EXPIRATION, true, true},
		{ATTR_expireAfter, OF_EXPIRATION, false, true},
		{ATTR_sizeBelow, OF_SIZE, true, false},
		{ATTR_sizeAbove, OF_SIZE, false, false},
	};

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct value v = member(reader, criteria, ends[i].name);
		int64_t bound;

		if (value_is_absent(v))
			continue;
		if (ends[i].is_time ? timestamp_parse(value_string(v, &reader->arena), &bound) : value_i64(v, &bound))
			continue;
		set_end(&subscription->ranges[ends[i].of], ends[i].is_high, bound);
	}
	subscription->is_any = number_of(member(reader, criteria, ATTR_filterOperation)) == 2;
}

static void read_monitors(struct reader *reader, struct subscription *subscription, struct value list)
{
	if (value_is_absent(list))
		return;
	subscription->monitors = xmalloc((value_token(list)->count + 1) * sizeof(struct monitor));
	for (struct value v = value_first(list); !value_is_absent(v); v = value_next(list, v))
		subscription->monitors[subscription->monitor_count++] = (struct monitor){
			(unsigned)number_of(member(reader, v, ATTR_operations)),
			keep_string(reader, member(reader, v, ATTR_originator__member)),
		};
}

static void read_child_types(struct reader *reader, struct subscription *subscription, struct value list)
{
	(void)reader;
	if (value_is_absent(list))
		return;
	subscription->child_types = xmalloc((value_token(list)->count + 1) * sizeof(unsigned));
	for (struct value v = value_first(list); !value_is_absent(v); v = value_next(list, v))
		subscription->child_types[subscription->child_type_count++] = (unsigned)number_of(v);
}

static void read_criteria(struct reader *reader, struct subscription *subscription)
{
	struct value criteria = attribute(reader, ATTR_eventNotificationCriteria);
	struct value types = member(reader, criteria, ATTR_notificationEventType);

	if (!value_is_absent(types))
		for (struct value v = value_first(types); !value_is_absent(v); v = value_next(types, v))
			subscription->events |= EVENT_BIT(number_of(v));
	read_monitors(reader, subscription, member(reader, criteria, ATTR_operationMonitor));
	if (!subscription->events && !subscription->monitor_count)
		subscription->events = EVENT_BIT(EVENT_UPDATE);
	read_ranges(reader, subscription, criteria);
	read_child_types(reader, subscription, member(reader, criteria, ATTR_childResourceType));
	subscription->attributes =
		keep_strings(reader, member(reader, criteria, ATTR_attribute), &subscription->attribute_count);
}

/* ---- notification policies ---- */

static void read_policies(struct reader *reader, struct subscription *subscription)
{
	struct value batch = attribute(reader, ATTR_batchNotify), rate = attribute(reader, ATTR_rateLimit);

	subscription->content_type = (enum content_type)number_of(attribute(reader, ATTR_notificationContentType));
	subscription->category = (unsigned)number_of(attribute(reader, ATTR_notificationEventCat));
	subscription->pending = (enum pending_policy)number_of(attribute(reader, ATTR_pendingNotification));
	subscription->is_latest = is_true(attribute(reader, ATTR_latestNotify));
	subscription->names_originator = is_true(attribute(reader, ATTR_enableEventNotificationOriginator));
	subscription->has_statistics = is_true(attribute(reader, ATTR_notificationStatsEnable));
	subscription->is_batched = !value_is_absent(batch);
	subscription->batch_number = number_of(member(reader, batch, ATTR_number));
	subscription->batch_duration_us = duration_of(reader, member(reader, batch, ATTR_duration));
	subscription->rate = number_of(member(reader, rate, ATTR_maxNrOfNotify));
	subscription->window_us = duration_of(reader, member(reader, rate, ATTR_timeWindow));
	subscription->counter = number_of(attribute(reader, ATTR_expirationCounter));
}

static void read_targets(struct reader *reader, struct subscription *subscription)
{
	subscription->targets =
		keep_strings(reader, attribute(reader, ATTR_notificationURI), &subscription->target_count);
	subscription->associates = keep_strings(reader, attribute(reader, ATTR_associatedCrossResourceSub),
						&subscription->associate_count);
	subscription->subscriber = keep_string(reader, attribute(reader, ATTR_subscriberURI));
	subscription->forwarding = keep_string(reader, attribute(reader, ATTR_notificationForwardingURI));
	subscription->creator = keep_string(reader, attribute(reader, ATTR_creator));
}

void subscription_compile(struct subscription *subscription, struct cse *cse, struct resource *resource)
{
	struct reader reader = {.schema = cse->schema};

	subscription_finish(subscription);
	*subscription = (struct subscription){.resource = resource};
	/* No text grows by being unescaped. */
	subscription->texts = reader.room = xmalloc(resource->text.len + 1);
	arena_init(&reader.arena);
	reader.object = json_own(arena_join(&reader.arena, STR("{"), resource->text, STR("}")), &reader.arena);
	if (!value_is_absent(reader.object)) {
		read_criteria(&reader, subscription);
		read_policies(&reader, subscription);
		read_targets(&reader, subscription);
	}
	arena_finish(&reader.arena);
}

void subscription_finish(struct subscription *subscription)
{
	free(subscription->monitors);
	free(subscription->attributes);
	free(subscription->child_types);
	free(subscription->targets);
	free(subscription->associates);
	free(subscription->texts);
}
