/* The SQLite store's file: formats, locks, damage, room, crashes. What every store does is in test_contract.c. */
#include "cse/store/sqlite.h"
#include "tests/store/helpers.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct fixture {
	char directory[64], path[80], message[300];
	struct log log;
	FILE *null;
	struct store *store;
	struct writer writer;
};

static int try_open(struct fixture *fixture)
{
	fixture->store = NULL;
	writer_init(&fixture->writer);
	memset(fixture->message, '?', sizeof(fixture->message));
	return store_sqlite.open(fixture->path, &fixture->log, &fixture->store, fixture->message,
				 sizeof(fixture->message));
}

static void open_store(struct fixture *fixture)
{
	if (try_open(fixture) != 0)
		fail_msg("%s", fixture->message);
}

static void close_store(struct fixture *fixture)
{
	if (fixture->store)
		fixture->store->ops->close(fixture->store);
	fixture->store = NULL;
}

static int set_up(void **state)
{
	struct fixture *fixture = xzalloc(sizeof(*fixture));

	fixture->null = fopen("/dev/null", "w");
	fixture->log = (struct log){LOG_ERROR, LOG_TEXT, fixture->null};
	directory_make(fixture->directory);
	snprintf(fixture->path, sizeof(fixture->path), "%s/data/x.db", fixture->directory);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	close_store(fixture);
	directory_remove(fixture->directory);
	fclose(fixture->null);
	free(fixture);
	return 0;
}

static void commit(struct fixture *fixture)
{
	assert_int_equal(writer_commit(&fixture->writer, fixture->store), 0);
}

static void add_some(struct fixture *fixture, uint64_t first, unsigned count, struct str text)
{
	for (uint64_t key = first; key < first + count; key++)
		writer_add(&fixture->writer, key, key % 10, text);
}

static sqlite3 *open_database(const char *path)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	return db;
}

static void run_sql(const char *path, const char *sql)
{
	sqlite3 *db = open_database(path);

	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static uint64_t ask(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *stmt;
	uint64_t value;

	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite_number(stmt, &value), 1);
	sqlite3_finalize(stmt);
	return value;
}

static uint64_t ask_file(const char *path, const char *sql)
{
	sqlite3 *db = open_database(path);
	uint64_t value = ask(db, sql);

	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return value;
}

/* Opening it fails with this error, says so with the file's name, and leaves every byte as it was. */
static void assert_refused(struct fixture *fixture, int error)
{
	struct strbuf before = {0}, after = {0};

	file_read(fixture->path, &before);
	assert_int_equal(try_open(fixture), error);
	assert_null(fixture->store);
	assert_non_null(strstr(fixture->message, "x.db"));
	file_read(fixture->path, &after);
	assert_true(str_eq(strbuf_str(&before), strbuf_str(&after)));
	strbuf_finish(&before);
	strbuf_finish(&after);
}

/* ---- who may use it ---- */

static void the_files_are_for_their_owner_alone(void **state)
{
	static const char *const names[] = {"", "-wal", "-shm", ".lock"};
	struct fixture *fixture = *state;
	mode_t mask = umask(0);
	struct stat status;
	char path[100];

	open_store(fixture);
	add_some(fixture, 1, 10, STR("x"));
	commit(fixture);
	for (size_t i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s%s", fixture->path, names[i]);
		assert_int_equal(stat(path, &status), 0);
		assert_int_equal(status.st_mode & 0777, 0600);
	}
	snprintf(path, sizeof(path), "%s/data", fixture->directory);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0700);
	umask(mask);
}

