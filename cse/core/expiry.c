/* The heap of expiration times. */
#include "cse/core/expiry.h"

#include "cse/base/error.h"

#include <stdlib.h>

static void place(struct expiry_heap *heap, size_t at, struct expiry *expiry)
{
	heap->items[at] = expiry;
	expiry->slot = at + 1;
}

static void sift_up(struct expiry_heap *heap, size_t at, struct expiry *expiry)
{
	while (at > 0 && heap->items[(at - 1) / 2]->due_us > expiry->due_us) {
		place(heap, at, heap->items[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	place(heap, at, expiry);
}

static void sift_down(struct expiry_heap *heap, size_t at, struct expiry *expiry)
{
	for (;;) {
		size_t child = 2 * at + 1;

		if (child >= heap->count)
			break;
		if (child + 1 < heap->count && heap->items[child + 1]->due_us < heap->items[child]->due_us)
			child++;
		if (heap->items[child]->due_us >= expiry->due_us)
			break;
		place(heap, at, heap->items[child]);
		at = child;
	}
	place(heap, at, expiry);
}

void expiry_clear(struct expiry_heap *heap, struct expiry *expiry)
{
	size_t at = expiry->slot - 1;
	struct expiry *last;

	if (expiry->slot == 0)
		return;
	expiry->slot = 0;
	last = heap->items[--heap->count];
	if (last == expiry)
		return;
	if (at > 0 && heap->items[(at - 1) / 2]->due_us > last->due_us)
		sift_up(heap, at, last);
	else
		sift_down(heap, at, last);
}

void expiry_set(struct expiry_heap *heap, struct expiry *expiry, int64_t due_us)
{
	expiry_clear(heap, expiry);
	expiry->due_us = due_us;
	if (due_us == EXPIRY_NEVER)
		return;
	if (heap->count == heap->cap) {
		heap->cap = heap->cap ? heap->cap * 2 : 64;
		heap->items = xrealloc(heap->items, heap->cap * sizeof(struct expiry *));
	}
	sift_up(heap, heap->count++, expiry);
}

struct expiry *expiry_first(const struct expiry_heap *heap)
{
	return heap->count ? heap->items[0] : NULL;
}

void expiry_finish(struct expiry_heap *heap)
{
	free(heap->items);
	*heap = (struct expiry_heap){0};
}
