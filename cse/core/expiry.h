/* expiry: when resources end. A binary heap of points in time; the sweeper deletes what is due, in bounded slices,
 * through the same procedure as a DELETE (TS-0004 7.3.3.5). */
#ifndef CSE_CORE_EXPIRY_H
#define CSE_CORE_EXPIRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXPIRY_NEVER INT64_MAX

/* A point in time of somebody; lives in its struct. */
struct expiry {
	int64_t due_us; /* wall clock; EXPIRY_NEVER: not in the heap */
	size_t slot;	/* index in the heap + 1; 0: not in it */
	bool is_look;	/* of a struct instances: time to look at the oldest one */
};

struct expiry_heap {
	struct expiry **items;
	size_t count, cap;
};

void expiry_set(struct expiry_heap *heap, struct expiry *expiry, int64_t due_us);
void expiry_clear(struct expiry_heap *heap, struct expiry *expiry);
/* The earliest, or NULL. */
struct expiry *expiry_first(const struct expiry_heap *heap);
void expiry_finish(struct expiry_heap *heap);

#endif