static void a_store_in_use_is_busy_for_everybody_else(void **state)
{
	struct fixture *fixture = *state;
	struct store *first;
	int status;
	pid_t child;

	open_store(fixture);
	add_some(fixture, 1, 10, STR("x"));
	commit(fixture);
	first = fixture->store;
	assert_int_equal(try_open(fixture), ERROR_BUSY);
	assert_non_null(strstr(fixture->message, "x.db"));
	child = fork();
	if (child == 0)
		_exit(try_open(fixture) == ERROR_BUSY ? 0 : 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	fixture->store = first;
	assert_true(has_instance(first, 1, 1, STR("x")));
	close_store(fixture);
	open_store(fixture);
	assert_true(has_instance(fixture->store, 1, 1, STR("x")));
}

static void what_cannot_be_created_is_named(void **state)
{
	struct fixture *fixture = *state;

	snprintf(fixture->path, sizeof(fixture->path), "%s/no/such/x.db", fixture->directory);
	assert_true(try_open(fixture) < 0);
	assert_non_null(strstr(fixture->message, "no/such"));
	snprintf(fixture->path, sizeof(fixture->path), "%s", fixture->directory);
	assert_true(try_open(fixture) < 0);
	assert_non_null(strstr(fixture->message, fixture->directory));
}

static void a_path_is_no_uri_and_may_be_relative(void **state)
{
	struct fixture *fixture = *state;
	int here = open(".", O_RDONLY | O_DIRECTORY);

	assert_int_equal(chdir(fixture->directory), 0);
	snprintf(fixture->path, sizeof(fixture->path), "file:x.db?mode=memory");
	open_store(fixture);
	assert_true(file_size("file:x.db?mode=memory") >= 0);
	close_store(fixture);
	snprintf(fixture->path, sizeof(fixture->path), ":memory:");
	open_store(fixture);
	assert_true(file_size(":memory:") >= 0);
	close_store(fixture);
	assert_int_equal(fchdir(here), 0);
	close(here);
}

/* ---- formats ---- */

static void a_new_file_says_what_it_is(void **state)
{
	struct fixture *fixture = *state;

	open_store(fixture);
	close_store(fixture);
	assert_int_equal(ask_file(fixture->path, "PRAGMA application_id"), STORE_APPLICATION_ID);
	assert_int_equal(ask_file(fixture->path, "PRAGMA user_version"), STORE_FORMAT);
	assert_int_equal(ask_file(fixture->path, "PRAGMA page_size"), 8192);
	assert_int_equal(ask_file(fixture->path, "PRAGMA auto_vacuum"), 2);
}

static void a_newer_format_is_refused(void **state)
{
	struct fixture *fixture = *state;

	open_store(fixture);
	add_some(fixture, 1, 10, STR("x"));
	commit(fixture);
	close_store(fixture);
	run_sql(fixture->path, "PRAGMA user_version = 99");
	assert_refused(fixture, ERROR_NEWER_FORMAT);
	assert_non_null(strstr(fixture->message, "99"));
	run_sql(fixture->path, "PRAGMA user_version = 1");
	open_store(fixture);
	assert_true(has_instance(fixture->store, 1, 1, STR("x")));
}

/* The later version crashed, and its number stands in the WAL alone. */
static void a_newer_format_in_the_wal_is_refused(void **state)
{
	struct fixture *fixture = *state;
	char copy[100];
	struct strbuf bytes = {0};
	sqlite3 *db;

	open_store(fixture);
	close_store(fixture);
	db = open_database(fixture->path);
	assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 99", NULL, NULL, NULL), SQLITE_OK);
	snprintf(copy, sizeof(copy), "%s-wal", fixture->path);
	file_read(copy, &bytes);
	assert_true(bytes.len > 0);
	sqlite3_close(db);
	run_sql(fixture->path, "PRAGMA user_version = 1");
	file_write(copy, strbuf_str(&bytes));
	assert_refused(fixture, ERROR_NEWER_FORMAT);
	assert_int_equal(file_size(copy), bytes.len);
	strbuf_finish(&bytes);
}

static void an_empty_database_of_format_0_is_brought_up(void **state)
{
	struct fixture *fixture = *state;

	open_store(fixture);
	close_store(fixture);
	assert_int_equal(unlink(fixture->path), 0);
	run_sql(fixture->path, "PRAGMA application_id = 0x636f7073");
	open_store(fixture);
	add_some(fixture, 1, 10, STR("x"));
	commit(fixture);
	close_store(fixture);
	assert_int_equal(ask_file(fixture->path, "PRAGMA user_version"), STORE_FORMAT);
	assert_int_equal(ask_file(fixture->path, "SELECT count(*) FROM instance"), 10);
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
	struct fixture *fixture = *state;
	char path[100];
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/y.db", fixture->directory);
	db = open_database(path);
	assert_int_equal(sqlite_migrate(db, good, 1), 0);
	assert_int_equal(ask(db, "PRAGMA user_version"), 1);
	assert_int_equal(sqlite_migrate(db, bad, 3), ERROR_FULL);
	assert_int_equal(ask(db, "PRAGMA user_version"), 1);
	assert_int_equal(ask(db, "SELECT a FROM t"), 1);
	assert_int_equal(sqlite_migrate(db, good, 2), 0);
	assert_int_equal(sqlite_migrate(db, good, 2), 0);
	assert_int_equal(ask(db, "PRAGMA user_version"), 2);
	assert_int_equal(ask(db, "SELECT b FROM t"), 2);
	sqlite3_close(db);
}

/* ---- damage ---- */

static void what_is_no_store_is_refused(void **state)
{
	struct fixture *fixture = *state;
	char garbage[20000];
	uint64_t random = 1;

	open_store(fixture);
	close_store(fixture);
	for (size_t i = 0; i < sizeof(garbage); i++)
		garbage[i] = (char)random_next(&random);
	file_write(fixture->path, str_make(garbage, sizeof(garbage)));
	assert_refused(fixture, ERROR_CORRUPT);
	file_write(fixture->path, STR("x"));
	assert_refused(fixture, ERROR_CORRUPT);
	assert_int_equal(unlink(fixture->path), 0);
	run_sql(fixture->path, "CREATE TABLE t(a)");
	assert_refused(fixture, ERROR_CORRUPT);
	run_sql(fixture->path, "PRAGMA application_id = 0x636f7073; PRAGMA user_version = 1");
	assert_refused(fixture, ERROR_CORRUPT);
}

static void a_file_cut_off_is_refused(void **state)
{
	struct fixture *fixture = *state;
	static const char text[1000];

	open_store(fixture);
	add_some(fixture, 1, 2000, str_make(text, sizeof(text)));
	commit(fixture);
	close_store(fixture);
	assert_int_equal(truncate(fixture->path, file_size(fixture->path) - 8192), 0);
	assert_refused(fixture, ERROR_CORRUPT);
	assert_int_equal(truncate(fixture->path, 4096), 0);
	assert_refused(fixture, ERROR_CORRUPT);
}

static int ignore_chunk(void *arg, uint64_t parent, uint32_t number, struct str text)
{
	(void)arg;
	(void)parent;
	(void)number;
	(void)text;
	return 0;
}

/* Overwrites every page from the third one on: the first and second hold the schema and back pointers. */
static void scribble(const char *path)
{
	struct strbuf bytes = {0};

	file_read(path, &bytes);
	memset(bytes.ptr + 2 * 8192, 0xa5, bytes.len - 2 * 8192);
	file_write(path, strbuf_str(&bytes));
	strbuf_finish(&bytes);
}

static void damage_is_an_error_and_stays_as_it_is(void **state)
{
	static const struct store_visitor visitor = {.chunk = ignore_chunk};
	struct fixture *fixture = *state;
	struct strbuf before = {0}, after = {0};
	struct instance_head head;
	uint64_t parent;
	int error;

	open_store(fixture);
	add_some(fixture, 1, 100, STR("x"));
	writer_chunk(&fixture->writer, 1, 1, STR("c"));
	commit(fixture);
	close_store(fixture);
	scribble(fixture->path);
	file_read(fixture->path, &before);
	error = try_open(fixture);
	if (!error) {
		error = fixture->store->ops->load(fixture->store, &visitor, NULL);
		assert_int_equal(fixture->store->ops->read_instance(fixture->store, 1, &parent, &head, NULL),
				 ERROR_CORRUPT);
	}
	assert_int_equal(error, ERROR_CORRUPT);
	close_store(fixture);
	file_read(fixture->path, &after);
	assert_true(str_eq(strbuf_str(&before), strbuf_str(&after)));
	strbuf_finish(&before);
	strbuf_finish(&after);
}

/* ---- the WAL, and space ---- */

static void the_wal_stays_bounded_and_goes_at_the_end(void **state)
{
	struct fixture *fixture = *state;
	static const char text[4000];
	long largest = 0;
	char wal[100];

	snprintf(wal, sizeof(wal), "%s-wal", fixture->path);
	open_store(fixture);
	for (uint64_t key = 1; key <= 15000; key += 40) {
		add_some(fixture, key, 40, str_make(text, sizeof(text)));
		commit(fixture);
		if (file_size(wal) > largest)
			largest = file_size(wal);
	}
	assert_true(file_size(fixture->path) > 20 * 1000 * 1000); /* of 60 MB: the rest is still in the WAL */
	assert_true(largest < 40 * 1000 * 1000);
	close_store(fixture);
	assert_true(file_size(wal) <= 0);
	assert_true(file_size(fixture->path) > 60 * 1000 * 1000);
}

static void somebody_elses_long_read_keeps_nobody_waiting(void **state)
{
	struct fixture *fixture = *state;
	static const char text[4000];
	char wal[100];
	long grown;
	sqlite3 *db;

	snprintf(wal, sizeof(wal), "%s-wal", fixture->path);
	open_store(fixture);
	add_some(fixture, 1, 10, STR("x"));
	commit(fixture);
	db = open_database(fixture->path);
	assert_int_equal(sqlite3_exec(db, "BEGIN; SELECT * FROM instance", NULL, NULL, NULL), SQLITE_OK);
	for (uint64_t key = 100; key < 10100; key += 100) {
		add_some(fixture, key, 100, str_make(text, sizeof(text)));
		commit(fixture);
	}
	assert_int_equal(ask(db, "SELECT count(*) FROM instance"), 10);
	grown = file_size(wal);
	assert_int_equal(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	for (uint64_t key = 10100; key < 20100; key += 100) {
		add_some(fixture, key, 100, str_make(text, sizeof(text)));
		commit(fixture);
	}
	assert_true(file_size(wal) <= grown);
	assert_true(has_instance(fixture->store, 10000, 0, str_make(text, sizeof(text))));
}

static void space_is_given_back(void **state)
{
	struct fixture *fixture = *state;
	static const char text[4000];
	struct series series = {0};
	struct strbuf chunks = {0};

	open_store(fixture);
	for (uint64_t key = 1; key <= 10000; key++) {
		writer_add(&fixture->writer, key, key % 2, str_make(text, sizeof(text)));
		if (key % 2)
			series_append(&series, key);
		if (key % 100 == 0)
			commit(fixture);
	}
	writer_series(&fixture->writer, 1, &series, &chunks);
	writer_change(&fixture->writer, CHANGE_PURGE_PARENT, 0, 1);
	commit(fixture);
	for (uint64_t key = 2; key <= 9000; key += 2) {
		writer_change(&fixture->writer, CHANGE_EVICT_INSTANCE, key, 0)->head.size = sizeof(text);
		if (key % 1000 == 0)
			commit(fixture);
	}
	tidy_all(fixture->store);
	close_store(fixture);
	assert_int_equal(ask_file(fixture->path, "SELECT count(*) FROM instance"), 500);
	assert_int_equal(ask_file(fixture->path, "SELECT count(*) FROM purge"), 0);
	assert_int_equal(ask_file(fixture->path, "SELECT count(*) FROM chunk"), 0);
	assert_true(file_size(fixture->path) < 10 * 1000 * 1000); /* of 42 MB */
	assert_int_equal(ask_file(fixture->path, "SELECT integrity_check = 'ok' FROM pragma_integrity_check"), 1);
	series_finish(&series);
	strbuf_finish(&chunks);
}

static void evicted_rows_go_with_later_batches(void **state)
{
	struct fixture *fixture = *state;

	open_store(fixture);
	for (uint64_t key = 1; key <= 60000; key += 500) {
		add_some(fixture, key, 500, STR("x"));
		for (uint64_t old = key; old < key + 500 && key > 1000; old++)
			writer_change(&fixture->writer, CHANGE_EVICT_INSTANCE, old - 1000, old % 10);
		commit(fixture);
	}
	close_store(fixture);
	assert_true(ask_file(fixture->path, "SELECT count(*) FROM instance") < 25000);
	open_store(fixture); /* what lingers is known again */
	tidy_all(fixture->store);
	close_store(fixture);
	assert_int_equal(ask_file(fixture->path, "SELECT count(*) FROM instance"), 1000);
}

/* ---- room and devices ---- */

/* Adds until it fails; the first key that is not there. */
static uint64_t fill(struct fixture *fixture, int error)
{
	static const char text[4000];
	uint64_t key = 100;
	int result = 0;

	while (result == 0 && key < 20000) {
		add_some(fixture, key, 20, str_make(text, sizeof(text)));
		result = writer_commit(&fixture->writer, fixture->store);
		if (result == 0)
			key += 20;
	}
	assert_int_equal(result, error);
	for (uint64_t k = 100; k < key; k++)
		assert_true(has_instance(fixture->store, k, k % 10, str_make(text, sizeof(text))));
	for (uint64_t k = key; k < key + 20; k++)
		assert_true(is_absent(fixture->store, k));
	assert_int_equal(writer_commit(&fixture->writer, fixture->store), 0);
	return key;
}

static void assert_goes_on(struct fixture *fixture, uint64_t key)
{
	static const char text[4000];

	add_some(fixture, key, 20, str_make(text, sizeof(text)));
	commit(fixture);
	close_store(fixture);
	open_store(fixture);
	assert_true(has_instance(fixture->store, key + 19, (key + 19) % 10, str_make(text, sizeof(text))));
	close_store(fixture);
	assert_int_equal(ask_file(fixture->path, "SELECT count(*) FROM instance"), key + 20 - 100);
	assert_int_equal(ask_file(fixture->path, "SELECT integrity_check = 'ok' FROM pragma_integrity_check"), 1);
}

static void a_full_database_fails_until_there_is_room(void **state)
{
	struct fixture *fixture = *state;
	uint64_t key;

	open_store(fixture);
	assert_int_equal(sqlite3_exec(sqlite_of(fixture->store)->writer, "PRAGMA max_page_count = 500", NULL, NULL, NULL),
			 SQLITE_OK);
	key = fill(fixture, ERROR_FULL);
	assert_int_equal(
		sqlite3_exec(sqlite_of(fixture->store)->writer, "PRAGMA max_page_count = 5000", NULL, NULL, NULL),
		SQLITE_OK);
	assert_goes_on(fixture, key);
}

/* A file system of 6 MB that only this process sees. */
static bool mount_small(const char *path)
{
	return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("tmpfs", path, "tmpfs", 0, "size=6m") == 0;
}

static void a_full_disk_fails_until_there_is_room(void **state)
{
	struct fixture *fixture = *state;
	char data[80], ballast[100];
	static const char bytes[1500000];
	uint64_t key;

	snprintf(data, sizeof(data), "%s/data", fixture->directory);
	snprintf(ballast, sizeof(ballast), "%s/ballast", data);
	assert_int_equal(mkdir(data, 0700), 0);
	if (!mount_small(data)) {
		skip();
		return;
	}
	file_write(ballast, str_make(bytes, sizeof(bytes)));
	open_store(fixture);
	key = fill(fixture, ERROR_FULL);
	assert_true(key > 100);
	assert_int_equal(unlink(ballast), 0);
	assert_goes_on(fixture, key);
	assert_int_equal(umount(data), 0);
}

static void a_device_that_fails_is_an_error_until_it_works(void **state)
{
	struct fixture *fixture = *state;
	struct rlimit limit, small;
	uint64_t key;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	signal(SIGXFSZ, SIG_IGN);
	open_store(fixture);
	small = limit;
	small.rlim_cur = 3000000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	key = fill(fixture, ERROR_IO);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_goes_on(fixture, key);
}

/* ---- crashes ---- */

/* Commits batches for ever and reports each with its first key; evicts and deletes as it goes. */
static void commit_for_ever(struct fixture *fixture, int report)
{
	for (uint64_t key = 1;; key += 10) {
		add_some(fixture, key, 10, STR("some text"));
		if (key > 100) {
			writer_change(&fixture->writer, CHANGE_DELETE_INSTANCE, key - 99, (key - 99) % 10);
			writer_change(&fixture->writer, CHANGE_EVICT_INSTANCE, key - 98, (key - 98) % 10);
		}
		if (key % 500 == 1)
			writer_change(&fixture->writer, CHANGE_SNAPSHOT, key, 0);
		if (writer_commit(&fixture->writer, fixture->store) != 0)
			_exit(2);
		if (write(report, &key, sizeof(key)) != sizeof(key))
			_exit(0);
	}
}

struct survivors {
	uint64_t acknowledged, next;
};

/* With the batch that begins at key, key - 99 was deleted and key - 98 evicted. */
static int check_tail(void *arg, uint64_t key, uint64_t parent, const struct instance_head *head)
{
	struct survivors *survivors = arg;
	bool is_removed = (key % 10 == 2 && key + 99 <= survivors->acknowledged) ||
			  (key % 10 == 3 && key + 98 <= survivors->acknowledged);

	assert_int_equal(parent, key % 10);
	assert_int_equal(head->size, 9);
	assert_true(key >= survivors->next && !is_removed);
	survivors->next = key + 1;
	return 0;
}

static void assert_whole(struct fixture *fixture, uint64_t acknowledged)
{
	static const struct store_visitor visitor = {.tail = check_tail};
	struct survivors survivors = {.acknowledged = acknowledged};

	open_store(fixture);
	assert_int_equal(fixture->store->ops->load(fixture->store, &visitor, &survivors), 0);
	assert_true(survivors.next >= acknowledged + 10 && survivors.next % 10 == 1);
	for (uint64_t key = 1; key < acknowledged + 10; key++) {
		if (key % 10 == 2 && key + 99 <= acknowledged)
			assert_true(is_absent(fixture->store, key));
		else if (key % 10 != 2 && key % 10 != 3)
			assert_true(has_instance(fixture->store, key, key % 10, STR("some text")));
	}
	close_store(fixture);
}

static void what_was_committed_survives_a_kill(void **state)
{
	struct fixture *fixture = *state;

	for (int round = 0; round < 5; round++) {
		uint64_t acknowledged = 0, key;
		int report[2], status;
		pid_t child;

		assert_int_equal(pipe(report), 0);
		child = fork();
		if (child == 0) {
			close(report[0]);
			open_store(fixture);
			commit_for_ever(fixture, report[1]);
		}
		close(report[1]);
		while (acknowledged < (uint64_t)(round + 1) * 1000 && read(report[0], &key, sizeof(key)) == sizeof(key))
			acknowledged = key;
		kill(child, SIGKILL);
		while (read(report[0], &key, sizeof(key)) == sizeof(key))
			acknowledged = key;
		close(report[0]);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		assert_whole(fixture, acknowledged);
		assert_int_equal(unlink(fixture->path), 0);
	}
}

#define RULE(rule) cmocka_unit_test_setup_teardown(rule, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RULE(the_files_are_for_their_owner_alone),
		RULE(a_store_in_use_is_busy_for_everybody_else),
		RULE(what_cannot_be_created_is_named),
		RULE(a_path_is_no_uri_and_may_be_relative),
		RULE(a_new_file_says_what_it_is),
		RULE(a_newer_format_is_refused),
		RULE(a_newer_format_in_the_wal_is_refused),
		RULE(an_empty_database_of_format_0_is_brought_up),
		RULE(formats_migrate_one_step_at_a_time),
		RULE(what_is_no_store_is_refused),
		RULE(a_file_cut_off_is_refused),
		RULE(damage_is_an_error_and_stays_as_it_is),
		RULE(the_wal_stays_bounded_and_goes_at_the_end),
		RULE(somebody_elses_long_read_keeps_nobody_waiting),
		RULE(space_is_given_back),
		RULE(evicted_rows_go_with_later_batches),
		RULE(a_full_database_fails_until_there_is_room),
		RULE(a_device_that_fails_is_an_error_until_it_works),
		RULE(what_was_committed_survives_a_kill),
		RULE(a_full_disk_fails_until_there_is_room),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
