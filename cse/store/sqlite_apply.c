/* The SQLite store: change lists become rows. */
#include "cse/store/sqlite.h"

#include "cse/store/varint.h"

#include <inttypes.h>

enum {
	RESERVED_KEYS = 10000,
	GONE_ROW = 65536, /* bytes after which the text of one transaction goes on in a further row */
};

int sqlite_put_number(struct sqlite_store *sqlite, struct str name, uint64_t value)
{
	sqlite3_stmt *stmt = sqlite->write[WRITE_PUT_META];
	char text[24];
	int len = snprintf(text, sizeof(text), "%" PRIu64, value);

	sqlite_bind_text(stmt, 1, name);
	sqlite_bind_blob(stmt, 2, str_make(text, (size_t)len));
	return sqlite_run(stmt);
}

static int reserve_key(struct sqlite_store *sqlite, uint64_t key)
{
	if (key <= sqlite->now.reserved)
		return 0;
	sqlite->now.reserved = key + RESERVED_KEYS - 1;
	return sqlite_put_number(sqlite, STR(STORE_HIGH_WATER), sqlite->now.reserved);
}

/* ---- resources and meta ---- */

static int put_resource(struct sqlite_store *sqlite, const struct change *change)
{
	sqlite3_stmt *stmt = sqlite->write[WRITE_PUT_RESOURCE];
	int error = reserve_key(sqlite, change->key);

	sqlite_bind_key(stmt, 1, change->key);
	sqlite_bind_key(stmt, 2, change->parent);
	sqlite_bind_blob(stmt, 3, change->text);
	return error ? error : sqlite_run(stmt);
}

static int delete_resource(struct sqlite_store *sqlite, const struct change *change)
{
	sqlite3_stmt *stmt = sqlite->write[WRITE_DELETE_RESOURCE];

	sqlite_bind_key(stmt, 1, change->key);
	return sqlite_run(stmt);
}

static int put_meta(struct sqlite_store *sqlite, const struct change *change)
{
	sqlite3_stmt *stmt = sqlite->write[change->text.ptr ? WRITE_PUT_META : WRITE_DELETE_META];

	sqlite_bind_text(stmt, 1, change->name);
	if (change->text.ptr)
		sqlite_bind_blob(stmt, 2, change->text);
	return sqlite_run(stmt);
}

/* ---- instances ---- */

static int put_name(struct sqlite_store *sqlite, const struct change *change)
{
	sqlite3_stmt *stmt = sqlite->write[WRITE_PUT_NAME];

	if (!change->name.ptr)
		return 0;
	sqlite_bind_key(stmt, 1, change->parent);
	sqlite_bind_text(stmt, 2, change->name);
	sqlite_bind_key(stmt, 3, change->key);
	return sqlite_run(stmt);
}

static int put_expiry(struct sqlite_store *sqlite, const struct change *change)
{
	sqlite3_stmt *stmt = sqlite->write[WRITE_PUT_EXPIRY];

	if (!(change->head.flags & INSTANCE_OWN_EXPIRY))
		return 0;
	sqlite3_bind_int64(stmt, 1, change->head.et_us);
	sqlite_bind_key(stmt, 2, change->key);
	sqlite_bind_key(stmt, 3, change->parent);
	return sqlite_run(stmt);
}

static int delete_expiry(struct sqlite_store *sqlite, uint64_t key, int64_t et_us)
{
	sqlite3_stmt *stmt = sqlite->write[WRITE_DELETE_EXPIRY];

	sqlite3_bind_int64(stmt, 1, et_us);
	sqlite_bind_key(stmt, 2, key);
	return sqlite_run(stmt);
}

static int put_instance(struct sqlite_store *sqlite, const struct change *change)
{
	sqlite3_stmt *stmt = sqlite->write[WRITE_ADD_INSTANCE];

	sqlite_bind_key(stmt, 1, change->key);
	sqlite_bind_key(stmt, 2, change->parent);
	sqlite3_bind_int64(stmt, 3, change->head.ct_us);
	if (change->head.et_us == INT64_MAX)
		sqlite3_bind_null(stmt, 4);
	else
		sqlite3_bind_int64(stmt, 4, change->head.et_us);
	sqlite_bind_key(stmt, 5, change->head.st);
	sqlite3_bind_int64(stmt, 6, change->head.size);
	sqlite3_bind_int64(stmt, 7, change->head.flags);
	sqlite_bind_text(stmt, 8, change->name);
	sqlite_bind_blob(stmt, 9, change->text);
	return sqlite_run(stmt);
}

