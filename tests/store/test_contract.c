/* The contract of store.h, held against every store. */
#include "tests/store/helpers.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

/* One store under test. */
struct fixture {
	const char *name;
	const char *store;
	bool is_wrapped; /* by the store that can be made to fail */
	char directory[64], path[80];
	struct log log;
	struct store *store_;
	struct writer writer;
};

static void fixture_open(struct fixture *fixture)
{
	char message[200] = "";

	if (store_find(fixture->store)->open(fixture->path, &fixture->log, &fixture->store_, message, sizeof(message)))
		fail_msg("%s", message);
	if (fixture->is_wrapped)
		fixture->store_ = store_faulty_create(fixture->store_);
	writer_init(&fixture->writer);
}

static void fixture_reopen(struct fixture *fixture)
{
	fixture->store_->ops->close(fixture->store_);
	fixture_open(fixture);
}

static int set_up(void **state)
{
	struct fixture *fixture = *state;

	fixture->log = (struct log){LOG_ERROR, LOG_TEXT, stderr};
	directory_make(fixture->directory);
	snprintf(fixture->path, sizeof(fixture->path), "%s/data/x.db", fixture->directory);
	fixture_open(fixture);
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	fixture->store_->ops->close(fixture->store_);
	directory_remove(fixture->directory);
	return 0;
}

static void commit(struct fixture *fixture)
{
	assert_int_equal(writer_commit(&fixture->writer, fixture->store_), 0);
}

/* ---- instances ---- */

static void an_instance_is_read_as_it_was_added(void **state)
{
	struct fixture *fixture = *state;
	struct store *store = fixture->store_;
	const struct instance_head head = {-5, INT64_MAX - 1, UINT64_C(1) << 60, 4000000000u, INSTANCE_OWN_EXPIRY | 0x40};
	struct instance_head found;
	struct strbuf body = {0};
	uint64_t parent;

	writer_add(&fixture->writer, 5, 2, STR("a\0b\xff"))->head = head;
	commit(fixture);
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
	commit(fixture);
	assert_true(has_instance(fixture->store_, 1, 9, STR("")));
	assert_true(has_instance(fixture->store_, 2, 9, str_make(large, 3000000)));
	free(large);
}

static void what_is_not_committed_is_not_seen(void **state)
{
	struct fixture *fixture = *state;
	struct store *store = fixture->store_;

	writer_add(&fixture->writer, 1, 9, STR("kept"));
	commit(fixture);
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
	struct store *store = fixture->store_;

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
	struct store *store = fixture->store_;

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
	commit(fixture);
	assert_true(is_absent(fixture->store_, 3));
	writer_change(&fixture->writer, CHANGE_DELETE_INSTANCE, 1, 9);
	writer_change(&fixture->writer, CHANGE_DELETE_INSTANCE, 2, 9);
	writer_change(&fixture->writer, CHANGE_DELETE_INSTANCE, 77, 9); /* never was */
	commit(fixture);
	assert_true(is_absent(fixture->store_, 1));
	assert_true(is_absent(fixture->store_, 2));
	assert_int_equal(fixture->store_->ops->find_named(fixture->store_, 9, STR("n"), &key), 0);
}

static void a_key_that_is_taken_is_refused_with_its_transaction(void **state)
{
	struct fixture *fixture = *state;

	writer_add(&fixture->writer, 1, 9, STR("first"));
	commit(fixture);
	writer_add(&fixture->writer, 2, 9, STR("x"));
	writer_add(&fixture->writer, 1, 9, STR("second"));
	assert_int_equal(writer_commit(&fixture->writer, fixture->store_), -EEXIST);
	fixture->store_->ops->rollback(fixture->store_);
	assert_true(has_instance(fixture->store_, 1, 9, STR("first")));
	assert_true(is_absent(fixture->store_, 2));
	writer_add(&fixture->writer, 2, 9, STR("y"));
	commit(fixture);
	assert_true(has_instance(fixture->store_, 2, 9, STR("y")));
}

/* ---- names ---- */

