/* helpers: what the tests of the stores share. */
#ifndef TESTS_STORE_HELPERS_H
#define TESTS_STORE_HELPERS_H

#include "cse/store/store.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define MINUTE_US INT64_C(60000000)

/* A change list under construction. Texts are not copied. */
struct writer {
	struct list changes;
	struct change items[4096];
	unsigned count;
};

void writer_init(struct writer *writer);
struct change *writer_change(struct writer *writer, enum change_kind kind, uint64_t key, uint64_t parent);
struct change *writer_add(struct writer *writer, uint64_t key, uint64_t parent, struct str text);
struct change *writer_add_named(struct writer *writer, uint64_t key, uint64_t parent, const char *name);
struct change *writer_add_expiring(struct writer *writer, uint64_t key, uint64_t parent, int64_t et_us);
struct change *writer_chunk(struct writer *writer, uint64_t parent, uint32_t number, struct str text);
/* The chunks of a series that changed; their texts are kept in buf until the next call. */
void writer_series(struct writer *writer, uint64_t parent, struct series *series, struct strbuf *buf);
struct change *writer_note(struct writer *writer, uint64_t key, uint64_t subscription, const char *target,
			   struct str text);
/* Drops the notes with these keys and those in between. */
void writer_drop(struct writer *writer, uint64_t first, uint64_t last);
struct change *writer_meta(struct writer *writer, const char *name, const char *text);
/* One transaction with all of it; the writer is empty afterwards. */
int writer_commit(struct writer *writer, struct store *store);

/* A new directory of its own under TMPDIR or /tmp; remove deletes it with what is in it. */
void directory_make(char path[64]);
void directory_remove(const char *path);

/* The whole of a file. */
void file_read(const char *path, struct strbuf *buf);
void file_write(const char *path, struct str content);
long file_size(const char *path);

/* A series of numbers that look random and are the same in every run. */
uint64_t random_next(uint64_t *state);

/* Is the instance there? Its parent and text have to be these. */
bool has_instance(struct store *store, uint64_t key, uint64_t parent, struct str text);
bool is_absent(struct store *store, uint64_t key);
/* Is the note there? Its text has to be this. */
bool has_note(struct store *store, uint64_t key, struct str text);
bool lacks_note(struct store *store, uint64_t key);
void tidy_all(struct store *store);

#endif
