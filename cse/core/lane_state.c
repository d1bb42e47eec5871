/* What a subscription's row keeps of its lanes: windows of rateLimit and statistics. */
#include "cse/core/lane.h"
#include "cse/core/state.h"

bool notifier_statistics(struct cse *cse, const struct subscription *subscription, unsigned *index,
			 struct target_statistics *out)
{
	while (*index < subscription->target_count) {
		struct str target = subscription->targets[(*index)++];
		const struct lane *lane = lane_find(&cse->notifier, subscription->resource->key, target);

		if (!lane || !lane->events)
			continue;
		*out = (struct target_statistics){target, lane->requests, lane->responses, lane->events};
		return true;
	}
	return false;
}

void notifier_forget_statistics(struct cse *cse, const struct subscription *subscription)
{
	struct lane *lane = NULL;

	while ((lane = lane_next(&cse->notifier, subscription->resource->key, lane)))
		lane->requests = lane->responses = lane->events = 0;
}

void notifier_print_lanes(struct cse *cse, const struct subscription *subscription, struct strbuf *out)
{
	struct lane *lane = NULL;
	bool is_first = true;

	if (!subscription->rate && !subscription->has_statistics)
		return;
	STRBUF_LIT(out, ",\"lanes\":[");
	while ((lane = lane_next(&cse->notifier, subscription->resource->key, lane))) {
		strbuf_addf(out, "%s{\"target\":", is_first ? "" : ",");
		strbuf_add_json(out, lane->target);
		strbuf_addf(out, ",\"start\":%lld,\"count\":%llu,\"requests\":%llu,\"responses\":%llu,\"events\":%llu}",
			    (long long)lane->window_start_us, (unsigned long long)lane->window_count,
			    (unsigned long long)lane->requests, (unsigned long long)lane->responses,
			    (unsigned long long)lane->events);
		is_first = false;
	}
	strbuf_add_char(out, ']');
}

static uint64_t number_member(struct value object, struct str name)
{
	struct value v = value_member(object, name);
	uint64_t number;

	return !value_is_absent(v) && value_u64(v, &number) == 0 ? number : 0;
}

void notifier_read_lanes(struct cse *cse, const struct resource *resource, struct value lanes, struct arena *arena)
{
	if (value_is_absent(lanes) || value_type(lanes) != VALUE_ARRAY)
		return;
	for (struct value v = value_first(lanes); !value_is_absent(v); v = value_next(lanes, v)) {
		struct value target = value_member(v, STR("target"));
		struct lane *lane;

		if (value_is_absent(target))
			continue;
		lane = lane_get(&cse->notifier, resource->key, value_string(target, arena));
		lane->window_start_us = (int64_t)number_member(v, STR("start"));
		lane->window_count = number_member(v, STR("count"));
		lane->requests = number_member(v, STR("requests"));
		lane->responses = number_member(v, STR("responses"));
		lane->events = number_member(v, STR("events"));
	}
}
