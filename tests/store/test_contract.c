/* The contract of store.h, held against every store: transactions, instances, names, purging, threads. Loading is in
 * test_load.c, notes are in test_notes.c. */
#include "tests/store/stores.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

/* ---- instances ---- */

static void an_instance_is_read_as_it_was_added(void **state)
{
	struct fixture *fixture = *state;
	struct store *store = fixture->store;
	const struct instance_head head = {-5, INT64_MAX - 1, UINT64_C(1) << 60, 4000000000u,
					   INSTANCE_OWN_EXPIRY | 0x40};
	struct instance_head found;
	struct strbuf body = {0};
	uint64_t parent;

	writer_add(&fixture->writer, 5, 2, STR("a\0b\xff"))->head = head;
	fixture_commit(fixture);
	strbuf_add_str(&body, STR("what was in it"));
	assert_int_equal(store->ops->read_instance(store, 5, &parent, &found, &body), 1);
	assert_int_equal(parent, 2);
	assert_memory_equal(&found, &head, sizeof(head));
	assert_true(str_eq(strbuf_str(&body), STR("a\0b\xff")));
	assert_int_equal(store->ops->read_instance(store, 5, &parent, &found, NULL), 1);
	assert_int_equal(store->ops->read_instance(store, 6, &parent, &found, &body), 0);
	strbuf_finish(&body);
}

static void texts_may_be_empty_or_large(void **state)
{
	struct fixture *fixture = *state;
	char *large = xmalloc(3000000);

	for (size_t i = 0; i < 3000000; i++)
		large[i] = (char)(i * 7 >> 3);
	writer_add(&fixture->writer, 1, 9, STR(""));
	writer_add(&fixture->writer, 2, 9, str_make(large, 3000000));
	fixture_commit(fixture);
	assert_true(has_instance(fixture->store, 1, 9, STR("")));
	assert_true(has_instance(fixture->store, 2, 9, str_make(large, 3000000)));
	free(large);
}

static void what_is_not_committed_is_not_seen(void **state)
{
	struct fixture *fixture = *state;
	struct store *store = fixture->store;

	writer_add(&fixture->writer, 1, 9, STR("kept"));
	fixture_commit(fixture);
	assert_int_equal(store->ops->begin(store), 0);
	writer_add(&fixture->writer, 2, 9, STR("x"));
	writer_change(&fixture->writer, CHANGE_DELETE_INSTANCE, 1, 9);
	assert_int_equal(store->ops->apply(store, &fixture->writer.changes), 0);
	assert_true(has_instance(store, 1, 9, STR("kept")));
	assert_true(is_absent(store, 2));
	store->ops->rollback(store);
	assert_true(has_instance(store, 1, 9, STR("kept")));
	assert_true(is_absent(store, 2));
}

static void several_lists_make_one_transaction(void **state)
{
	struct fixture *fixture = *state;
	struct store *store = fixture->store;

	assert_int_equal(store->ops->begin(store), 0);
	for (uint64_t key = 1; key <= 5; key++) {
		writer_init(&fixture->writer);
		writer_add(&fixture->writer, key, 9, STR("x"));
		assert_int_equal(store->ops->apply(store, &fixture->writer.changes), 0);
		assert_true(is_absent(store, 1));
	}
	assert_int_equal(store->ops->commit(store), 0);
	for (uint64_t key = 1; key <= 5; key++)
		assert_true(has_instance(store, key, 9, STR("x")));
}

static void an_empty_transaction_is_none(void **state)
{
	struct fixture *fixture = *state;
	struct store *store = fixture->store;

	assert_int_equal(store->ops->begin(store), 0);
	assert_int_equal(store->ops->commit(store), 0);
	store->ops->rollback(store);
	assert_int_equal(store->ops->begin(store), 0);
	store->ops->rollback(store);
	store->ops->rollback(store);
}

