/* The SQLite store's file: who may use it, what is in it, which format it has, and the connections to it. */
#include "cse/store/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Per connection, in KiB. Appending touches few pages and reads of instances have no locality to speak of: this is for
 * the upper levels of the trees and for snapshots. */
#define CACHE_KIB "4096"

int sqlite_refuse(const struct sqlite_report *report, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(report->message, report->size, format, args);
	va_end(args);
	return error;
}

/* ---- formats ---- */

static int execute(sqlite3 *db, const char *sql)
{
	return sqlite_error(db, sqlite3_exec(db, sql, NULL, NULL, NULL));
}

static int create_tables(sqlite3 *db)
{
	static const char tables[] =
		"CREATE TABLE resource(key INTEGER PRIMARY KEY, parent INTEGER NOT NULL, text BLOB NOT NULL);"
		/* The text comes last, so that the head of a long one is read without it. et_us NULL: never. */
		"CREATE TABLE instance(key INTEGER PRIMARY KEY, parent INTEGER NOT NULL, ct_us INTEGER NOT NULL,"
		" et_us INTEGER, st INTEGER NOT NULL, size INTEGER NOT NULL, flags INTEGER NOT NULL, name TEXT,"
		" text BLOB NOT NULL);"
		"CREATE TABLE named(parent INTEGER NOT NULL, name TEXT NOT NULL, key INTEGER NOT NULL,"
		" PRIMARY KEY(parent, name)) WITHOUT ROWID;"
		"CREATE TABLE own_expiry(et_us INTEGER NOT NULL, key INTEGER NOT NULL, parent INTEGER NOT NULL,"
		" PRIMARY KEY(et_us, key)) WITHOUT ROWID;"
		"CREATE TABLE chunk(parent INTEGER NOT NULL, number INTEGER NOT NULL, text BLOB NOT NULL,"
		" PRIMARY KEY(parent, number)) WITHOUT ROWID;"
		/* One row per transaction that deletes or evicts instances; era: which snapshot was the last one then.
		 */
		"CREATE TABLE gone(number INTEGER PRIMARY KEY, era INTEGER NOT NULL, text BLOB NOT NULL);"
		"CREATE TABLE purge(parent INTEGER PRIMARY KEY);"
		"CREATE TABLE meta(name TEXT PRIMARY KEY, text BLOB NOT NULL) WITHOUT ROWID;";

	return execute(db, tables);
}

/* target and text come last: the load reads no further than the one, and nothing of the other. */
static int create_notes(sqlite3 *db)
{
	return execute(db, "CREATE TABLE note(key INTEGER PRIMARY KEY, subscription INTEGER NOT NULL,"
			   " ct_us INTEGER NOT NULL, flags INTEGER NOT NULL, size INTEGER NOT NULL,"
			   " target TEXT NOT NULL, text BLOB NOT NULL)");
}

/* steps[n] leads from format n to n + 1; format 0 is an empty database. */
static int (*const steps[STORE_FORMAT])(sqlite3 *db) = {create_tables, create_notes};

int sqlite_execute(sqlite3 *db, const char *sql)
{
	return sqlite_error(db, sqlite3_exec(db, sql, NULL, NULL, NULL));
}

/* What has to be in a file of an older format before a step changes it. */
static const char *const contents[STORE_FORMAT] = {
	[1] = "SELECT 1 FROM resource, instance, named, own_expiry, chunk, gone, purge, meta",
};

int sqlite_query(sqlite3 *db, const char *sql, uint64_t *value)
{
	sqlite3_stmt *stmt;
	int result = sqlite_error(db, sqlite3_prepare_v2(db, sql, -1, &stmt, NULL));

	if (result)
		return result;
	result = sqlite_number(stmt, value);
	sqlite3_finalize(stmt);
	if (result == 0)
		return ERROR_CORRUPT;
	return result < 0 ? result : 0;
}

static int migrate_by_one(sqlite3 *db, int (*step)(sqlite3 *db), unsigned format)
{
	char version[40];
	int error = sqlite_execute(db, "BEGIN IMMEDIATE");

	if (error)
		return error;
	snprintf(version, sizeof(version), "PRAGMA user_version = %u", format);
	error = step(db);
	if (!error)
		error = sqlite_execute(db, version);
	if (!error)
		error = sqlite_execute(db, "COMMIT");
	if (error && !sqlite3_get_autocommit(db))
		(void)!sqlite_execute(db, "ROLLBACK");
	return error;
}

