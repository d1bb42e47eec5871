/* Series of keys in chunks. The first and the last chunk always hold a key; one in between that was emptied stays,
 * without keys, until a snapshot has announced that it is gone. */
#include "cse/store/series.h"

#include "cse/store/varint.h"

#include <stdlib.h>

struct series_chunk {
	uint64_t first; /* the first key; of an emptied chunk the last one that was */
	uint32_t number;
	uint8_t count, used, room; /* keys; bytes of deltas, and how many there may be */
	bool is_dirty;
	uint8_t deltas[];
};

/* With the header and malloc's own word these are blocks of 32, 64 and 128 bytes. */
static const uint8_t rooms[] = {8, 40, 104};
enum { MOST_ROOM = 104, MOST_KEYS = MOST_ROOM + 1, MALLOC_OVERHEAD = 8 };

/* A walk along the keys of a chunk. */
struct cursor {
	const struct series_chunk *chunk;
	uint64_t key;
	size_t at, next; /* where the delta to key begins and ends; both 0 at the first key */
};

static struct series_chunk *chunk_at(const struct series *series, uint32_t i)
{
	return series->chunks[series->skip + i];
}

static struct series_chunk *last_chunk(const struct series *series)
{
	return chunk_at(series, series->chunk_count - 1);
}

static struct cursor cursor_first(const struct series_chunk *chunk)
{
	return (struct cursor){chunk, chunk->first, 0, 0};
}

static bool cursor_next(struct cursor *cursor)
{
	const struct series_chunk *chunk = cursor->chunk;
	uint64_t delta = 0;

	if (cursor->next >= chunk->used)
		return false;
	cursor->at = cursor->next;
	cursor->next += varint_get(chunk->deltas + cursor->at, chunk->used - cursor->at, &delta);
	cursor->key += delta;
	return true;
}

/* The largest key of a chunk with keys that is not above limit, which its first key is not. */
static uint64_t chunk_last_upto(const struct series_chunk *chunk, uint64_t limit)
{
	struct cursor cursor = cursor_first(chunk);
	uint64_t last = cursor.key;

	while (cursor_next(&cursor) && cursor.key <= limit)
		last = cursor.key;
	return last;
}

