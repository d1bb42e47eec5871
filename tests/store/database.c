/* An SQLite store in a directory of its own, and SQL to look into its file. */
#include "tests/store/database.h"

int database_try_open(struct database *database)
{
	database->store = NULL;
	writer_init(&database->writer);
	memset(database->message, '?', sizeof(database->message));
	return store_sqlite.open(database->path, &database->log, &database->store, database->message,
				 sizeof(database->message));
}

void database_open(struct database *database)
{
	if (database_try_open(database) != 0)
		fail_msg("%s", database->message);
}

void database_close(struct database *database)
{
	if (database->store)
		database->store->ops->close(database->store);
	database->store = NULL;
}

int database_set_up(void **state)
{
	struct database *database = xzalloc(sizeof(*database));

	database->null = fopen("/dev/null", "w");
	database->log = (struct log){.level = LOG_ERROR, .out = database->null};
	directory_make(database->directory);
	snprintf(database->path, sizeof(database->path), "%s/data/x.db", database->directory);
	*state = database;
	return 0;
}

int database_tear_down(void **state)
{
	struct database *database = *state;

	database_close(database);
	directory_remove(database->directory);
	fclose(database->null);
	free(database);
	return 0;
}

void database_commit(struct database *database)
{
	assert_int_equal(writer_commit(&database->writer, database->store), 0);
}

void database_add(struct database *database, uint64_t first, unsigned count, struct str text)
{
	for (uint64_t key = first; key < first + count; key++)
		writer_add(&database->writer, key, key % 10, text);
}

sqlite3 *sql_open(const char *path)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	return db;
}

uint64_t sql_ask(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *stmt;
	uint64_t value;

	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite_number(stmt, &value), 1);
	sqlite3_finalize(stmt);
	return value;
}

uint64_t sql_ask_file(const char *path, const char *sql)
{
	sqlite3 *db = sql_open(path);
	uint64_t value = sql_ask(db, sql);

	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return value;
}

void sql_run(const char *path, const char *sql)
{
	sqlite3 *db = sql_open(path);

	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}
