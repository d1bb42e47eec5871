/* Series of keys, held against a sorted array. */
#include "tests/store/helpers.h"

enum { MOST_CHUNKS = 4000, MOST_KEYS = 20000 };

/* What a store would hold of one series. */
struct stored {
	struct {
		uint32_t number;
		size_t len;
		char text[128];
	} chunks[MOST_CHUNKS];
	unsigned count;
};

static unsigned stored_at(const struct stored *stored, uint32_t number)
{
	unsigned i = 0;

	while (i < stored->count && stored->chunks[i].number < number)
		i++;
	return i;
}

static void stored_delete(struct stored *stored, uint32_t number)
{
	unsigned i = stored_at(stored, number);

	if (i == stored->count || stored->chunks[i].number != number)
		return;
	memmove(&stored->chunks[i], &stored->chunks[i + 1], (stored->count - i - 1) * sizeof(stored->chunks[0]));
	stored->count--;
}

static void stored_put(void *arg, uint32_t number, struct str text)
{
	struct stored *stored = arg;
	unsigned i;

	if (number == CHUNK_ALL) {
		assert_int_equal(text.len, 0);
		stored->count = 0;
		return;
	}
	stored_delete(stored, number);
	if (text.len == 0)
		return;
	i = stored_at(stored, number);
	assert_true(stored->count < MOST_CHUNKS && text.len <= 128 && number < CHUNK_HEADER);
	memmove(&stored->chunks[i + 1], &stored->chunks[i], (stored->count - i) * sizeof(stored->chunks[0]));
	stored->chunks[i].number = number;
	stored->chunks[i].len = text.len;
	memcpy(stored->chunks[i].text, text.ptr, text.len);
	stored->count++;
}

static void stored_load(const struct stored *stored, struct series *series)
{
	for (unsigned i = 0; i < stored->count; i++)
		assert_int_equal(series_load_chunk(series, stored->chunks[i].number,
						   str_make(stored->chunks[i].text, stored->chunks[i].len)),
				 0);
}

static void count_call(void *arg, uint32_t number, struct str text)
{
	(void)number;
	(void)text;
	++*(unsigned *)arg;
}

/* The truth: keys in order. */
struct model {
	uint64_t keys[MOST_KEYS];
	unsigned count;
};

