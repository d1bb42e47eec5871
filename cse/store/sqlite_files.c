/* The SQLite store as files: backup, restore, and looking at a store without touching it. A read transaction on a
 * connection of its own sees one moment, whatever a server writes meanwhile; only checkpoints wait for it. */
#include "cse/store/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* path with a suffix, on the heap; "./" in front of a bare name, which SQLite could take for a special one. */
static char *join(const char *path, const char *suffix)
{
	char *joined;

	if (asprintf(&joined, "%s%s%s", strchr(path, '/') ? "" : "./", path, suffix) < 0)
		die_out_of_memory(strlen(path));
	return joined;
}

/* ---- looking ---- */

static int report_open(const struct sqlite_report *report, sqlite3 *db, int rc)
{
	if (access(report->path, F_OK) != 0)
		return sqlite_refuse(report, -errno, "there is no store at %s", report->path);
	return sqlite_refuse(report, sqlite_error(db, rc), "the store %s cannot be opened: %s", report->path,
			     db ? sqlite3_errmsg(db) : sqlite3_errstr(rc));
}

/* Begins to read; *db is to be closed by the caller either way. */
static int look(const struct sqlite_report *report, sqlite3 **db, uint64_t *format)
{
	int rc = sqlite3_open_v2(report->path, db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
				 NULL);
	uint64_t tables;

	*format = 0;
	if (rc != SQLITE_OK)
		return report_open(report, *db, rc);
	sqlite3_busy_timeout(*db, 5000);
	/* BEGIN alone fixes no moment: the first read does. */
	if (sqlite_execute(*db, "BEGIN") || sqlite_query(*db, "SELECT count(*) FROM sqlite_master", &tables))
		return report_open(report, *db, sqlite3_errcode(*db));
	rc = sqlite_check_file(*db, report, sqlite_file_size(report->path, "-wal") > 0, format);
	return rc || *format ? rc : sqlite_refuse(report, ERROR_CORRUPT, "%s is empty: no store", report->path);
}

/* Has SQLite look at every page; the first fault becomes the message. */
static int check_pages(const struct sqlite_report *report, sqlite3 *db, const char *pragma)
{
	sqlite3_stmt *stmt;
	int rc = sqlite3_prepare_v2(db, pragma, -1, &stmt, NULL), error = 0;
	struct str said = {0};

	if (rc == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW)
		said = sqlite_column_bytes(stmt, 0);
	if (said.ptr && !str_eq(said, STR("ok")))
		error = sqlite_refuse(report, ERROR_CORRUPT, "%s is damaged: %.*s", report->path,
				      (int)strcspn(said.ptr, "\n"), said.ptr);
	rc = sqlite3_finalize(stmt);
	if (!error && (rc != SQLITE_OK || !said.ptr))
		error = sqlite_refuse(report, rc == SQLITE_OK ? ERROR_CORRUPT : sqlite_error(db, rc),
				      "%s cannot be read to its end: %s", report->path, sqlite3_errmsg(db));
	return error;
}

static int gather(const struct sqlite_report *report, sqlite3 *db, struct store_facts *facts)
{
	int error = sqlite_query(db, "PRAGMA page_count", &facts->pages);

	if (!error)
		error = sqlite_query(db, "PRAGMA page_size", &facts->page_size);
	if (!error)
		error = sqlite_query(db, "SELECT count(*) FROM resource", &facts->resources);
	if (!error)
		error = sqlite_query(db, "SELECT count(*) FROM instance", &facts->instances);
	return error ? sqlite_refuse(report, error, "%s is damaged: %s", report->path, sqlite3_errmsg(db)) : 0;
}

static int inspect(const char *path, struct store_facts *facts, char *message, size_t size)
{
	char *name = join(path, "");
	const struct sqlite_report report = {name, message, size};
	sqlite3 *db = NULL;
	uint64_t format = 0;
	int error = look(&report, &db, &format);

	*facts = (struct store_facts){.format = (unsigned)format, .is_current = format == STORE_FORMAT};
	if (!error)
		error = check_pages(&report, db, "PRAGMA integrity_check(1)");
	if (!error)
		error = gather(&report, db, facts);
	sqlite3_close(db);
	free(name);
	return error;
}

/* ---- a store that forgets what is written to it ---- */

static int pretend(struct store *store)
{
	(void)store;
	return 0;
}

