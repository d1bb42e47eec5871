/* The SQLite store: loading at start, and reads beside the committer. A statement is reset as soon as its rows are
 * copied, since an open read would keep checkpoints from resetting the WAL. */
#include "cse/store/sqlite.h"

#include <stdlib.h>

/* ---- walking over rows ---- */

struct walk {
	struct sqlite_store *sqlite;
	const struct store_visitor *visitor;
	void *arg;
	size_t swept; /* how far the sorted evicted keys are passed */
};

/* Calls row for every row of a query, whose parameter 1 is key. Stops at the first non-zero return and returns it. */
static int each_row(struct walk *walk, const char *sql, uint64_t key, int (*row)(struct walk *, sqlite3_stmt *))
{
	sqlite3 *db = walk->sqlite->reader;
	sqlite3_stmt *stmt;
	int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), result = 0;

	if (rc != SQLITE_OK)
		return sqlite_error(db, rc);
	if (sqlite3_bind_parameter_count(stmt) > 0)
		sqlite_bind_key(stmt, 1, key);
	while (result == 0 && sqlite3_step(stmt) == SQLITE_ROW)
		result = row(walk, stmt);
	rc = sqlite3_finalize(stmt);
	if (result == 0)
		result = sqlite_error(db, rc);
	if (result == ERROR_CORRUPT)
		walk->sqlite->is_suspect = true;
	return result;
}

static void read_head(sqlite3_stmt *stmt, int at, struct instance_head *head)
{
	head->ct_us = sqlite3_column_int64(stmt, at);
	head->et_us = INT64_MAX;
	if (sqlite3_column_type(stmt, at + 1) != SQLITE_NULL)
		head->et_us = sqlite3_column_int64(stmt, at + 1);
	head->st = sqlite_column_key(stmt, at + 2);
	head->size = (uint32_t)sqlite3_column_int64(stmt, at + 3);
	head->flags = (uint32_t)sqlite3_column_int64(stmt, at + 4);
}

/* ---- what a transaction goes on from ---- */

static int keep_number(struct walk *walk, sqlite3_stmt *stmt)
{
	struct sqlite_state *now = &walk->sqlite->now;
	const struct {
		struct str name;
		uint64_t *value;
	} numbers[] = {
		{STR(STORE_HIGH_WATER), &now->reserved},
		{STORE_META_SNAPSHOT, &now->snapshot},
		{STORE_META_ERA, &now->era},
		{STORE_META_SWEPT, &now->swept_through},
	};
	struct str name = sqlite_column_bytes(stmt, 0);

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (str_eq(name, numbers[i].name))
			return str_to_u64(sqlite_column_bytes(stmt, 1), numbers[i].value) == 0 ? 0 : ERROR_CORRUPT;
	return 0;
}

static int keep_evicted(void *arg, uint64_t key, uint64_t parent, uint32_t size, bool lingers)
{
	struct sqlite_store *sqlite = arg;
	size_t count = sqlite->sweeping_count;

	(void)parent;
	(void)size;
	if (!lingers)
		return 0;
	if ((count & (count - 1)) == 0) /* the array doubles at powers of two */
		sqlite->sweeping = xrealloc(sqlite->sweeping, (count ? count * 2 : 1) * sizeof(*sqlite->sweeping));
	sqlite->sweeping[sqlite->sweeping_count++] = key;
	return 0;
}

static int keep_gone(struct walk *walk, sqlite3_stmt *stmt)
{
	walk->sqlite->now.gone_number = sqlite_column_key(stmt, 0);
	return sqlite_each_gone(sqlite_column_bytes(stmt, 1), keep_evicted, walk->sqlite);
}

int sqlite_read_state(struct sqlite_store *sqlite)
{
	struct walk walk = {.sqlite = sqlite};
	int error = each_row(&walk, "SELECT name, text FROM meta WHERE name GLOB 'store.*'", 0, keep_number);

	sqlite->now.gone_number = sqlite->now.swept_through;
	if (!error)
		error = each_row(&walk, "SELECT number, text FROM gone WHERE number > ?1 ORDER BY number",
				 sqlite->now.swept_through, keep_gone);
	sqlite->sweeping_through = sqlite->now.gone_number;
	sqlite_sort_keys(sqlite->sweeping, sqlite->sweeping_count);
	sqlite->has_old_gone = true;
	sqlite->committed = sqlite->now;
	return error;
}

/* ---- loading ---- */

static int load_meta(struct walk *walk, sqlite3_stmt *stmt)
{
	return walk->visitor->meta(walk->arg, sqlite_column_bytes(stmt, 0), sqlite_column_bytes(stmt, 1));
}

static int load_resource(struct walk *walk, sqlite3_stmt *stmt)
{
	return walk->visitor->resource(walk->arg, sqlite_column_key(stmt, 0), sqlite_column_key(stmt, 1),
				       sqlite_column_bytes(stmt, 2));
}

static int load_chunk(struct walk *walk, sqlite3_stmt *stmt)
{
	return walk->visitor->chunk(walk->arg, sqlite_column_key(stmt, 0), (uint32_t)sqlite_column_key(stmt, 1),
				    sqlite_column_bytes(stmt, 2));
}

static int load_gone_key(void *arg, uint64_t key, uint64_t parent, uint32_t size, bool lingers)
{
	struct walk *walk = arg;

	(void)lingers;
	return walk->visitor->gone(walk->arg, key, parent, size);
}

static int load_gone(struct walk *walk, sqlite3_stmt *stmt)
{
	return sqlite_each_gone(sqlite_column_bytes(stmt, 0), load_gone_key, walk);
}