static void an_instance_is_found_by_its_name_below_its_parent(void **state)
{
	struct fixture *fixture = *state;
	struct store *store = fixture->store_;
	uint64_t key = 0;

	writer_add_named(&fixture->writer, 1, 9, "a");
	writer_add_named(&fixture->writer, 2, 9, "b");
	writer_add_named(&fixture->writer, 3, 10, "a");
	commit(fixture);
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
	struct store *store = fixture->store_;
	uint64_t key = 0;

	writer_add_named(&fixture->writer, 1, 9, "n");
	commit(fixture);
	writer_change(&fixture->writer, CHANGE_EVICT_INSTANCE, 1, 9);
	commit(fixture);
	writer_add_named(&fixture->writer, 2, 9, "n");
	writer_change(&fixture->writer, CHANGE_SNAPSHOT, 2, 0); /* so that tidy takes even one row */
	commit(fixture);
	tidy_all(store);
	assert_int_equal(store->ops->find_named(store, 9, STR("n"), &key), 1);
	assert_int_equal(key, 2);
	writer_change(&fixture->writer, CHANGE_DELETE_INSTANCE, 2, 9);
	commit(fixture);
	assert_int_equal(store->ops->find_named(store, 9, STR("n"), &key), 0);
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
	struct store *store = fixture->store_;
	struct due due = {0};

	for (uint64_t key = 1; key <= 99; key++)
		writer_add_expiring(&fixture->writer, key, key % 3, (int64_t)((key * 7919) % 100) * MINUTE_US);
	writer_add(&fixture->writer, 100, 1, STR("x"))->head.et_us = 1; /* none of its own */
	commit(fixture);
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
	struct store *store = fixture->store_;
	struct due due = {0};

	for (uint64_t key = 1; key <= 20; key++)
		writer_add_expiring(&fixture->writer, key, key % 3, (int64_t)((key * 7919) % 100) * MINUTE_US);
	commit(fixture);
	for (uint64_t key = 1; key <= 20; key++) {
		struct change *change = writer_change(&fixture->writer, CHANGE_EVICT_INSTANCE, key, key % 3);

		change->head.flags = INSTANCE_OWN_EXPIRY;
		change->head.et_us = (int64_t)((key * 7919) % 100) * MINUTE_US;
	}
	commit(fixture);
	assert_int_equal(store->ops->due_instances(store, INT64_MAX, 100, note_due, &due), 0);
	assert_int_equal(due.count, 0);
}

/* ---- purging ---- */

static void the_instances_of_a_purged_parent_are_gone_at_once(void **state)
{
	struct fixture *fixture = *state;
	struct store *store = fixture->store_;
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
	commit(fixture);
	writer_series(&fixture->writer, 8, &series, &chunks);
	writer_change(&fixture->writer, CHANGE_PURGE_PARENT, 0, 8);
	commit(fixture);
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
	struct store *store = fixture->store_;

	for (uint64_t key = 1; key <= 2000; key++)
		writer_add(&fixture->writer, key, key % 10, STR("0123456789"));
	commit(fixture);
	for (uint64_t key = 1; key <= 1900; key++)
		if (key % 19)
			writer_change(&fixture->writer, CHANGE_EVICT_INSTANCE, key, key % 10);
	writer_change(&fixture->writer, CHANGE_SNAPSHOT, 2000, 0);
	commit(fixture);
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
	struct reading reading = {.store = fixture->store_};
	static const char bytes[200];
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, read_beside, &reading), 0);
	for (uint64_t key = 1; key <= 6000; key++) {
		writer_add(&fixture->writer, key, key % 5, str_make(bytes, key % 200));
		if (key % 20)
			continue;
		commit(fixture);
		atomic_store(&reading.committed, key);
	}
	while (atomic_load(&reading.reads) < 100)
		sched_yield();
	atomic_store(&reading.stop, true);
	pthread_join(thread, NULL);
	assert_int_equal(reading.failures, 0);
}

/* ---- what a store keeps: loading ---- */