int sqlite_migrate(sqlite3 *db, int (*const migrations[])(sqlite3 *db), unsigned count)
{
	uint64_t format;
	int error = sqlite_query(db, "PRAGMA user_version", &format);

	for (; !error && format < count; format++)
		error = migrate_by_one(db, migrations[format], (unsigned)format + 1);
	return error;
}

/* ---- the file ---- */

int sqlite_make_directory(const struct sqlite_report *report)
{
	const char *slash = strrchr(report->path, '/');
	char *directory = strndup(report->path, (size_t)(slash - report->path));
	int error = 0;

	if (!directory)
		die_out_of_memory(strlen(report->path));
	if (slash > report->path && mkdir(directory, 0700) != 0 && errno != EEXIST)
		error = sqlite_refuse(report, -errno, "cannot create the directory %s of the store: %s", directory,
				      strerrordesc_np(errno));
	free(directory);
	return error;
}

void sqlite_give_to_owner(const struct sqlite_report *report, int fd)
{
	struct stat status;
	char *path = strdup(report->path);

	if (!path)
		die_out_of_memory(strlen(report->path));
	strrchr(path, '/')[1] = '\0';
	if (geteuid() == 0 && stat(path, &status) == 0 && fchown(fd, status.st_uid, status.st_gid) != 0)
		errno = 0; /* a file system without owners */
	free(path);
}

/* A lock on a file of its own: closing any descriptor of the database file would drop SQLite's own locks on it. */
int sqlite_lock(const struct sqlite_report *report, int *lock_fd)
{
	char *path;

	if (asprintf(&path, "%s.lock", report->path) < 0)
		die_out_of_memory(strlen(report->path));
	*lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	free(path);
	if (*lock_fd < 0)
		return sqlite_refuse(report, -errno, "cannot open %s.lock: %s", report->path, strerrordesc_np(errno));
	sqlite_give_to_owner(report, *lock_fd);
	if (flock(*lock_fd, LOCK_EX | LOCK_NB) != 0)
		return sqlite_refuse(report, ERROR_BUSY, "the store %s is in use by another process", report->path);
	return 0;
}

static int make_file(const struct sqlite_report *report)
{
	int fd = open(report->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return sqlite_refuse(report, -errno, "cannot open the store %s: %s", report->path,
				     strerrordesc_np(errno));
	sqlite_give_to_owner(report, fd);
	close(fd);
	return 0;
}

int sqlite_sync_directory(const struct sqlite_report *report)
{
	char *path = strdup(report->path);
	int fd, error = 0;

	if (!path)
		die_out_of_memory(strlen(report->path));
	strrchr(path, '/')[1] = '\0';
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) != 0)
		error = sqlite_refuse(report, -errno, "cannot sync the directory %s: %s", path, strerrordesc_np(errno));
	if (fd >= 0)
		close(fd);
	free(path);
	return error;
}

off_t sqlite_file_size(const char *path, const char *suffix)
{
	struct stat status;
	char *name;
	int rc;

	if (asprintf(&name, "%s%s", path, suffix) < 0)
		die_out_of_memory(strlen(path));
	rc = stat(name, &status);
	free(name);
	return rc == 0 ? status.st_size : 0;
}

static int connect_to(const char *path, sqlite3 **db)
{
	/* Debian's SQLite overwrites deleted rows unless told not to. Checkpoints are sqlite_checkpoint.c's. */
	static const char settings[] =
		"PRAGMA secure_delete = OFF; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;"
		"PRAGMA cache_size = -" CACHE_KIB "; PRAGMA temp_store = MEMORY;"
		/* what the WAL shrinks to after it had to grow */
		"PRAGMA journal_size_limit = 33554432";
	int rc = sqlite3_open_v2(path, db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);

	if (rc != SQLITE_OK)
		return sqlite_error(*db, rc);
	sqlite3_busy_timeout(*db, 5000);
	return sqlite_execute(*db, settings);
}

