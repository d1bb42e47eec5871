/* The notifier: notes come with the change they tell of, and leave the store when they have been delivered. */
#include "cse/core/notifier.h"

#include "cse/core/lane.h"
#include "cse/core/state.h"

#include <stdlib.h>

enum {
	SLICE = 64,		    /* lanes that have their turn in one round of the loop */
	MOST_TEXT_BYTES = 16 << 20, /* of notes in memory; beyond it they are read when their turn comes */
};

/* ---- notes ---- */

static struct note *note_create(struct lane *lane, uint64_t key, uint32_t flags, size_t size)
{
	struct note *note = xzalloc(sizeof(*note));

	note->lane = lane;
	note->key = key;
	note->flags = flags;
	note->size = size;
	list_init(&note->in_lane);
	list_init(&note->in_done);
	list_init(&note->in_all);
	list_push(&lane->notifier->notes, &note->in_all);
	lane->notifier->responses += flags & NOTE_RESPONSE ? 1 : 0;
	return note;
}

void note_drop_text(struct note *note)
{
	if (note->text)
		note->lane->notifier->text_bytes -= note->size;
	free(note->text);
	note->text = NULL;
}

void note_destroy(struct note *note)
{
	note_drop_text(note);
	note->lane->notifier->responses -= note->flags & NOTE_RESPONSE ? 1 : 0;
	list_remove(&note->in_lane);
	list_remove(&note->in_all);
	list_remove(&note->in_done);
	free(note);
}

/* Kept for as long as there is room, so that it need not be read again. */
static void keep_text(struct note *note, struct str text)
{
	struct notifier *notifier = note->lane->notifier;

	if (notifier->text_bytes + text.len > MOST_TEXT_BYTES)
		return;
	note->text = xmalloc(text.len + 1);
	memcpy(note->text, text.ptr, text.len);
	notifier->text_bytes += text.len;
}

static void enter_lane(struct note *note)
{
	struct lane *lane = note->lane;
	struct list *where = &lane->notes;

	while (where->prev != &lane->notes && container_of(where->prev, struct note, in_lane)->key > note->key)
		where = where->prev;
	list_insert_before(where, &note->in_lane);
	lane->count++;
	lane->notifier->counts.queued++;
}

void note_leave_lane(struct note *note)
{
	list_remove(&note->in_lane);
	note->lane->count--;
	note->lane->notifier->counts.queued--;
}

/* ---- adding ---- */

struct note_undo {
	struct undo undo;
	struct note *note;
};

static void revert_add(struct request *req, struct undo *base)
{
	struct note *note = container_of(base, struct note_undo, undo)->note;
	struct lane *lane = note->lane;

	(void)req;
	note_leave_lane(note);
	note_destroy(note);
	lane_release(lane);
}

static void settle_add(struct request *req, struct undo *base)
{
	struct note *note = container_of(base, struct note_undo, undo)->note;

	(void)req;
	note->batch = 0;
	lane_wake(note->lane);
}

static void revert_supersede(struct request *req, struct undo *base)
{
	struct note *note = container_of(base, struct note_undo, undo)->note;

	(void)req;
	note->lane->taken--;
	enter_lane(note);
}

static void settle_supersede(struct request *req, struct undo *base)
{
	struct note *note = container_of(base, struct note_undo, undo)->note;
	struct lane *lane = note->lane;

	(void)req;
	lane->taken--;
	note_destroy(note);
	lane_release(lane);
}

static void undo_note(struct request *req, struct note *note, void (*revert)(struct request *, struct undo *),
		      void (*settle)(struct request *, struct undo *))
{
	struct note_undo *undo = arena_zalloc(&req->arena, sizeof(*undo));

	undo->note = note;
	undo->undo.revert = revert;
	undo->undo.settle = settle;
	commit_undo(req, &undo->undo);
}

/* Drops a note that is not under way as a part of the request's changes. */
static void supersede(struct request *req, struct note *note)
{
	struct change *change = commit_change(req, CHANGE_DROP_NOTES);

	change->key = change->last = note->key;
	note->lane->taken++;
	note_leave_lane(note);
	undo_note(req, note, revert_supersede, settle_supersede);
}

void notes_supersede(struct request *req, struct lane *lane, size_t kept)
{
	size_t left = lane->count - lane->sending;
	unsigned number = 0;

	list_each (item, &lane->notes) {
		if (number++ < lane->sending)
			continue;
		if (left-- <= kept)
			break;
		supersede(req, container_of(item, struct note, in_lane));
	}
}

static bool is_power_of_ten(uint64_t number)
{
	while (number > 9 && number % 10 == 0)
		number /= 10;
	return number == 1;
}

