/* The SQLite store: checkpoints on a thread of their own.
 *
 * The WAL hook wakes it. A PASSIVE checkpoint copies beside the writer but never resets the WAL; so what is left after
 * it is copied by RESTART while the writer is kept out, and the next commit begins the WAL anew. RESTART alone would
 * keep the writer out for all of the copying. The gate is fair: the thread that asks gets its turn before the next
 * transaction, which a bare mutex would not promise. */
#include "cse/store/sqlite.h"

#include "cse/base/thread.h"

#include <errno.h>

enum {
	WAL_PAGES = 1000,	 /* when a checkpoint is due */
	FEW_PAGES = 100,	 /* little enough to copy while the writer waits */
	PASSIVE_RUNS = 3,	 /* before the writer has to wait all the same */
	READER_PAUSE_MS = 10,	 /* a reader was in the way; doubles while it stays */
	LONGEST_PAUSE_MS = 1000, /* and at once if there is no room or the device is broken */
};

static int count_wal(void *arg, sqlite3 *db, const char *name, int pages)
{
	struct sqlite_gate *gate = arg;

	(void)db;
	(void)name;
	pthread_mutex_lock(&gate->mutex);
	gate->wal_pages = pages;
	if (pages >= WAL_PAGES)
		pthread_cond_broadcast(&gate->changed);
	pthread_mutex_unlock(&gate->mutex);
	return SQLITE_OK;
}

void sqlite_gate_enter(struct sqlite_store *sqlite)
{
	struct sqlite_gate *gate = &sqlite->gate;

	pthread_mutex_lock(&gate->mutex);
	while (gate->is_held)
		pthread_cond_wait(&gate->changed, &gate->mutex);
	gate->in_transaction = true;
	pthread_mutex_unlock(&gate->mutex);
}

void sqlite_gate_leave(struct sqlite_store *sqlite)
{
	struct sqlite_gate *gate = &sqlite->gate;

	pthread_mutex_lock(&gate->mutex);
	gate->in_transaction = false;
	if (gate->is_held)
		pthread_cond_broadcast(&gate->changed);
	pthread_mutex_unlock(&gate->mutex);
}

/* Our reader is in a transaction for microseconds; somebody else's must not keep the writer waiting. */
static int wait_for_reader(void *arg, int calls)
{
	const struct timespec pause = {.tv_nsec = 50000};

	(void)arg;
	nanosleep(&pause, NULL);
	return calls < 40;
}

/* Copies what it can without keeping anybody waiting. */
static int copy_beside_writer(struct sqlite_store *sqlite)
{
	int rc, pages, copied, left = 0;

	for (int run = 0; run < PASSIVE_RUNS; run++) {
		rc = sqlite3_wal_checkpoint_v2(sqlite->checkpointer, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, &copied);
		if (rc != SQLITE_OK)
			return rc;
		pthread_mutex_lock(&sqlite->gate.mutex);
		left = sqlite->gate.wal_pages - copied;
		pthread_mutex_unlock(&sqlite->gate.mutex);
		if (left < FEW_PAGES)
			break;
	}
	return SQLITE_OK;
}

/* Copies the rest and has the next commit begin the WAL anew. Called and left with the mutex locked. */
static int restart_wal(struct sqlite_store *sqlite)
{
	struct sqlite_gate *gate = &sqlite->gate;
	int rc;

	gate->is_held = true;
	while (gate->in_transaction)
		pthread_cond_wait(&gate->changed, &gate->mutex);
	pthread_mutex_unlock(&gate->mutex);
	rc = sqlite3_wal_checkpoint_v2(sqlite->checkpointer, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL);
	pthread_mutex_lock(&gate->mutex);
	if (rc == SQLITE_OK)
		gate->wal_pages = 0;
	gate->is_held = false;
	pthread_cond_broadcast(&gate->changed);
	return rc;
}

static void pause_for(struct sqlite_gate *gate, long ms)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	while (!gate->stop && pthread_cond_timedwait(&gate->changed, &gate->mutex, &until) != ETIMEDOUT)
		;
}

/* What is remembered of failures until a checkpoint succeeds again. */
struct retry {
	long pause_ms;
	bool is_reported;
};

static void after_failure(struct sqlite_store *sqlite, int rc, struct retry *retry)
{
	bool is_busy = (rc & 0xff) == SQLITE_BUSY;

	if (!is_busy && !retry->is_reported)
		log_event(sqlite->log, LOG_ERROR, "checkpoint failed", "file=\"%s\" reason=\"%s\"", sqlite->path,
			  sqlite3_errstr(rc));
	retry->is_reported = retry->is_reported || !is_busy;
	retry->pause_ms = retry->pause_ms ? retry->pause_ms * 2 : READER_PAUSE_MS;
	if (!is_busy || retry->pause_ms > LONGEST_PAUSE_MS)
		retry->pause_ms = LONGEST_PAUSE_MS;
	pause_for(&sqlite->gate, retry->pause_ms);
}

static void *checkpoint_thread(void *arg)
{
	struct sqlite_store *sqlite = arg;
	struct sqlite_gate *gate = &sqlite->gate;
	struct retry retry = {0};

	pthread_mutex_lock(&gate->mutex);
	while (!gate->stop) {
		int rc;

		if (gate->wal_pages < WAL_PAGES) {
			pthread_cond_wait(&gate->changed, &gate->mutex);
			continue;
		}
		pthread_mutex_unlock(&gate->mutex);
		rc = copy_beside_writer(sqlite);
		pthread_mutex_lock(&gate->mutex);
		if (rc == SQLITE_OK)
			rc = restart_wal(sqlite);
		if (rc != SQLITE_OK)
			after_failure(sqlite, rc, &retry);
		else
			retry = (struct retry){0};
	}
	pthread_mutex_unlock(&gate->mutex);
	return NULL;
}

int sqlite_gate_open(struct sqlite_store *sqlite)
{
	struct sqlite_gate *gate = &sqlite->gate;
	pthread_condattr_t monotonic;
	int error;

	pthread_mutex_init(&gate->mutex, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&gate->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	sqlite3_busy_handler(sqlite->checkpointer, wait_for_reader, NULL);
	sqlite3_wal_hook(sqlite->writer, count_wal, gate);
	error = thread_start(&gate->thread, checkpoint_thread, sqlite);
	gate->has_thread = error == 0;
	return error;
}

void sqlite_gate_close(struct sqlite_store *sqlite)
{
	struct sqlite_gate *gate = &sqlite->gate;

	if (!gate->has_thread)
		return;
	pthread_mutex_lock(&gate->mutex);
	gate->stop = true;
	pthread_cond_broadcast(&gate->changed);
	pthread_mutex_unlock(&gate->mutex);
	pthread_join(gate->thread, NULL);
	pthread_cond_destroy(&gate->changed);
	pthread_mutex_destroy(&gate->mutex);
}
