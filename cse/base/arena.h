/* arena: memory that lives as long as one request and is dropped as a whole.
 * Allocation never returns NULL: what is taken is bounded beforehand by the limits on input, and a machine without
 * memory for it ends the process (die_out_of_memory in error.h). Zero-cost to reset: the first block is kept. */
#ifndef CSE_BASE_ARENA_H
#define CSE_BASE_ARENA_H

#include "cse/base/str.h"

struct arena_block;

struct arena {
	struct arena_block *blocks; /* newest first */
	char *next, *end;
};

void arena_init(struct arena *arena);
/* Drops everything allocated; keeps one block for the next use. */
void arena_reset(struct arena *arena);
void arena_finish(struct arena *arena);

/* size bytes, aligned for any type, not cleared / cleared. */
void *arena_alloc(struct arena *arena, size_t size);
void *arena_zalloc(struct arena *arena, size_t size);
struct str arena_copy(struct arena *arena, struct str s);
/* A NUL-terminated copy. */
char *arena_cstr(struct arena *arena, struct str s);
struct str arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* a, b and c one after the other (absent ones count as empty). */
struct str arena_join(struct arena *arena, struct str a, struct str b, struct str c);

#endif
