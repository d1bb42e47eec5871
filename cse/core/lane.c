/* Lanes: what may be sent when, and sending it. TS-0001 10.2.10.7. */
#include "cse/core/lane.h"

#include "cse/core/notification.h"
#include "cse/core/state.h"

#include <stdlib.h>

enum {
	SECOND_US = 1000000,
	DOUBTFUL_PAUSE_US = 100000,
	FIRST_RETRY_US = 1000000,
	LONGEST_LOOK_US = 60 * SECOND_US, /* schedules change meanwhile */
};

/* ---- lanes ---- */

uint64_t lane_hash(uint64_t subscription)
{
	return subscription * 0x9e3779b97f4a7c15u >> 16;
}

struct lane *lane_find(const struct notifier *notifier, uint64_t subscription, struct str target)
{
	struct map_node *node = map_first(&notifier->lanes, lane_hash(subscription));

	for (; node; node = map_next(node)) {
		struct lane *lane = container_of(node, struct lane, node);

		if (lane->subscription == subscription && str_eq(lane->target, target))
			return lane;
	}
	return NULL;
}

static void look_again(struct timer *timer)
{
	lane_wake(container_of(timer, struct lane, timer));
}

struct lane *lane_get(struct notifier *notifier, uint64_t subscription, struct str target)
{
	struct lane *lane = lane_find(notifier, subscription, target);
	char *text;

	if (lane)
		return lane;
	lane = xzalloc(sizeof(*lane) + target.len);
	text = (char *)(lane + 1);
	memcpy(text, target.ptr, target.len);
	lane->target = str_make(text, target.len);
	lane->notifier = notifier;
	lane->subscription = subscription;
	lane->timer.fire = look_again;
	list_init(&lane->ready);
	list_init(&lane->notes);
	map_add(&notifier->lanes, &lane->node, lane_hash(subscription));
	return lane;
}

static void forget_unreached(struct lane *lane)
{
	if (lane->is_unreached)
		map_remove(&lane->notifier->unreached, &lane->unreached);
	lane->is_unreached = false;
}

static void note_unreached(struct lane *lane, uint64_t registration)
{
	forget_unreached(lane);
	if (!registration)
		return;
	map_add(&lane->notifier->unreached, &lane->unreached, registration);
	lane->is_unreached = true;
}

void notifier_reached(struct notifier *notifier, uint64_t registration)
{
	struct map_node *node;

	while ((node = map_first(&notifier->unreached, registration))) {
		struct lane *lane = container_of(node, struct lane, unreached);

		forget_unreached(lane);
		lane->retry_at_us = 0;
		lane_wake(lane);
	}
}

void lane_destroy(struct lane *lane)
{
	forget_unreached(lane);
	if (lane->is_sending)
		outgoing_cancel(&lane->out);
	loop_timer_cancel(lane->notifier->cse->loop, &lane->timer);
	list_remove(&lane->ready);
	map_remove(&lane->notifier->lanes, &lane->node);
	strbuf_finish(&lane->content);
	free(lane);
}

void lane_release(struct lane *lane)
{
	if (lane->count == 0 && !lane->is_sending && lane->unsettled == 0 && lane->taken == 0 &&
	    !tree_by_key(&lane->notifier->cse->tree, lane->subscription))
		lane_destroy(lane);
}

/* A query may hold what only the target is to know. */
struct str lane_target_for_log(const struct lane *lane)
{
	struct str rest = lane->target;

	return str_split(&rest, '?');
}

void lane_wake(struct lane *lane)
{
	if (list_empty(&lane->ready) && !lane->notifier->is_stopped)
		list_push(&lane->notifier->ready, &lane->ready);
}

const struct subscription *lane_subscription(const struct lane *lane)
{
	const struct resource *resource = tree_by_key(&lane->notifier->cse->tree, lane->subscription);

	return resource && resource->type->hooks->subscription ? resource->type->hooks->subscription(resource) : NULL;
}

