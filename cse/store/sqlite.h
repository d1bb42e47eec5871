/* sqlite: the inside of the SQLite store, for its own files. What the layout is and why:
 * docs/decisions/instance-storage.md and note-storage.md.
 *
 * Three connections to one file, each used by one thread at a time: the committer's (writer), the owner's (reader) and
 * the checkpointing thread's. sqlite_schema.c opens files and knows the tables, sqlite_apply.c writes change lists,
 * sqlite_tidy.c deletes what lingers, sqlite_checkpoint.c keeps the WAL short, sqlite_read.c loads and reads. */
#ifndef CSE_STORE_SQLITE_H
#define CSE_STORE_SQLITE_H

#include "cse/store/store.h"

#include <pthread.h>
#include <sqlite3.h>

enum sqlite_write {
#define WRITE(name, sql) WRITE_##name,
#define READ(name, sql)
#include "cse/store/sqlite_statements.def"
#undef WRITE
#undef READ
	WRITE_COUNT
};

enum sqlite_read {
#define WRITE(name, sql)
#define READ(name, sql) READ_##name,
#include "cse/store/sqlite_statements.def"
#undef WRITE
#undef READ
	READ_COUNT
};

/* What a transaction changes besides rows, so that a rollback puts it back. */
struct sqlite_state {
	uint64_t reserved;	/* no key above this one was used */
	uint64_t snapshot;	/* instance key of the last snapshot */
	uint64_t era;		/* counts snapshots */
	uint64_t gone_number;	/* of the newest row of table gone */
	uint64_t swept_through; /* what table gone evicts up to this number is deleted */
	size_t swept, evicted;	/* of sweeping; in evicted */
	uint64_t evicted_bytes;
	unsigned added; /* instances, in this transaction */
};

/* Lets transactions and the last step of a checkpoint take turns. */
struct sqlite_gate {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	pthread_t thread;
	bool has_thread, in_transaction, is_held, stop;
	int wal_pages;
};

struct sqlite_store {
	struct store store;
	struct log *log;
	char *path;
	int lock_fd;
	sqlite3 *writer, *reader, *checkpointer;
	sqlite3_stmt *write[WRITE_COUNT], *read[READ_COUNT];
	bool is_suspect; /* refused or found corrupt: closing must not touch the file */

	bool in_transaction;
	struct sqlite_state now, committed;
	struct strbuf gone; /* for table gone, not written yet */

	/* Evicted instances whose rows linger. A set is collected, then sorted and swept in key order, while the next
	 * one is collected: so, of one parent, no row is deleted before an older one that was evicted earlier. */
	uint64_t *evicted, *sweeping;
	size_t evicted_cap, sweeping_count;
	uint64_t sweeping_through; /* number in table gone up to which sweeping reaches */
	bool sweep_soon;	   /* few as they may be: what lingers keeps rows of table gone */
	bool has_old_gone, is_vacuuming;

	struct sqlite_gate gate;
};

static inline struct sqlite_store *sqlite_of(struct store *store)
{
	return container_of(store, struct sqlite_store, store);
}

/* ---- sqlite.c ---- */

/* The error for a result code of a call on db. */
int sqlite_error(sqlite3 *db, int rc);
/* Runs a bound statement to its end and resets it. */
WARN_UNUSED int sqlite_run(sqlite3_stmt *stmt);
/* Runs a bound statement that gives one number: 1, 0 if it gave no row, or an error. */
WARN_UNUSED int sqlite_number(sqlite3_stmt *stmt, uint64_t *value);
void sqlite_bind_key(sqlite3_stmt *stmt, int at, uint64_t key);
/* Bound without a copy: s must live until the statement is done. */
void sqlite_bind_text(sqlite3_stmt *stmt, int at, struct str s);
void sqlite_bind_blob(sqlite3_stmt *stmt, int at, struct str s);
uint64_t sqlite_column_key(sqlite3_stmt *stmt, int at);
/* Valid until the statement moves on. */
struct str sqlite_column_bytes(sqlite3_stmt *stmt, int at);

int sqlite_begin(struct store *store);
int sqlite_commit(struct store *store);
void sqlite_rollback(struct store *store);

void sqlite_close(struct store *store);

/* ---- sqlite_schema.c ---- */

enum { STORE_FORMAT = 2, STORE_APPLICATION_ID = 0x636f7073 /* "cops" */ };

/* Locks and checks the file, creates or migrates it, opens the connections and prepares the statements. */
WARN_UNUSED int sqlite_attach(struct sqlite_store *sqlite, char *message, size_t size);
/* What goes wrong with which file, and where the sentence goes. path has a '/' in it. */
struct sqlite_report {
	const char *path;
	char *message;
	size_t size;
};

