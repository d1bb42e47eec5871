/* Every store and a model of it, driven by the same random changes, snapshots, purges and restarts. */
#include "tests/store/stores.h"

enum { PARENTS = 5, KEYS = 60000 };

struct model {
	struct fixture *fixture;
	uint64_t random, next;
	struct series series[PARENTS + 1];
	uint64_t bytes[PARENTS + 1];
	uint32_t sizes[KEYS]; /* contentSize + 1; 0: not there */
	struct strbuf chunks[PARENTS + 1];
	struct series notes; /* the text of one: note_text(key) */
	/* what a load gives */
	struct series loaded[PARENTS + 1];
	uint64_t loaded_bytes[PARENTS + 1];
	uint64_t loaded_note; /* the last one */
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
	model_remove(model, parent, key ? key : series->last,
		     below(model, 2) ? CHANGE_DELETE_INSTANCE : CHANGE_EVICT_INSTANCE);
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

static struct str note_text(uint64_t key)
{
	return str_make(body, key * 7 % 400);
}

static void model_add_note(struct model *model)
{
	uint64_t key = model->next++;

	writer_note(&model->fixture->writer, key, key % 9, "target", note_text(key));
	series_append(&model->notes, key);
}

/* Everything from a note on, or from where one was, for a short or a long stretch. */
static void model_drop_notes(struct model *model)
{
	uint64_t first = 1 + random_next(&model->random) % model->next;
	uint64_t last = first + below(model, below(model, 4) ? 10 : 2000);

	writer_drop(&model->fixture->writer, first, last);
	for (uint64_t key; (key = series_after(&model->notes, first - 1)) && key <= last;)
		series_remove(&model->notes, key);
}

static void model_commit(struct model *model)
{
	fixture_commit(model->fixture);
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
	tidy_all(model->fixture->store);
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

static int take_note(void *arg, uint64_t key, uint64_t subscription, struct str target, int64_t ct_us, uint32_t flags,
		     size_t size)
{
	struct model *model = arg;

	assert_int_equal(key, series_after(&model->notes, model->loaded_note));
	assert_int_equal(subscription, key % 9);
	assert_true(str_eq(target, STR("target")));
	assert_int_equal(ct_us, key * 1000);
	assert_int_equal(flags, key % 7);
	assert_int_equal(size, note_text(key).len);
	model->loaded_note = key;
	return 0;
}

static void model_check_notes(const struct model *model)
{
	for (uint64_t key = 1; key <= model->next; key++) {
		if (series_contains(&model->notes, key))
			assert_true(has_note(model->fixture->store, key, note_text(key)));
		else
			assert_true(lacks_note(model->fixture->store, key));
	}
}

static void model_check_reads(struct model *model)
{
	model_check_notes(model);
	for (uint64_t parent = 1; parent <= PARENTS; parent++)
		for (uint64_t key = model->series[parent].first; key; key = series_after(&model->series[parent], key))
			assert_true(has_instance(model->fixture->store, key, parent,
						 str_make(body, model->sizes[key] - 1)));
}

static void model_restart(struct model *model)
{
	static const struct store_visitor visitor = {
		.chunk = take_chunk, .gone = take_gone, .tail = take_tail, .note = take_note};
	struct store *store;

	if (!model->fixture->store->ops->is_durable)
		return;
	fixture_reopen(model->fixture);
	store = model->fixture->store;
	model->loaded_note = 0;
	assert_int_equal(store->ops->load(store, &visitor, model), 0);
	assert_int_equal(series_after(&model->notes, model->loaded_note), 0);
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
		for (unsigned n = below(model, 100); n > 0 && model->next < KEYS; n--)
			model_add_note(model);
		for (unsigned n = below(model, 10); n > 0; n--)
			model_drop_notes(model);
		model_commit(model);
		if (below(model, 8) == 0)
			model_snapshot(model);
		if (below(model, 15) == 0)
			model_purge(model);
		if (below(model, 4) == 0)
			(void)!model->fixture->store->ops->tidy(model->fixture->store);
		if (below(model, 15) == 0)
			model_restart(model);
	}
	model_check_reads(model);
	series_finish(&model->notes);
	for (uint64_t parent = 1; parent <= PARENTS; parent++) {
		series_finish(&model->series[parent]);
		strbuf_finish(&model->chunks[parent]);
	}
	free(model);
}

int main(void)
{
	static const struct CMUnitTest rules[] = {
		RULE(a_model_and_the_store_agree_after_every_restart),
	};

	return run_over_every_store(rules, sizeof(rules) / sizeof(rules[0]));
}
