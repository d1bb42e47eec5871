/* Delivered notes leave the store, and what their delivery means for the subscription is counted, in one change. */
#include "cse/core/lane.h"
#include "cse/core/state.h"

enum {
	STORE_PAUSE_US = 1000 * 1000, /* after a change could not be stored */
	LULL_US = 10 * 1000,
};

void notifier_take_off(struct lane *lane, unsigned count, bool is_delivered)
{
	struct notifier *notifier = lane->notifier;

	if (list_empty(&notifier->done))
		loop_timer_set(notifier->cse->loop, &notifier->lull, LULL_US);
	for (unsigned i = 0; i < count; i++) {
		struct note *note = note_first(lane);

		note_leave_lane(note);
		note_drop_text(note);
		lane->taken++;
		list_push(&notifier->done, &note->in_done);
		if (is_delivered)
			notifier->counts.delivered++;
		else
			lane_count_dropped(lane, "too old, or held back without pendingNotification");
	}
	lane->unsettled += is_delivered;
}

/* Notes that are taken off by one request. */
struct taken_undo {
	struct undo undo;
	struct list notes; /* by in_done */
};

/* A lane whose deliveries this request counts. */
struct settled_undo {
	struct undo undo;
	struct lane *lane;
	uint64_t messages;
};

static void revert_taken(struct request *req, struct undo *base)
{
	struct notifier *notifier = &req->cse->notifier;

	struct list *notes = &container_of(base, struct taken_undo, undo)->notes;

	list_each (item, notes)
		container_of(item, struct note, in_done)->is_taken = false;
	list_splice(&notifier->done, notes);
	notifier->taken_in = 0;
	loop_timer_set(req->cse->loop, &notifier->pause, STORE_PAUSE_US);
}

static void settle_taken(struct request *req, struct undo *base)
{
	(void)req;
	list_each (item, &container_of(base, struct taken_undo, undo)->notes) {
		struct note *note = container_of(item, struct note, in_done);
		struct lane *lane = note->lane;

		lane->taken--;
		note_destroy(note);
		lane_release(lane);
	}
}

static void revert_settled(struct request *req, struct undo *base)
{
	struct settled_undo *undo = container_of(base, struct settled_undo, undo);

	(void)req;
	undo->lane->unsettled += undo->messages;
}

static bool is_done(const struct list *all, const struct list *item)
{
	const struct note *note = container_of(item, struct note, in_all);

	return item != all && !list_empty(&note->in_done) && !note->is_taken;
}

/* Neighbours go together, as one change: the note and those beside it are moved to `taken`. */
static void take_row(struct request *req, struct notifier *notifier, struct note *note, struct list *taken)
{
	struct list *first = &note->in_all, *last = first, *all = &notifier->notes;
	struct change *change = commit_change(req, CHANGE_DROP_NOTES);

	while (is_done(all, first->prev))
		first = first->prev;
	while (is_done(all, last->next))
		last = last->next;
	change->key = container_of(first, struct note, in_all)->key;
	change->last = container_of(last, struct note, in_all)->key;
	for (struct list *item = first;; item = item->next) {
		struct note *member = container_of(item, struct note, in_all);

		list_remove(&member->in_done);
		list_push(taken, &member->in_done);
		member->is_taken = true;
		if (item == last)
			break;
	}
}

/* expirationCounter goes down with each message that was delivered, and ends the subscription: TS-0004 7.5.1.2.2, step
 * 5.0. */
static void settle_counter(struct request *req, struct resource *resource, const struct subscription *subscription,
			   uint64_t messages)
{
	uint64_t left = subscription->counter > messages ? subscription->counter - messages : 0;
	struct lane *lane = NULL;
	struct draft draft;

	if (left == 0) {
		while ((lane = lane_next(&req->cse->notifier, resource->key, lane)))
			notes_supersede(req, lane, 0);
		remove_subtree(req, resource);
		return;
	}
	if (resource_draft(req, resource, &draft) != RSC_NONE)
		return;
	draft_set_u64(&draft, ATTR_expirationCounter, left);
	resource_rewrite(req, resource, &draft);
	notifier_look(req->cse, resource);
}

static void settle_lane(struct request *req, struct lane *lane)
{
	const struct subscription *subscription = lane_subscription(lane);
	struct settled_undo *undo;
	uint64_t messages = lane->unsettled;

	lane->unsettled = 0;
	if (!subscription || messages == 0)
		return;
	undo = arena_zalloc(&req->arena, sizeof(*undo));
	undo->lane = lane;
	undo->messages = messages;
	undo->undo.revert = revert_settled;
	commit_undo(req, &undo->undo);
	if (subscription->counter)
		settle_counter(req, subscription->resource, subscription, messages);
	else if (subscription->rate || subscription->has_statistics)
		put_resource(req, subscription->resource);
}

void notifier_take_done(struct notifier *notifier)
{
	struct request *req = request_internal(notifier->cse, OP_UPDATE);
	struct taken_undo *undo = arena_zalloc(&req->arena, sizeof(*undo));

	loop_timer_cancel(notifier->cse->loop, &notifier->lull);
	notifier->taken_in = commit_open_batch(notifier->cse->committer);
	list_init(&undo->notes);
	undo->undo.revert = revert_taken;
	undo->undo.settle = settle_taken;
	commit_undo(req, &undo->undo);
	while (!list_empty(&notifier->done))
		take_row(req, notifier, container_of(notifier->done.next, struct note, in_done), &undo->notes);
	list_each (item, &undo->notes)
		settle_lane(req, container_of(item, struct note, in_done)->lane);
	commit_finish(notifier->cse->committer, req);
}
