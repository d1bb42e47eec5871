/* The contract of store.h for notes, held against every store. What a load hands out of them is in test_load.c. */
#include "tests/store/stores.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

static void a_note_is_read_as_it_was_added(void **state)
{
	struct fixture *fixture = *state;
	struct store *store = fixture->store;
	char *large = xmalloc(300000);

	for (size_t i = 0; i < 300000; i++)
		large[i] = (char)(i * 7 >> 3);
	writer_note(&fixture->writer, 1, 9, "http://a.example/", STR("a\0b\xff"));
	writer_note(&fixture->writer, 2, 9, "", STR(""));
	writer_note(&fixture->writer, 7, 8, "http://b.example/", str_make(large, 300000));
	fixture_commit(fixture);
	assert_true(has_note(store, 1, STR("a\0b\xff")));
	assert_true(has_note(store, 2, STR("")));
	assert_true(has_note(store, 7, str_make(large, 300000)));
	for (uint64_t key = 3; key <= 6; key++)
		assert_true(lacks_note(store, key));
	assert_true(lacks_note(store, 0) && lacks_note(store, 8) && lacks_note(store, UINT64_C(1) << 40));
	assert_true(is_absent(store, 1)); /* nor is it an instance */
	free(large);
}

/* Adds the even ones of a thousand keys after base. */
static void add_even_notes(struct fixture *fixture, uint64_t base)
{
	for (uint64_t key = base + 2; key <= base + 1000; key += 2)
		writer_note(&fixture->writer, key, key % 5, "t", STR("x"));
	fixture_commit(fixture);
}

static void a_range_of_notes_goes_at_once(void **state)
{
	static const uint64_t ranges[][2] = {
		{10, 10},    {11, 11},	  {11, 21},  {20, 31},		{1, 2},
		{999, 1000}, {0, 3},	  {400, 39}, {1001, 2000},	{UINT64_C(1) << 62, UINT64_MAX},
		{100, 899},  {990, 5000}, {0, 5000}, {500, UINT64_MAX},
	};
	struct fixture *fixture = *state;

	for (uint64_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		uint64_t base = i * 1000, first = base + ranges[i][0];
		uint64_t last = ranges[i][1] == UINT64_MAX ? UINT64_MAX : base + ranges[i][1];

		add_even_notes(fixture, base);
		writer_drop(&fixture->writer, first, last);
		fixture_commit(fixture);
		for (uint64_t key = base + 2; key <= base + 1000; key += 2) {
			bool is_dropped = key >= first && key <= last;

			assert_int_equal(has_note(fixture->store, key, STR("x")), !is_dropped);
			assert_int_equal(lacks_note(fixture->store, key), is_dropped);
		}
	}
}

static void ranges_of_notes_may_be_missing_in_part_or_whole(void **state)
{
	struct fixture *fixture = *state;
	uint64_t left = 0;

	writer_drop(&fixture->writer, 1, 100);
	fixture_commit(fixture);
	add_even_notes(fixture, 0);
	for (uint64_t key = 3; key <= 1000; key += 20)
		writer_drop(&fixture->writer, key, key + 10);
	fixture_commit(fixture);
	writer_drop(&fixture->writer, 3, 13); /* all of it is missing */
	writer_drop(&fixture->writer, 200, 900);
	fixture_commit(fixture);
	for (uint64_t key = 2; key <= 1000; key += 2) {
		bool is_dropped = (key >= 200 && key <= 900) || (key >= 3 && (key - 3) % 20 <= 10);

		assert_true(is_dropped ? lacks_note(fixture->store, key) : has_note(fixture->store, key, STR("x")));
		left += !is_dropped;
	}
	assert_in_range(left, 50, 200);
	writer_note(&fixture->writer, 1001, 1, "t", STR("next"));
	fixture_commit(fixture);
	assert_true(has_note(fixture->store, 1001, STR("next")));
}

static void a_note_may_go_with_the_transaction_that_added_it(void **state)
{
	struct fixture *fixture = *state;

	for (uint64_t key = 1; key <= 4; key++)
		writer_note(&fixture->writer, key, 9, "t", STR("x"));
	writer_drop(&fixture->writer, 2, 3);
	writer_note(&fixture->writer, 5, 9, "t", STR("x"));
	fixture_commit(fixture);
	for (uint64_t key = 1; key <= 5; key++)
		assert_int_equal(lacks_note(fixture->store, key), key == 2 || key == 3);
}

static void notes_outlive_their_subscription_and_its_instances(void **state)
{
	struct fixture *fixture = *state;

	writer_change(&fixture->writer, CHANGE_PUT_RESOURCE, 9, 1)->text = STR("r");
	writer_add(&fixture->writer, 10, 9, STR("x"));
	writer_note(&fixture->writer, 11, 9, "t", STR("first"));
	fixture_commit(fixture);
	writer_change(&fixture->writer, CHANGE_DELETE_RESOURCE, 9, 1);
	writer_change(&fixture->writer, CHANGE_PURGE_PARENT, 0, 9);
	writer_note(&fixture->writer, 12, 9, "t", STR("the last one"));
	fixture_commit(fixture);
	tidy_all(fixture->store);
	assert_true(has_note(fixture->store, 11, STR("first")));
	assert_true(has_note(fixture->store, 12, STR("the last one")));
}