static int pretend_apply(struct store *store, const struct list *changes)
{
	(void)changes;
	return pretend(store);
}

static void pretend_rollback(struct store *store)
{
	(void)store;
}

static int open_readonly(const char *path, struct log *log, struct store **store, char *message, size_t size)
{
	static const struct store_ops ops = {
		.name = "sqlite, read only",
		.close = sqlite_close,
		.load = sqlite_load,
		.begin = pretend,
		.apply = pretend_apply,
		.commit = pretend,
		.rollback = pretend_rollback,
		.tidy = pretend,
		.read_instance = sqlite_read_instance,
		.read_note = sqlite_read_note,
		.find_named = sqlite_find_named,
		.due_instances = sqlite_due_instances,
	};
	struct sqlite_store *sqlite = xzalloc(sizeof(*sqlite));
	struct sqlite_report report = {.message = message, .size = size};
	uint64_t format = 0;
	int error;

	*sqlite = (struct sqlite_store){.store.ops = &ops, .log = log, .path = join(path, ""), .lock_fd = -1};
	report.path = sqlite->path;
	error = look(&report, &sqlite->reader, &format);
	if (!error && format != STORE_FORMAT)
		error = sqlite_refuse(&report, ERROR_FORMAT, "%s has format %u; this version reads format %d", path,
				      (unsigned)format, STORE_FORMAT);
	if (!error)
		error = sqlite_prepare_reads(sqlite, &report);
	if (!error && sqlite_read_state(sqlite) != 0)
		error = sqlite_refuse(&report, ERROR_CORRUPT, "the store %s cannot be read", path);
	if (error)
		sqlite_close(&sqlite->store);
	else
		*store = &sqlite->store;
	return error;
}

/* ---- copying ---- */

static int make_new(const struct sqlite_report *report)
{
	int fd = open(report->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return sqlite_refuse(report, -errno, "cannot make %s: %s", report->path, strerrordesc_np(errno));
	sqlite_give_to_owner(report, fd);
	close(fd);
	return 0;
}

static int sync_file(const struct sqlite_report *report)
{
	int fd = open(report->path, O_RDONLY | O_CLOEXEC), error = 0;

	if (fd < 0 || fsync(fd) != 0)
		error = sqlite_refuse(report, -errno, "cannot sync %s: %s", report->path, strerrordesc_np(errno));
	if (fd >= 0)
		close(fd);
	return error;
}

/* All pages in one go: within the read transaction of `from`, so no writer makes it begin anew. */
static int copy_pages(const struct sqlite_report *report, sqlite3 *from, sqlite3 *to)
{
	sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");
	int rc;

	if (backup)
		sqlite3_backup_step(backup, -1);
	rc = backup ? sqlite3_backup_finish(backup) : sqlite3_errcode(to);
	return rc == SQLITE_OK ? 0
			       : sqlite_refuse(report, sqlite_error(to, rc), "cannot write %s: %s", report->path,
					       sqlite3_errstr(rc));
}

/* Fills the new, empty file. Nobody reads it before it is synced, so it is written without a journal; at the end it is
 * one that needs no file beside it, until a server makes it its own. */
static int fill(const struct sqlite_report *report, sqlite3 *from)
{
	sqlite3 *to = NULL;
	int rc = sqlite3_open_v2(report->path, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
				 NULL);
	int error = rc == SQLITE_OK ? 0 : report_open(report, to, rc);

	if (!error && sqlite_execute(to, "PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF"))
		error = report_open(report, to, sqlite3_errcode(to));
	if (!error)
		error = copy_pages(report, from, to);
	if (!error && sqlite_execute(to, "PRAGMA journal_mode = DELETE"))
		error = sqlite_refuse(report, ERROR_IO, "cannot write %s: %s", report->path, sqlite3_errmsg(to));
	if (!error)
		error = check_pages(report, to, "PRAGMA quick_check(1)");
	sqlite3_close(to);
	return error ? error : sync_file(report);
}

/* A checked, durable copy of the store `source` under the new name report->path; on an error nothing of it is left. */
static int copy(const struct sqlite_report *report, const char *source)
{
	char *name = join(source, "");
	const struct sqlite_report source_report = {name, report->message, report->size};
	sqlite3 *from = NULL;
	uint64_t format;
	int error = look(&source_report, &from, &format);

	if (!error)
		error = make_new(report);
	if (!error) {
		error = fill(report, from);
		if (error)
			unlink(report->path);
	}
	sqlite3_close(from);
	free(name);
	return error;
}

/* Gives a file a name that must be free. link, unlike rename, never replaces; some file systems have the one, some the
 * other. */
static int name_finally(const char *from, const char *to)
{
	if (link(from, to) == 0)
		return unlink(from) == 0 ? 0 : -errno;
	if (errno == EEXIST)
		return -EEXIST;
	return renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0 ? 0 : -errno;
}

static int backup(const char *path, const char *target, char *message, size_t size)
{
	char *name = join(target, ""), *partial = join(target, ".partial");
	const struct sqlite_report report = {partial, message, size};
	int error = 0;

	if (access(name, F_OK) == 0)
		error = sqlite_refuse(&report, -EEXIST, "%s is there already", target);
	if (!error)
		error = copy(&report, path);
	if (!error) {
		error = name_finally(partial, name);
		if (error) {
			sqlite_refuse(&report, error, "cannot name the backup %s: %s", target, error_text(error));
			unlink(partial);
		}
	}
	if (!error)
		error = sqlite_sync_directory(&report);
	free(partial);
	free(name);
	return error;
}

/* ---- restoring ---- */

static const char *const parts[] = {"", "-wal"};

/* What is there gets a second name, so that there is no moment without it. */
static int keep_aside(const struct sqlite_report *report, const char *aside, bool *kept)
{
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		char *from = join(report->path, parts[i]), *to = join(aside, parts[i]);
		int error = link(from, to) == 0 || errno == ENOENT ? 0 : -errno;

		*kept = *kept || access(to, F_OK) == 0;
		free(from);
		free(to);
		if (error)
			return sqlite_refuse(report, error, "cannot keep the store aside as %s: %s", aside,
					     error_text(error));
	}
	return 0;
}