/* The number of chunks whose first key is not above key: the one before that is where key belongs. */
static uint32_t chunks_upto(const struct series *series, uint64_t key)
{
	uint32_t low = 0, high = series->chunk_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (chunk_at(series, middle)->first <= key)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static uint8_t room_for(size_t used)
{
	size_t i = 0;

	while (rooms[i] < used)
		i++;
	return rooms[i];
}

static struct series_chunk *chunk_create(uint64_t first, uint32_t number, size_t used)
{
	uint8_t room = room_for(used);
	struct series_chunk *chunk = xmalloc(sizeof(*chunk) + room);

	*chunk = (struct series_chunk){.first = first, .number = number, .count = 1, .room = room, .is_dirty = true};
	return chunk;
}

static struct series_chunk *chunk_grow(struct series_chunk *chunk, size_t used)
{
	if (used <= chunk->room)
		return chunk;
	chunk->room = room_for(used);
	return xrealloc(chunk, sizeof(*chunk) + chunk->room);
}

/* ---- the table of chunks ---- */

static void table_resize(struct series *series)
{
	uint32_t cap = series->chunk_count + series->chunk_count / 4 + 1;

	if (series->skip)
		memmove(series->chunks, series->chunks + series->skip, series->chunk_count * sizeof(*series->chunks));
	series->skip = 0;
	if (cap > series->chunk_cap || cap < series->chunk_cap / 2) {
		series->chunks = xrealloc(series->chunks, cap * sizeof(*series->chunks));
		series->chunk_cap = cap;
	}
}

static void table_insert(struct series *series, uint32_t i, struct series_chunk *chunk)
{
	struct series_chunk **table;

	if (i == 0 && series->skip > 0) {
		series->skip--;
	} else {
		if (series->skip + series->chunk_count == series->chunk_cap)
			table_resize(series);
		table = series->chunks + series->skip;
		memmove(table + i + 1, table + i, (series->chunk_count - i) * sizeof(*table));
	}
	series->chunks[series->skip + i] = chunk;
	series->chunk_count++;
	series->first_number = chunk_at(series, 0)->number;
}

/* Frees a chunk and takes it from the table. */
static void table_remove(struct series *series, uint32_t i)
{
	struct series_chunk **table = series->chunks + series->skip;
	uint32_t number = table[i]->number;

	free(table[i]);
	series->chunk_count--;
	if (i == 0)
		series->skip++;
	else
		memmove(table + i, table + i + 1, (series->chunk_count - i) * sizeof(*table));
	series->first_number = series->chunk_count ? chunk_at(series, 0)->number : number + 1;
	if (series->skip > 64 && series->skip > series->chunk_count)
		table_resize(series);
}

/* Takes away what holds no keys at the front and the back, and in between what was never stored. */
static void table_trim(struct series *series, uint32_t i)
{
	const struct series_chunk *emptied = chunk_at(series, i);

	if (emptied->number < series->saved_first || emptied->number >= series->saved_end)
		table_remove(series, i);
	while (series->chunk_count && chunk_at(series, 0)->count == 0)
		table_remove(series, 0);
	while (series->chunk_count && last_chunk(series)->count == 0)
		table_remove(series, series->chunk_count - 1);
}

/* Numbers all chunks from 0 on. */
static void renumber(struct series *series)
{
	for (uint32_t i = 0; i < series->chunk_count; i++)
		chunk_at(series, i)->number = i;
	series->first_number = 0;
	series->rewrite = true;
}

static uint32_t next_number(struct series *series)
{
	uint32_t number = series->chunk_count ? last_chunk(series)->number + 1 : series->first_number;

	if (number < CHUNK_HEADER)
		return number;
	renumber(series);
	return series->chunk_count;
}

/* ---- keys ---- */

void series_finish(struct series *series)
{
	for (uint32_t i = 0; i < series->chunk_count; i++)
		free(chunk_at(series, i));
	free(series->chunks);
	*series = (struct series){0};
}

void series_append(struct series *series, uint64_t key)
{
	uint8_t delta[VARINT_MAX];
	size_t len = varint_put(delta, key - series->last);
	uint32_t i = series->chunk_count;
	struct series_chunk *chunk;

	ASSERT(key > series->last);
	if (i && last_chunk(series)->used + len <= MOST_ROOM) {
		chunk = chunk_grow(last_chunk(series), last_chunk(series)->used + len);
		series->chunks[series->skip + i - 1] = chunk;
		memcpy(chunk->deltas + chunk->used, delta, len);
		chunk->used = (uint8_t)(chunk->used + len);
		chunk->count++;
		chunk->is_dirty = true;
	} else {
		table_insert(series, i, chunk_create(key, next_number(series), 0));
	}
	if (series->count++ == 0)
		series->first = key;
	series->last = key;
}

static void take_bytes(struct series_chunk *chunk, size_t at, size_t len)
{
	memmove(chunk->deltas + at, chunk->deltas + at + len, chunk->used - at - len);
	chunk->used = (uint8_t)(chunk->used - len);
}

/* Takes the key the cursor stands at, which is not the chunk's only one. */
static void chunk_take(struct series_chunk *chunk, struct cursor cursor)
{
	size_t len = cursor.next - cursor.at;
	struct cursor after = cursor;
	uint8_t delta[VARINT_MAX];

	if (!cursor_next(&after)) {
		take_bytes(chunk, cursor.at, len);
	} else if (len == 0) {
		chunk->first = after.key;
		take_bytes(chunk, 0, after.next);
	} else {
		uint64_t before = chunk_last_upto(chunk, cursor.key - 1);

		len = varint_put(delta, after.key - before);
		take_bytes(chunk, cursor.at, after.next - cursor.at - len);
		memcpy(chunk->deltas + cursor.at, delta, len);
	}
}

static bool find(const struct series *series, uint64_t key, uint32_t *i, struct cursor *cursor)
{
	uint32_t upto = chunks_upto(series, key);

	if (upto == 0)
		return false;
	*i = upto - 1;
	*cursor = cursor_first(chunk_at(series, *i));
	if (cursor->chunk->count == 0)
		return false;
	while (cursor->key < key && cursor_next(cursor))
		;
	return cursor->key == key;
}

bool series_contains(const struct series *series, uint64_t key)
{
	struct cursor cursor;
	uint32_t i;

	return find(series, key, &i, &cursor);
}

bool series_remove(struct series *series, uint64_t key)
{
	struct series_chunk *chunk;
	struct cursor cursor;
	uint32_t i;

	if (!find(series, key, &i, &cursor))
		return false;
	chunk = chunk_at(series, i);
	chunk->is_dirty = true;
	series->count--;
	if (--chunk->count > 0)
		chunk_take(chunk, cursor);
	else
		table_trim(series, i);
	if (key == series->first)
		series->first = series->count ? chunk_at(series, 0)->first : 0;
	if (key == series->last)
		series->last = series->count ? chunk_last_upto(last_chunk(series), key) : 0;
	return true;
}

uint64_t series_after(const struct series *series, uint64_t key)
{
	uint32_t i = chunks_upto(series, key);

	if (i > 0 && chunk_at(series, i - 1)->count) {
		struct cursor cursor = cursor_first(chunk_at(series, i - 1));

		while (cursor_next(&cursor))
			if (cursor.key > key)
				return cursor.key;
	}
	for (; i < series->chunk_count; i++)
		if (chunk_at(series, i)->count)
			return chunk_at(series, i)->first;
	return 0;
}

uint64_t series_before(const struct series *series, uint64_t key)
{
	uint32_t i = key ? chunks_upto(series, key - 1) : 0;

	while (i > 0 && chunk_at(series, i - 1)->count == 0)
		i--;
	return i > 0 ? chunk_last_upto(chunk_at(series, i - 1), key - 1) : 0;
}

/* ---- putting back ---- */

static size_t bytes_of(const uint64_t *keys, size_t count)
{
	uint8_t delta[VARINT_MAX];
	size_t used = 0;

	for (size_t k = 1; k < count; k++)
		used += varint_put(delta, keys[k] - keys[k - 1]);
	return used;
}

/* Gives chunk i these keys instead of its own. */
static void chunk_set(struct series *series, uint32_t i, const uint64_t *keys, size_t count)
{
	struct series_chunk *chunk = chunk_grow(chunk_at(series, i), bytes_of(keys, count));

	series->chunks[series->skip + i] = chunk;
	chunk->first = keys[0];
	chunk->count = (uint8_t)count;
	chunk->used = 0;
	chunk->is_dirty = true;
	for (size_t k = 1; k < count; k++)
		chunk->used = (uint8_t)(chunk->used + varint_put(chunk->deltas + chunk->used, keys[k] - keys[k - 1]));
}

/* The keys of a chunk with one more; their number. */
static size_t keys_with(const struct series_chunk *chunk, uint64_t key, uint64_t keys[MOST_KEYS + 1])
{
	struct cursor cursor = cursor_first(chunk);
	size_t count = 0;
	bool more = chunk->count > 0;

	for (; more && cursor.key < key; more = cursor_next(&cursor))
		keys[count++] = cursor.key;
	keys[count++] = key;
	for (; more; more = cursor_next(&cursor))
		keys[count++] = cursor.key;
	return count;
}

/* A chunk that no longer fits becomes two; the second one's number must lie before that of its neighbour. */
static void chunk_split(struct series *series, uint32_t i, const uint64_t *keys, size_t count)
{
	size_t half = count / 2;
	uint32_t number = chunk_at(series, i)->number + 1;
	bool is_last = i + 1 == series->chunk_count;
	bool is_free = number < CHUNK_HEADER && (is_last || number < chunk_at(series, i + 1)->number);

	chunk_set(series, i, keys, half);
	table_insert(series, i + 1, chunk_create(keys[half], number, bytes_of(keys + half, count - half)));
	chunk_set(series, i + 1, keys + half, count - half);
	if (!is_free)
		renumber(series);
}

static void restore_in(struct series *series, uint32_t i, uint64_t key)
{
	uint64_t keys[MOST_KEYS + 1];
	size_t count = keys_with(chunk_at(series, i), key, keys);

	if (bytes_of(keys, count) <= MOST_ROOM)
		chunk_set(series, i, keys, count);
	else if (keys[0] == key && i == 0 && series->first_number > 0)
		table_insert(series, 0, chunk_create(key, series->first_number - 1, 0));
	else
		chunk_split(series, i, keys, count);
}

void series_restore(struct series *series, uint64_t key)
{
	uint32_t upto = chunks_upto(series, key);

	if (series->count == 0 || key > series->last) {
		series_append(series, key);
		return;
	}
	if (series_contains(series, key))
		return;
	restore_in(series, upto ? upto - 1 : 0, key);
	series->count++;
	if (key < series->first)
		series->first = key;
}

/* ---- snapshots ---- */

/* Writing all of it is less than naming each chunk that went. */
static bool wants_rewrite(const struct series *series)
{
	if (series->rewrite)
		return true;
	return series->saved_first < series->saved_end && series->first_number > series->saved_first &&
	       series->first_number - series->saved_first > series->chunk_count;
}

static void each_dropped(const struct series *series, void (*each)(void *, uint32_t, struct str), void *arg)
{
	uint32_t end = series->chunk_count ? last_chunk(series)->number + 1 : series->first_number;

	for (uint32_t number = series->saved_first; number < series->saved_end && number < series->first_number;
	     number++)
		each(arg, number, STR(""));
	for (uint32_t number = end > series->saved_first ? end : series->saved_first; number < series->saved_end;
	     number++)
		each(arg, number, STR(""));
}

static void chunk_give(const struct series_chunk *chunk, void (*each)(void *, uint32_t, struct str), void *arg)
{
	uint8_t text[VARINT_MAX + MOST_ROOM];
	size_t len = 0;

	if (chunk->count) {
		len = varint_put(text, chunk->first);
		memcpy(text + len, chunk->deltas, chunk->used);
		len += chunk->used;
	}
	each(arg, chunk->number, str_make((const char *)text, len));
}

void series_each_dirty(struct series *series, void (*each)(void *arg, uint32_t number, struct str text), void *arg)
{
	bool rewrite = wants_rewrite(series);

	if (rewrite)
		each(arg, CHUNK_ALL, STR(""));
	else
		each_dropped(series, each, arg);
	for (uint32_t i = 0; i < series->chunk_count;) {
		struct series_chunk *chunk = chunk_at(series, i);

		if (chunk->count ? rewrite || chunk->is_dirty : !rewrite)
			chunk_give(chunk, each, arg);
		chunk->is_dirty = false;
		if (chunk->count)
			i++;
		else
			table_remove(series, i);
	}
	series->saved_first = series->first_number;
	series->saved_end = series->chunk_count ? last_chunk(series)->number + 1 : series->first_number;
	series->rewrite = false;
}

void series_mark_unsaved(struct series *series)
{
	series->rewrite = true;
}

/* Are these bytes nothing but deltas? Counts them and adds them up. */
static bool deltas_are_good(const uint8_t *bytes, size_t size, uint8_t *count, uint64_t *last)
{
	uint64_t delta;

	if (size > MOST_ROOM)
		return false;
	for (size_t at = 0, len; at < size; at += len) {
		len = varint_get(bytes + at, size - at, &delta);
		if (len == 0 || delta == 0 || *last + delta < *last)
			return false;
		*last += delta;
		++*count;
	}
	return true;
}

int series_load_chunk(struct series *series, uint32_t number, struct str text)
{
	const uint8_t *bytes = (const uint8_t *)text.ptr;
	uint64_t first, last;
	size_t at = text.len ? varint_get(bytes, text.len, &first) : 0;
	uint8_t count = 1;
	struct series_chunk *chunk;

	if (at == 0 || first <= series->last || number >= CHUNK_HEADER)
		return ERROR_CORRUPT;
	if (series->chunk_count && number <= last_chunk(series)->number)
		return ERROR_CORRUPT;
	last = first;
	if (!deltas_are_good(bytes + at, text.len - at, &count, &last))
		return ERROR_CORRUPT;
	chunk = chunk_create(first, number, text.len - at);
	memcpy(chunk->deltas, bytes + at, text.len - at);
	chunk->used = (uint8_t)(text.len - at);
	chunk->count = count;
	chunk->is_dirty = false;
	table_insert(series, series->chunk_count, chunk);
	if (series->count == 0)
		series->first = first;
	series->count += count;
	series->last = last;
	series->saved_first = series->first_number;
	series->saved_end = number + 1;
	return 0;
}

size_t series_memory(const struct series *series)
{
	size_t size =
		sizeof(*series) + series->chunk_cap * sizeof(*series->chunks) + (series->chunks ? MALLOC_OVERHEAD : 0);

	for (uint32_t i = 0; i < series->chunk_count; i++)
		size += sizeof(struct series_chunk) + chunk_at(series, i)->room + MALLOC_OVERHEAD;
	return size;
}
