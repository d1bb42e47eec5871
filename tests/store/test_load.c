/* What a store hands out when it is opened again, held against every store. One that keeps nothing hands out nothing.
 */
#include "tests/store/stores.h"

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

static int list_note(void *arg, uint64_t key, uint64_t subscription, struct str target, int64_t ct_us, uint32_t flags,
		     size_t size)
{
	struct listing *listing = arg;

	enter_stage(listing, 6);
	strbuf_addf(&listing->text, "note %d/%d %.*s %d %u %zu\n", (int)subscription, (int)key, STR_ARG(target),
		    (int)ct_us, flags, size);
	return 0;
}

static void assert_loads(struct fixture *fixture, const char *expected)
{
	static const struct store_visitor visitor = {.meta = list_meta,
						     .resource = list_resource,
						     .chunk = list_chunk,
						     .gone = list_gone,
						     .tail = list_tail,
						     .note = list_note};
	struct listing listing = {0};

	fixture_reopen(fixture);
	assert_int_equal(fixture->store->ops->load(fixture->store, &visitor, &listing), 0);
	strbuf_add_char(&listing.text, '\0');
	if (!fixture->store->ops->is_durable)
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

	writer_note(&fixture->writer, 18, 11, "t", STR("n18"));
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
	fixture_commit(fixture);
	writer_change(&fixture->writer, CHANGE_PUT_RESOURCE, 11, 2)->text = STR("R11");
	writer_change(&fixture->writer, CHANGE_DELETE_RESOURCE, 12, 0);
	writer_chunk(&fixture->writer, 10, 6, STR(""));
	writer_meta(&fixture->writer, "m", "2");
	writer_meta(&fixture->writer, "forgotten", NULL);
	writer_change(&fixture->writer, CHANGE_DELETE_INSTANCE, 19, 10)->head.size = 17;
	writer_add(&fixture->writer, 21, 11, STR(""));
	fixture_commit(fixture);
	assert_loads(fixture, "meta m=2\n"
			      "resource 11/10 r10\nresource 2/11 R11\n"
			      "chunk 10 5 other\nchunk 11 1 first\nchunk 11 2 second\nchunk 11 4294967294 header\n"
			      "gone 10/19 17\n"
			      "tail 10/20 20000 27 3\ntail 11/21 21000 28 0\n"
			      "note 11/18 t 18000 4 3\n");
}

static void the_tail_begins_after_the_snapshot(void **state)
{
	struct fixture *fixture = *state;

	for (uint64_t key = 1; key <= 10; key++)
		writer_add(&fixture->writer, key, 3, STR("x"));
	writer_change(&fixture->writer, CHANGE_SNAPSHOT, 8, 0);
	fixture_commit(fixture);
	assert_loads(fixture, "tail 3/9 9000 16 1\ntail 3/10 10000 17 1\n");
	writer_add(&fixture->writer, 11, 3, STR("x"));
	fixture_commit(fixture);
	writer_change(&fixture->writer, CHANGE_SNAPSHOT, 11, 0);
	fixture_commit(fixture);
	assert_loads(fixture, "");
}

static void what_was_evicted_is_gone_for_a_load(void **state)
{
	struct fixture *fixture = *state;

	for (uint64_t key = 1; key <= 6; key++)
		writer_add(&fixture->writer, key, 3, STR("x"));
	writer_change(&fixture->writer, CHANGE_SNAPSHOT, 3, 0);
	fixture_commit(fixture);
	writer_change(&fixture->writer, CHANGE_EVICT_INSTANCE, 2, 3)->head.size = 1;
	writer_change(&fixture->writer, CHANGE_EVICT_INSTANCE, 5, 3)->head.size = 1;
	fixture_commit(fixture);
	assert_loads(fixture, "gone 3/2 1\ngone 3/5 1\ntail 3/4 4000 11 1\ntail 3/6 6000 13 1\n");
	tidy_all(fixture->store);
	assert_true(is_absent(fixture->store, 2) && is_absent(fixture->store, 5));
	assert_loads(fixture, "gone 3/2 1\ngone 3/5 1\ntail 3/4 4000 11 1\ntail 3/6 6000 13 1\n");
}