/* ---- schedules ---- */

/* A resource without schedules is always open; of several one is enough. */
static bool is_open(const struct resource *parent, int64_t now_us, int64_t *next_us)
{
	bool has_schedule = false;

	list_each (item, &parent->children) {
		const struct resource *child = container_of(item, struct resource, siblings);
		int64_t opens_us;

		if (!child->type->hooks || !child->type->hooks->opens)
			continue;
		has_schedule = true;
		opens_us = child->type->hooks->opens(child, now_us);
		if (opens_us <= now_us)
			return true;
		if (opens_us < *next_us)
			*next_us = opens_us;
	}
	return !has_schedule;
}

/* The node that the target's entity is on: TS-0001 9.6.5, nodeLink. */
static const struct resource *node_of(const struct lane *lane)
{
	struct cse *cse = lane->notifier->cse;
	struct target target;
	struct str link;

	if (is_url(lane->target) || cse_find(cse, lane->target, &target) != FOUND_HERE || target.instance)
		return NULL;
	link = resource_attribute(target.resource, name_short(cse->schema, ATTR_nodeLink));
	if (link.len < 2 || cse_find(cse, str_make(link.ptr + 1, link.len - 2), &target) != FOUND_HERE ||
	    target.instance)
		return NULL;
	return target.resource;
}

bool lane_is_open(const struct lane *lane, const struct subscription *subscription, bool is_immediate, int64_t *next_us)
{
	int64_t now_us = clock_wall_us(lane->notifier->cse->clock);
	const struct resource *node;

	*next_us = INT64_MAX;
	if (!is_immediate && !is_open(subscription->resource, now_us, next_us))
		return false;
	node = node_of(lane);
	return !node || is_open(node, now_us, next_us);
}

/* ---- what may be sent ---- */

/* What the lane's turn brings. */
struct plan {
	enum { PLAN_NOTHING, PLAN_WAIT, PLAN_DROP, PLAN_SEND } what;
	unsigned count;	 /* of the first notes, to send or to drop */
	int64_t wait_us; /* until the next look */
};

static struct plan wait_for(int64_t us)
{
	return (struct plan){.what = PLAN_WAIT, .wait_us = us > 0 ? us : 0};
}

static struct plan wait_until(const struct lane *lane, int64_t wall_us)
{
	int64_t left_us = wall_us - clock_wall_us(lane->notifier->cse->clock);

	return wait_for(left_us < LONGEST_LOOK_US ? left_us : LONGEST_LOOK_US);
}

static bool is_durable(const struct lane *lane, const struct note *note)
{
	return !note->batch || commit_is_durable(lane->notifier->cse->committer, note->batch);
}

/* The first notes that may go as one message. */
struct batch {
	unsigned count;
	bool is_full; /* no further one fits */
};

/* Those that are durable and batched, but no more than `most` and none created after until_us. All that is told, and
 * with latestNotify that is one, stays below the size of a request, as far as it is not a single note that is larger.
 */
static struct batch first_batch(const struct lane *lane, const struct subscription *subscription, uint64_t most,
				int64_t until_us)
{
	bool is_latest = subscription && subscription->is_latest;
	size_t left = is_latest ? SIZE_MAX : lane->notifier->cse->config.decode.bytes;
	struct batch batch = {0, false};

	list_each (item, &lane->notes) {
		const struct note *note = container_of(item, struct note, in_lane);

		if (batch.is_full || !(note->flags & NOTE_BATCHED) || note->created_us > until_us ||
		    !is_durable(lane, note))
			break;
		if (batch.count && note->size >= left)
			return (struct batch){batch.count, true};
		left -= note->size < left ? note->size + 1 : left;
		batch.is_full = ++batch.count == most;
	}
	return batch;
}

enum { LARGEST_BATCH = 1000 };

