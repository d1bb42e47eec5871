/* The SQLite store and the device: the WAL, space given back, no room, errors, crashes. */
#include "tests/store/database.h"

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the WAL, and space ---- */

static void the_wal_stays_bounded_and_goes_at_the_end(void **state)
{
	struct database *database = *state;
	static const char text[4000];
	long largest = 0;
	char wal[100];

	snprintf(wal, sizeof(wal), "%s-wal", database->path);
	database_open(database);
	for (uint64_t key = 1; key <= 15000; key += 40) {
		database_add(database, key, 40, str_make(text, sizeof(text)));
		database_commit(database);
		if (file_size(wal) > largest)
			largest = file_size(wal);
	}
	assert_true(file_size(database->path) > 20 * 1000 * 1000); /* of 60 MB: the rest is still in the WAL */
	assert_true(largest < 40 * 1000 * 1000);
	database_close(database);
	assert_true(file_size(wal) <= 0);
	assert_true(file_size(database->path) > 60 * 1000 * 1000);
}

static int wal_pages(struct database *database)
{
	struct sqlite_gate *gate = &sqlite_of(database->store)->gate;
	int pages;

	pthread_mutex_lock(&gate->mutex);
	pages = gate->wal_pages;
	pthread_mutex_unlock(&gate->mutex);
	return pages;
}