static void what_was_rolled_back_is_not_gone_for_a_load(void **state)
{
	struct fixture *fixture = *state;

	for (uint64_t key = 1; key <= 3; key++)
		writer_add(&fixture->writer, key, 3, STR("x"));
	writer_change(&fixture->writer, CHANGE_SNAPSHOT, 2, 0);
	fixture_commit(fixture);
	writer_change(&fixture->writer, CHANGE_DELETE_INSTANCE, 1, 3);
	writer_change(&fixture->writer, CHANGE_EVICT_INSTANCE, 2, 3);
	writer_change(&fixture->writer, CHANGE_SNAPSHOT, 3, 0);
	assert_int_equal(fixture->store->ops->begin(fixture->store), 0);
	assert_int_equal(fixture->store->ops->apply(fixture->store, &fixture->writer.changes), 0);
	fixture->store->ops->rollback(fixture->store);
	writer_init(&fixture->writer);
	writer_add(&fixture->writer, 4, 3, STR("x"));
	fixture_commit(fixture);
	tidy_all(fixture->store);
	assert_true(has_instance(fixture->store, 1, 3, STR("x")) && has_instance(fixture->store, 2, 3, STR("x")));
	assert_loads(fixture, "tail 3/3 3000 10 1\ntail 3/4 4000 11 1\n");
}

static void gone_keys_are_kept_until_a_second_snapshot(void **state)
{
	struct fixture *fixture = *state;

	for (uint64_t key = 1; key <= 3; key++)
		writer_add(&fixture->writer, key, 3, STR("x"));
	fixture_commit(fixture);
	writer_change(&fixture->writer, CHANGE_DELETE_INSTANCE, 1, 3)->head.size = 1;
	writer_change(&fixture->writer, CHANGE_EVICT_INSTANCE, 2, 3)->head.size = 1;
	fixture_commit(fixture);
	writer_change(&fixture->writer, CHANGE_SNAPSHOT, 3, 0);
	fixture_commit(fixture);
	tidy_all(fixture->store);
	assert_loads(fixture, "gone 3/1 1\ngone 3/2 1\n");
	writer_change(&fixture->writer, CHANGE_SNAPSHOT, 3, 0);
	fixture_commit(fixture);
	tidy_all(fixture->store);
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
	fixture_commit(fixture);
	writer_series(&fixture->writer, 3, &series, &chunks);
	writer_change(&fixture->writer, CHANGE_PURGE_PARENT, 0, 3);
	fixture_commit(fixture);
	assert_loads(fixture, "tail 4/401 401000 408 1\n");
	(void)!fixture->store->ops->tidy(fixture->store);
	assert_loads(fixture, "tail 4/401 401000 408 1\n");
	tidy_all(fixture->store);
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
	fixture_commit(fixture);
	writer_chunk(&fixture->writer, 3, CHUNK_ALL, STR(""));
	writer_chunk(&fixture->writer, 3, 0, STR("l"));
	fixture_commit(fixture);
	assert_loads(fixture, "chunk 3 0 l\nchunk 3 4294967294 h\nchunk 4 0 k\n");
}

static void notes_are_handed_out_in_key_order_as_they_were_added(void **state)
{
	struct fixture *fixture = *state;
	struct change *odd;

	writer_note(&fixture->writer, 2, 9, "http://b.example/", STR("abc"));
	writer_note(&fixture->writer, 3, 8, "http://a.example/", STR(""));
	fixture_commit(fixture);
	odd = writer_note(&fixture->writer, 20, UINT64_C(77), "", STR("a\0b"));
	odd->head.ct_us = -5;
	odd->head.flags = 4000000000u;
	writer_note(&fixture->writer, 100, 9, "t\"\xff", STR("x"));
	writer_change(&fixture->writer, CHANGE_SNAPSHOT, 100, 0); /* is of no matter to them */
	fixture_commit(fixture);
	assert_loads(fixture, "note 9/2 http://b.example/ 2000 2 3\nnote 8/3 http://a.example/ 3000 3 0\n"
			      "note 77/20  -5 4000000000 3\nnote 9/100 t\"\xff 100000 2 1\n");
	if (!fixture->store->ops->is_durable)
		return;
	assert_true(has_note(fixture->store, 2, STR("abc")) && has_note(fixture->store, 20, STR("a\0b")));
	writer_drop(&fixture->writer, 1, 19);
	writer_note(&fixture->writer, 101, 9, "u", STR("xy"));
	fixture_commit(fixture);
	assert_loads(fixture, "note 77/20  -5 4000000000 3\nnote 9/100 t\"\xff 100000 2 1\nnote 9/101 u 101000 3 2\n");
	assert_true(lacks_note(fixture->store, 2) && lacks_note(fixture->store, 3));
}

