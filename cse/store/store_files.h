/* store_files: stores as files, for whoever operates them: copies, checks, and looking without touching. Beside
 * store.h, as none of it is on a request's path. All functions return 0 or a negative error with a sentence in message.
 */
#ifndef CSE_STORE_STORE_FILES_H
#define CSE_STORE_STORE_FILES_H

#include "cse/base/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

/* What inspect saw. */
struct store_facts {
	unsigned format;
	bool is_current; /* the format that this version writes: open_readonly takes it */
	uint64_t pages, page_size;
	uint64_t resources, instances; /* rows */
};

/* Paths are those of database files. None of these waits for a server that uses the store, or keeps it waiting. */
struct store_files {
	/* Reads all of a file: is it a store, readable by this version, and whole? Also of a backup and of an older
	 * format. Changes nothing. ERROR_CORRUPT, ERROR_NEWER_FORMAT, -ENOENT. */
	int (*inspect)(const char *path, struct store_facts *facts, char *message, size_t size);
	/* As store_ops.open, on a store as it is at this moment: it can be loaded and read, also while a server uses
	 * it, and what is written to it is forgotten. */
	int (*open_readonly)(const char *path, struct log *log, struct store **store, char *message, size_t size);
	/* Copies a store, as it is at one moment, into a new file, which is checked and durable on 0. -EEXIST: target
	 * is there, or what an interrupted backup left, target.partial. */
	int (*backup)(const char *path, const char *target, char *message, size_t size);
	/* Puts a checked copy of the file `source` in the place of a store that nobody uses (else ERROR_BUSY); all or
	 * nothing, also when the machine stops halfway. What was there is kept under the name aside (NULL: removed);
	 * *kept: there was something. The names are put into path's directory. */
	int (*restore)(const char *path, const char *source, const char *aside, bool *kept, char *message, size_t size);
};

#endif