/* It lets the WAL grow, and no longer. */
static void somebody_elses_long_read_keeps_nobody_waiting(void **state)
{
	struct database *database = *state;
	static const char text[4000];
	sqlite3 *db;

	database_open(database);
	database_add(database, 1, 10, STR("x"));
	database_commit(database);
	db = sql_open(database->path);
	assert_int_equal(sqlite3_exec(db, "BEGIN; SELECT * FROM instance", NULL, NULL, NULL), SQLITE_OK);
	for (uint64_t key = 100; key < 10100; key += 100) {
		database_add(database, key, 100, str_make(text, sizeof(text)));
		database_commit(database);
	}
	assert_true(wal_pages(database) > 4000);
	assert_int_equal(sql_ask(db, "SELECT count(*) FROM instance"), 10);
	assert_int_equal(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	for (int n = 0; n < 1000 && wal_pages(database) > 0; n++)
		usleep(10000);
	assert_int_equal(wal_pages(database), 0);
	assert_true(has_instance(database->store, 10000, 0, str_make(text, sizeof(text))));
}

static void space_is_given_back(void **state)
{
	struct database *database = *state;
	static const char text[4000];
	struct series series = {0};
	struct strbuf chunks = {0};

	database_open(database);
	for (uint64_t key = 1; key <= 10000; key++) {
		writer_add(&database->writer, key, key % 2, str_make(text, sizeof(text)));
		if (key % 2)
			series_append(&series, key);
		if (key % 100 == 0)
			database_commit(database);
	}
	writer_series(&database->writer, 1, &series, &chunks);
	writer_change(&database->writer, CHANGE_PURGE_PARENT, 0, 1);
	database_commit(database);
	for (uint64_t key = 2; key <= 9000; key += 2) {
		writer_change(&database->writer, CHANGE_EVICT_INSTANCE, key, 0)->head.size = sizeof(text);
		if (key % 1000 == 0)
			database_commit(database);
	}
	tidy_all(database->store);
	database_close(database);
	assert_int_equal(sql_ask_file(database->path, "SELECT count(*) FROM instance"), 500);
	assert_int_equal(sql_ask_file(database->path, "SELECT count(*) FROM purge"), 0);
	assert_int_equal(sql_ask_file(database->path, "SELECT count(*) FROM chunk"), 0);
	assert_true(file_size(database->path) < 10 * 1000 * 1000); /* of 42 MB */
	assert_int_equal(sql_ask_file(database->path, "SELECT integrity_check = 'ok' FROM pragma_integrity_check"), 1);
	series_finish(&series);
	strbuf_finish(&chunks);
}

static void evicted_rows_go_with_later_batches(void **state)
{
	struct database *database = *state;

	database_open(database);
	for (uint64_t key = 1; key <= 60000; key += 500) {
		database_add(database, key, 500, STR("x"));
		for (uint64_t old = key; old < key + 500 && key > 1000; old++)
			writer_change(&database->writer, CHANGE_EVICT_INSTANCE, old - 1000, old % 10);
		database_commit(database);
	}
	database_close(database);
	assert_true(sql_ask_file(database->path, "SELECT count(*) FROM instance") < 25000);
	database_open(database); /* what lingers is known again */
	tidy_all(database->store);
	database_close(database);
	assert_int_equal(sql_ask_file(database->path, "SELECT count(*) FROM instance"), 1000);
	database_open(database);
	assert_int_equal(sqlite_of(database->store)->sweeping_count, 0);
}

/* ---- notes that come and go ---- */

enum { NOTE_BATCH = 500, NOTE_SIZE = 500 };

static void add_notes(struct database *database, uint64_t first)
{
	static const char text[NOTE_SIZE];

	for (uint64_t key = first; key < first + NOTE_BATCH; key++)
		writer_note(&database->writer, key, key % 10, "http://a.example/notify", str_make(text, sizeof(text)));
}

static void assert_notes(struct database *database, uint64_t count)
{
	database_close(database);
	assert_int_equal(sql_ask_file(database->path, "SELECT count(*) FROM note"), count);
	assert_int_equal(sql_ask_file(database->path, "SELECT integrity_check = 'ok' FROM pragma_integrity_check"), 1);
}

/* 100 MB of them, each batch gone with the next but one. */
static void notes_that_come_and_go_take_no_more_room(void **state)
{
	struct database *database = *state;
	long largest = 0, largest_wal = 0;
	char wal[100];

	snprintf(wal, sizeof(wal), "%s-wal", database->path);
	database_open(database);
	for (uint64_t key = 1000; key < 201000; key += NOTE_BATCH) {
		add_notes(database, key);
		writer_drop(&database->writer, key - 2 * NOTE_BATCH, key - NOTE_BATCH - 1);
		database_commit(database);
		if (key % 10000 == 0)
			assert_true(database->store->ops->tidy(database->store) >= 0);
		if (file_size(database->path) > largest)
			largest = file_size(database->path);
		if (file_size(wal) > largest_wal)
			largest_wal = file_size(wal);
	}
	assert_true(largest > 0 && largest < 3 * 1000 * 1000);
	assert_true(largest_wal < 40 * 1000 * 1000);
	assert_notes(database, 2 * NOTE_BATCH);
}

/* Every fiftieth stays, so that hardly a page empties by itself. */
static void notes_that_stay_keep_no_room_of_others(void **state)
{
	struct database *database = *state;
	const uint64_t end = 201000;
	long kept = (end - 1000) / 50 * NOTE_SIZE;

	database_open(database);
	for (uint64_t key = 1000; key < end; key += NOTE_BATCH) {
		add_notes(database, key);
		for (uint64_t old = key - NOTE_BATCH; old < key && old >= 1000; old += 50)
			writer_drop(&database->writer, old + 1, old + 49);
		database_commit(database);
	}
	writer_drop(&database->writer, end - NOTE_BATCH, end);
	database_commit(database);
	assert_notes(database, (end - 1000 - NOTE_BATCH) / 50);
	assert_true(file_size(database->path) > kept && file_size(database->path) < 3 * kept);
}

static void the_room_of_many_notes_is_given_back(void **state)
{
	struct database *database = *state;

	database_open(database);
	for (uint64_t key = 1000; key < 101000; key += NOTE_BATCH) {
		add_notes(database, key);
		database_commit(database);
	}
	database_close(database);
	assert_true(file_size(database->path) > 50 * 1000 * 1000);
	database_open(database);
	writer_drop(&database->writer, 1000, 100000 + NOTE_BATCH);
	database_commit(database);
	assert_true(lacks_note(database->store, 1000) && lacks_note(database->store, 100500));
	tidy_all(database->store);
	assert_notes(database, NOTE_BATCH - 1);
	assert_true(file_size(database->path) < 5 * 1000 * 1000);
}

/* ---- room and devices ---- */

/* Adds until it fails; the first key that is not there. */
static uint64_t fill(struct database *database, int error)
{
	static const char text[4000];
	uint64_t key = 100;
	int result = 0;

	while (result == 0 && key < 20000) {
		database_add(database, key, 20, str_make(text, sizeof(text)));
		result = writer_commit(&database->writer, database->store);
		if (result == 0)
			key += 20;
	}
	assert_int_equal(result, error);
	for (uint64_t k = 100; k < key; k++)
		assert_true(has_instance(database->store, k, k % 10, str_make(text, sizeof(text))));
	for (uint64_t k = key; k < key + 20; k++)
		assert_true(is_absent(database->store, k));
	assert_int_equal(writer_commit(&database->writer, database->store), 0);
	return key;
}

static void assert_goes_on(struct database *database, uint64_t key)
{
	static const char text[4000];

	database_add(database, key, 20, str_make(text, sizeof(text)));
	database_commit(database);
	database_close(database);
	database_open(database);
	assert_true(has_instance(database->store, key + 19, (key + 19) % 10, str_make(text, sizeof(text))));
	database_close(database);
	assert_int_equal(sql_ask_file(database->path, "SELECT count(*) FROM instance"), key + 20 - 100);
	assert_int_equal(sql_ask_file(database->path, "SELECT integrity_check = 'ok' FROM pragma_integrity_check"), 1);
}

static void a_full_database_fails_until_there_is_room(void **state)
{
	struct database *database = *state;
	uint64_t key;

	database_open(database);
	assert_int_equal(
		sqlite3_exec(sqlite_of(database->store)->writer, "PRAGMA max_page_count = 500", NULL, NULL, NULL),
		SQLITE_OK);
	key = fill(database, ERROR_FULL);
	assert_int_equal(
		sqlite3_exec(sqlite_of(database->store)->writer, "PRAGMA max_page_count = 5000", NULL, NULL, NULL),
		SQLITE_OK);
	assert_goes_on(database, key);
}

/* A file system of 6 MB that only this process sees. */
static bool mount_small(const char *path)
{
	return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("tmpfs", path, "tmpfs", 0, "size=6m") == 0;
}

static void a_full_disk_fails_until_there_is_room(void **state)
{
	struct database *database = *state;
	char data[80], ballast[100];
	static const char bytes[1500000];
	uint64_t key;

	snprintf(data, sizeof(data), "%s/data", database->directory);
	snprintf(ballast, sizeof(ballast), "%s/ballast", data);
	assert_int_equal(mkdir(data, 0700), 0);
	if (!mount_small(data)) {
		skip();
		return;
	}
	file_write(ballast, str_make(bytes, sizeof(bytes)));
	database_open(database);
	key = fill(database, ERROR_FULL);
	assert_true(key > 100);
	assert_int_equal(unlink(ballast), 0);
	assert_goes_on(database, key);
	assert_int_equal(umount(data), 0);
}

static void a_device_that_fails_is_an_error_until_it_works(void **state)
{
	struct database *database = *state;
	struct rlimit limit, small;
	uint64_t key;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	signal(SIGXFSZ, SIG_IGN);
	database_open(database);
	small = limit;
	small.rlim_cur = 3000000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	key = fill(database, ERROR_IO);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_goes_on(database, key);
}

/* ---- crashes ---- */

/* Commits batches for ever and reports each with its first key; evicts and deletes as it goes. */
static void commit_for_ever(struct database *database, int report)
{
	for (uint64_t key = 1;; key += 10) {
		database_add(database, key, 10, STR("some text"));
		if (key > 100) {
			writer_change(&database->writer, CHANGE_DELETE_INSTANCE, key - 99, (key - 99) % 10);
			writer_change(&database->writer, CHANGE_EVICT_INSTANCE, key - 98, (key - 98) % 10);
		}
		if (key % 500 == 1)
			writer_change(&database->writer, CHANGE_SNAPSHOT, key, 0);
		if (writer_commit(&database->writer, database->store) != 0)
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

static void assert_whole(struct database *database, uint64_t acknowledged)
{
	static const struct store_visitor visitor = {.tail = check_tail};
	struct survivors survivors = {.acknowledged = acknowledged};

	database_open(database);
	assert_int_equal(database->store->ops->load(database->store, &visitor, &survivors), 0);
	assert_true(survivors.next >= acknowledged + 10 && survivors.next % 10 == 1);
	for (uint64_t key = 1; key < acknowledged + 10; key++) {
		if (key % 10 == 2 && key + 99 <= acknowledged)
			assert_true(is_absent(database->store, key));
		else if (key % 10 != 2 && key % 10 != 3)
			assert_true(has_instance(database->store, key, key % 10, STR("some text")));
	}
	database_close(database);
}

static void what_was_committed_survives_a_kill(void **state)
{
	struct database *database = *state;

	for (int round = 0; round < 5; round++) {
		uint64_t acknowledged = 0, key;
		int report[2], status;
		pid_t child;

		assert_int_equal(pipe(report), 0);
		child = fork();
		if (child == 0) {
			close(report[0]);
			database_open(database);
			commit_for_ever(database, report[1]);
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
		assert_whole(database, acknowledged);
		assert_int_equal(unlink(database->path), 0);
	}
}

int main(void)
{
	static const struct CMUnitTest rules[] = {
		DATABASE_RULE(the_wal_stays_bounded_and_goes_at_the_end),
		DATABASE_RULE(somebody_elses_long_read_keeps_nobody_waiting),
		DATABASE_RULE(space_is_given_back),
		DATABASE_RULE(evicted_rows_go_with_later_batches),
		DATABASE_RULE(notes_that_come_and_go_take_no_more_room),
		DATABASE_RULE(notes_that_stay_keep_no_room_of_others),
		DATABASE_RULE(the_room_of_many_notes_is_given_back),
		DATABASE_RULE(a_full_database_fails_until_there_is_room),
		DATABASE_RULE(a_device_that_fails_is_an_error_until_it_works),
		DATABASE_RULE(what_was_committed_survives_a_kill),
		DATABASE_RULE(a_full_disk_fails_until_there_is_room),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(rules, NULL, NULL);
}