static int remove_beside(const char *path, const char *suffix)
{
	char *name = join(path, suffix);
	int error = unlink(name) == 0 || errno == ENOENT ? 0 : -errno;

	free(name);
	return error;
}

/* From the moment that the complete copy is called .restored, it is the store: a start or another restore that finds it
 * goes on here. The old WAL must be gone before the new file is there, or it would be played into it. */
int sqlite_finish_restore(const struct sqlite_report *report)
{
	char *restored = join(report->path, ".restored");
	int error = 0;

	if (access(restored, F_OK) == 0) {
		error = remove_beside(report->path, "-wal");
		if (!error)
			error = remove_beside(report->path, "-shm");
		if (!error)
			error = sqlite_sync_directory(report);
		if (!error && rename(restored, report->path) != 0)
			error = -errno;
		if (!error)
			error = sqlite_sync_directory(report);
		if (error)
			sqlite_refuse(report, error, "cannot put %s in its place: %s", restored, error_text(error));
	}
	free(restored);
	return error;
}

static int restore_locked(const struct sqlite_report *report, const char *source, const char *aside, bool *kept)
{
	char *fresh = join(report->path, ".new"), *restored = join(report->path, ".restored");
	const struct sqlite_report fresh_report = {fresh, report->message, report->size};
	int error = sqlite_finish_restore(report);

	unlink(fresh); /* of an interrupted restore, and ours under the lock */
	if (!error)
		error = copy(&fresh_report, source);
	if (!error && aside)
		error = keep_aside(report, aside, kept);
	if (!error && rename(fresh, restored) != 0)
		error = sqlite_refuse(report, -errno, "cannot rename %s: %s", fresh, strerrordesc_np(errno));
	if (!error)
		error = sqlite_sync_directory(report);
	if (!error)
		error = sqlite_finish_restore(report);
	if (error)
		unlink(fresh);
	free(restored);
	free(fresh);
	return error;
}

static int restore(const char *path, const char *source, const char *aside, bool *kept, char *message, size_t size)
{
	char *name = join(path, "");
	const struct sqlite_report report = {name, message, size};
	int lock_fd = -1, error = sqlite_make_directory(&report);

	*kept = false;
	if (!error)
		error = sqlite_lock(&report, &lock_fd);
	if (!error)
		error = restore_locked(&report, source, aside, kept);
	if (lock_fd >= 0)
		close(lock_fd);
	free(name);
	return error;
}

const struct store_files sqlite_files = {
	.inspect = inspect,
	.open_readonly = open_readonly,
	.backup = backup,
	.restore = restore,
};
