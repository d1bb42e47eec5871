/* The SQLite store's file: who may use it, formats, damage. What every store does is in test_contract.c. */
#include "tests/store/database.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Opening it fails with this error, says so with the file's name, and leaves every byte as it was. */
static void assert_refused(struct database *database, int error)
{
	struct strbuf before = {0}, after = {0};

	file_read(database->path, &before);
	assert_int_equal(database_try_open(database), error);
	assert_null(database->store);
	assert_non_null(strstr(database->message, "x.db"));
	file_read(database->path, &after);
	assert_true(str_eq(strbuf_str(&before), strbuf_str(&after)));
	strbuf_finish(&before);
	strbuf_finish(&after);
}

/* ---- who may use it ---- */

static void the_files_are_for_their_owner_alone(void **state)
{
	static const char *const names[] = {"", "-wal", "-shm", ".lock"};
	struct database *database = *state;
	mode_t mask = umask(0);
	struct stat status;
	char path[100];

	database_open(database);
	database_add(database, 1, 10, STR("x"));
	database_commit(database);
	for (size_t i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s%s", database->path, names[i]);
		assert_int_equal(stat(path, &status), 0);
		assert_int_equal(status.st_mode & 0777, 0600);
	}
	snprintf(path, sizeof(path), "%s/data", database->directory);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0700);
	umask(mask);
}