/* Everything a load hands out, as text. */
struct listing {
	struct strbuf text;
	int stage;
	bool with_own_meta;
};

static void enter_stage(struct listing *listing, int stage)
{
	assert_true(stage >= listing->stage);
	listing->stage = stage;
}

static int list_meta(void *arg, struct str name, struct str text)
{
	struct listing *listing = arg;

	enter_stage(listing, 1);
	if (listing->with_own_meta || !str_starts(name, STR("store.")))
		strbuf_addf(&listing->text, "meta %.*s=%.*s\n", STR_ARG(name), STR_ARG(text));
	return 0;
}

static int list_resource(void *arg, uint64_t key, uint64_t parent, struct str text)
{
	struct listing *listing = arg;

	enter_stage(listing, 2);
	strbuf_addf(&listing->text, "resource %d/%d %.*s\n", (int)parent, (int)key, STR_ARG(text));
	return 0;
}

static int list_chunk(void *arg, uint64_t parent, uint32_t number, struct str text)
{
	struct listing *listing = arg;

	enter_stage(listing, 3);
	strbuf_addf(&listing->text, "chunk %d %u %.*s\n", (int)parent, number, STR_ARG(text));
	return 0;
}

static int list_gone(void *arg, uint64_t key, uint64_t parent, uint32_t size)
{
	struct listing *listing = arg;

	enter_stage(listing, 4);
	strbuf_addf(&listing->text, "gone %d/%d %u\n", (int)parent, (int)key, size);
	return 0;
}

static int list_tail(void *arg, uint64_t key, uint64_t parent, const struct instance_head *head)
{
	struct listing *listing = arg;

	enter_stage(listing, 5);
	strbuf_addf(&listing->text, "tail %d/%d %d %d %u\n", (int)parent, (int)key, (int)head->ct_us, (int)head->st,
		    head->size);
	return 0;
}

static void assert_loads(struct fixture *fixture, const char *expected)
{
	static const struct store_visitor visitor = {list_meta, list_resource, list_chunk, list_gone, list_tail};
	struct listing listing = {0};

	fixture_reopen(fixture);
	assert_int_equal(fixture->store_->ops->load(fixture->store_, &visitor, &listing), 0);
	strbuf_add_char(&listing.text, '\0');
	if (!fixture->store_->ops->is_durable)
		expected = "";
	assert_string_equal(listing.text.ptr, expected);
	strbuf_finish(&listing.text);
}

static void a_new_store_loads_nothing(void **state)
{
	assert_loads(*state, "");
}

static void a_load_hands_out_everything_in_order(void **state)
{
	struct fixture *fixture = *state;

	writer_add(&fixture->writer, 20, 10, STR("abc"));
	writer_chunk(&fixture->writer, 11, 2, STR("second"));
	writer_chunk(&fixture->writer, 11, CHUNK_HEADER, STR("header"));
	writer_chunk(&fixture->writer, 11, 1, STR("first"));
	writer_chunk(&fixture->writer, 10, 5, STR("other"));
	writer_chunk(&fixture->writer, 10, 6, STR("dropped"));
	writer_change(&fixture->writer, CHANGE_PUT_RESOURCE, 11, 1)->text = STR("r11");
	writer_change(&fixture->writer, CHANGE_PUT_RESOURCE, 10, 11)->text = STR("r10");
	writer_change(&fixture->writer, CHANGE_PUT_RESOURCE, 12, 11)->text = STR("gone");
	writer_meta(&fixture->writer, "m", "1");
	writer_meta(&fixture->writer, "forgotten", "1");
	commit(fixture);
	writer_change(&fixture->writer, CHANGE_PUT_RESOURCE, 11, 2)->text = STR("R11");
	writer_change(&fixture->writer, CHANGE_DELETE_RESOURCE, 12, 0);
	writer_chunk(&fixture->writer, 10, 6, STR(""));
	writer_meta(&fixture->writer, "m", "2");
	writer_meta(&fixture->writer, "forgotten", NULL);
	writer_change(&fixture->writer, CHANGE_DELETE_INSTANCE, 19, 10)->head.size = 17;
	writer_add(&fixture->writer, 21, 11, STR(""));
	commit(fixture);
	assert_loads(fixture, "meta m=2\n"
			      "resource 11/10 r10\nresource 2/11 R11\n"
			      "chunk 10 5 other\nchunk 11 1 first\nchunk 11 2 second\nchunk 11 4294967294 header\n"
			      "gone 10/19 17\n"
			      "tail 10/20 20000 27 3\ntail 11/21 21000 28 0\n");
}