/* A batch is full by its number or size, or ends with its duration. Which notes belong to it follows from the notes
 * alone, so that a repetition, also after a restart, has the same ones. */
static struct plan plan_batch(const struct lane *lane, const struct subscription *subscription)
{
	const struct cse *cse = lane->notifier->cse;
	uint64_t number = subscription->batch_number && subscription->batch_number < LARGEST_BATCH
				  ? subscription->batch_number
				  : LARGEST_BATCH;
	int64_t duration_us = subscription->batch_duration_us ? subscription->batch_duration_us
							      : cse->config.batch_duration_s * SECOND_US;
	int64_t end_us = note_first(lane)->created_us + duration_us, now_us = clock_wall_us(cse->clock);
	struct batch batch;

	if (!subscription->is_batched)
		return (struct plan){PLAN_SEND, first_batch(lane, subscription, LARGEST_BATCH, INT64_MAX).count, 0};
	batch = first_batch(lane, subscription, number, end_us);
	if (batch.is_full || now_us >= end_us)
		return (struct plan){PLAN_SEND, batch.count, 0};
	return wait_for(end_us - now_us);
}

/* TS-0004 7.5.1.2.2, steps 3.0 and 4.0. What was let in while the window was open waits for the next one; a batch that
 * ends while it is closed is kept as far as pendingNotification says. */
static struct plan plan_schedule(const struct lane *lane, const struct subscription *subscription, struct plan plan)
{
	const struct note *first = note_first(lane);
	int64_t next_us;

	if (lane_is_open(lane, subscription, note_category(first->flags) == CATEGORY_IMMEDIATE, &next_us))
		return plan;
	if (first->flags & NOTE_BATCHED && subscription->pending == PENDING_NONE)
		return (struct plan){PLAN_DROP, plan.count, 0};
	if (first->flags & NOTE_BATCHED && subscription->pending == PENDING_LATEST && plan.count > 1)
		return (struct plan){PLAN_DROP, plan.count - 1, 0};
	return wait_until(lane, next_us);
}

/* Windows follow one another without a gap, from the first notification on. */
static struct plan plan_rate(struct lane *lane, const struct subscription *subscription, struct plan plan)
{
	int64_t now_us = clock_wall_us(lane->notifier->cse->clock);
	int64_t passed_us = now_us - lane->window_start_us;

	if (!subscription->rate || !subscription->window_us || lane->attempts)
		return plan;
	if (lane->window_count == 0 && passed_us >= subscription->window_us) {
		lane->window_start_us = now_us;
	} else if (passed_us < 0 || passed_us >= subscription->window_us) {
		lane->window_start_us = now_us - (passed_us > 0 ? passed_us % subscription->window_us : 0);
		lane->window_count = 0;
	}
	if (lane->window_count && lane->window_count + plan.count > subscription->rate)
		return wait_until(lane, lane->window_start_us + subscription->window_us);
	return plan;
}

/* No more messages are under way than expirationCounter has left. */
static bool has_left(const struct lane *lane, const struct subscription *subscription)
{
	uint64_t under_way = 0;
	struct map_node *node = map_first(&lane->notifier->lanes, lane_hash(lane->subscription));

	if (!subscription->counter)
		return true;
	for (; node; node = map_next(node)) {
		const struct lane *other = container_of(node, struct lane, node);

		if (other->subscription == lane->subscription)
			under_way += other->is_sending + other->unsettled;
	}
	return under_way < subscription->counter;
}

static struct plan plan_by_policies(struct lane *lane, const struct subscription *subscription)
{
	struct plan plan = {PLAN_SEND, 1, 0};

	if (note_first(lane)->flags & NOTE_BATCHED)
		plan = plan_batch(lane, subscription);
	if (plan.what == PLAN_SEND)
		plan = plan_schedule(lane, subscription, plan);
	if (plan.what == PLAN_SEND)
		plan = plan_rate(lane, subscription, plan);
	if (plan.what == PLAN_SEND && !has_left(lane, subscription))
		plan.what = PLAN_NOTHING;
	return plan;
}