static void a_store_in_use_is_busy_for_everybody_else(void **state)
{
	struct database *database = *state;
	struct store *first;
	int status;
	pid_t child;

	database_open(database);
	database_add(database, 1, 10, STR("x"));
	database_commit(database);
	first = database->store;
	assert_int_equal(database_try_open(database), ERROR_BUSY);
	assert_non_null(strstr(database->message, "x.db"));
	child = fork();
	if (child == 0)
		_exit(database_try_open(database) == ERROR_BUSY ? 0 : 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	database->store = first;
	assert_true(has_instance(first, 1, 1, STR("x")));
	database_close(database);
	database_open(database);
	assert_true(has_instance(database->store, 1, 1, STR("x")));
}

static void what_cannot_be_created_is_named(void **state)
{
	struct database *database = *state;

	snprintf(database->path, sizeof(database->path), "%s/no/such/x.db", database->directory);
	assert_true(database_try_open(database) < 0);
	assert_non_null(strstr(database->message, "no/such"));
	snprintf(database->path, sizeof(database->path), "%s/folder", database->directory);
	assert_int_equal(mkdir(database->path, 0700), 0);
	assert_true(database_try_open(database) < 0);
	assert_non_null(strstr(database->message, "folder"));
}

static void a_path_is_no_uri_and_may_be_relative(void **state)
{
	struct database *database = *state;
	int here = open(".", O_RDONLY | O_DIRECTORY);

	assert_int_equal(chdir(database->directory), 0);
	snprintf(database->path, sizeof(database->path), "file:x.db?mode=memory");
	database_open(database);
	assert_true(file_size("file:x.db?mode=memory") >= 0);
	database_close(database);
	snprintf(database->path, sizeof(database->path), ":memory:");
	database_open(database);
	assert_true(file_size(":memory:") >= 0);
	database_close(database);
	assert_int_equal(fchdir(here), 0);
	close(here);
}

/* ---- formats ---- */

static void a_new_file_says_what_it_is(void **state)
{
	struct database *database = *state;

	database_open(database);
	database_close(database);
	assert_int_equal(sql_ask_file(database->path, "PRAGMA application_id"), STORE_APPLICATION_ID);
	assert_int_equal(sql_ask_file(database->path, "PRAGMA user_version"), STORE_FORMAT);
	assert_int_equal(sql_ask_file(database->path, "PRAGMA page_size"), 8192);
	assert_int_equal(sql_ask_file(database->path, "PRAGMA auto_vacuum"), 2);
}

/* Debian builds SQLite with secure_delete on; synchronous 2 is FULL: each commit waits for the device. */
static void every_connection_is_set_up(void **state)
{
	struct database *database = *state;

	database_open(database);
	for (int i = 0; i < 3; i++) {
		const struct sqlite_store *sqlite = sqlite_of(database->store);
		sqlite3 *db = i == 0 ? sqlite->writer : i == 1 ? sqlite->reader : sqlite->checkpointer;

		assert_int_equal(sql_ask(db, "PRAGMA secure_delete"), 0);
		assert_int_equal(sql_ask(db, "PRAGMA synchronous"), 2);
		assert_int_equal(sql_ask(db, "PRAGMA cache_size"), -4096);
	}
}

static void set_format(const char *path, unsigned format)
{
	char sql[40];

	snprintf(sql, sizeof(sql), "PRAGMA user_version = %u", format);
	sql_run(path, sql);
}

static void a_newer_format_is_refused(void **state)
{
	struct database *database = *state;

	database_open(database);
	database_add(database, 1, 10, STR("x"));
	database_commit(database);
	database_close(database);
	set_format(database->path, 99);
	assert_refused(database, ERROR_NEWER_FORMAT);
	assert_non_null(strstr(database->message, "99"));
	set_format(database->path, STORE_FORMAT + 1);
	assert_refused(database, ERROR_NEWER_FORMAT);
	set_format(database->path, STORE_FORMAT);
	database_open(database);
	assert_true(has_instance(database->store, 1, 1, STR("x")));
}

/* The later version crashed, and its number stands in the WAL alone. */
static void a_newer_format_in_the_wal_is_refused(void **state)
{
	struct database *database = *state;
	char copy[100];
	struct strbuf bytes = {0};
	sqlite3 *db;

	database_open(database);
	database_close(database);
	db = sql_open(database->path);
	assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 99", NULL, NULL, NULL), SQLITE_OK);
	snprintf(copy, sizeof(copy), "%s-wal", database->path);
	file_read(copy, &bytes);
	assert_true(bytes.len > 0);
	sqlite3_close(db);
	set_format(database->path, STORE_FORMAT);
	file_write(copy, strbuf_str(&bytes));
	assert_refused(database, ERROR_NEWER_FORMAT);
	assert_int_equal(file_size(copy), bytes.len);
	strbuf_finish(&bytes);
}

static void an_empty_database_of_format_0_is_brought_up(void **state)
{
	struct database *database = *state;

	database_open(database);
	database_close(database);
	assert_int_equal(unlink(database->path), 0);
	sql_run(database->path, "PRAGMA application_id = 0x636f7073");
	database_open(database);
	database_add(database, 1, 10, STR("x"));
	database_commit(database);
	database_close(database);
	assert_int_equal(sql_ask_file(database->path, "PRAGMA user_version"), STORE_FORMAT);
	assert_int_equal(sql_ask_file(database->path, "SELECT count(*) FROM instance"), 10);
}

/* A file as format 1 has it, with something in each table. */
static void write_format_1(const char *path)
{
	sql_run(path,
		"PRAGMA page_size = 8192; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA application_id = 0x636f7073;"
		"PRAGMA journal_mode = WAL;"
		"CREATE TABLE resource(key INTEGER PRIMARY KEY, parent INTEGER NOT NULL, text BLOB NOT NULL);"
		"CREATE TABLE instance(key INTEGER PRIMARY KEY, parent INTEGER NOT NULL, ct_us INTEGER NOT NULL,"
		" et_us INTEGER, st INTEGER NOT NULL, size INTEGER NOT NULL, flags INTEGER NOT NULL, name TEXT,"
		" text BLOB NOT NULL);"
		"CREATE TABLE named(parent INTEGER NOT NULL, name TEXT NOT NULL, key INTEGER NOT NULL,"
		" PRIMARY KEY(parent, name)) WITHOUT ROWID;"
		"CREATE TABLE own_expiry(et_us INTEGER NOT NULL, key INTEGER NOT NULL, parent INTEGER NOT NULL,"
		" PRIMARY KEY(et_us, key)) WITHOUT ROWID;"
		"CREATE TABLE chunk(parent INTEGER NOT NULL, number INTEGER NOT NULL, text BLOB NOT NULL,"
		" PRIMARY KEY(parent, number)) WITHOUT ROWID;"
		"CREATE TABLE gone(number INTEGER PRIMARY KEY, era INTEGER NOT NULL, text BLOB NOT NULL);"
		"CREATE TABLE purge(parent INTEGER PRIMARY KEY);"
		"CREATE TABLE meta(name TEXT PRIMARY KEY, text BLOB NOT NULL) WITHOUT ROWID;"
		"PRAGMA user_version = 1;"
		"INSERT INTO resource VALUES(2, 1, x'72');"
		"INSERT INTO instance VALUES(7, 2, 7000, NULL, 14, 1, 1, 'seven', x'78'), (8, 2, 8000, 60, 15, 1, 2,"
		" NULL, x'79');"
		"INSERT INTO named VALUES(2, 'seven', 7); INSERT INTO own_expiry VALUES(60, 8, 2);"
		"INSERT INTO chunk VALUES(2, 4, x'63'); INSERT INTO gone VALUES(3, 1, x'0c0201');"
		"INSERT INTO purge VALUES(5);"
		"INSERT INTO meta VALUES('store.high-water', x'3130303036'), ('store.era', x'31'), ('m', x'6d');");
}

/* How many rows of a table in the one file are not in the other. */
static uint64_t count_missing(const char *path, const char *other, const char *table, const char *columns)
{
	char attach[200], ask[200];
	uint64_t count;
	sqlite3 *db = sql_open(path);

	snprintf(attach, sizeof(attach), "ATTACH '%s' AS other", other);
	assert_int_equal(sqlite3_exec(db, attach, NULL, NULL, NULL), SQLITE_OK);
	snprintf(ask, sizeof(ask), "SELECT count(*) FROM (SELECT %s FROM main.%s EXCEPT SELECT %s FROM other.%s)",
		 columns, table, columns, table);
	count = sql_ask(db, ask);
	sqlite3_close(db);
	return count;
}

static void a_store_of_format_1_keeps_everything_and_takes_notes(void **state)
{
	static const char *const tables[] = {"resource", "instance", "named", "own_expiry",
					     "chunk",	 "gone",     "purge", "meta"};
	struct database *database = *state;
	char old[100];
	uint64_t key = 0;

	snprintf(old, sizeof(old), "%s/old.db", database->directory);
	snprintf(database->path, sizeof(database->path), "%s/x.db", database->directory);
	write_format_1(old);
	write_format_1(database->path);
	database_open(database);
	assert_true(has_instance(database->store, 7, 2, STR("x")) && has_instance(database->store, 8, 2, STR("y")));
	assert_int_equal(database->store->ops->find_named(database->store, 2, STR("seven"), &key), 1);
	assert_int_equal(key, 7);
	database_close(database);
	assert_int_equal(sql_ask_file(database->path, "PRAGMA user_version"), STORE_FORMAT);
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		assert_int_equal(count_missing(old, database->path, tables[i], "*"), 0);
		assert_int_equal(count_missing(database->path, old, tables[i], "*"), 0);
	}
	database_open(database);
	writer_note(&database->writer, 10007, 2, "t", STR("n"));
	database_commit(database);
	database_close(database);
	database_open(database);
	assert_true(has_note(database->store, 10007, STR("n")));
}