static void the_tail_begins_after_the_snapshot(void **state)
{
	struct fixture *fixture = *state;

	for (uint64_t key = 1; key <= 10; key++)
		writer_add(&fixture->writer, key, 3, STR("x"));
	writer_change(&fixture->writer, CHANGE_SNAPSHOT, 8, 0);
	commit(fixture);
	assert_loads(fixture, "tail 3/9 9000 16 1\ntail 3/10 10000 17 1\n");
	writer_add(&fixture->writer, 11, 3, STR("x"));
	commit(fixture);
	writer_change(&fixture->writer, CHANGE_SNAPSHOT, 11, 0);
	commit(fixture);
	assert_loads(fixture, "");
}

static void what_was_evicted_is_gone_for_a_load(void **state)
{
	struct fixture *fixture = *state;

	for (uint64_t key = 1; key <= 6; key++)
		writer_add(&fixture->writer, key, 3, STR("x"));
	writer_change(&fixture->writer, CHANGE_SNAPSHOT, 3, 0);
	commit(fixture);
	writer_change(&fixture->writer, CHANGE_EVICT_INSTANCE, 2, 3)->head.size = 1;
	writer_change(&fixture->writer, CHANGE_EVICT_INSTANCE, 5, 3)->head.size = 1;
	commit(fixture);
	assert_loads(fixture, "gone 3/2 1\ngone 3/5 1\ntail 3/4 4000 11 1\ntail 3/6 6000 13 1\n");
	tidy_all(fixture->store_);
	assert_true(is_absent(fixture->store_, 2) && is_absent(fixture->store_, 5));
	assert_loads(fixture, "gone 3/2 1\ngone 3/5 1\ntail 3/4 4000 11 1\ntail 3/6 6000 13 1\n");
}

static void gone_keys_are_kept_until_a_second_snapshot(void **state)
{
	struct fixture *fixture = *state;

	for (uint64_t key = 1; key <= 3; key++)
		writer_add(&fixture->writer, key, 3, STR("x"));
	commit(fixture);
	writer_change(&fixture->writer, CHANGE_DELETE_INSTANCE, 1, 3)->head.size = 1;
	writer_change(&fixture->writer, CHANGE_EVICT_INSTANCE, 2, 3)->head.size = 1;
	commit(fixture);
	writer_change(&fixture->writer, CHANGE_SNAPSHOT, 3, 0);
	commit(fixture);
	tidy_all(fixture->store_);
	assert_loads(fixture, "gone 3/1 1\ngone 3/2 1\n");
	writer_change(&fixture->writer, CHANGE_SNAPSHOT, 3, 0);
	commit(fixture);
	tidy_all(fixture->store_);
	assert_loads(fixture, "");
}

static void a_purged_parent_loads_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct series series = {0};
	struct strbuf chunks = {0};

	for (uint64_t key = 1; key <= 400; key++) {
		writer_add(&fixture->writer, key, 3, STR("x"));
		series_append(&series, key);
	}
	writer_add(&fixture->writer, 401, 4, STR("x"));
	writer_chunk(&fixture->writer, 3, CHUNK_HEADER, STR("h"));
	writer_change(&fixture->writer, CHANGE_SNAPSHOT, 100, 0);
	commit(fixture);
	writer_series(&fixture->writer, 3, &series, &chunks);
	writer_change(&fixture->writer, CHANGE_PURGE_PARENT, 0, 3);
	commit(fixture);
	assert_loads(fixture, "tail 4/401 401000 408 1\n");
	(void)!fixture->store_->ops->tidy(fixture->store_);
	assert_loads(fixture, "tail 4/401 401000 408 1\n");
	tidy_all(fixture->store_);
	assert_loads(fixture, "tail 4/401 401000 408 1\n");
	strbuf_finish(&chunks);
	series_finish(&series);
}