static void a_deleted_instance_is_gone_at_once(void **state)
{
	struct fixture *fixture = *state;
	uint64_t key;

	writer_add_named(&fixture->writer, 1, 9, "n");
	writer_add_expiring(&fixture->writer, 2, 9, MINUTE_US);
	writer_add(&fixture->writer, 3, 9, STR("x"));
	writer_change(&fixture->writer, CHANGE_DELETE_INSTANCE, 3, 9);
	fixture_commit(fixture);
	assert_true(is_absent(fixture->store, 3));
	writer_change(&fixture->writer, CHANGE_DELETE_INSTANCE, 1, 9);
	writer_change(&fixture->writer, CHANGE_DELETE_INSTANCE, 2, 9);
	writer_change(&fixture->writer, CHANGE_DELETE_INSTANCE, 77, 9); /* never was */
	fixture_commit(fixture);
	assert_true(is_absent(fixture->store, 1));
	assert_true(is_absent(fixture->store, 2));
	assert_int_equal(fixture->store->ops->find_named(fixture->store, 9, STR("n"), &key), 0);
}

static void a_key_that_is_taken_is_refused_with_its_transaction(void **state)
{
	struct fixture *fixture = *state;

	writer_add(&fixture->writer, 1, 9, STR("first"));
	fixture_commit(fixture);
	writer_add(&fixture->writer, 2, 9, STR("x"));
	writer_add(&fixture->writer, 1, 9, STR("second"));
	assert_int_equal(writer_commit(&fixture->writer, fixture->store), -EEXIST);
	fixture->store->ops->rollback(fixture->store);
	assert_true(has_instance(fixture->store, 1, 9, STR("first")));
	assert_true(is_absent(fixture->store, 2));
	writer_add(&fixture->writer, 2, 9, STR("y"));
	fixture_commit(fixture);
	assert_true(has_instance(fixture->store, 2, 9, STR("y")));
}

/* ---- names ---- */

static void an_instance_is_found_by_its_name_below_its_parent(void **state)
{
	struct fixture *fixture = *state;
	struct store *store = fixture->store;
	uint64_t key = 0;

	writer_add_named(&fixture->writer, 1, 9, "a");
	writer_add_named(&fixture->writer, 2, 9, "b");
	writer_add_named(&fixture->writer, 3, 10, "a");
	fixture_commit(fixture);
	assert_int_equal(store->ops->find_named(store, 9, STR("a"), &key), 1);
	assert_int_equal(key, 1);
	assert_int_equal(store->ops->find_named(store, 10, STR("a"), &key), 1);
	assert_int_equal(key, 3);
	assert_int_equal(store->ops->find_named(store, 10, STR("b"), &key), 0);
	assert_int_equal(store->ops->find_named(store, 9, STR("A"), &key), 0);
	assert_int_equal(store->ops->find_named(store, 9, STR(""), &key), 0);
}

static void a_name_goes_to_the_newest_and_outlives_the_row_of_the_older(void **state)
{
	struct fixture *fixture = *state;
	struct store *store = fixture->store;
	uint64_t key = 0;

	writer_add_named(&fixture->writer, 1, 9, "n");
	fixture_commit(fixture);
	writer_change(&fixture->writer, CHANGE_EVICT_INSTANCE, 1, 9);
	fixture_commit(fixture);
	writer_add_named(&fixture->writer, 2, 9, "n");
	writer_change(&fixture->writer, CHANGE_SNAPSHOT, 2, 0); /* so that tidy takes even one row */
	fixture_commit(fixture);
	tidy_all(store);
	assert_int_equal(store->ops->find_named(store, 9, STR("n"), &key), 1);
	assert_int_equal(key, 2);
	writer_change(&fixture->writer, CHANGE_DELETE_INSTANCE, 2, 9);
	fixture_commit(fixture);
	assert_int_equal(store->ops->find_named(store, 9, STR("n"), &key), 0);
}

static void a_name_taken_over_does_not_come_back(void **state)
{
	struct fixture *fixture = *state;
	struct store *store = fixture->store;
	uint64_t key = 0;

	writer_add_named(&fixture->writer, 1, 9, "n");
	writer_add_named(&fixture->writer, 2, 9, "n");
	fixture_commit(fixture);
	writer_change(&fixture->writer, CHANGE_DELETE_INSTANCE, 2, 9);
	fixture_commit(fixture);
	assert_int_equal(store->ops->find_named(store, 9, STR("n"), &key), 0);
	assert_true(has_instance(store, 1, 9, STR("{}")));
}

/* ---- expiration ---- */

struct due {
	uint64_t keys[100];
	unsigned count;
	unsigned stop_after;
};

static int note_due(void *arg, uint64_t key, uint64_t parent, int64_t et_us)
{
	struct due *due = arg;

	assert_int_equal(parent, key % 3);
	assert_int_equal(et_us, (int64_t)((key * 7919) % 100) * MINUTE_US);
	due->keys[due->count++] = key;
	return due->count == due->stop_after ? 42 : 0;
}