static void a_migrated_store_has_the_tables_of_a_new_one(void **state)
{
	struct database *database = *state;
	char migrated[80];

	snprintf(migrated, sizeof(migrated), "%s/y.db", database->directory);
	write_format_1(migrated);
	database_open(database);
	database_close(database);
	assert_true(count_missing(database->path, migrated, "sqlite_master", "type, name, sql") > 0);
	memcpy(database->path, migrated, sizeof(migrated));
	database_open(database);
	database_close(database);
	snprintf(database->path, sizeof(database->path), "%s/data/x.db", database->directory);
	assert_int_equal(count_missing(database->path, migrated, "sqlite_master", "type, name, sql"), 0);
	assert_int_equal(count_missing(migrated, database->path, "sqlite_master", "type, name, sql"), 0);
}

static int make_table(sqlite3 *db)
{
	return sqlite_error(db, sqlite3_exec(db, "CREATE TABLE t(a); INSERT INTO t VALUES(1)", NULL, NULL, NULL));
}

static int add_column(sqlite3 *db)
{
	return sqlite_error(db, sqlite3_exec(db, "ALTER TABLE t ADD b DEFAULT 2", NULL, NULL, NULL));
}

static int fail_midway(sqlite3 *db)
{
	int error = sqlite_error(db, sqlite3_exec(db, "UPDATE t SET a = 7", NULL, NULL, NULL));

	return error ? error : ERROR_FULL;
}