static void all_chunks_of_a_series_can_go_at_once(void **state)
{
	struct fixture *fixture = *state;

	for (uint32_t number = 0; number < 50; number++)
		writer_chunk(&fixture->writer, 3, number, STR("k"));
	writer_chunk(&fixture->writer, 4, 0, STR("k"));
	writer_chunk(&fixture->writer, 3, CHUNK_HEADER, STR("h"));
	commit(fixture);
	writer_chunk(&fixture->writer, 3, CHUNK_ALL, STR(""));
	writer_chunk(&fixture->writer, 3, 0, STR("l"));
	commit(fixture);
	assert_loads(fixture, "chunk 3 0 l\nchunk 3 4294967294 h\nchunk 4 0 k\n");
}

static int stop_at_meta(void *arg, struct str name, struct str text)
{
	(void)name;
	(void)text;
	++*(unsigned *)arg;
	return 42;
}

static void a_visitor_stops_a_load_and_may_leave_rows_out(void **state)
{
	static const struct store_visitor stopping = {.meta = stop_at_meta};
	static const struct store_visitor tail_only = {.tail = list_tail};
	struct fixture *fixture = *state;
	struct store *store = fixture->store_;
	struct listing listing = {0};
	unsigned calls = 0;

	writer_meta(&fixture->writer, "m", "1");
	writer_meta(&fixture->writer, "n", "1");
	writer_add(&fixture->writer, 1, 3, STR("x"));
	commit(fixture);
	assert_int_equal(store->ops->load(store, &stopping, &calls), store->ops->is_durable ? 42 : 0);
	assert_int_equal(calls, store->ops->is_durable);
	assert_int_equal(store->ops->load(store, &tail_only, &listing), 0);
	assert_int_equal(listing.text.len > 0, store->ops->is_durable);
	strbuf_finish(&listing.text);
}

/* ---- keys ---- */

static int note_high_water(void *arg, struct str name, struct str text)
{
	uint64_t value;

	if (!str_eq(name, STR(STORE_HIGH_WATER)))
		return 0;
	assert_int_equal(str_to_u64(text, &value), 0);
	*(uint64_t *)arg = value;
	return 0;
}

static uint64_t high_water_of(struct fixture *fixture)
{
	static const struct store_visitor visitor = {.meta = note_high_water};
	uint64_t value = 0;

	fixture_reopen(fixture);
	assert_int_equal(fixture->store_->ops->load(fixture->store_, &visitor, &value), 0);
	return value;
}

static void no_key_above_the_high_water_mark_was_ever_used(void **state)
{
	struct fixture *fixture = *state;
	uint64_t key = 1, before;

	for (int i = 0; i < 5; i++) {
		writer_add(&fixture->writer, key, 3, STR("x"));
		writer_change(&fixture->writer, CHANGE_PUT_RESOURCE, key + 1, 3)->text = STR("x");
		commit(fixture);
		writer_change(&fixture->writer, CHANGE_DELETE_INSTANCE, key, 3);
		writer_change(&fixture->writer, CHANGE_DELETE_RESOURCE, key + 1, 3);
		writer_change(&fixture->writer, CHANGE_SNAPSHOT, key + 1, 0);
		commit(fixture);
		tidy_all(fixture->store_);
		before = key + 1;
		key = high_water_of(fixture) + 1;
		if (!fixture->store_->ops->is_durable)
			return;
		assert_true(key > before && key <= before + 20000);
	}
	/* A reservation that was rolled back is made again. */
	before = key;
	assert_int_equal(fixture->store_->ops->begin(fixture->store_), 0);
	writer_add(&fixture->writer, key, 3, STR("x"));
	assert_int_equal(fixture->store_->ops->apply(fixture->store_, &fixture->writer.changes), 0);
	fixture->store_->ops->rollback(fixture->store_);
	writer_init(&fixture->writer);
	writer_add(&fixture->writer, key + 1, 3, STR("x"));
	commit(fixture);
	assert_true(high_water_of(fixture) > before);
}