static void due_instances_come_earliest_first(void **state)
{
	struct fixture *fixture = *state;
	struct store *store = fixture->store;
	struct due due = {0};

	for (uint64_t key = 1; key <= 99; key++)
		writer_add_expiring(&fixture->writer, key, key % 3, (int64_t)((key * 7919) % 100) * MINUTE_US);
	writer_add(&fixture->writer, 100, 1, STR("x"))->head.et_us = 1; /* none of its own */
	fixture_commit(fixture);
	assert_int_equal(store->ops->due_instances(store, 0, 10, note_due, &due), 0);
	assert_int_equal(due.count, 0);
	assert_int_equal(store->ops->due_instances(store, 30 * MINUTE_US, 100, note_due, &due), 0);
	assert_int_equal(due.count, 30);
	for (unsigned i = 0; i < 30; i++)
		assert_int_equal((due.keys[i] * 7919) % 100, i + 1);
	due = (struct due){0};
	assert_int_equal(store->ops->due_instances(store, 30 * MINUTE_US, 7, note_due, &due), 0);
	assert_int_equal(due.count, 7);
	assert_int_equal((due.keys[6] * 7919) % 100, 7);
	due = (struct due){.stop_after = 3};
	assert_int_equal(store->ops->due_instances(store, 30 * MINUTE_US, 7, note_due, &due), 42);
	assert_int_equal(due.count, 3);
}

static void an_evicted_instance_is_no_longer_due(void **state)
{
	struct fixture *fixture = *state;
	struct store *store = fixture->store;
	struct due due = {0};

	for (uint64_t key = 1; key <= 20; key++)
		writer_add_expiring(&fixture->writer, key, key % 3, (int64_t)((key * 7919) % 100) * MINUTE_US);
	fixture_commit(fixture);
	for (uint64_t key = 1; key <= 20; key++) {
		struct change *change = writer_change(&fixture->writer, CHANGE_EVICT_INSTANCE, key, key % 3);

		change->head.flags = INSTANCE_OWN_EXPIRY;
		change->head.et_us = (int64_t)((key * 7919) % 100) * MINUTE_US;
	}
	fixture_commit(fixture);
	assert_int_equal(store->ops->due_instances(store, INT64_MAX, 100, note_due, &due), 0);
	assert_int_equal(due.count, 0);
}

/* ---- purging ---- */

static void the_instances_of_a_purged_parent_are_gone_at_once(void **state)
{
	struct fixture *fixture = *state;
	struct store *store = fixture->store;
	struct series series = {0};
	struct strbuf chunks = {0};
	struct due due = {0};
	uint64_t found;

	for (uint64_t key = 1; key <= 600; key++) {
		writer_add(&fixture->writer, key, key % 2 ? 8 : 9, STR("x"));
		if (key % 2)
			series_append(&series, key);
	}
	writer_add_named(&fixture->writer, 601, 8, "n");
	series_append(&series, 601);
	writer_add_expiring(&fixture->writer, 603, 8, 1);
	series_append(&series, 603);
	fixture_commit(fixture);
	writer_series(&fixture->writer, 8, &series, &chunks);
	writer_change(&fixture->writer, CHANGE_PURGE_PARENT, 0, 8);
	fixture_commit(fixture);
	for (int round = 0; round < 2; round++) {
		for (uint64_t key = 1; key <= 600; key++)
			assert_true(key % 2 ? is_absent(store, key) : has_instance(store, key, 9, STR("x")));
		assert_true(is_absent(store, 601));
		assert_int_equal(store->ops->find_named(store, 8, STR("n"), &found), 0);
		assert_int_equal(store->ops->due_instances(store, 1, 10, note_due, &due), 0);
		assert_int_equal(due.count, 0);
		tidy_all(store);
	}
	strbuf_finish(&chunks);
	series_finish(&series);
}

static void tidying_ends_and_keeps_what_is_there(void **state)
{
	struct fixture *fixture = *state;
	struct store *store = fixture->store;

	for (uint64_t key = 1; key <= 2000; key++)
		writer_add(&fixture->writer, key, key % 10, STR("0123456789"));
	fixture_commit(fixture);
	for (uint64_t key = 1; key <= 1900; key++)
		if (key % 19)
			writer_change(&fixture->writer, CHANGE_EVICT_INSTANCE, key, key % 10);
	writer_change(&fixture->writer, CHANGE_SNAPSHOT, 2000, 0);
	fixture_commit(fixture);
	tidy_all(store);
	for (uint64_t key = 1; key <= 2000; key++) {
		if (key > 1900 || key % 19 == 0)
			assert_true(has_instance(store, key, key % 10, STR("0123456789")));
		else
			assert_true(is_absent(store, key));
	}
}