static struct plan make_plan(struct lane *lane)
{
	struct cse *cse = lane->notifier->cse;
	const struct note *first = note_first(lane);
	const struct subscription *subscription;
	int64_t pause_us = lane->retry_at_us - clock_mono_us(cse->clock);

	if (!first || lane->is_sending || !is_durable(lane, first))
		return (struct plan){.what = PLAN_NOTHING};
	if (first->created_us + cse->config.notify_max_age_s * SECOND_US < cse_expiry_now(cse))
		return (struct plan){PLAN_DROP, 1, 0};
	if (lane->attempts && pause_us > 0)
		return wait_for(pause_us);
	subscription = lane_subscription(lane);
	if (subscription && !(first->flags & NOTE_FREE))
		return plan_by_policies(lane, subscription);
	if (first->flags & NOTE_BATCHED)
		return (struct plan){PLAN_SEND, first_batch(lane, subscription, LARGEST_BATCH, INT64_MAX).count, 0};
	return (struct plan){PLAN_SEND, 1, 0};
}

/* ---- sending ---- */

static bool add_text(struct lane *lane, const struct note *note, bool is_aggregated)
{
	struct cse *cse = lane->notifier->cse;
	struct str text = str_make(note->text, note->size);

	if (!note->text) {
		if (cse->store->ops->read_note(cse->store, note->key, &cse->scratch) <= 0)
			return false;
		text = strbuf_str(&cse->scratch);
	}
	if (is_aggregated)
		notification_wrap_next(&lane->content, text);
	else
		notification_wrap(&lane->content, note->flags & NOTE_RESPONSE ? "m2m:rsp" : "m2m:sgn", text);
	return true;
}

/* With latestNotify only the last one of a batch is told. */
static bool write_content(struct lane *lane, bool is_latest)
{
	bool is_aggregated = note_first(lane)->flags & NOTE_BATCHED, is_complete = true;
	unsigned number = 0;

	if (is_aggregated)
		notification_wrap_begin(&lane->content);
	list_each (item, &lane->notes) {
		if (number++ == lane->sending || !is_complete)
			break;
		if (!is_latest || number == lane->sending)
			is_complete = add_text(lane, container_of(item, struct note, in_lane), is_aggregated);
	}
	if (is_aggregated)
		notification_wrap_end(&lane->content);
	return is_complete;
}

/* Targets that have failed leave room for those that have not. */
static bool is_crowded(const struct lane *lane)
{
	size_t most = lane->notifier->cse->config.notify_most_in_flight;

	return lane->attempts && lane->notifier->doubtful_in_flight >= (most + 1) / 2;
}

static void wait(struct lane *lane, int64_t us)
{
	loop_timer_set(lane->notifier->cse->loop, &lane->timer, us);
}

/* Longer each time, and not for all at once. */
static void pause(struct lane *lane)
{
	struct notifier *notifier = lane->notifier;
	struct cse *cse = notifier->cse;
	int64_t longest_us = cse->config.notify_retry_longest_s * SECOND_US;
	int64_t delay_us = lane->attempts < 20 ? (int64_t)FIRST_RETRY_US << lane->attempts : longest_us;

	lane->attempts++;
	notifier->counts.failed++;
	if (delay_us > longest_us)
		delay_us = longest_us;
	delay_us = delay_us / 4 * 3 + (int64_t)(id_next(&notifier->random) % ((uint64_t)delay_us / 2 + 1));
	lane->retry_at_us = clock_mono_us(cse->clock) + delay_us;
	wait(lane, delay_us);
}

static void count_in_flight(const struct lane *lane, int change)
{
	lane->notifier->in_flight += (size_t)change;
	if (lane->is_doubtful)
		lane->notifier->doubtful_in_flight += (size_t)change;
}