/* ---- failures, of the wrapped stores ---- */

static void a_failed_transaction_leaves_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct store *store = fixture->store_;

	if (!fixture->is_wrapped)
		return;
	writer_add(&fixture->writer, 1, 3, STR("x"));
	commit(fixture);
	for (unsigned nth = 0; nth < 3; nth++) { /* begin, apply, commit */
		writer_add(&fixture->writer, 2, 3, STR("y"));
		writer_change(&fixture->writer, CHANGE_DELETE_INSTANCE, 1, 3);
		writer_change(&fixture->writer, CHANGE_EVICT_INSTANCE, 1, 3);
		writer_change(&fixture->writer, CHANGE_PURGE_PARENT, 0, 3);
		store_faulty_set(store, nth, 1, ERROR_FULL);
		assert_int_equal(writer_commit(&fixture->writer, store), ERROR_FULL);
		store->ops->rollback(store);
		assert_true(has_instance(store, 1, 3, STR("x")));
		assert_true(is_absent(store, 2));
		assert_loads(fixture, "tail 3/1 1000 8 1\n");
		if (!(store = fixture->store_)->ops->is_durable)
			writer_add(&fixture->writer, 1, 3, STR("x"));
		commit(fixture);
	}
	writer_add(&fixture->writer, 2, 3, STR("y"));
	commit(fixture);
	assert_true(has_instance(store, 2, 3, STR("y")));
}

static void reads_and_loads_fail_as_told(void **state)
{
	struct fixture *fixture = *state;
	struct store *store = fixture->store_;
	static const struct store_visitor nothing;
	struct instance_head head;
	struct due due = {0};
	uint64_t key;

	if (!fixture->is_wrapped)
		return;
	store_faulty_set(store, 1, 4, ERROR_IO);
	assert_int_equal(store->ops->read_instance(store, 1, &key, &head, NULL), 0);
	assert_int_equal(store->ops->read_instance(store, 1, &key, &head, NULL), ERROR_IO);
	assert_int_equal(store->ops->find_named(store, 1, STR("n"), &key), ERROR_IO);
	assert_int_equal(store->ops->due_instances(store, 1, 1, note_due, &due), ERROR_IO);
	assert_int_equal(store->ops->load(store, &nothing, NULL), ERROR_IO);
	assert_int_equal(store->ops->read_instance(store, 1, &key, &head, NULL), 0);
}

/* ---- everything at once: random changes against a model, with restarts ---- */

enum { PARENTS = 5, KEYS = 40000 };

struct model {
	struct fixture *fixture;
	uint64_t random, next;
	struct series series[PARENTS + 1];
	uint64_t bytes[PARENTS + 1];
	uint32_t sizes[KEYS]; /* contentSize + 1; 0: not there */
	struct strbuf chunks[PARENTS + 1];
	bool in_snapshot;
	/* what a load gives */
	struct series loaded[PARENTS + 1];
	uint64_t loaded_bytes[PARENTS + 1];
};

static const char body[400];

static unsigned below(struct model *model, unsigned limit)
{
	return (unsigned)(random_next(&model->random) % limit);
}

static void model_add(struct model *model)
{
	uint64_t key = model->next++, parent = 1 + below(model, PARENTS);
	uint32_t size = below(model, 400);

	writer_add(&model->fixture->writer, key, parent, str_make(body, size));
	series_append(&model->series[parent], key);
	model->bytes[parent] += size;
	model->sizes[key] = size + 1;
}