static unsigned model_at(const struct model *model, uint64_t key)
{
	unsigned low = 0, high = model->count;

	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (model->keys[middle] < key)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void model_insert(struct model *model, uint64_t key)
{
	unsigned at = model_at(model, key);

	memmove(model->keys + at + 1, model->keys + at, (model->count - at) * sizeof(model->keys[0]));
	model->keys[at] = key;
	model->count++;
}

static uint64_t model_take(struct model *model, unsigned at)
{
	uint64_t key = model->keys[at];

	model->count--;
	memmove(model->keys + at, model->keys + at + 1, (model->count - at) * sizeof(model->keys[0]));
	return key;
}

static void assert_same(const struct series *series, const struct model *model)
{
	uint64_t key = 0;

	assert_int_equal(series->count, model->count);
	for (unsigned i = 0; i < model->count; i++) {
		key = series_after(series, key);
		if (key != model->keys[i])
			fail_msg("key %u is %llu, not %llu", i, (unsigned long long)key,
				 (unsigned long long)model->keys[i]);
	}
	assert_int_equal(series_after(series, key), 0);
	if (model->count) {
		assert_int_equal(series->first, model->keys[0]);
		assert_int_equal(series->last, model->keys[model->count - 1]);
	}
	for (unsigned i = model->count; i > 0; i--) {
		uint64_t before = series_before(series, model->keys[i - 1]);

		if (before != (i > 1 ? model->keys[i - 2] : 0))
			fail_msg("before key %u comes %llu", i - 1, (unsigned long long)before);
	}
}

struct world {
	struct series series;
	struct model model;
	struct stored stored;
	uint64_t random, next;
	uint64_t removed[256];
	unsigned removed_count;
};

static unsigned below(struct world *world, unsigned limit)
{
	return (unsigned)(random_next(&world->random) % limit);
}

static void append_some(struct world *world)
{
	static const uint64_t gaps[] = {2, 50, 1000, 100000, UINT64_C(1) << 40};
	uint64_t gap = gaps[below(world, 5)];

	for (unsigned n = below(world, 200); n > 0 && world->model.count < MOST_KEYS; n--) {
		world->next += 1 + random_next(&world->random) % gap;
		series_append(&world->series, world->next);
		model_insert(&world->model, world->next);
	}
}

static void remove_one(struct world *world, unsigned at)
{
	uint64_t key = model_take(&world->model, at);

	assert_true(series_contains(&world->series, key));
	assert_true(series_remove(&world->series, key));
	assert_false(series_contains(&world->series, key));
	assert_false(series_remove(&world->series, key));
	if (world->removed_count < 256)
		world->removed[world->removed_count++] = key;
}

static void remove_some(struct world *world)
{
	unsigned where = below(world, 4);

	for (unsigned n = below(world, 150); n > 0 && world->model.count > 0; n--) {
		unsigned last = world->model.count - 1;

		/* the first, the last, a run in the middle, or any */
		if (where == 2 && world->model.count > n)
			remove_one(world, last / 2);
		else
			remove_one(world, where == 0 ? 0 : where == 1 ? last : below(world, last + 1));
	}
}

static void restore_some(struct world *world)
{
	while (world->removed_count > 0) {
		uint64_t key = world->removed[--world->removed_count];

		series_restore(&world->series, key);
		model_insert(&world->model, key);
	}
	if (world->model.count)
		world->next = world->model.keys[world->model.count - 1] > world->next
				      ? world->model.keys[world->model.count - 1]
				      : world->next;
}

/* Keys that were never in it, in between: chunks split. */
static void squeeze_some(struct world *world)
{
	for (unsigned n = below(world, 100); n > 0 && world->next > 1; n--) {
		uint64_t key = 1 + random_next(&world->random) % world->next;
		unsigned at = model_at(&world->model, key);

		if (world->model.count == MOST_KEYS || (at < world->model.count && world->model.keys[at] == key))
			continue;
		series_restore(&world->series, key);
		model_insert(&world->model, key);
	}
}

static void save(struct world *world)
{
	struct series loaded = {0};
	unsigned calls = 0;

	series_each_dirty(&world->series, stored_put, &world->stored);
	stored_load(&world->stored, &loaded);
	assert_same(&loaded, &world->model);
	series_each_dirty(&world->series, count_call, &calls);
	series_each_dirty(&loaded, count_call, &calls);
	assert_int_equal(calls, 0);
	if (below(world, 2)) { /* go on with the loaded one */
		series_finish(&world->series);
		world->series = loaded;
	} else {
		series_finish(&loaded);
	}
}

/* A snapshot that is lost on its way. */
static void fail_to_save(struct world *world)
{
	unsigned calls = 0;

	series_each_dirty(&world->series, count_call, &calls);
	series_mark_unsaved(&world->series);
}

static void a_series_is_a_sorted_set(void **state)
{
	static void (*const deeds[])(struct world *) = {append_some,  append_some,  remove_some, remove_some,
							restore_some, squeeze_some, save,	 fail_to_save};
	struct world *world = xzalloc(sizeof(*world));

	(void)state;
	for (unsigned seed = 1; seed <= 60; seed++) {
		*world = (struct world){.random = seed * UINT64_C(0x9e3779b97f4a7c15)};
		for (unsigned n = 0; n < 120; n++) {
			unsigned deed = below(world, sizeof(deeds) / sizeof(deeds[0]));

			if (deed != 4 && deed != 6)
				world->removed_count = deed == 2 || deed == 3 ? world->removed_count : 0;
			deeds[deed](world);
			if (n % 8 == 0)
				assert_same(&world->series, &world->model);
		}
		save(world);
		series_finish(&world->series);
	}
	free(world);
}

static void neighbours_of_absent_keys_are_found(void **state)
{
	struct series series = {0};

	(void)state;
	assert_int_equal(series_after(&series, 0), 0);
	assert_int_equal(series_before(&series, UINT64_MAX), 0);
	for (uint64_t key = 10; key <= 5000; key += 10)
		series_append(&series, key);
	for (uint64_t key = 10; key < 5000; key++) {
		assert_int_equal(series_after(&series, key), key - key % 10 + 10);
		assert_int_equal(series_before(&series, key), key <= 10 ? 0 : (key - 1) - (key - 1) % 10);
		assert_int_equal(series_contains(&series, key), key % 10 == 0);
	}
	assert_int_equal(series_after(&series, 5000), 0);
	assert_int_equal(series_before(&series, 10), 0);
	assert_int_equal(series_before(&series, 0), 0);
	assert_int_equal(series_after(&series, 0), 10);
	assert_int_equal(series_before(&series, UINT64_MAX), 5000);
	series_finish(&series);
}

static void an_undone_removal_needs_no_new_numbers(void **state)
{
	struct stored *stored = xzalloc(sizeof(*stored));
	struct series series = {0};
	unsigned calls = 0;

	(void)state;
	for (uint64_t key = 1; key <= 3000; key++)
		series_append(&series, key * 700);
	series_each_dirty(&series, stored_put, stored);
	for (uint64_t key = 1; key <= 300; key++)
		series_remove(&series, key * 700);
	for (uint64_t key = 300; key >= 1; key--)
		series_restore(&series, key * 700);
	series_each_dirty(&series, count_call, &calls);
	assert_true(calls <= 10);
	series_finish(&series);
	free(stored);
}

static void a_snapshot_gives_only_what_changed(void **state)
{
	struct series series = {0};
	unsigned calls = 0;

	(void)state;
	for (uint64_t key = 1; key <= 10000; key++)
		series_append(&series, key * 300);
	series_each_dirty(&series, count_call, &calls);
	assert_true(calls > 150);
	calls = 0;
	series_append(&series, 10001 * 300);
	series_remove(&series, 5000 * 300);
	series_remove(&series, 300);
	series_each_dirty(&series, count_call, &calls);
	assert_int_equal(calls, 3);
	series_finish(&series);
}

static void an_emptied_series_takes_its_stored_chunks_away(void **state)
{
	struct stored *stored = xzalloc(sizeof(*stored));
	struct series series = {0};
	unsigned calls = 0;

	(void)state;
	for (uint64_t key = 1; key <= 5000; key++)
		series_append(&series, key * 1000);
	series_each_dirty(&series, stored_put, stored);
	while (series.count)
		series_remove(&series, series.count % 2 ? series.first : series.last);
	series_each_dirty(&series, stored_put, stored);
	assert_int_equal(stored->count, 0);
	series_each_dirty(&series, count_call, &calls);
	assert_int_equal(calls, 0);
	series_append(&series, 6000000);
	series_each_dirty(&series, stored_put, stored);
	assert_int_equal(stored->count, 1);
	series_finish(&series);
	free(stored);
}

static void what_is_no_chunk_is_refused(void **state)
{
	static const struct {
		uint32_t number;
		struct str text;
	} bad[] = {
		{8, {"", 0}},
		{8, {"\x80", 1}}, /* no end */
		{8, {"\x01", 1}}, /* not above what is there */
		{8, {"\x00", 1}}, /* 0 is no key */
		{7, {"\x65", 1}}, /* a number that is there */
		{3, {"\x65", 1}}, /* an earlier one */
		{CHUNK_ALL, {"\x65", 1}},
		{CHUNK_HEADER, {"\x65", 1}},
		{8, {"\x65\x00", 2}},					   /* a delta of 0 */
		{8, {"\x65\x80", 2}},					   /* cut off */
		{8, {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 10}},	   /* more than 64 bits */
		{8, {"\x65\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11}}, /* the sum is */
	};
	char full[107];
	struct series series = {0};

	(void)state;
	assert_int_equal(series_load_chunk(&series, 7, STR("\x64")), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(series_load_chunk(&series, bad[i].number, bad[i].text), ERROR_CORRUPT);
	memset(full, 1, sizeof(full));
	full[0] = '\x65';
	assert_int_equal(series_load_chunk(&series, 8, str_make(full, 106)), ERROR_CORRUPT);
	assert_int_equal(series_load_chunk(&series, 8, str_make(full, 105)), 0);
	assert_int_equal(series.count, 106);
	assert_int_equal(series.last, 0x65 + 104);
	series_finish(&series);
}

/* 5,000 keys for each of 1,000 parents, in no order. */
static void a_key_takes_at_most_three_bytes(void **state)
{
	enum { PARENTS = 1000, KEYS = 5000 };
	struct series *series = xzalloc(PARENTS * sizeof(*series));
	uint64_t random = 1, count = 0;
	size_t memory = 0;

	(void)state;
	for (uint64_t key = 1; key <= PARENTS * KEYS; key++)
		series_append(&series[random_next(&random) % PARENTS], key);
	for (unsigned i = 0; i < PARENTS; i++) {
		memory += series_memory(&series[i]);
		count += series[i].count;
		series_finish(&series[i]);
	}
	assert_int_equal(count, PARENTS * KEYS);
	print_message("# %.2f bytes per key\n", (double)memory / (double)count);
	assert_true(memory <= 3 * count);
	free(series);
}

/* A window over a long run of keys: neither the table of chunks nor the chunks pile up. */
static void memory_follows_what_is_kept(void **state)
{
	struct series series = {0};

	(void)state;
	for (uint64_t key = 1; key <= 1000000; key++) {
		series_append(&series, key * 5);
		if (series.count > 1000)
			series_remove(&series, series.first);
	}
	assert_int_equal(series.count, 1000);
	assert_true(series_memory(&series) < 4000);
	series_finish(&series);
	for (uint64_t key = 1; key <= 500000; key++)
		series_append(&series, key * 5);
	while (series.count > 10)
		series_remove(&series, series.first);
	assert_true(series_memory(&series) < 4000);
	series_finish(&series);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_series_is_a_sorted_set),
		cmocka_unit_test(neighbours_of_absent_keys_are_found),
		cmocka_unit_test(an_undone_removal_needs_no_new_numbers),
		cmocka_unit_test(a_snapshot_gives_only_what_changed),
		cmocka_unit_test(an_emptied_series_takes_its_stored_chunks_away),
		cmocka_unit_test(what_is_no_chunk_is_refused),
		cmocka_unit_test(a_key_takes_at_most_three_bytes),
		cmocka_unit_test(memory_follows_what_is_kept),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