static void notes_that_are_rolled_back_were_never_there(void **state)
{
	struct fixture *fixture = *state;
	struct store *store = fixture->store;

	writer_note(&fixture->writer, 1, 9, "t", STR("kept"));
	fixture_commit(fixture);
	for (int round = 0; round < 3; round++) {
		assert_int_equal(store->ops->begin(store), 0);
		writer_note(&fixture->writer, 2, 9, "t", STR("x"));
		writer_drop(&fixture->writer, 1, 2);
		writer_note(&fixture->writer, 3, 9, "t", STR("x"));
		assert_int_equal(store->ops->apply(store, &fixture->writer.changes), 0);
		assert_true(has_note(store, 1, STR("kept")) && lacks_note(store, 2) && lacks_note(store, 3));
		store->ops->rollback(store);
		writer_init(&fixture->writer);
		assert_true(has_note(store, 1, STR("kept")) && lacks_note(store, 2) && lacks_note(store, 3));
	}
	writer_note(&fixture->writer, 2, 9, "t", STR("again"));
	fixture_commit(fixture);
	assert_true(has_note(store, 1, STR("kept")) && has_note(store, 2, STR("again")) && lacks_note(store, 3));
}

/* The second list fails, and what the first one did goes as well. */
static void a_failing_apply_takes_notes_with_it(void **state)
{
	struct fixture *fixture = *state;
	struct store *store = fixture->store;

	writer_note(&fixture->writer, 1, 9, "t", STR("kept"));
	fixture_commit(fixture);
	assert_int_equal(store->ops->begin(store), 0);
	writer_note(&fixture->writer, 2, 9, "t", STR("x"));
	writer_drop(&fixture->writer, 1, 1);
	assert_int_equal(store->ops->apply(store, &fixture->writer.changes), 0);
	writer_init(&fixture->writer);
	writer_note(&fixture->writer, 3, 9, "t", STR("x"));
	writer_note(&fixture->writer, 2, 9, "t", STR("a key that is taken"));
	assert_int_equal(store->ops->apply(store, &fixture->writer.changes), -EEXIST);
	store->ops->rollback(store);
	writer_init(&fixture->writer);
	assert_true(has_note(store, 1, STR("kept")) && lacks_note(store, 2) && lacks_note(store, 3));
	writer_note(&fixture->writer, 2, 9, "t", STR("y"));
	fixture_commit(fixture);
	assert_true(has_note(store, 2, STR("y")));
	writer_note(&fixture->writer, 2, 9, "t", STR("z"));
	assert_int_equal(writer_commit(&fixture->writer, store), -EEXIST);
	assert_true(has_note(store, 2, STR("y")));
}

struct reading {
	struct store *store;
	atomic_uint_fast64_t committed;
	atomic_bool stop;
	atomic_uint reads;
	unsigned failures;
};

/* Odd keys stay, even ones are dropped later. */
static void *read_notes_beside(void *arg)
{
	struct reading *reading = arg;
	struct strbuf text = {0};
	uint64_t random = 88172645463325252u;

	while (!atomic_load(&reading->stop)) {
		uint64_t committed = atomic_load(&reading->committed);
		uint64_t key = 1 + random_next(&random) % (committed + 40);
		int found = reading->store->ops->read_note(reading->store, key, &text);

		if (found < 0 || (found == 0 && key % 2 && key <= committed) || (found > 0 && text.len != key % 200))
			reading->failures++;
		atomic_fetch_add(&reading->reads, 1);
	}
	strbuf_finish(&text);
	return NULL;
}

static void notes_are_read_beside_transactions(void **state)
{
	struct fixture *fixture = *state;
	struct reading reading = {.store = fixture->store};
	static const char bytes[200];
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, read_notes_beside, &reading), 0);
	for (uint64_t key = 1; key <= 6000; key++) {
		writer_note(&fixture->writer, key, key % 5, "t", str_make(bytes, key % 200));
		if (key % 2 == 0 && key > 100)
			writer_drop(&fixture->writer, key - 100, key - 100);
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
	for (uint64_t key = 1; key <= 6000; key++)
		assert_int_equal(lacks_note(fixture->store, key), key % 2 == 0 && key <= 5900);
}

int main(void)
{
	static const struct CMUnitTest rules[] = {
		RULE(a_note_is_read_as_it_was_added),
		RULE(a_range_of_notes_goes_at_once),
		RULE(ranges_of_notes_may_be_missing_in_part_or_whole),
		RULE(a_note_may_go_with_the_transaction_that_added_it),
		RULE(notes_outlive_their_subscription_and_its_instances),
		RULE(notes_that_are_rolled_back_were_never_there),
		RULE(a_failing_apply_takes_notes_with_it),
		RULE(notes_are_read_beside_transactions),
	};

	return run_over_every_store(rules, sizeof(rules) / sizeof(rules[0]));
}
