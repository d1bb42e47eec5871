/* error: what the floors below core return, and how the process ends when nothing else is left.
 * Functions return 0 or a negative error: -errno, or one of enum error below -1000. */
#ifndef CSE_BASE_ERROR_H
#define CSE_BASE_ERROR_H

#include <stddef.h>

enum error {
	ERROR_CORRUPT = -1001,	    /* stored data that cannot be read */
	ERROR_NEWER_FORMAT = -1002, /* a store written by a later version */
	ERROR_BUSY = -1003,	    /* somebody else holds it */
	ERROR_FULL = -1004,	    /* no room on the device */
	ERROR_IO = -1005,
	ERROR_LIMIT = -1006,  /* a configured bound is reached */
	ERROR_FORMAT = -1007, /* input that is not of the expected form */
};

#define WARN_UNUSED __attribute__((warn_unused_result))

/* A sentence for an error number; never NULL, static storage. */
const char *error_text(int error);

/* Prints one line and aborts. */
_Noreturn void die_out_of_memory(size_t size);

/* malloc, calloc, realloc that do not return NULL. */
void *xmalloc(size_t size);
void *xzalloc(size_t size);
void *xrealloc(void *ptr, size_t size);

/* Always on; for faults of the program, never for a peer's input. */
_Noreturn void assertion_failed(const char *expression, const char *file, int line);
#define ASSERT(expression) ((expression) ? (void)0 : assertion_failed(#expression, __FILE__, __LINE__))

#endif