int sqlite_check_file(sqlite3 *db, const struct sqlite_report *report, bool has_wal, uint64_t *format)
{
	uint64_t application = 0, tables = 0, pages = 0, page_size = 0;
	uint64_t size = (uint64_t)sqlite_file_size(report->path, "");
	bool is_ours, is_blank;
	int error = sqlite_query(db, "SELECT count(*) FROM sqlite_master", &tables);

	if (!error)
		error = sqlite_query(db, "PRAGMA user_version", format);
	if (!error)
		error = sqlite_query(db, "PRAGMA application_id", &application);
	if (!error)
		error = sqlite_query(db, "PRAGMA page_count", &pages);
	if (!error)
		error = sqlite_query(db, "PRAGMA page_size", &page_size);
	if (error)
		return sqlite_refuse(report, error, "the store %s cannot be read: %s", report->path,
				     sqlite3_errmsg(db));
	is_ours = application == STORE_APPLICATION_ID && (tables == 0) == (*format == 0);
	is_blank = application == 0 && tables == 0 && *format == 0;
	if (!is_ours && !is_blank)
		return sqlite_refuse(report, ERROR_CORRUPT, "%s is a database of another program", report->path);
	if (*format > STORE_FORMAT)
		return sqlite_refuse(
			report, ERROR_NEWER_FORMAT,
			"the store %s has format %u, written by a later version; this one reads up to format %d",
			report->path, (unsigned)*format, STORE_FORMAT);
	if (!has_wal && size < (pages || size == 0 ? pages : 1) * page_size)
		return sqlite_refuse(report, ERROR_CORRUPT, "the store %s is cut off at %llu bytes", report->path,
				     (unsigned long long)size);
	return 0;
}

/* Before the first table. auto_vacuum lets sqlite_tidy.c give pages back in slices; it costs a page of back pointers in
 * the WAL of a transaction that takes new pages. */
static int set_up(sqlite3 *db)
{
	char identify[60];
	int error = sqlite_execute(db, "PRAGMA page_size = 8192; PRAGMA auto_vacuum = INCREMENTAL");

	snprintf(identify, sizeof(identify), "PRAGMA application_id = %d", STORE_APPLICATION_ID);
	return error ? error : sqlite_execute(db, identify);
}

static int use_wal(sqlite3 *db)
{
	sqlite3_stmt *stmt;
	int rc = sqlite3_prepare_v2(db, "PRAGMA journal_mode = WAL", -1, &stmt, NULL);
	bool is_wal;

	if (rc != SQLITE_OK)
		return sqlite_error(db, rc);
	is_wal = sqlite3_step(stmt) == SQLITE_ROW && str_eq(sqlite_column_bytes(stmt, 0), STR("wal"));
	rc = sqlite3_finalize(stmt);
	if (rc != SQLITE_OK)
		return sqlite_error(db, rc);
	return is_wal ? 0 : ERROR_IO;
}

static int bring_up_to_date(struct sqlite_store *sqlite, const struct sqlite_report *report, uint64_t format)
{
	int error = format ? 0 : set_up(sqlite->writer);

	if (!error)
		error = use_wal(sqlite->writer);
	if (!error)
		error = sqlite_migrate(sqlite->writer, steps, STORE_FORMAT);
	if (!error && !format)
		return sqlite_sync_directory(report);
	if (error)
		return sqlite_refuse(report, error, "the store %s cannot be brought to format %d: %s", report->path,
				     STORE_FORMAT, sqlite3_errmsg(sqlite->writer));
	if (format < STORE_FORMAT)
		log_event(sqlite->log, LOG_INFO, "store migrated", "file=\"%s\" from=%u to=%d", report->path,
			  (unsigned)format, STORE_FORMAT);
	return 0;
}

/* ---- connections ---- */

static int prepare(const struct sqlite_report *report, sqlite3 *db, const char *const *sql, int count,
		   sqlite3_stmt **stmts)
{
	int rc = SQLITE_OK;

	for (int i = 0; i < count && rc == SQLITE_OK; i++)
		rc = sqlite3_prepare_v3(db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &stmts[i], NULL);
	if (rc == SQLITE_OK)
		return 0;
	/* SQLITE_ERROR: a table or column is not there. */
	return sqlite_refuse(report, rc == SQLITE_ERROR ? ERROR_CORRUPT : sqlite_error(db, rc),
			     "the store %s is damaged: %s", report->path, sqlite3_errmsg(db));
}

