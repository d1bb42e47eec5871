/* Group commit: the owner's side, and the thread that waits for the device. */
#include "cse/core/commit.h"

#include "cse/base/thread.h"
#include "cse/core/state.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

struct batch {
	uint64_t number;
	struct list writers; /* requests with changes, in the order they were applied */
	struct list waiters; /* requests that have only seen changes of this batch */
};

struct committer {
	struct cse *cse;
	struct loop *loop;
	struct store *store;
	struct loop_hook end_of_round;
	struct loop_task done;
	uint64_t durable;
	struct batch batches[2];
	struct batch *open, *in_flight; /* in_flight: NULL if none */
	int result;			/* of the batch in flight, once done is posted */
	uint64_t failures;		/* batches so far */
	int64_t complained_us;		/* 0: never */

	bool has_thread;
	pthread_t thread;
	pthread_mutex_t mutex; /* guards job, stop */
	pthread_cond_t wake;
	struct batch *job;
	bool stop;
};

enum {
	TIDY_EVERY = 16,    /* batches between two slices of tidying under load */
	QUIET_NS = 2000000, /* without a batch, after which there is time for it */
	COMPLAIN_EVERY_US = 10000000,
};

static void batch_init(struct batch *batch, uint64_t number)
{
	batch->number = number;
	list_init(&batch->writers);
	list_init(&batch->waiters);
}

static int write_batch(struct store *store, const struct batch *batch)
{
	int error = store->ops->begin(store);

	if (error)
		return error;
	list_each (item, &batch->writers) {
		error = store->ops->apply(store, &container_of(item, struct request, link)->changes);
		if (error) {
			store->ops->rollback(store);
			return error;
		}
	}
	return store->ops->commit(store);
}

/* Tidying takes a transaction of its own: it begins only when no batch has come for a while. true: a while has passed.
 */
static bool is_quiet(struct committer *committer)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += QUIET_NS;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	return pthread_cond_timedwait(&committer->wake, &committer->mutex, &until) == ETIMEDOUT;
}

/* Waits for the next batch and tidies the store meanwhile. NULL: stop. */
static struct batch *next_job(struct committer *committer, unsigned *since_tidy)
{
	struct store *store = committer->store;
	bool more = true, quiet = false;
	struct batch *job;

	pthread_mutex_lock(&committer->mutex);
	while (!committer->job && !committer->stop) {
		if (!more) {
			pthread_cond_wait(&committer->wake, &committer->mutex);
		} else if (quiet || (is_quiet(committer) && !committer->job)) {
			quiet = true;
			pthread_mutex_unlock(&committer->mutex);
			more = store->ops->tidy(store) > 0;
			*since_tidy = 0;
			pthread_mutex_lock(&committer->mutex);
		}
	}
	job = committer->job;
	committer->job = NULL;
	pthread_mutex_unlock(&committer->mutex);
	return job;
}

static void *commit_thread(void *arg)
{
	struct committer *committer = arg;
	struct store *store = committer->store;
	unsigned since_tidy = 0;
	struct batch *job;

	while ((job = next_job(committer, &since_tidy))) {
		committer->result = write_batch(store, job);
		loop_post(committer->loop, &committer->done);
		if (++since_tidy >= TIDY_EVERY) {
			since_tidy = 0;
			(void)store->ops->tidy(store); /* an error shows at the next begin */
		}
	}
	return NULL;
}

static void send_open_batch(struct committer *committer)
{
	struct batch *batch = committer->open;

	if (committer->in_flight || list_empty(&batch->writers))
		return;
	committer->in_flight = batch;
	committer->open = batch == &committer->batches[0] ? &committer->batches[1] : &committer->batches[0];
	batch_init(committer->open, batch->number + 1);
	if (!committer->has_thread) {
		committer->result = write_batch(committer->store, batch);
		committer->done.run(&committer->done);
		(void)committer->store->ops->tidy(committer->store);
		return;
	}
	pthread_mutex_lock(&committer->mutex);
	committer->job = batch;
	pthread_cond_signal(&committer->wake);
	pthread_mutex_unlock(&committer->mutex);
}

static struct request *take_first(struct list *requests)
{
	struct request *req = container_of(requests->next, struct request, link);

	list_remove(&req->link);
	return req;
}

static void settle(struct request *req)
{
	list_each (item, &req->undo) {
		struct undo *undo = container_of(item, struct undo, link);

		if (undo->settle)
			undo->settle(req, undo);
	}
	list_init(&req->undo);
}

static void release_batch(struct list *writers, struct list *waiters)
{
	while (!list_empty(writers)) {
		struct request *req = take_first(writers);

		settle(req);
		request_answer(req);
	}
	while (!list_empty(waiters))
		request_answer(take_first(waiters));
}

static void revert_batch(struct list *writers)
{
	for (struct list *item = writers->prev; item != writers; item = item->prev)
		commit_revert(container_of(item, struct request, link));
}

/* A store that takes nothing for a while is one event for an operator, however many requests it fails. */
static void complain(struct committer *committer, int error)
{
	int64_t now_us = clock_mono_us(cse_clock(committer->cse));

	committer->failures++;
	if (committer->complained_us && now_us < committer->complained_us + COMPLAIN_EVERY_US)
		return;
	committer->complained_us = now_us;
	log_event(cse_log(committer->cse), LOG_ERROR, "commit failed", "reason=\"%s\" failures=%llu", error_text(error),
		  (unsigned long long)committer->failures);
}