static void formats_migrate_one_step_at_a_time(void **state)
{
	int (*const good[])(sqlite3 *) = {make_table, add_column};
	int (*const bad[])(sqlite3 *) = {make_table, fail_midway, add_column};
	struct database *database = *state;
	char path[100];
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/y.db", database->directory);
	db = sql_open(path);
	assert_int_equal(sqlite_migrate(db, good, 1), 0);
	assert_int_equal(sql_ask(db, "PRAGMA user_version"), 1);
	assert_int_equal(sqlite_migrate(db, bad, 3), ERROR_FULL);
	assert_int_equal(sql_ask(db, "PRAGMA user_version"), 1);
	assert_int_equal(sql_ask(db, "SELECT a FROM t"), 1);
	assert_int_equal(sqlite_migrate(db, good, 2), 0);
	assert_int_equal(sqlite_migrate(db, good, 2), 0);
	assert_int_equal(sql_ask(db, "PRAGMA user_version"), 2);
	assert_int_equal(sql_ask(db, "SELECT b FROM t"), 2);
	sqlite3_close(db);
}

/* ---- damage ---- */

static void what_is_no_store_is_refused(void **state)
{
	struct database *database = *state;
	char garbage[20000];
	uint64_t random = 1;

	database_open(database);
	database_close(database);
	for (size_t i = 0; i < sizeof(garbage); i++)
		garbage[i] = (char)random_next(&random);
	file_write(database->path, str_make(garbage, sizeof(garbage)));
	assert_refused(database, ERROR_CORRUPT);
	file_write(database->path, STR("x"));
	assert_refused(database, ERROR_CORRUPT);
	assert_int_equal(unlink(database->path), 0);
	sql_run(database->path, "CREATE TABLE t(a)");
	assert_refused(database, ERROR_CORRUPT);
	sql_run(database->path, "PRAGMA application_id = 0x636f7073");
	for (unsigned format = 1; format <= STORE_FORMAT; format++) {
		set_format(database->path, format);
		assert_refused(database, ERROR_CORRUPT);
	}
}

static void a_file_cut_off_is_refused(void **state)
{
	struct database *database = *state;
	static const char text[1000];

	database_open(database);
	database_add(database, 1, 2000, str_make(text, sizeof(text)));
	database_commit(database);
	database_close(database);
	assert_int_equal(truncate(database->path, file_size(database->path) - 8192), 0);
	assert_refused(database, ERROR_CORRUPT);
	assert_int_equal(truncate(database->path, 4096), 0);
	assert_refused(database, ERROR_CORRUPT);
}

static int ignore_chunk(void *arg, uint64_t parent, uint32_t number, struct str text)
{
	(void)arg;
	(void)parent;
	(void)number;
	(void)text;
	return 0;
}

/* Overwrites `pages` pages from page `first` on; the first and second hold the schema and back pointers. */
static void scribble(const char *path, size_t first, size_t pages)
{
	struct strbuf bytes = {0};

	file_read(path, &bytes);
	assert_true(bytes.len >= (first + pages - 1) * 8192);
	memset(bytes.ptr + (first - 1) * 8192, 0xa5, pages * 8192);
	file_write(path, strbuf_str(&bytes));
	strbuf_finish(&bytes);
}

