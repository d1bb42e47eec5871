/* database: an SQLite store in a directory of its own, and SQL to look into its file. */
#ifndef TESTS_STORE_DATABASE_H
#define TESTS_STORE_DATABASE_H

#include "cse/store/sqlite.h"
#include "tests/store/helpers.h"

struct database {
	char directory[64], path[80], message[300];
	struct log log;
	FILE *null;
	struct store *store; /* NULL: not open */
	struct writer writer;
};

/* A new directory, and everything gone again. The store is opened by the rule. */
int database_set_up(void **state);
int database_tear_down(void **state);
#define DATABASE_RULE(rule) cmocka_unit_test_setup_teardown(rule, database_set_up, database_tear_down)

/* What the store's open returns; the sentence is in message. */
int database_try_open(struct database *database);
void database_open(struct database *database);
void database_close(struct database *database);
/* Instances first to first + count - 1 with this text, below parents 0 to 9. */
void database_add(struct database *database, uint64_t first, unsigned count, struct str text);
/* Commits what is in database->writer, which has to work. */
void database_commit(struct database *database);

sqlite3 *sql_open(const char *path);
void sql_run(const char *path, const char *sql);
/* The one number a query gives. */
uint64_t sql_ask(sqlite3 *db, const char *sql);
uint64_t sql_ask_file(const char *path, const char *sql);

#endif
