/* The SQLite store: work off the path that acknowledges, in slices of about a millisecond.
 *
 * Evicted rows go in key order, many thousands in one sweep: rows of one age lie close together, so most of a page goes
 * at once. (Inserting one row and evicting one over 1,000 parents costs 6 us; with sweeps of 4,096 it is 9 us, with
 * sweeps of 64 15 us and four times the bytes written.)
 *
 * A purged parent's rows are found by its stored chunks, which list them all: a slice takes the first keys of a chunk,
 * deletes those rows and shortens the chunk. It costs what deleting rows costs that lie on a page each, 20 us with the
 * WAL and its checkpoint, whatever the size of the table; without the chunks all of it would have to be scanned. */
#include "cse/store/sqlite.h"

#include <stdlib.h>

enum {
	SWEEP_SLICE = 64,
	PURGE_SLICE = 32,
	SWEEP_AT_LEAST = 16384,	 /* evicted keys that make a sweep worth it: below, each row is on a page of its own */
	SWEEP_BYTES = 16 << 20,	 /* or so much content */
	FORGET_SLICE = 512,	 /* rows of table gone */
	VACUUM_FROM_PAGES = 512, /* free pages, 4 MiB: less is left for what comes */
};

static int compare_keys(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

void sqlite_sort_keys(uint64_t *keys, size_t count)
{
	if (count > 1)
		qsort(keys, count, sizeof(*keys), compare_keys);
}

static bool is_swept(const struct sqlite_store *sqlite)
{
	return sqlite->now.swept == sqlite->sweeping_count && sqlite->now.swept_through >= sqlite->sweeping_through;
}

static bool wants_sweep(const struct sqlite_store *sqlite)
{
	return sqlite->now.evicted >= (sqlite->sweep_soon ? 1 : SWEEP_AT_LEAST) ||
	       sqlite->now.evicted_bytes >= SWEEP_BYTES;
}

void sqlite_rotate_evicted(struct sqlite_store *sqlite)
{
	if (!is_swept(sqlite) || !wants_sweep(sqlite))
		return;
	free(sqlite->sweeping);
	sqlite->sweeping = sqlite->evicted;
	sqlite->sweeping_count = sqlite->now.evicted;
	sqlite->sweeping_through = sqlite->now.gone_number;
	sqlite_sort_keys(sqlite->sweeping, sqlite->sweeping_count);
	sqlite->evicted = NULL;
	sqlite->evicted_cap = 0;
	sqlite->sweep_soon = false;
	sqlite->now.evicted = sqlite->now.swept = 0;
	sqlite->now.evicted_bytes = 0;
	sqlite->committed = sqlite->now;
}

int sqlite_sweep(struct sqlite_store *sqlite, size_t most)
{
	struct sqlite_state *now = &sqlite->now;
	int error = 0;

	for (; most > 0 && now->swept < sqlite->sweeping_count && !error; most--)
		error = sqlite_delete_instance(sqlite, sqlite->sweeping[now->swept++]);
	if (error || now->swept < sqlite->sweeping_count || is_swept(sqlite))
		return error;
	now->swept_through = sqlite->sweeping_through;
	return sqlite_put_number(sqlite, STORE_META_SWEPT, now->swept_through);
}

/* ---- purged parents ---- */

/* Deletes the rows of at most this many keys and takes the keys from the series. */
static int delete_keys(struct sqlite_store *sqlite, struct series *keys, size_t most)
{
	int error = 0;

	for (; most > 0 && keys->count && !error; most--) {
		error = sqlite_delete_instance(sqlite, keys->first);
		series_remove(keys, keys->first);
	}
	return error;
}

static int run_for_chunk(sqlite3_stmt *stmt, uint64_t parent, uint64_t number)
{
	sqlite_bind_key(stmt, 1, parent);
	sqlite_bind_key(stmt, 2, number);
	return sqlite_run(stmt);
}

/* Where what is left of a chunk goes. */
struct chunk_keeper {
	struct sqlite_store *sqlite;
	uint64_t parent, number;
	int error;
};

static void keep_rest(void *arg, uint32_t number, struct str text)
{
	struct chunk_keeper *keeper = arg;
	sqlite3_stmt *stmt = keeper->sqlite->write[text.len ? WRITE_PUT_CHUNK : WRITE_DELETE_CHUNK];

	(void)number;
	if (text.len)
		sqlite_bind_blob(stmt, 3, text);
	keeper->error = run_for_chunk(stmt, keeper->parent, keeper->number);
}

/* The first chunk of keys of parent: 1, 0 if there is none, or an error. */
static int read_first_chunk(struct sqlite_store *sqlite, uint64_t parent, uint64_t *number, struct series *keys)
{
	sqlite3_stmt *stmt = sqlite->write[WRITE_FIRST_CHUNK];
	int error = 0, found, rc;

	sqlite_bind_key(stmt, 1, parent);
	sqlite_bind_key(stmt, 2, CHUNK_HEADER);
	found = sqlite3_step(stmt) == SQLITE_ROW;
	if (found) {
		*number = sqlite_column_key(stmt, 0);
		error = series_load_chunk(keys, 0, sqlite_column_bytes(stmt, 1));
	}
	rc = sqlite3_reset(stmt);
	if (!error)
		error = sqlite_error(sqlite->writer, rc);
	return error ? error : found;
}

static int finish_purge(struct sqlite_store *sqlite, uint64_t parent)
{
	sqlite3_stmt *stmt = sqlite->write[WRITE_DELETE_PURGE];
	int error = run_for_chunk(sqlite->write[WRITE_DELETE_CHUNKS], parent, UINT64_C(1) << 32);

	sqlite_bind_key(stmt, 1, parent);
	return error ? error : sqlite_run(stmt);
}

static int purge_slice(struct sqlite_store *sqlite, uint64_t parent)
{
	struct chunk_keeper keeper = {.sqlite = sqlite, .parent = parent};
	struct series keys = {0};
	int found = read_first_chunk(sqlite, parent, &keeper.number, &keys);

	if (found == 0)
		keeper.error = finish_purge(sqlite, parent);
	else
		keeper.error = found < 0 ? found : delete_keys(sqlite, &keys, PURGE_SLICE);
	if (found > 0 && !keeper.error && keys.count)
		series_each_dirty(&keys, keep_rest, &keeper);
	else if (found > 0 && !keeper.error)
		keep_rest(&keeper, 0, STR(""));
	series_finish(&keys);
	return keeper.error;
}

/* ---- space ---- */

/* Rows of table gone that the last two snapshots have made needless. The last snapshot's chunks may be older than its
 * transaction, so it vouches only for what was gone before the one before it ended. What was evicted that long ago no
 * longer lingers: after a snapshot everything evicted is swept before this comes to its turn. */
static int forget_slice(struct sqlite_store *sqlite)
{
	sqlite3_stmt *stmt = sqlite->write[WRITE_FORGET_GONE];
	int error;

	sqlite_bind_key(stmt, 1, sqlite->now.era ? sqlite->now.era - 1 : 0);
	sqlite_bind_key(stmt, 2, FORGET_SLICE);
	error = sqlite_run(stmt);
	if (!error && sqlite3_changes(sqlite->writer) < FORGET_SLICE)
		sqlite->has_old_gone = false;
	return error;
}

/* Gives space back once a quarter of the file is free, until a sixteenth is: what is free is written to first, and a
 * file that shrinks and grows with every hour's load would only cost. 1: there is enough to give back. */
static int wants_vacuum(struct sqlite_store *sqlite)
{
	uint64_t free_pages = 0, pages = 0;
	int found = sqlite_number(sqlite->write[WRITE_FREE_PAGES], &free_pages);

	if (found >= 0)
		found = sqlite_number(sqlite->write[WRITE_ALL_PAGES], &pages);
	if (found < 0)
		return found;
	sqlite->is_vacuuming = free_pages > VACUUM_FROM_PAGES && free_pages > pages / (sqlite->is_vacuuming ? 16 : 4);
	return sqlite->is_vacuuming;
}

static int vacuum_slice(struct sqlite_store *sqlite)
{
	return sqlite_run(sqlite->write[WRITE_VACUUM]);
}

static int sweep_slice(struct sqlite_store *sqlite)
{
	return sqlite_sweep(sqlite, SWEEP_SLICE);
}

static int purge_first(struct sqlite_store *sqlite)
{
	uint64_t parent = 0;
	int found = sqlite_number(sqlite->write[WRITE_FIRST_PURGE], &parent);

	return found > 0 ? purge_slice(sqlite, parent) : found;
}

/* What there is to do: 1 and *slice, 0 or an error. */
static int find_work(struct sqlite_store *sqlite, int (**slice)(struct sqlite_store *))
{
	uint64_t parent;
	int found;

	if (!is_swept(sqlite) || wants_sweep(sqlite)) {
		*slice = sweep_slice;
		return 1;
	}
	*slice = purge_first;
	found = sqlite_number(sqlite->write[WRITE_FIRST_PURGE], &parent);
	if (found != 0)
		return found;
	*slice = forget_slice;
	if (sqlite->has_old_gone)
		return 1;
	*slice = vacuum_slice;
	return wants_vacuum(sqlite);
}

int sqlite_tidy(struct store *store)
{
	struct sqlite_store *sqlite = sqlite_of(store);
	int (*slice)(struct sqlite_store *);
	int found = find_work(sqlite, &slice), error;

	if (found <= 0)
		return found;
	error = sqlite_begin(store);
	if (error)
		return error;
	error = slice(sqlite);
	if (!error)
		error = sqlite_commit(store);
	sqlite_rollback(store);
	return error ? error : 1;
}
