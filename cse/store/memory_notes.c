/* The memory store's notes. Keys only grow, so adding is appending; a note dropped keeps its place until half of the
 * places are kept by such, so that dropping one out of a million moves none of the others. */
#include "cse/store/memory_notes.h"

#include "cse/base/error.h"

#include <stdbool.h>
#include <stdlib.h>

/* Room beyond twice what is there, so that a handful of notes that come and go need no new array. */
enum { SPARE = 64 };

void memory_notes_finish(struct memory_notes *notes)
{
	for (size_t i = 0; i < notes->count; i++)
		free(notes->items[i].text);
	free(notes->items);
}

static void set_capacity(struct memory_notes *notes)
{
	notes->cap = notes->count * 2 + SPARE;
	notes->items = xrealloc(notes->items, notes->cap * sizeof(*notes->items));
}

void memory_notes_add(struct memory_notes *notes, struct memory_note note)
{
	ASSERT(note.key > notes->last);
	if (notes->count == notes->cap)
		set_capacity(notes);
	notes->items[notes->count++] = note;
	notes->last = note.key;
}

/* The place of the first note whose key is not below this one. */
static size_t place_of(const struct memory_notes *notes, uint64_t key)
{
	size_t low = 0, high = notes->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (notes->items[middle].key < key)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void close_gaps(struct memory_notes *notes)
{
	size_t kept = 0;

	for (size_t i = 0; i < notes->count; i++)
		if (notes->items[i].text)
			notes->items[kept++] = notes->items[i];
	notes->count = kept;
	notes->dropped = 0;
	set_capacity(notes);
}

void memory_notes_drop(struct memory_notes *notes, uint64_t first, uint64_t last)
{
	for (size_t at = place_of(notes, first); at < notes->count && notes->items[at].key <= last; at++) {
		struct memory_note *note = &notes->items[at];

		notes->dropped += note->text != NULL;
		free(note->text);
		note->text = NULL;
	}
	if (notes->dropped > notes->count / 2)
		close_gaps(notes);
}

const struct memory_note *memory_notes_find(const struct memory_notes *notes, uint64_t key)
{
	size_t at = place_of(notes, key);
	bool is_there = at < notes->count && notes->items[at].key == key && notes->items[at].text;

	return is_there ? &notes->items[at] : NULL;
}