static int add_instance(struct sqlite_store *sqlite, const struct change *change)
{
	int error = reserve_key(sqlite, change->key);

	if (!error)
		error = put_instance(sqlite, change);
	if (!error)
		error = put_name(sqlite, change);
	if (!error)
		error = put_expiry(sqlite, change);
	sqlite->now.added++;
	return error;
}

/* Deletes what stands beside the row that `found` is at. */
static int delete_side_rows(struct sqlite_store *sqlite, sqlite3_stmt *found, uint64_t key)
{
	sqlite3_stmt *stmt = sqlite->write[WRITE_DELETE_NAME];
	uint32_t flags = (uint32_t)sqlite3_column_int64(found, 0);
	int error = 0;

	if (sqlite3_column_type(found, 3) != SQLITE_NULL) {
		sqlite_bind_key(stmt, 1, sqlite_column_key(found, 1));
		sqlite_bind_text(stmt, 2, sqlite_column_bytes(found, 3));
		sqlite_bind_key(stmt, 3, key);
		error = sqlite_run(stmt);
	}
	if (!error && flags & INSTANCE_OWN_EXPIRY) {
		bool is_never = sqlite3_column_type(found, 2) == SQLITE_NULL;

		error = delete_expiry(sqlite, key, is_never ? INT64_MAX : sqlite3_column_int64(found, 2));
	}
	return error;
}

int sqlite_delete_instance(struct sqlite_store *sqlite, uint64_t key)
{
	sqlite3_stmt *found = sqlite->write[WRITE_FIND_INSTANCE], *stmt = sqlite->write[WRITE_DELETE_INSTANCE];
	bool is_there;
	int rc, error = 0;

	sqlite_bind_key(found, 1, key);
	is_there = sqlite3_step(found) == SQLITE_ROW;
	if (is_there)
		error = delete_side_rows(sqlite, found, key);
	rc = sqlite3_reset(found);
	if (!error)
		error = sqlite_error(sqlite->writer, rc);
	if (error || !is_there)
		return error;
	sqlite_bind_key(stmt, 1, key);
	return sqlite_run(stmt);
}

/* ---- notes ---- */

static int add_note(struct sqlite_store *sqlite, const struct change *change)
{
	sqlite3_stmt *stmt = sqlite->write[WRITE_ADD_NOTE];
	int error = reserve_key(sqlite, change->key);

	sqlite_bind_key(stmt, 1, change->key);
	sqlite_bind_key(stmt, 2, change->parent);
	sqlite3_bind_int64(stmt, 3, change->head.ct_us);
	sqlite3_bind_int64(stmt, 4, change->head.flags);
	sqlite3_bind_int64(stmt, 5, (sqlite3_int64)change->text.len);
	sqlite_bind_text(stmt, 6, change->name);
	sqlite_bind_blob(stmt, 7, change->text);
	return error ? error : sqlite_run(stmt);
}

static int drop_notes(struct sqlite_store *sqlite, const struct change *change)
{
	sqlite3_stmt *stmt = sqlite->write[WRITE_DROP_NOTES];

	sqlite_bind_key(stmt, 1, change->key);
	sqlite_bind_key(stmt, 2, change->last < INT64_MAX ? change->last : INT64_MAX); /* SQLite's integers end there */
	return sqlite_run(stmt);
}

/* ---- what a load has to take out of the chunks ---- */

int sqlite_flush_gone(struct sqlite_store *sqlite)
{
	sqlite3_stmt *stmt = sqlite->write[WRITE_ADD_GONE];
	int error;

	if (sqlite->gone.len == 0)
		return 0;
	sqlite_bind_key(stmt, 1, ++sqlite->now.gone_number);
	sqlite_bind_key(stmt, 2, sqlite->now.era);
	sqlite_bind_blob(stmt, 3, strbuf_str(&sqlite->gone));
	error = sqlite_run(stmt);
	strbuf_clear(&sqlite->gone);
	return error;
}

static int remember_gone(struct sqlite_store *sqlite, const struct change *change, bool lingers)
{
	uint8_t *to = (uint8_t *)strbuf_reserve(&sqlite->gone, (size_t)3 * VARINT_MAX);
	size_t len = varint_put(to, change->key << 1 | lingers);

	len += varint_put(to + len, change->parent);
	len += varint_put(to + len, change->head.size);
	sqlite->gone.len += len;
	return sqlite->gone.len < GONE_ROW ? 0 : sqlite_flush_gone(sqlite);
}