static void a_note_is_handed_out_though_its_subscription_is_gone(void **state)
{
	struct fixture *fixture = *state;

	writer_change(&fixture->writer, CHANGE_PUT_RESOURCE, 9, 1)->text = STR("r");
	writer_note(&fixture->writer, 10, 9, "t", STR("x"));
	fixture_commit(fixture);
	writer_change(&fixture->writer, CHANGE_DELETE_RESOURCE, 9, 1);
	writer_change(&fixture->writer, CHANGE_PURGE_PARENT, 0, 9);
	fixture_commit(fixture);
	assert_loads(fixture, "note 9/10 t 10000 3 1\n");
	tidy_all(fixture->store);
	assert_loads(fixture, "note 9/10 t 10000 3 1\n");
}

static void notes_that_are_rolled_back_are_not_handed_out(void **state)
{
	struct fixture *fixture = *state;

	writer_note(&fixture->writer, 1, 9, "t", STR("x"));
	fixture_commit(fixture);
	writer_note(&fixture->writer, 2, 9, "t", STR("x"));
	writer_drop(&fixture->writer, 1, 1);
	assert_int_equal(fixture->store->ops->begin(fixture->store), 0);
	assert_int_equal(fixture->store->ops->apply(fixture->store, &fixture->writer.changes), 0);
	fixture->store->ops->rollback(fixture->store);
	writer_init(&fixture->writer);
	assert_loads(fixture, "note 9/1 t 1000 1 1\n");
}

struct reader {
	struct store *store;
	unsigned notes;
};

static int read_and_stop(void *arg, uint64_t key, uint64_t subscription, struct str target, int64_t ct_us,
			 uint32_t flags, size_t size)
{
	struct reader *reader = arg;

	(void)subscription;
	(void)target;
	(void)ct_us;
	(void)flags;
	assert_int_equal(size, 2);
	assert_true(has_note(reader->store, key, STR("ab")));
	return ++reader->notes == 2 ? 42 : 0;
}

static void a_visitor_reads_notes_and_stops_at_one(void **state)
{
	static const struct store_visitor visitor = {.note = read_and_stop};
	struct fixture *fixture = *state;
	bool is_durable = fixture->store->ops->is_durable;
	struct reader reader = {fixture->store, 0};

	for (uint64_t key = 1; key <= 3; key++)
		writer_note(&fixture->writer, key, 9, "t", STR("ab"));
	fixture_commit(fixture);
	assert_int_equal(fixture->store->ops->load(fixture->store, &visitor, &reader), is_durable ? 42 : 0);
	assert_int_equal(reader.notes, is_durable ? 2 : 0);
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
	struct store *store = fixture->store;
	struct listing listing = {0};
	unsigned calls = 0;

	writer_meta(&fixture->writer, "m", "1");
	writer_meta(&fixture->writer, "n", "1");
	writer_add(&fixture->writer, 1, 3, STR("x"));
	fixture_commit(fixture);
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
	assert_int_equal(fixture->store->ops->load(fixture->store, &visitor, &value), 0);
	return value;
}

static void no_key_above_the_high_water_mark_was_ever_used(void **state)
{
	struct fixture *fixture = *state;
	uint64_t key = 1, before;

	for (int i = 0; i < 5; i++) {
		writer_add(&fixture->writer, key, 3, STR("x"));
		writer_change(&fixture->writer, CHANGE_PUT_RESOURCE, key + 1, 3)->text = STR("x");
		fixture_commit(fixture);
		writer_change(&fixture->writer, CHANGE_DELETE_INSTANCE, key, 3);
		writer_change(&fixture->writer, CHANGE_DELETE_RESOURCE, key + 1, 3);
		writer_change(&fixture->writer, CHANGE_SNAPSHOT, key + 1, 0);
		fixture_commit(fixture);
		tidy_all(fixture->store);
		before = key + 1;
		key = high_water_of(fixture) + 1;
		if (!fixture->store->ops->is_durable)
			return;
		assert_true(key > before && key <= before + 20000);
	}
	/* A reservation that was rolled back is made again. */
	before = key;
	assert_int_equal(fixture->store->ops->begin(fixture->store), 0);
	writer_add(&fixture->writer, key, 3, STR("x"));
	assert_int_equal(fixture->store->ops->apply(fixture->store, &fixture->writer.changes), 0);
	fixture->store->ops->rollback(fixture->store);
	writer_init(&fixture->writer);
	writer_add(&fixture->writer, key + 1, 3, STR("x"));
	fixture_commit(fixture);
	assert_true(high_water_of(fixture) > before);
}

