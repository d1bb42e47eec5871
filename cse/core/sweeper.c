/* The sweeper: once a second it deletes what has expired, in bounded slices. A wall clock that jumps ahead is not
 * believed at once, so that a wrong clock does not cost a fleet its registrations. */
#include "cse/core/events.h"
#include "cse/core/state.h"

enum { PERIOD_US = 1000000, SOON_US = 10000, SLICE = 1000, JUMP_US = 60 * 1000000, NOTE_PERIOD_US = 60 * 1000000 };

static const int64_t longest_pause_us = 86400 * (int64_t)PERIOD_US;

static void wait_out(struct cse *cse, int64_t jump_us)
{
	struct sweeper *sweeper = &cse->sweeper;

	sweeper->jump_us += jump_us;
	if (sweeper->jump_us < 0)
		sweeper->jump_us = 0;
	sweeper->believe_at_mono_us = clock_mono_us(cse->clock) + cse->config.expiration_grace_s * PERIOD_US;
	log_event(cse->log, LOG_WARN, "wall clock jumped", "seconds=%lld believed-in-seconds=%lld",
		  (long long)(jump_us / PERIOD_US), (long long)cse->config.expiration_grace_s);
}

/* Compares how far both clocks went since the last look. */
static void watch_clock(struct cse *cse)
{
	struct sweeper *sweeper = &cse->sweeper;
	int64_t wall = clock_wall_us(cse->clock), mono = clock_mono_us(cse->clock);
	int64_t jump = (wall - sweeper->last_wall_us) - (mono - sweeper->last_mono_us);

	sweeper->last_wall_us = wall;
	sweeper->last_mono_us = mono;
	if (jump > JUMP_US || jump < -JUMP_US)
		wait_out(cse, jump);
	if (sweeper->jump_us && mono >= sweeper->believe_at_mono_us) {
		log_event(cse->log, LOG_WARN, "wall clock believed", "seconds=%lld",
			  (long long)(sweeper->jump_us / PERIOD_US));
		sweeper->jump_us = 0;
	}
}

static void sweep_instances(struct request *req, struct resource *resource)
{
	const struct type_hooks *hooks = resource->type->hooks;
	uint64_t count = instances_count(resource);

	if (!hooks || !hooks->sweep_instances)
		return;
	if (hooks->sweep_instances(req, resource) != RSC_NONE) /* the store cannot be read: look again */
		instances_look_at(req->cse, resource, cse_expiry_now(req->cse) + PERIOD_US);
	if (instances_count(resource) != count)
		put_resource(req, resource);
}

/* What ends at the same time as its parent ends with it: its subscriptions are still there to tell of it. */
static struct resource *top_of_due(struct resource *resource, int64_t due_us)
{
	while (resource->parent && resource->parent->expiry.due_us <= due_us)
		resource = resource->parent;
	return resource;
}

/* An entry of the heap is a resource's own expiration, or the time of a look at its oldest instance. */
static void sweep_one(struct request *req, struct expiry *expiry)
{
	struct cse *cse = req->cse;
	struct resource *resource;

	if (expiry->is_look) {
		expiry_clear(&cse->expiries, expiry);
		resource = container_of(expiry, struct instances, oldest)->parent;
		sweep_instances(req, resource);
		return;
	}
	resource = top_of_due(container_of(expiry, struct resource, expiry), expiry->due_us);
	if (is_held_back(cse, resource)) {
		expiry_set(&cse->expiries, expiry, cse_expiry_now(cse) + PERIOD_US);
		return;
	}
	log_event(cse->log, LOG_DEBUG, "expired", "ri=\"%.*s\"", STR_ARG(resource->id));
	remove_subtree(req, resource);
}

static int sweep_own_expiry(void *arg, uint64_t key, uint64_t parent, int64_t et_us)
{
	struct request *req = arg;
	struct resource *resource = tree_by_key(&req->cse->tree, parent);

	(void)et_us;
	if (!resource || !resource->instances || !series_contains(&resource->instances->series, key))
		return 0; /* its deletion is on the way */
	put_resource(req, resource);
	events_removing_instance(req, resource, key);
	return instances_remove(req, resource, key, CHANGE_EVICT_INSTANCE);
}

/* true: there is more to do at once. */
static bool sweep(struct cse *cse)
{
	struct request *req = request_internal(cse, OP_DELETE);
	int64_t now = cse_expiry_now(cse);
	struct expiry *first;
	unsigned count = 0;
	int error;

	while (count < SLICE && (first = expiry_first(&cse->expiries)) && first->due_us <= now) {
		sweep_one(req, first);
		count++;
	}
	error = cse->store->ops->due_instances(cse->store, now, SLICE, sweep_own_expiry, req);
	if (error)
		log_event(cse->log, LOG_ERROR, "expiration of instances", "reason=\"%s\"", error_text(error));
	commit_finish(cse->committer, req);
	return count == SLICE;
}

int64_t cse_expiry_now(struct cse *cse)
{
	watch_clock(cse); /* a request may come in the very moment after a jump */
	return cse->sweeper.last_wall_us - cse->sweeper.jump_us;
}

/* The store keeps when the CSE was last alive, for a clock that jumps while it is not. */
static void note_time(struct cse *cse)
{
	struct sweeper *sweeper = &cse->sweeper;
	struct request *req;

	if (clock_mono_us(cse->clock) < sweeper->note_at_mono_us)
		return;
	sweeper->note_at_mono_us = clock_mono_us(cse->clock) + NOTE_PERIOD_US;
	req = request_internal(cse, OP_UPDATE);
	sweeper_put_time(req);
	commit_finish(cse->committer, req);
}

void sweeper_put_time(struct request *req)
{
	struct change *change = commit_change(req, CHANGE_PUT_META);

	change->name = STR(META_ALIVE);
	change->text = arena_printf(&req->arena, "%lld", (long long)cse_expiry_now(req->cse));
}

/* Time passed unseen between two runs: a long one is waited out like a jump. */
void sweeper_was_alive(struct cse *cse, int64_t alive_us)
{
	cse->sweeper.alive_us = alive_us;
}

static void tick(struct timer *timer)
{
	struct cse *cse = container_of(timer, struct sweeper, timer)->cse;

	note_time(cse);
	loop_timer_set(cse->loop, timer, sweep(cse) ? SOON_US : PERIOD_US);
}

void sweeper_start(struct cse *cse)
{
	struct sweeper *sweeper = &cse->sweeper;

	sweeper->cse = cse;
	sweeper->timer.fire = tick;
	sweeper->last_wall_us = clock_wall_us(cse->clock);
	sweeper->last_mono_us = clock_mono_us(cse->clock);
	if (sweeper->alive_us && sweeper->last_wall_us - sweeper->alive_us > longest_pause_us)
		wait_out(cse, sweeper->last_wall_us - sweeper->alive_us);
	loop_timer_set(cse->loop, &sweeper->timer, PERIOD_US);
}

void sweeper_stop(struct cse *cse)
{
	loop_timer_cancel(cse->loop, &cse->sweeper.timer);
}
