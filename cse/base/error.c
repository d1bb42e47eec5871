/* error: the sentences for error numbers, and the allocations that end the process when there is no memory. */
#include "cse/base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	int error;
	const char *text;
} own_errors[] = {
	{ERROR_CORRUPT, "stored data cannot be read"},
	{ERROR_NEWER_FORMAT, "the store was written by a later version"},
	{ERROR_BUSY, "in use by another process"},
	{ERROR_FULL, "no room on the device"},
	{ERROR_IO, "input/output error"},
	{ERROR_LIMIT, "a configured limit is reached"},
	{ERROR_FORMAT, "not of the expected form"},
};

const char *error_text(int error)
{
	const char *text = NULL;

	for (size_t i = 0; i < sizeof(own_errors) / sizeof(own_errors[0]); i++)
		if (own_errors[i].error == error)
			return own_errors[i].text;
	if (error <= 0 && error > -1000)
		text = strerrordesc_np(-error);
	return text ? text : "unknown error";
}

_Noreturn void die_out_of_memory(size_t size)
{
	fprintf(stderr, "copse: out of memory (%zu bytes wanted)\n", size);
	abort();
}

void *xmalloc(size_t size)
{
	void *ptr = malloc(size ? size : 1);

	if (!ptr)
		die_out_of_memory(size);
	return ptr;
}

void *xzalloc(size_t size)
{
	void *ptr = calloc(1, size ? size : 1);

	if (!ptr)
		die_out_of_memory(size);
	return ptr;
}

void *xrealloc(void *ptr, size_t size)
{
	void *grown = realloc(ptr, size ? size : 1);

	if (!grown)
		die_out_of_memory(size);
	return grown;
}

_Noreturn void assertion_failed(const char *expression, const char *file, int line)
{
	fprintf(stderr, "copse: assertion failed: %s (%s:%d)\n", expression, file, line);
	abort();
}
