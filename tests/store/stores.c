/* One fixture for every store. */
#include "tests/store/stores.h"

static void fixture_open(struct fixture *fixture)
{
	char message[200] = "";

	if (store_find(fixture->kind)->open(fixture->path, &fixture->log, &fixture->store, message, sizeof(message)))
		fail_msg("%s", message);
	if (fixture->is_wrapped)
		fixture->store = store_faulty_create(fixture->store);
	writer_init(&fixture->writer);
}

void fixture_reopen(struct fixture *fixture)
{
	fixture->store->ops->close(fixture->store);
	fixture_open(fixture);
}

void fixture_commit(struct fixture *fixture)
{
	assert_int_equal(writer_commit(&fixture->writer, fixture->store), 0);
}

static int set_up(void **state)
{
	struct fixture *fixture = *state;

	fixture->log = (struct log){.level = LOG_ERROR, .out = stderr};
	directory_make(fixture->directory);
	snprintf(fixture->path, sizeof(fixture->path), "%s/data/x.db", fixture->directory);
	fixture_open(fixture);
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	fixture->store->ops->close(fixture->store);
	directory_remove(fixture->directory);
	return 0;
}

int run_over_every_store(const struct CMUnitTest *rules, size_t count)
{
	struct fixture fixtures[] = {
		{.name = "memory", .kind = "memory"},
		{.name = "sqlite", .kind = "sqlite"},
		{.name = "wrapped memory", .kind = "memory", .is_wrapped = true},
		{.name = "wrapped sqlite", .kind = "sqlite", .is_wrapped = true},
	};
	size_t stores = sizeof(fixtures) / sizeof(fixtures[0]);
	struct CMUnitTest *tests = xzalloc(count * stores * sizeof(*tests));
	int failed;

	for (size_t i = 0; i < count * stores; i++) {
		struct fixture *fixture = &fixtures[i / count];
		char *name;

		if (asprintf(&name, "%s: %s", fixture->name, rules[i % count].name) < 0)
			die_out_of_memory(0);
		tests[i] = (struct CMUnitTest){name, rules[i % count].test_func, set_up, tear_down, fixture};
	}
	cmocka_set_message_output(CM_OUTPUT_TAP);
	failed = _cmocka_run_group_tests("stores", tests, count * stores, NULL, NULL);
	for (size_t i = 0; i < count * stores; i++)
		free((void *)(uintptr_t)tests[i].name);
	free(tests);
	return failed;
}