/* Writes the sentence and returns the error. */
int sqlite_refuse(const struct sqlite_report *report, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
WARN_UNUSED int sqlite_make_directory(const struct sqlite_report *report);
/* Keeps everybody else out for as long as the descriptor is open. */
WARN_UNUSED int sqlite_lock(const struct sqlite_report *report, int *lock_fd);
/* What root makes in somebody's directory is that somebody's. */
void sqlite_give_to_owner(const struct sqlite_report *report, int fd);
/* A new name in path's directory is durable when that is. */
WARN_UNUSED int sqlite_sync_directory(const struct sqlite_report *report);
/* Another program's, a later version's, or cut off? Reads only. A file nothing was ever written into has format 0. */
WARN_UNUSED int sqlite_check_file(sqlite3 *db, const struct sqlite_report *report, bool has_wal, uint64_t *format);
/* Of path with a suffix; 0 also if there is none. */
off_t sqlite_file_size(const char *path, const char *suffix);
WARN_UNUSED int sqlite_execute(sqlite3 *db, const char *sql);
/* The one number a query gives. */
WARN_UNUSED int sqlite_query(sqlite3 *db, const char *sql, uint64_t *value);
WARN_UNUSED int sqlite_prepare_reads(struct sqlite_store *sqlite, const struct sqlite_report *report);
/* Undoes sqlite_attach, also halfway. */
void sqlite_detach(struct sqlite_store *sqlite);
/* Brings a database from the format in its user_version to format `count`, each step in a transaction of its own:
 * steps[n] leads from format n to n + 1. After an error the database is in the format that the last good step left. */
WARN_UNUSED int sqlite_migrate(sqlite3 *db, int (*const steps[])(sqlite3 *db), unsigned count);

/* ---- sqlite_files.c ---- */

extern const struct store_files sqlite_files;

/* Under the lock: ends a restore that was interrupted when its copy was complete. */
WARN_UNUSED int sqlite_finish_restore(const struct sqlite_report *report);

/* ---- sqlite_apply.c ---- */

int sqlite_apply(struct store *store, const struct list *changes);
/* Writes the collected entries of table gone. */
WARN_UNUSED int sqlite_flush_gone(struct sqlite_store *sqlite);
/* Deletes an instance's row and those beside it, if it is there. */
WARN_UNUSED int sqlite_delete_instance(struct sqlite_store *sqlite, uint64_t key);
WARN_UNUSED int sqlite_put_number(struct sqlite_store *sqlite, struct str name, uint64_t value);
/* Calls back for each entry of a text of table gone. ERROR_CORRUPT if it is not one. */
WARN_UNUSED int sqlite_each_gone(struct str text,
				 int (*each)(void *arg, uint64_t key, uint64_t parent, uint32_t size, bool lingers),
				 void *arg);

#define STORE_META_SNAPSHOT STR("store.snapshot")
#define STORE_META_ERA STR("store.era")
#define STORE_META_SWEPT STR("store.swept")

/* ---- sqlite_tidy.c ---- */

int sqlite_tidy(struct store *store);
void sqlite_sort_keys(uint64_t *keys, size_t count);
/* Between transactions: begins to sweep what was evicted, if it is worth it and nothing is left to sweep. */
void sqlite_rotate_evicted(struct sqlite_store *sqlite);
/* Within one: deletes at most this many rows of evicted instances. */
WARN_UNUSED int sqlite_sweep(struct sqlite_store *sqlite, size_t most);

/* ---- sqlite_checkpoint.c ---- */

WARN_UNUSED int sqlite_gate_open(struct sqlite_store *sqlite);
/* Stops the checkpointing thread. */
void sqlite_gate_close(struct sqlite_store *sqlite);
void sqlite_gate_enter(struct sqlite_store *sqlite);
void sqlite_gate_leave(struct sqlite_store *sqlite);

/* ---- sqlite_read.c ---- */

/* Reads what sqlite->now and the set to sweep begin with. */
WARN_UNUSED int sqlite_read_state(struct sqlite_store *sqlite);
int sqlite_load(struct store *store, const struct store_visitor *visitor, void *arg);
int sqlite_read_instance(struct store *store, uint64_t key, uint64_t *parent, struct instance_head *head,
			 struct strbuf *body);
int sqlite_read_note(struct store *store, uint64_t key, struct strbuf *text);
int sqlite_find_named(struct store *store, uint64_t parent, struct str name, uint64_t *key);
int sqlite_due_instances(struct store *store, int64_t until_us, unsigned most,
			 int (*each)(void *arg, uint64_t key, uint64_t parent, int64_t et_us), void *arg);

#endif