static int prepare_writes(struct sqlite_store *sqlite, const struct sqlite_report *report)
{
	static const char *const sql[] = {
#define WRITE(name, text) text,
#define READ(name, text)
#include "cse/store/sqlite_statements.def"
#undef WRITE
#undef READ
	};

	return prepare(report, sqlite->writer, sql, WRITE_COUNT, sqlite->write);
}

int sqlite_prepare_reads(struct sqlite_store *sqlite, const struct sqlite_report *report)
{
	static const char *const sql[] = {
#define WRITE(name, text)
#define READ(name, text) text,
#include "cse/store/sqlite_statements.def"
#undef WRITE
#undef READ
	};

	return prepare(report, sqlite->reader, sql, READ_COUNT, sqlite->read);
}

/* Before anything is written: is every table there that a file of this format has? */
static int check_tables(struct sqlite_store *sqlite, const struct sqlite_report *report, uint64_t format)
{
	sqlite3_stmt *stmt = NULL;
	int error;

	if (format == STORE_FORMAT)
		return prepare_writes(sqlite, report);
	if (format == 0)
		return 0;
	error = prepare(report, sqlite->writer, &contents[format], 1, &stmt);
	sqlite3_finalize(stmt);
	return error;
}

static int attach_writer(struct sqlite_store *sqlite, const struct sqlite_report *report)
{
	bool has_wal = sqlite_file_size(report->path, "-wal") > 0;
	uint64_t format = 0;
	int error = connect_to(report->path, &sqlite->writer);

	/* Closing a refused file must not move the WAL into it. */
	sqlite->is_suspect = has_wal;
	if (error)
		return sqlite_refuse(report, error, "the store %s cannot be opened: %s", report->path,
				     sqlite3_errmsg(sqlite->writer));
	error = sqlite_check_file(sqlite->writer, report, has_wal, &format);
	if (!error)
		error = check_tables(sqlite, report, format);
	if (!error)
		error = bring_up_to_date(sqlite, report, format);
	if (!error && format != STORE_FORMAT)
		error = prepare_writes(sqlite, report);
	if (!error)
		sqlite->is_suspect = false;
	return error;
}

static int attach_other(struct sqlite_store *sqlite, const struct sqlite_report *report, sqlite3 **db)
{
	int error = connect_to(sqlite->path, db);

	return error ? sqlite_refuse(report, error, "the store %s cannot be opened: %s", report->path,
				     sqlite3_errmsg(*db))
		     : 0;
}

int sqlite_attach(struct sqlite_store *sqlite, char *message, size_t size)
{
	const struct sqlite_report report = {sqlite->path, message, size};
	int error;

	message[0] = '\0';
	error = sqlite_make_directory(&report);
	if (!error)
		error = sqlite_lock(&report, &sqlite->lock_fd);
	if (!error)
		error = sqlite_finish_restore(&report);
	if (!error)
		error = make_file(&report);
	if (!error)
		error = attach_writer(sqlite, &report);
	if (!error)
		error = attach_other(sqlite, &report, &sqlite->reader);
	if (!error)
		error = attach_other(sqlite, &report, &sqlite->checkpointer);
	return error ? error : sqlite_prepare_reads(sqlite, &report);
}

void sqlite_detach(struct sqlite_store *sqlite)
{
	for (int i = 0; i < WRITE_COUNT; i++)
		sqlite3_finalize(sqlite->write[i]);
	for (int i = 0; i < READ_COUNT; i++)
		sqlite3_finalize(sqlite->read[i]);
	sqlite3_close(sqlite->checkpointer);
	sqlite3_close(sqlite->reader);
	if (sqlite->writer && sqlite->is_suspect)
		sqlite3_db_config(sqlite->writer, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	else if (sqlite->writer)
		sqlite3_wal_checkpoint_v2(sqlite->writer, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	sqlite3_close(sqlite->writer);
	if (sqlite->lock_fd >= 0)
		close(sqlite->lock_fd);
}