static void damage_is_an_error_and_stays_as_it_is(void **state)
{
	static const struct store_visitor visitor = {.chunk = ignore_chunk};
	struct database *database = *state;
	struct strbuf before = {0}, after = {0};
	struct instance_head head;
	uint64_t parent;
	int error;

	database_open(database);
	database_add(database, 1, 100, STR("x"));
	writer_chunk(&database->writer, 1, 1, STR("c"));
	database_commit(database);
	database_close(database);
	scribble(database->path, 3, (size_t)file_size(database->path) / 8192 - 2);
	file_read(database->path, &before);
	error = database_try_open(database);
	if (!error) {
		error = database->store->ops->load(database->store, &visitor, NULL);
		assert_int_equal(database->store->ops->read_instance(database->store, 1, &parent, &head, NULL),
				 ERROR_CORRUPT);
	}
	assert_int_equal(error, ERROR_CORRUPT);
	database_close(database);
	file_read(database->path, &after);
	assert_true(str_eq(strbuf_str(&before), strbuf_str(&after)));
	strbuf_finish(&before);
	strbuf_finish(&after);
}

/* The files of a process that was killed, one of them damaged as well. */
static void damage_found_while_loading_leaves_file_and_wal_alone(void **state)
{
	static const struct store_visitor visitor = {.chunk = ignore_chunk};
	struct database *database = *state;
	struct strbuf file = {0}, wal = {0}, after = {0};
	char wal_path[100];

	snprintf(wal_path, sizeof(wal_path), "%s-wal", database->path);
	database_open(database);
	writer_chunk(&database->writer, 1, 1, STR("c"));
	database_commit(database);
	database_close(database);
	database_open(database);
	database_add(database, 1, 10, STR("x"));
	database_commit(database);
	file_read(wal_path, &wal);
	database_close(database);
	scribble(database->path,
		 sql_ask_file(database->path, "SELECT rootpage FROM sqlite_master WHERE name = 'chunk'"), 1);
	file_read(database->path, &file);
	file_write(wal_path, strbuf_str(&wal));
	database_open(database);
	assert_true(has_instance(database->store, 1, 1, STR("x")));
	assert_int_equal(database->store->ops->load(database->store, &visitor, NULL), ERROR_CORRUPT);
	database_close(database);
	file_read(database->path, &after);
	assert_true(str_eq(strbuf_str(&file), strbuf_str(&after)));
	assert_int_equal(file_size(wal_path), wal.len);
	strbuf_finish(&file);
	strbuf_finish(&wal);
	strbuf_finish(&after);
}

int main(void)
{
	static const struct CMUnitTest rules[] = {
		DATABASE_RULE(the_files_are_for_their_owner_alone),
		DATABASE_RULE(a_store_in_use_is_busy_for_everybody_else),
		DATABASE_RULE(what_cannot_be_created_is_named),
		DATABASE_RULE(a_path_is_no_uri_and_may_be_relative),
		DATABASE_RULE(a_new_file_says_what_it_is),
		DATABASE_RULE(every_connection_is_set_up),
		DATABASE_RULE(a_newer_format_is_refused),
		DATABASE_RULE(a_newer_format_in_the_wal_is_refused),
		DATABASE_RULE(an_empty_database_of_format_0_is_brought_up),
		DATABASE_RULE(a_store_of_format_1_keeps_everything_and_takes_notes),
		DATABASE_RULE(a_migrated_store_has_the_tables_of_a_new_one),
		DATABASE_RULE(formats_migrate_one_step_at_a_time),
		DATABASE_RULE(what_is_no_store_is_refused),
		DATABASE_RULE(a_file_cut_off_is_refused),
		DATABASE_RULE(damage_is_an_error_and_stays_as_it_is),
		DATABASE_RULE(damage_found_while_loading_leaves_file_and_wal_alone),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(rules, NULL, NULL);
}