static void model_remove(struct model *model, uint64_t parent, uint64_t key, enum change_kind kind)
{
	struct change *change = writer_change(&model->fixture->writer, kind, key, parent);

	change->head.size = model->sizes[key] - 1;
	model->bytes[parent] -= change->head.size;
	model->sizes[key] = 0;
	series_remove(&model->series[parent], key);
}

static void model_remove_any(struct model *model)
{
	uint64_t parent = 1 + below(model, PARENTS);
	const struct series *series = &model->series[parent];
	uint64_t key;

	if (series->count == 0)
		return;
	key = series_after(series, series->first + random_next(&model->random) % (series->last - series->first + 1));
	model_remove(model, parent, key ? key : series->last, below(model, 2) ? CHANGE_DELETE_INSTANCE : CHANGE_EVICT_INSTANCE);
}

static void model_retain(struct model *model)
{
	for (uint64_t parent = 1; parent <= PARENTS; parent++)
		for (int n = 0; n < 40 && model->series[parent].count > 300; n++)
			model_remove(model, parent, model->series[parent].first, CHANGE_EVICT_INSTANCE);
}

static void model_put_chunks(struct model *model, uint64_t parent)
{
	struct writer *writer = &model->fixture->writer;
	struct strbuf *buf = &model->chunks[parent];

	writer_series(writer, parent, &model->series[parent], buf);
	writer_chunk(writer, parent, CHUNK_HEADER, str_make((char *)&model->bytes[parent], sizeof(model->bytes[0])));
}

static void model_commit(struct model *model)
{
	commit(model->fixture);
}

static void model_snapshot(struct model *model)
{
	uint64_t upto = model->next - 1;

	for (uint64_t parent = 1; parent <= PARENTS; parent++) {
		model_put_chunks(model, parent);
		if (below(model, 2)) { /* in several transactions, with changes in between */
			model_commit(model);
			model_add(model);
			model_remove_any(model);
			model_commit(model);
		}
	}
	writer_change(&model->fixture->writer, CHANGE_SNAPSHOT, upto, 0);
	model_commit(model);
}

/* The parent is made anew under the same number, which a CSE never does; but all rows have gone by then. */
static void model_purge(struct model *model)
{
	uint64_t parent = 1 + below(model, PARENTS);

	model_put_chunks(model, parent);
	for (uint64_t key = model->series[parent].first; key; key = series_after(&model->series[parent], key))
		model->sizes[key] = 0;
	writer_change(&model->fixture->writer, CHANGE_PURGE_PARENT, 0, parent);
	model_commit(model);
	series_finish(&model->series[parent]);
	model->bytes[parent] = 0;
	tidy_all(model->fixture->store_);
}

static int take_chunk(void *arg, uint64_t parent, uint32_t number, struct str text)
{
	struct model *model = arg;

	if (number != CHUNK_HEADER)
		return series_load_chunk(&model->loaded[parent], number, text);
	memcpy(&model->loaded_bytes[parent], text.ptr, sizeof(model->loaded_bytes[0]));
	return 0;
}

static int take_gone(void *arg, uint64_t key, uint64_t parent, uint32_t size)
{
	struct model *model = arg;

	if (series_remove(&model->loaded[parent], key))
		model->loaded_bytes[parent] -= size;
	return 0;
}

static int take_tail(void *arg, uint64_t key, uint64_t parent, const struct instance_head *head)
{
	struct model *model = arg;

	assert_int_equal(head->size + 1, model->sizes[key]);
	if (key <= model->loaded[parent].last)
		return 0;
	series_append(&model->loaded[parent], key);
	model->loaded_bytes[parent] += head->size;
	return 0;
}

static void model_check_reads(struct model *model)
{
	for (uint64_t parent = 1; parent <= PARENTS; parent++)
		for (uint64_t key = model->series[parent].first; key; key = series_after(&model->series[parent], key))
			assert_true(has_instance(model->fixture->store_, key, parent,
						 str_make(body, model->sizes[key] - 1)));
}