static void failed(struct lane *lane, const char *reason)
{
	struct notifier *notifier = lane->notifier;
	const struct subscription *subscription = lane_subscription(lane);

	if (lane->attempts == 0)
		log_event(notifier->cse->log, LOG_INFO, "notification not delivered",
			  "rqi=%s subscription=%llu target=\"%.*s\" reason=\"%s\"", lane->identifier,
			  (unsigned long long)lane->subscription, STR_ARG(lane_target_for_log(lane)), reason);
	pause(lane);
	/* What expirationCounter has left is there for the other targets meanwhile. */
	if (subscription && subscription->counter)
		notifier_look(notifier->cse, subscription->resource);
}

static void message_done(struct outgoing *out)
{
	struct lane *lane = container_of(out, struct lane, out);
	struct notifier *notifier = lane->notifier;
	bool is_delivered = out->outcome == HOP_ANSWERED;

	lane->is_sending = false;
	note_unreached(lane, is_delivered ? 0 : out->registration);
	if (!lane->is_waiting)
		count_in_flight(lane, -1);
	if (is_delivered) {
		log_event(notifier->cse->log, LOG_DEBUG, "notified", "rqi=%s subscription=%llu rsc=%d",
			  lane->identifier, (unsigned long long)lane->subscription, out->rsc);
		lane->attempts = 0;
		lane->responses += lane->sending;
		notifier_take_off(lane, lane->sending, true);
	} else {
		failed(lane, out->reason);
	}
	lane->sending = 0;
	strbuf_finish(&lane->content);
	lane->content = (struct strbuf){0};
	if (is_delivered)
		lane_run(lane);
}

static void send(struct lane *lane, unsigned count)
{
	struct notifier *notifier = lane->notifier;
	struct cse *cse = notifier->cse;
	const struct subscription *subscription = lane_subscription(lane);
	const struct note *first = note_first(lane);
	bool is_latest = first->flags & NOTE_BATCHED && subscription && subscription->is_latest;

	lane->sending = count;
	if (!write_content(lane, is_latest)) {
		log_event(cse->log, LOG_ERROR, "notification cannot be read", "key=%llu",
			  (unsigned long long)first->key);
		strbuf_finish(&lane->content);
		lane->content = (struct strbuf){0};
		lane->sending = 0;
		pause(lane);
		return;
	}
	instance_id_print(lane->identifier, 'n', first->key);
	lane->out = (struct outgoing){
		.target = lane->target,
		.op = OP_NOTIFY,
		.from = str_of(cse->config.id),
		.identifier = str_of(lane->identifier),
		.content = strbuf_str(&lane->content),
		.category = is_latest ? CATEGORY_LATEST : note_category(first->flags),
		.timeout_us = cse->config.notify_timeout_s * SECOND_US,
		.is_patient = true,
		.done = message_done,
	};
	lane->is_sending = true;
	lane->is_doubtful = lane->attempts > 0;
	lane->requests += count;
	if (lane->attempts == 0) {
		lane->window_count += first->flags & NOTE_FREE ? 0 : count;
		lane->events += count;
	}
	count_in_flight(lane, 1);
	outgoing_send(cse, &lane->out);
	lane->is_waiting = lane->out.is_in_channel;
	if (lane->is_waiting)
		count_in_flight(lane, -1);
}

void lane_run(struct lane *lane)
{
	struct plan plan = make_plan(lane);

	while (plan.what == PLAN_DROP) {
		notifier_take_off(lane, plan.count, false);
		plan = make_plan(lane);
	}
	switch (plan.what) {
	case PLAN_WAIT:
		wait(lane, plan.wait_us);
		return;
	case PLAN_SEND:
		if (is_crowded(lane))
			wait(lane, DOUBTFUL_PAUSE_US);
		else
			send(lane, plan.count);
		return;
	case PLAN_NOTHING:
	case PLAN_DROP:
		lane_release(lane);
		return;
	}
}
