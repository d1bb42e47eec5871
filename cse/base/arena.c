/* arena: blocks of memory handed out front to back and dropped together. */
#include "cse/base/arena.h"

#include "cse/base/error.h"

#include <stdarg.h>
#include <stdio.h>

struct arena_block {
	struct arena_block *older;
	size_t size;
	_Alignas(max_align_t) char bytes[];
};

enum { BLOCK_SIZE = 4096 - sizeof(struct arena_block), ALIGNMENT = _Alignof(max_align_t) };

void arena_init(struct arena *arena)
{
	*arena = (struct arena){0};
}

static void use_block(struct arena *arena, struct arena_block *block)
{
	arena->blocks = block;
	arena->next = block ? block->bytes : NULL;
	arena->end = block ? block->bytes + block->size : NULL;
}

void arena_reset(struct arena *arena)
{
	struct arena_block *kept = NULL, *older;

	for (struct arena_block *block = arena->blocks; block; block = older) {
		older = block->older;
		if (!kept && block->size == BLOCK_SIZE)
			kept = block;
		else
			free(block);
	}
	if (kept)
		kept->older = NULL;
	use_block(arena, kept);
}

void arena_finish(struct arena *arena)
{
	arena_reset(arena);
	free(arena->blocks);
	arena_init(arena);
}

static struct arena_block *block_create(size_t size)
{
	struct arena_block *block;

	if (size > SIZE_MAX - sizeof(*block))
		die_out_of_memory(size);
	block = xmalloc(sizeof(*block) + size);
	block->size = size;
	block->older = NULL;
	return block;
}

/* A large piece gets a block of its own behind the current one, whose rest stays in use. */
static void *alloc_apart(struct arena *arena, size_t size)
{
	struct arena_block *block = block_create(size);

	if (arena->blocks) {
		block->older = arena->blocks->older;
		arena->blocks->older = block;
	} else {
		arena->blocks = block;
		arena->next = arena->end = block->bytes + size;
	}
	return block->bytes;
}

static void *alloc_in_new_block(struct arena *arena, size_t size)
{
	struct arena_block *block;
	void *ptr;

	if (size > BLOCK_SIZE / 4)
		return alloc_apart(arena, size);
	block = block_create(BLOCK_SIZE);
	block->older = arena->blocks;
	use_block(arena, block);
	ptr = arena->next;
	arena->next += size;
	return ptr;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	size_t room = (size_t)(arena->end - arena->next);
	void *ptr = arena->next;

	if (size > SIZE_MAX - ALIGNMENT)
		die_out_of_memory(size);
	size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	if (!ptr || size > room)
		return alloc_in_new_block(arena, size);
	arena->next += size;
	return ptr;
}

void *arena_zalloc(struct arena *arena, size_t size)
{
	return memset(arena_alloc(arena, size), 0, size);
}

char *arena_cstr(struct arena *arena, struct str s)
{
	char *copy = arena_alloc(arena, s.len + 1);

	if (s.len)
		memcpy(copy, s.ptr, s.len);
	copy[s.len] = '\0';
	return copy;
}

struct str arena_copy(struct arena *arena, struct str s)
{
	return s.ptr ? str_make(arena_cstr(arena, s), s.len) : s;
}

struct str arena_printf(struct arena *arena, const char *format, ...)
{
	char short_text[256], *text;
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(short_text, sizeof(short_text), format, args);
	va_end(args);
	ASSERT(len >= 0);
	if ((size_t)len < sizeof(short_text))
		return arena_copy(arena, str_make(short_text, (size_t)len));
	text = arena_alloc(arena, (size_t)len + 1);
	va_start(args, format);
	vsnprintf(text, (size_t)len + 1, format, args);
	va_end(args);
	return str_make(text, (size_t)len);
}

static char *append(char *to, struct str s)
{
	if (s.len)
		memcpy(to, s.ptr, s.len);
	return to + s.len;
}

struct str arena_join(struct arena *arena, struct str a, struct str b, struct str c)
{
	size_t len = a.len + b.len + c.len;
	char *text = arena_alloc(arena, len + 1);

	*append(append(append(text, a), b), c) = '\0';
	return str_make(text, len);
}