static void model_restart(struct model *model)
{
	static const struct store_visitor visitor = {.chunk = take_chunk, .gone = take_gone, .tail = take_tail};
	struct store *store;

	if (!model->fixture->store_->ops->is_durable)
		return;
	fixture_reopen(model->fixture);
	store = model->fixture->store_;
	assert_int_equal(store->ops->load(store, &visitor, model), 0);
	for (uint64_t parent = 1; parent <= PARENTS; parent++) {
		struct series *loaded = &model->loaded[parent], *series = &model->series[parent];
		uint64_t key = series->first, other = loaded->first;

		assert_int_equal(loaded->count, series->count);
		assert_int_equal(model->loaded_bytes[parent], model->bytes[parent]);
		for (; key == other && key; key = series_after(series, key))
			other = series_after(loaded, other);
		assert_int_equal(key, other);
		series_finish(series);
		*series = *loaded;
		*loaded = (struct series){0};
		model->loaded_bytes[parent] = 0;
	}
	model_check_reads(model);
}

static void a_model_and_the_store_agree_after_every_restart(void **state)
{
	struct model *model = xzalloc(sizeof(*model));

	model->fixture = *state;
	model->random = 4711;
	model->next = 1;
	for (unsigned round = 0; round < 250; round++) {
		for (unsigned n = below(model, 200); n > 0 && model->next < KEYS; n--)
			model_add(model);
		for (unsigned n = below(model, 20); n > 0; n--)
			model_remove_any(model);
		model_retain(model);
		model_commit(model);
		if (below(model, 8) == 0)
			model_snapshot(model);
		if (below(model, 15) == 0)
			model_purge(model);
		if (below(model, 4) == 0)
			(void)!model->fixture->store_->ops->tidy(model->fixture->store_);
		if (below(model, 15) == 0)
			model_restart(model);
	}
	model_check_reads(model);
	for (uint64_t parent = 1; parent <= PARENTS; parent++) {
		series_finish(&model->series[parent]);
		strbuf_finish(&model->chunks[parent]);
	}
	free(model);
}

#define RULE(rule) {#rule, rule, set_up, tear_down, NULL}

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
	RULE(due_instances_come_earliest_first),
	RULE(an_evicted_instance_is_no_longer_due),
	RULE(the_instances_of_a_purged_parent_are_gone_at_once),
	RULE(tidying_ends_and_keeps_what_is_there),
	RULE(reads_go_on_beside_transactions),
	RULE(a_new_store_loads_nothing),
	RULE(a_load_hands_out_everything_in_order),
	RULE(the_tail_begins_after_the_snapshot),
	RULE(what_was_evicted_is_gone_for_a_load),
	RULE(gone_keys_are_kept_until_a_second_snapshot),
	RULE(a_purged_parent_loads_nothing),
	RULE(all_chunks_of_a_series_can_go_at_once),
	RULE(a_visitor_stops_a_load_and_may_leave_rows_out),
	RULE(no_key_above_the_high_water_mark_was_ever_used),
	RULE(a_failed_transaction_leaves_nothing),
	RULE(reads_and_loads_fail_as_told),
	RULE(a_model_and_the_store_agree_after_every_restart),
};

enum { RULES = sizeof(rules) / sizeof(rules[0]), STORES = 4 };

int main(void)
{
	static struct fixture fixtures[STORES] = {
		{.name = "memory", .store = "memory"},
		{.name = "sqlite", .store = "sqlite"},
		{.name = "wrapped memory", .store = "memory", .is_wrapped = true},
		{.name = "wrapped sqlite", .store = "sqlite", .is_wrapped = true},
	};
	static struct CMUnitTest tests[RULES * STORES];
	static char names[RULES * STORES][100];

	for (size_t i = 0; i < RULES * STORES; i++) {
		tests[i] = rules[i % RULES];
		tests[i].initial_state = &fixtures[i / RULES];
		snprintf(names[i], sizeof(names[i]), "%s: %s", fixtures[i / RULES].name, rules[i % RULES].name);
		tests[i].name = names[i];
	}
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return _cmocka_run_group_tests("stores", tests, RULES * STORES, NULL, NULL);
}
