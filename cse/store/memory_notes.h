/* memory_notes: the notes of the memory store, an array in key order. Pure memory, no locks. */
#ifndef CSE_STORE_MEMORY_NOTES_H
#define CSE_STORE_MEMORY_NOTES_H

#include <stddef.h>
#include <stdint.h>

struct memory_note {
	uint64_t key;
	char *text; /* its own, never NULL but for a note that is dropped */
	size_t len;
};

struct memory_notes {
	struct memory_note *items;
	size_t count, cap, dropped; /* dropped: how many of count keep only their place; at most half of them */
	uint64_t last;		    /* the largest key ever added */
};

/* {0} is a valid empty one. */
void memory_notes_finish(struct memory_notes *notes);
/* Takes note.text over. The key must be above notes->last. */
void memory_notes_add(struct memory_notes *notes, struct memory_note note);
/* Drops what there is from key first to key last. O(log n) and what lies in between. */
void memory_notes_drop(struct memory_notes *notes, uint64_t first, uint64_t last);
/* NULL: there is none. Valid until the next change. */
const struct memory_note *memory_notes_find(const struct memory_notes *notes, uint64_t key);

#endif