void lane_count_dropped(struct lane *lane, const char *why)
{
	lane->notifier->counts.dropped++;
	if (is_power_of_ten(++lane->dropped))
		log_event(lane->notifier->cse->log, LOG_WARN, "notifications dropped",
			  "subscription=%llu target=\"%.*s\" count=%llu reason=\"%s\"",
			  (unsigned long long)lane->subscription, STR_ARG(lane_target_for_log(lane)),
			  (unsigned long long)lane->dropped, why);
}

/* The oldest one that is not under way makes room. */
static void make_room(struct request *req, struct lane *lane)
{
	unsigned number = 0;

	if (lane->count < req->cse->config.notify_most_queued)
		return;
	list_each (item, &lane->notes) {
		if (number++ < lane->sending)
			continue;
		supersede(req, container_of(item, struct note, in_lane));
		lane_count_dropped(lane, "too many for one target");
		return;
	}
}

static void add(struct request *req, struct lane *lane, struct str text, uint32_t flags)
{
	struct cse *cse = req->cse;
	struct change *change = commit_change(req, CHANGE_ADD_NOTE);
	struct note *note = note_create(lane, cse_next_key(cse), flags, text.len);

	note->batch = commit_open_batch(cse->committer);
	note->created_us = clock_wall_us(cse->clock);
	keep_text(note, text);
	enter_lane(note);
	undo_note(req, note, revert_add, settle_add);

	change->key = note->key;
	change->parent = lane->subscription;
	change->name = lane->target;
	change->head.ct_us = note->created_us;
	change->head.flags = flags;
	change->text = text;
}

/* TS-0004 7.5.1.2.2, steps 2.2 to 4.0, as far as they are decided when the event happens. */
static void add_by_policies(struct request *req, struct lane *lane, const struct subscription *subscription,
			    struct str text)
{
	unsigned category = subscription->is_latest ? CATEGORY_LATEST : subscription->category;
	bool is_open = true;
	int64_t next_us;

	if (!subscription->is_batched)
		is_open = lane_is_open(lane, subscription, subscription->category == CATEGORY_IMMEDIATE, &next_us);
	if (!is_open && subscription->pending == PENDING_NONE) {
		lane_release(lane);
		return;
	}
	if (!is_open && subscription->pending == PENDING_LATEST)
		category = CATEGORY_LATEST;
	if (category == CATEGORY_LATEST && !subscription->is_batched)
		notes_supersede(req, lane, 0);
	make_room(req, lane);
	add(req, lane, text, category << NOTE_CATEGORY_SHIFT | (subscription->is_batched ? NOTE_BATCHED : 0));
}

void notifier_add(struct request *req, const struct subscription *subscription, struct str text)
{
	struct notifier *notifier = &req->cse->notifier;

	for (unsigned i = 0; i < subscription->target_count; i++)
		add_by_policies(req, lane_get(notifier, subscription->resource->key, subscription->targets[i]),
				subscription, text);
}

void notifier_add_to(struct request *req, const struct subscription *subscription, struct str target, struct str text)
{
	add(req, lane_get(&req->cse->notifier, subscription->resource->key, target), text, NOTE_FREE);
}

void notifier_add_response(struct request *req, uint64_t lane, struct str target, struct str text)
{
	struct notifier *notifier = &req->cse->notifier;
	struct lane *own = lane_get(notifier, lane, target);

	if (notifier->responses < req->cse->config.most_deferrals) {
		add(req, own, text, NOTE_FREE | NOTE_RESPONSE);
		return;
	}
	lane_count_dropped(own, "too many results wait for their delivery");
	lane_release(own);
}

/* ---- all lanes of a subscription ---- */

struct lane *lane_next(const struct notifier *notifier, uint64_t subscription, const struct lane *previous)
{
	struct map_node *node =
		previous ? map_next(&previous->node) : map_first(&notifier->lanes, lane_hash(subscription));

	for (; node; node = map_next(node)) {
		struct lane *lane = container_of(node, struct lane, node);

		if (lane->subscription == subscription)
			return lane;
	}
	return NULL;
}

void notifier_look(struct cse *cse, const struct resource *subscription)
{
	struct notifier *notifier = &cse->notifier;
	struct lane *lane = NULL;

	while ((lane = lane_next(notifier, subscription->key, lane)))
		lane_wake(lane);
}

struct end_undo {
	struct undo undo;
	uint64_t subscription;
};

/* What is left of its lanes goes out, without the policies that went with it. */
static void settle_end(struct request *req, struct undo *base)
{
	uint64_t subscription = container_of(base, struct end_undo, undo)->subscription;
	struct notifier *notifier = &req->cse->notifier;
	struct lane *lane = lane_next(notifier, subscription, NULL), *next;

	for (; lane; lane = next) {
		next = lane_next(notifier, subscription, lane);
		lane_wake(lane);
		lane_release(lane);
	}
}