/* Everything applied since the failed batch stands on it, so all of it is taken back; what is not to blame runs again.
 */
static void fail_batch(struct committer *committer, struct list *writers, struct list *waiters, int error)
{
	struct list again;

	complain(committer, error);
	list_init(&again);
	revert_batch(&committer->open->writers);
	revert_batch(writers);
	list_splice(&again, waiters);
	list_splice(&again, &committer->open->writers);
	list_splice(&again, &committer->open->waiters);
	while (!list_empty(writers)) {
		struct request *req = take_first(writers);

		req_fail(req, RSC_INTERNAL_SERVER_ERROR, "the change could not be stored: %s", error_text(error));
		print_refusal(req);
		request_answer(req);
	}
	while (!list_empty(&again))
		dispatch_again(take_first(&again));
}

static void batch_done(struct loop_task *task)
{
	struct committer *committer = container_of(task, struct committer, done);
	struct batch *batch = committer->in_flight;
	struct list writers, waiters;
	int error = committer->result;

	list_init(&writers);
	list_init(&waiters);
	list_splice(&writers, &batch->writers);
	list_splice(&waiters, &batch->waiters);
	committer->in_flight = NULL;
	committer->durable = batch->number;
	if (error) {
		fail_batch(committer, &writers, &waiters, error);
		return;
	}
	send_open_batch(committer); /* the device works while the answers go out */
	release_batch(&writers, &waiters);
}

static void end_of_round(struct loop_hook *hook)
{
	struct committer *committer = container_of(hook, struct committer, end_of_round);
	struct cse *cse = committer->cse;

	if (snapshot_is_due(cse)) {
		struct request *req = request_internal(cse, OP_UPDATE);

		snapshot_add(req);
		commit_finish(committer, req);
	}
	send_open_batch(committer);
}

int committer_create(struct cse *cse, struct loop *loop, struct store *store, struct committer **out)
{
	struct committer *committer = xzalloc(sizeof(*committer));
	int error = 0;
	pthread_condattr_t monotonic;

	committer->cse = cse;
	committer->loop = loop;
	committer->store = store;
	committer->done.run = batch_done;
	committer->open = &committer->batches[0];
	batch_init(committer->open, 1);
	committer->end_of_round.run = end_of_round;
	loop_add_hook(loop, &committer->end_of_round);
	pthread_mutex_init(&committer->mutex, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&committer->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	if (store->ops->is_durable)
		error = thread_start(&committer->thread, commit_thread, committer);
	committer->has_thread = store->ops->is_durable && !error;
	*out = committer;
	return error;
}

void committer_destroy(struct committer *committer)
{
	if (!committer)
		return;
	commit_wait(committer);
	if (committer->has_thread) {
		pthread_mutex_lock(&committer->mutex);
		committer->stop = true;
		pthread_cond_signal(&committer->wake);
		pthread_mutex_unlock(&committer->mutex);
		pthread_join(committer->thread, NULL);
	}
	loop_remove_hook(committer->loop, &committer->end_of_round);
	pthread_cond_destroy(&committer->wake);
	pthread_mutex_destroy(&committer->mutex);
	free(committer);
}

void commit_finish(struct committer *committer, struct request *req)
{
	if (!list_empty(&req->changes))
		list_push(&committer->open->writers, &req->link);
	else if (commit_is_durable(committer, req->depends_on))
		request_answer(req);
	else if (req->depends_on == committer->open->number && !list_empty(&committer->open->writers))
		list_push(&committer->open->waiters, &req->link);
	else if (committer->in_flight)
		list_push(&committer->in_flight->waiters, &req->link);
	else
		request_answer(req); /* what it has seen in the open batch was taken back */
}

uint64_t commit_open_batch(const struct committer *committer)
{
	return committer->open->number;
}

void commit_depend(struct request *req, uint64_t number)
{
	if (number > req->depends_on)
		req->depends_on = number;
}

void commit_depend_on_all(struct committer *committer, struct request *req)
{
	if (!list_empty(&committer->open->writers))
		commit_depend(req, committer->open->number);
	else if (committer->in_flight)
		commit_depend(req, committer->in_flight->number);
}

bool commit_is_durable(const struct committer *committer, uint64_t number)
{
	return number <= committer->durable;
}

bool commit_is_idle(const struct committer *committer)
{
	return !committer->in_flight && list_empty(&committer->open->writers);
}

bool commit_has_open(const struct committer *committer)
{
	return !list_empty(&committer->open->writers);
}

void commit_wait(struct committer *committer)
{
	loop_round(committer->loop, 0);
	while (!commit_is_idle(committer))
		loop_round(committer->loop, 10);
}

int commit_last_error(const struct committer *committer)
{
	return committer->in_flight ? 0 : committer->result;
}

struct change *commit_change(struct request *req, enum change_kind kind)
{
	struct change *change = arena_zalloc(&req->arena, sizeof(*change));

	change->kind = kind;
	list_push(&req->changes, &change->link);
	return change;
}

void commit_undo(struct request *req, struct undo *undo)
{
	list_push(&req->undo, &undo->link);
}

void commit_revert(struct request *req)
{
	while (!list_empty(&req->undo)) {
		struct undo *undo = container_of(req->undo.prev, struct undo, link);

		list_remove(&undo->link);
		undo->revert(req, undo);
	}
	list_init(&req->changes);
}
