/* The SQLite store: life, transactions, and small helpers around statements. */
#include "cse/store/sqlite.h"

#include <errno.h>
#include <stdlib.h>

/* ---- statements ---- */

static int ioerr(sqlite3 *db)
{
	int number = sqlite3_system_errno(db);

	return number == ENOSPC || number == EDQUOT ? ERROR_FULL : ERROR_IO;
}

int sqlite_error(sqlite3 *db, int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_FULL:
		return ERROR_FULL;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_MISMATCH:
		return ERROR_CORRUPT;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return ERROR_BUSY;
	case SQLITE_TOOBIG:
		return ERROR_LIMIT;
	case SQLITE_CONSTRAINT:
		return -EEXIST;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_NOMEM:
		return -ENOMEM;
	default:
		return ioerr(db);
	}
}

int sqlite_run(sqlite3_stmt *stmt)
{
	int rc;

	do
		rc = sqlite3_step(stmt);
	while (rc == SQLITE_ROW);
	rc = sqlite3_reset(stmt);
	return rc == SQLITE_OK ? 0 : sqlite_error(sqlite3_db_handle(stmt), rc);
}

int sqlite_number(sqlite3_stmt *stmt, uint64_t *value)
{
	int rc = sqlite3_step(stmt);
	int found = rc == SQLITE_ROW;

	if (found)
		*value = sqlite_column_key(stmt, 0);
	rc = sqlite3_reset(stmt);
	return rc == SQLITE_OK ? found : sqlite_error(sqlite3_db_handle(stmt), rc);
}

void sqlite_bind_key(sqlite3_stmt *stmt, int at, uint64_t key)
{
	sqlite3_bind_int64(stmt, at, (sqlite3_int64)key);
}

void sqlite_bind_text(sqlite3_stmt *stmt, int at, struct str s)
{
	if (s.ptr)
		sqlite3_bind_text64(stmt, at, s.ptr, s.len, SQLITE_STATIC, SQLITE_UTF8);
	else
		sqlite3_bind_null(stmt, at);
}

void sqlite_bind_blob(sqlite3_stmt *stmt, int at, struct str s)
{
	sqlite3_bind_blob64(stmt, at, s.ptr ? s.ptr : "", s.len, SQLITE_STATIC);
}

uint64_t sqlite_column_key(sqlite3_stmt *stmt, int at)
{
	return (uint64_t)sqlite3_column_int64(stmt, at);
}

struct str sqlite_column_bytes(sqlite3_stmt *stmt, int at)
{
	const char *bytes = sqlite3_column_blob(stmt, at);

	return str_make(bytes ? bytes : "", (size_t)sqlite3_column_bytes(stmt, at));
}

/* ---- transactions ---- */

int sqlite_begin(struct store *store)
{
	struct sqlite_store *sqlite = sqlite_of(store);
	int error;

	ASSERT(!sqlite->in_transaction);
	sqlite_gate_enter(sqlite);
	error = sqlite_run(sqlite->write[WRITE_BEGIN]);
	if (error) {
		sqlite_gate_leave(sqlite);
		return error;
	}
	sqlite_rotate_evicted(sqlite);
	sqlite->in_transaction = true;
	sqlite->now.added = 0;
	return 0;
}

void sqlite_rollback(struct store *store)
{
	struct sqlite_store *sqlite = sqlite_of(store);

	if (!sqlite->in_transaction)
		return;
	/* Some errors have ended it already; a fault of ROLLBACK itself shows at the next begin. */
	if (!sqlite3_get_autocommit(sqlite->writer))
		(void)!sqlite_run(sqlite->write[WRITE_ROLLBACK]);
	sqlite->now = sqlite->committed;
	strbuf_clear(&sqlite->gone);
	sqlite->in_transaction = false;
	sqlite_gate_leave(sqlite);
}

int sqlite_commit(struct store *store)
{
	struct sqlite_store *sqlite = sqlite_of(store);
	int error;

	ASSERT(sqlite->in_transaction);
	error = sqlite_flush_gone(sqlite);
	if (!error) /* two for each one added: so evicting as many as are added, it catches up */
		error = sqlite_sweep(sqlite, 2 * (size_t)sqlite->now.added);
	if (!error)
		error = sqlite_run(sqlite->write[WRITE_COMMIT]);
	if (error) {
		sqlite_rollback(store);
		return error;
	}
	sqlite->committed = sqlite->now;
	sqlite->in_transaction = false;
	sqlite_gate_leave(sqlite);
	return 0;
}

/* ---- life ---- */

static void destroy(struct sqlite_store *sqlite)
{
	sqlite_detach(sqlite);
	strbuf_finish(&sqlite->gone);
	free(sqlite->evicted);
	free(sqlite->sweeping);
	free(sqlite->path);
	free(sqlite);
}

void sqlite_close(struct store *store)
{
	struct sqlite_store *sqlite = sqlite_of(store);

	sqlite_rollback(store);
	sqlite_gate_close(sqlite);
	destroy(sqlite);
}

static int sqlite_open(const char *path, struct log *log, struct store **store, char *message, size_t size)
{
	struct sqlite_store *sqlite = xzalloc(sizeof(*sqlite));
	int error;

	sqlite->store.ops = &store_sqlite;
	sqlite->log = log;
	sqlite->lock_fd = -1;
	/* Neither a URI nor a special name. */
	if (asprintf(&sqlite->path, "%s%s", path[0] == '/' ? "" : "./", path) < 0)
		die_out_of_memory(strlen(path));
	error = sqlite_attach(sqlite, message, size);
	if (!error)
		error = sqlite_read_state(sqlite);
	if (error && !message[0])
		snprintf(message, size, "the store %s cannot be read: %s", path, error_text(error));
	if (!error) {
		error = sqlite_gate_open(sqlite);
		if (error)
			snprintf(message, size, "cannot start a thread for the store: %s", error_text(error));
	}
	if (error) {
		destroy(sqlite);
		return error;
	}
	*store = &sqlite->store;
	return 0;
}

const struct store_ops store_sqlite = {
	.name = "sqlite",
	.is_durable = true,
	.open = sqlite_open,
	.close = sqlite_close,
	.load = sqlite_load,
	.begin = sqlite_begin,
	.apply = sqlite_apply,
	.commit = sqlite_commit,
	.rollback = sqlite_rollback,
	.tidy = sqlite_tidy,
	.read_instance = sqlite_read_instance,
	.read_note = sqlite_read_note,
	.find_named = sqlite_find_named,
	.due_instances = sqlite_due_instances,
	.files = &sqlite_files,
};