static void revert_end(struct request *req, struct undo *base)
{
	(void)req;
	(void)base;
}

void notifier_end(struct request *req, const struct subscription *subscription)
{
	uint64_t key = subscription->resource->key;
	struct end_undo *undo = arena_zalloc(&req->arena, sizeof(*undo));
	struct lane *lane = NULL;
	int64_t next_us;

	while ((lane = lane_next(&req->cse->notifier, key, lane)))
		if (!lane_is_open(lane, subscription, subscription->category == CATEGORY_IMMEDIATE, &next_us))
			notes_supersede(req, lane, 0);
	undo->subscription = key;
	undo->undo.revert = revert_end;
	undo->undo.settle = settle_end;
	commit_undo(req, &undo->undo);
}

void notifier_change(struct request *req, const struct subscription *before, const struct subscription *after)
{
	struct lane *lane = NULL;
	int64_t next_us;

	while ((lane = lane_next(&req->cse->notifier, before->resource->key, lane))) {
		bool is_held = !lane_is_open(lane, before, before->category == CATEGORY_IMMEDIATE, &next_us);

		if (is_held && before->pending != PENDING_NONE && after->pending == PENDING_NONE)
			notes_supersede(req, lane, 0);
		else if ((is_held && before->pending == PENDING_ALL && after->pending == PENDING_LATEST) ||
			 (!before->is_latest && after->is_latest))
			notes_supersede(req, lane, 1);
		lane_wake(lane);
	}
}

/* ---- rounds ---- */

/* Once in a batch: what is delivered while another one is written waits for the next. While more answers are to come
 * it waits a little for those as well, unless there is something to write anyway. */
static void take_done(struct notifier *notifier)
{
	const struct committer *committer = notifier->cse->committer;

	if (list_empty(&notifier->done) || notifier->pause.is_set || notifier->taken_in == commit_open_batch(committer))
		return;
	if (notifier->lull.is_set && notifier->in_flight && !commit_has_open(committer))
		return;
	notifier_take_done(notifier);
}

static void end_of_round(struct loop_hook *hook)
{
	struct notifier *notifier = container_of(hook, struct notifier, end_of_round);
	size_t most = notifier->cse->config.notify_most_in_flight;

	if (notifier->is_stopped)
		most = 0;
	for (unsigned left = SLICE; left && !list_empty(&notifier->ready) && notifier->in_flight < most; left--) {
		struct lane *lane = container_of(notifier->ready.next, struct lane, ready);

		list_remove(&lane->ready);
		lane_run(lane);
	}
	take_done(notifier);
	if (list_empty(&notifier->ready) || notifier->in_flight >= most || notifier->is_posted)
		return;
	notifier->is_posted = true;
	loop_post(notifier->cse->loop, &notifier->task);
}

/* Only so that there is a further round. */
static void next_slice(struct loop_task *task)
{
	container_of(task, struct notifier, task)->is_posted = false;
}

/* The end of this round takes off what waits for it. */
static void waited(struct timer *timer)
{
	(void)timer;
}

void notifier_start(struct notifier *notifier, struct cse *cse)
{
	notifier->cse = cse;
	notifier->task.run = next_slice;
	notifier->pause.fire = notifier->lull.fire = waited;
	notifier->end_of_round.run = end_of_round;
	id_source_init(&notifier->random, id_seed());
	list_init(&notifier->notes);
	list_init(&notifier->ready);
	list_init(&notifier->done);
	loop_add_hook(cse->loop, &notifier->end_of_round);
}

void notifier_load(struct notifier *notifier, uint64_t key, uint64_t subscription, struct str target, int64_t ct_us,
		   uint32_t flags, size_t size)
{
	struct note *note = note_create(lane_get(notifier, subscription, target), key, flags, size);

	note->created_us = ct_us;
	enter_lane(note);
	lane_wake(note->lane);
}

bool notifier_is_idle(const struct notifier *notifier)
{
	bool has_ready = !notifier->is_stopped && !list_empty(&notifier->ready);

	return !has_ready && list_empty(&notifier->done) && notifier->in_flight == 0;
}

void notifier_stop(struct notifier *notifier)
{
	struct map_node *node;
	size_t state = 0;

	notifier->is_stopped = true;
	loop_remove_hook(notifier->cse->loop, &notifier->end_of_round);
	loop_timer_cancel(notifier->cse->loop, &notifier->pause);
	loop_timer_cancel(notifier->cse->loop, &notifier->lull);
	while (!list_empty(&notifier->notes))
		note_destroy(container_of(notifier->notes.next, struct note, in_all));
	while ((node = map_walk(&notifier->lanes, &state, NULL))) {
		lane_destroy(container_of(node, struct lane, node));
		state = 0;
	}
	map_finish(&notifier->lanes);
	map_finish(&notifier->unreached);
}