static int load_tail(struct walk *walk, sqlite3_stmt *stmt)
{
	const struct sqlite_store *sqlite = walk->sqlite;
	uint64_t key = sqlite_column_key(stmt, 0);
	struct instance_head head;

	while (walk->swept < sqlite->sweeping_count && sqlite->sweeping[walk->swept] < key)
		walk->swept++;
	if (walk->swept < sqlite->sweeping_count && sqlite->sweeping[walk->swept] == key)
		return 0;
	read_head(stmt, 2, &head);
	return walk->visitor->tail(walk->arg, key, sqlite_column_key(stmt, 1), &head);
}

static int load_note(struct walk *walk, sqlite3_stmt *stmt)
{
	return walk->visitor->note(walk->arg, sqlite_column_key(stmt, 0), sqlite_column_key(stmt, 1),
				   sqlite_column_bytes(stmt, 5), sqlite3_column_int64(stmt, 2),
				   (uint32_t)sqlite3_column_int64(stmt, 3), (size_t)sqlite3_column_int64(stmt, 4));
}

int sqlite_load(struct store *store, const struct store_visitor *visitor, void *arg)
{
	struct sqlite_store *sqlite = sqlite_of(store);
	struct walk walk = {.sqlite = sqlite, .visitor = visitor, .arg = arg};
	int result = 0;

	if (visitor->meta)
		result = each_row(&walk, "SELECT name, text FROM meta", 0, load_meta);
	if (visitor->resource && result == 0)
		result = each_row(&walk, "SELECT key, parent, text FROM resource ORDER BY key", 0, load_resource);
	if (visitor->chunk && result == 0)
		result = each_row(&walk,
				  "SELECT parent, number, text FROM chunk"
				  " WHERE parent NOT IN (SELECT parent FROM purge) ORDER BY parent, number",
				  0, load_chunk);
	if (visitor->gone && result == 0)
		result = each_row(&walk, "SELECT text FROM gone ORDER BY number", 0, load_gone);
	if (visitor->tail && result == 0)
		result = each_row(&walk,
				  "SELECT key, parent, ct_us, et_us, st, size, flags FROM instance"
				  " WHERE key > ?1 AND parent NOT IN (SELECT parent FROM purge) ORDER BY key",
				  sqlite->now.snapshot, load_tail);
	if (visitor->note && result == 0)
		result = each_row(&walk, "SELECT key, subscription, ct_us, flags, size, target FROM note ORDER BY key",
				  0, load_note);
	sqlite3_db_release_memory(sqlite->reader);
	return result;
}

/* ---- reads ---- */

int sqlite_read_instance(struct store *store, uint64_t key, uint64_t *parent, struct instance_head *head,
			 struct strbuf *body)
{
	struct sqlite_store *sqlite = sqlite_of(store);
	sqlite3_stmt *stmt = sqlite->read[READ_INSTANCE];
	bool found;
	int rc;

	sqlite_bind_key(stmt, 1, key);
	found = sqlite3_step(stmt) == SQLITE_ROW;
	if (found) {
		*parent = sqlite_column_key(stmt, 0);
		read_head(stmt, 1, head);
	}
	if (found && body) {
		strbuf_clear(body);
		strbuf_add_str(body, sqlite_column_bytes(stmt, 6));
	}
	rc = sqlite3_reset(stmt);
	return rc == SQLITE_OK ? found : sqlite_error(sqlite->reader, rc);
}

int sqlite_read_note(struct store *store, uint64_t key, struct strbuf *text)
{
	struct sqlite_store *sqlite = sqlite_of(store);
	sqlite3_stmt *stmt = sqlite->read[READ_NOTE];
	bool found;
	int rc;

	sqlite_bind_key(stmt, 1, key);
	found = sqlite3_step(stmt) == SQLITE_ROW;
	if (found) {
		strbuf_clear(text);
		strbuf_add_str(text, sqlite_column_bytes(stmt, 0));
	}
	rc = sqlite3_reset(stmt);
	return rc == SQLITE_OK ? found : sqlite_error(sqlite->reader, rc);
}

int sqlite_find_named(struct store *store, uint64_t parent, struct str name, uint64_t *key)
{
	sqlite3_stmt *stmt = sqlite_of(store)->read[READ_NAMED];

	sqlite_bind_key(stmt, 1, parent);
	sqlite_bind_text(stmt, 2, name);
	return sqlite_number(stmt, key);
}

struct due_row {
	uint64_t key, parent;
	int64_t et_us;
};

int sqlite_due_instances(struct store *store, int64_t until_us, unsigned most,
			 int (*each)(void *arg, uint64_t key, uint64_t parent, int64_t et_us), void *arg)
{
	struct sqlite_store *sqlite = sqlite_of(store);
	sqlite3_stmt *stmt = sqlite->read[READ_DUE];
	struct due_row *rows = NULL;
	unsigned count = 0;
	int rc, result;

	sqlite3_bind_int64(stmt, 1, until_us);
	sqlite3_bind_int64(stmt, 2, most);
	while (sqlite3_step(stmt) == SQLITE_ROW) {
		if ((count & (count - 1)) == 0) /* the array doubles at powers of two */
			rows = xrealloc(rows, (count ? count * 2 : 1) * sizeof(*rows));
		rows[count++] = (struct due_row){sqlite_column_key(stmt, 0), sqlite_column_key(stmt, 1),
						 sqlite3_column_int64(stmt, 2)};
	}
	rc = sqlite3_reset(stmt);
	result = rc == SQLITE_OK ? 0 : sqlite_error(sqlite->reader, rc);
	for (unsigned i = 0; i < count && result == 0; i++)
		result = each(arg, rows[i].key, rows[i].parent, rows[i].et_us);
	free(rows);
	return result;
}