/* ---- threads ---- */

struct reading {
	struct store *store;
	atomic_uint_fast64_t committed;
	atomic_bool stop;
	atomic_uint reads;
	unsigned failures;
};

/* What is committed is found, what is not committed is whole or absent. */
static void *read_beside(void *arg)
{
	struct reading *reading = arg;
	struct strbuf body = {0};
	uint64_t random = 88172645463325252u;

	while (!atomic_load(&reading->stop)) {
		uint64_t committed = atomic_load(&reading->committed), parent = 0;
		uint64_t key = 1 + random_next(&random) % (committed + 40);
		struct instance_head head;
		int found = reading->store->ops->read_instance(reading->store, key, &parent, &head, &body);

		if (found < 0 || (found == 0 && key <= committed))
			reading->failures++;
		if (found > 0 && (parent != key % 5 || head.st != key + 7 || body.len != key % 200))
			reading->failures++;
		atomic_fetch_add(&reading->reads, 1);
	}
	strbuf_finish(&body);
	return NULL;
}

static void reads_go_on_beside_transactions(void **state)
{
	struct fixture *fixture = *state;
	struct reading reading = {.store = fixture->store};
	static const char bytes[200];
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, read_beside, &reading), 0);
	for (uint64_t key = 1; key <= 6000; key++) {
		writer_add(&fixture->writer, key, key % 5, str_make(bytes, key % 200));
		if (key % 20)
			continue;
		fixture_commit(fixture);
		atomic_store(&reading.committed, key);
	}
	while (atomic_load(&reading.reads) < 100)
		sched_yield();
	atomic_store(&reading.stop, true);
	pthread_join(thread, NULL);
	assert_int_equal(reading.failures, 0);
}

static void reads_and_loads_fail_as_told(void **state)
{
	struct fixture *fixture = *state;
	struct store *store = fixture->store;
	static const struct store_visitor nothing;
	struct instance_head head;
	struct strbuf text = {0};
	struct due due = {0};
	uint64_t key;

	if (!fixture->is_wrapped)
		return;
	store_faulty_set(store, 1, 5, ERROR_IO);
	assert_int_equal(store->ops->read_instance(store, 1, &key, &head, NULL), 0);
	assert_int_equal(store->ops->read_instance(store, 1, &key, &head, NULL), ERROR_IO);
	assert_int_equal(store->ops->read_note(store, 1, &text), ERROR_IO);
	assert_int_equal(store->ops->find_named(store, 1, STR("n"), &key), ERROR_IO);
	assert_int_equal(store->ops->due_instances(store, 1, 1, note_due, &due), ERROR_IO);
	assert_int_equal(store->ops->load(store, &nothing, NULL), ERROR_IO);
	assert_int_equal(store->ops->read_instance(store, 1, &key, &head, NULL), 0);
}

int main(void)
{
	static const struct CMUnitTest rules[] = {
		RULE(an_instance_is_read_as_it_was_added),
		RULE(texts_may_be_empty_or_large),
		RULE(what_is_not_committed_is_not_seen),
		RULE(several_lists_make_one_transaction),
		RULE(an_empty_transaction_is_none),
		RULE(a_deleted_instance_is_gone_at_once),
		RULE(a_key_that_is_taken_is_refused_with_its_transaction),
		RULE(an_instance_is_found_by_its_name_below_its_parent),
		RULE(a_name_goes_to_the_newest_and_outlives_the_row_of_the_older),
		RULE(a_name_taken_over_does_not_come_back),
		RULE(due_instances_come_earliest_first),
		RULE(an_evicted_instance_is_no_longer_due),
		RULE(the_instances_of_a_purged_parent_are_gone_at_once),
		RULE(tidying_ends_and_keeps_what_is_there),
		RULE(reads_go_on_beside_transactions),
		RULE(reads_and_loads_fail_as_told),
	};

	return run_over_every_store(rules, sizeof(rules) / sizeof(rules[0]));
}
