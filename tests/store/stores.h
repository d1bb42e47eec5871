/* stores: one fixture for every store, to hold them against the same rules. */
#ifndef TESTS_STORE_STORES_H
#define TESTS_STORE_STORES_H

#include "tests/store/helpers.h"

/* One store under test: open when a rule begins, closed and forgotten when it ends. */
struct fixture {
	const char *name;
	const char *kind;
	bool is_wrapped; /* by the store that can be made to fail */
	char directory[64], path[80];
	struct log log;
	struct store *store;
	struct writer writer;
};

void fixture_reopen(struct fixture *fixture);
/* Commits what is in fixture->writer, which has to work. */
void fixture_commit(struct fixture *fixture);

#define RULE(rule)                                                                                                     \
	{                                                                                                              \
#rule, rule, NULL, NULL, NULL                                                                          \
	}

/* Runs each rule over each store; what main returns. */
int run_over_every_store(const struct CMUnitTest *rules, size_t count);

#endif