static void a_note_reserves_keys_and_its_key_stays_used(void **state)
{
	struct fixture *fixture = *state;
	uint64_t mark;

	writer_note(&fixture->writer, 5, 3, "t", STR("x"));
	fixture_commit(fixture);
	mark = high_water_of(fixture);
	if (!fixture->store->ops->is_durable)
		return;
	assert_in_range(mark, 5, 20000);
	writer_note(&fixture->writer, mark + 1, 3, "t", STR("x"));
	fixture_commit(fixture);
	writer_drop(&fixture->writer, 0, UINT64_MAX);
	fixture_commit(fixture);
	assert_in_range(high_water_of(fixture), mark + 1, mark + 20000);
	assert_loads(fixture, "");
}

/* ---- failures, of the wrapped stores ---- */

static void a_failed_transaction_leaves_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct store *store = fixture->store;

	if (!fixture->is_wrapped)
		return;
	writer_add(&fixture->writer, 1, 3, STR("x"));
	writer_note(&fixture->writer, 2, 9, "t", STR("x"));
	fixture_commit(fixture);
	for (unsigned nth = 0; nth < 3; nth++) { /* begin, apply, commit */
		writer_add(&fixture->writer, 3, 3, STR("y"));
		writer_note(&fixture->writer, 4, 9, "t", STR("y"));
		writer_drop(&fixture->writer, 2, 2);
		writer_change(&fixture->writer, CHANGE_DELETE_INSTANCE, 1, 3);
		writer_change(&fixture->writer, CHANGE_EVICT_INSTANCE, 1, 3);
		writer_change(&fixture->writer, CHANGE_PURGE_PARENT, 0, 3);
		store_faulty_set(store, nth, 1, ERROR_FULL);
		assert_int_equal(writer_commit(&fixture->writer, store), ERROR_FULL);
		store->ops->rollback(store);
		assert_true(has_instance(store, 1, 3, STR("x")));
		assert_true(is_absent(store, 3));
		assert_true(has_note(store, 2, STR("x")) && lacks_note(store, 4));
		assert_loads(fixture, "tail 3/1 1000 8 1\nnote 9/2 t 2000 2 1\n");
		if (!(store = fixture->store)->ops->is_durable) {
			writer_add(&fixture->writer, 1, 3, STR("x"));
			writer_note(&fixture->writer, 2, 9, "t", STR("x"));
		}
		fixture_commit(fixture);
	}
	writer_add(&fixture->writer, 3, 3, STR("y"));
	writer_note(&fixture->writer, 4, 9, "t", STR("y"));
	fixture_commit(fixture);
	assert_true(has_instance(store, 3, 3, STR("y")) && has_note(store, 4, STR("y")));
}

int main(void)
{
	static const struct CMUnitTest rules[] = {
		RULE(a_new_store_loads_nothing),
		RULE(a_load_hands_out_everything_in_order),
		RULE(the_tail_begins_after_the_snapshot),
		RULE(what_was_evicted_is_gone_for_a_load),
		RULE(what_was_rolled_back_is_not_gone_for_a_load),
		RULE(gone_keys_are_kept_until_a_second_snapshot),
		RULE(a_purged_parent_loads_nothing),
		RULE(all_chunks_of_a_series_can_go_at_once),
		RULE(a_visitor_stops_a_load_and_may_leave_rows_out),
		RULE(notes_are_handed_out_in_key_order_as_they_were_added),
		RULE(a_note_is_handed_out_though_its_subscription_is_gone),
		RULE(notes_that_are_rolled_back_are_not_handed_out),
		RULE(a_visitor_reads_notes_and_stops_at_one),
		RULE(no_key_above_the_high_water_mark_was_ever_used),
		RULE(a_note_reserves_keys_and_its_key_stays_used),
		RULE(a_failed_transaction_leaves_nothing),
	};

	return run_over_every_store(rules, sizeof(rules) / sizeof(rules[0]));
}