int sqlite_each_gone(struct str text,
		     int (*each)(void *arg, uint64_t key, uint64_t parent, uint32_t size, bool lingers), void *arg)
{
	const uint8_t *bytes = (const uint8_t *)text.ptr;
	uint64_t fields[3];
	int result = 0;

	for (size_t at = 0; at < text.len && result == 0;) {
		for (int i = 0; i < 3; i++) {
			size_t len = varint_get(bytes + at, text.len - at, &fields[i]);

			if (len == 0)
				return ERROR_CORRUPT;
			at += len;
		}
		result = each(arg, fields[0] >> 1, fields[1], (uint32_t)fields[2], fields[0] & 1);
	}
	return result;
}

static int delete_instance(struct sqlite_store *sqlite, const struct change *change)
{
	int error = sqlite_delete_instance(sqlite, change->key);

	return error ? error : remember_gone(sqlite, change, false);
}

static int evict_instance(struct sqlite_store *sqlite, const struct change *change)
{
	int error = 0;

	if (sqlite->now.evicted == sqlite->evicted_cap) {
		sqlite->evicted_cap = sqlite->evicted_cap ? sqlite->evicted_cap * 2 : 1024;
		sqlite->evicted = xrealloc(sqlite->evicted, sqlite->evicted_cap * sizeof(*sqlite->evicted));
	}
	sqlite->evicted[sqlite->now.evicted++] = change->key;
	sqlite->now.evicted_bytes += change->head.size;
	if (change->head.flags & INSTANCE_OWN_EXPIRY)
		error = delete_expiry(sqlite, change->key, change->head.et_us);
	return error ? error : remember_gone(sqlite, change, true);
}

static int purge_parent(struct sqlite_store *sqlite, const struct change *change)
{
	sqlite3_stmt *stmt = sqlite->write[WRITE_PUT_PURGE];

	sqlite_bind_key(stmt, 1, change->parent);
	return sqlite_run(stmt);
}

/* ---- snapshots ---- */

static int put_chunk(struct sqlite_store *sqlite, const struct change *change)
{
	enum sqlite_write kind = WRITE_PUT_CHUNK;
	sqlite3_stmt *stmt;

	if (change->text.len == 0)
		kind = change->number == CHUNK_ALL ? WRITE_DELETE_CHUNKS : WRITE_DELETE_CHUNK;
	stmt = sqlite->write[kind];
	sqlite_bind_key(stmt, 1, change->parent);
	sqlite_bind_key(stmt, 2, kind == WRITE_DELETE_CHUNKS ? CHUNK_HEADER : change->number);
	if (kind == WRITE_PUT_CHUNK)
		sqlite_bind_blob(stmt, 3, change->text);
	return sqlite_run(stmt);
}

static int take_snapshot(struct sqlite_store *sqlite, const struct change *change)
{
	int error = sqlite_put_number(sqlite, STORE_META_SNAPSHOT, change->key);

	sqlite->now.snapshot = change->key;
	sqlite->now.era++;
	sqlite->has_old_gone = sqlite->sweep_soon = true;
	return error ? error : sqlite_put_number(sqlite, STORE_META_ERA, sqlite->now.era);
}

int sqlite_apply(struct store *store, const struct list *changes)
{
	static int (*const appliers[])(struct sqlite_store *, const struct change *) = {
		[CHANGE_PUT_RESOURCE] = put_resource,
		[CHANGE_DELETE_RESOURCE] = delete_resource,
		[CHANGE_ADD_INSTANCE] = add_instance,
		[CHANGE_DELETE_INSTANCE] = delete_instance,
		[CHANGE_EVICT_INSTANCE] = evict_instance,
		[CHANGE_PURGE_PARENT] = purge_parent,
		[CHANGE_PUT_CHUNK] = put_chunk,
		[CHANGE_SNAPSHOT] = take_snapshot,
		[CHANGE_PUT_META] = put_meta,
		[CHANGE_ADD_NOTE] = add_note,
		[CHANGE_DROP_NOTES] = drop_notes,
	};
	struct sqlite_store *sqlite = sqlite_of(store);

	ASSERT(sqlite->in_transaction);
	list_each (item, changes) {
		const struct change *change = container_of(item, struct change, link);
		int error = appliers[change->kind](sqlite, change);

		if (error) {
			sqlite_rollback(store);
			return error;
		}
	}
	return 0;
}
