/* series: the keys of one parent's instances, ascending, about 2.5 bytes each.
 * 128-byte chunks (32 and 64 for short ones) of varint deltas; pure memory, no I/O.
 *
 * Each chunk has a snapshot number, ascending along the series; appending counts up, and a chunk keeps its number for
 * life. Where a number would have to go between two neighbours (series_restore split a chunk in the middle), all chunks
 * are numbered anew: the next snapshot then starts by dropping everything stored (CHUNK_ALL) and writes the series
 * whole. */
#ifndef CSE_STORE_SERIES_H
#define CSE_STORE_SERIES_H

#include "cse/base/error.h"
#include "cse/base/str.h"

/* As the number of an empty chunk: all chunks stored for this series go (not what is under CHUNK_HEADER). */
#define CHUNK_ALL UINT32_C(0xffffffff)
/* Never used by a series: under it the caller may store what it keeps about the series (counts, sums) as one more
 * chunk. */
#define CHUNK_HEADER UINT32_C(0xfffffffe)

struct series_chunk;

struct series {
	struct series_chunk **chunks; /* the series is chunks[skip] to chunks[skip + chunk_count - 1] */
	uint32_t chunk_count, chunk_cap, skip;
	uint32_t first_number; /* of the first chunk, or of the next one to come; grows as chunks are dropped at the
				  front */
	uint32_t saved_first, saved_end; /* numbers that may be stored: [saved_first, saved_end) */
	bool rewrite;			 /* the stored chunks are of no use any more */
	uint64_t count;			 /* keys */
	uint64_t first, last;		 /* valid if count > 0 */
};

/* {0} is an empty series. */
void series_finish(struct series *series);
/* key must be greater than every key in it. */
void series_append(struct series *series, uint64_t key);
/* false if it was not there. O(chunk) at the front, back or anywhere. */
bool series_remove(struct series *series, uint64_t key);
/* Puts back a key that series_remove took (an undo); anywhere. */
void series_restore(struct series *series, uint64_t key);
bool series_contains(const struct series *series, uint64_t key);
/* The smallest key > key / the largest key < key; 0 if there is none (0 is never a key). */
uint64_t series_after(const struct series *series, uint64_t key);
uint64_t series_before(const struct series *series, uint64_t key);

/* Snapshots. Calls back for each chunk changed since the last call; a dropped one with an empty text, CHUNK_ALL with an
 * empty text first when everything stored is to go. The text is valid only during the callback. Marks them clean. All
 * of one call belongs into one transaction; if that fails, call series_mark_unsaved. */
void series_each_dirty(struct series *series, void (*each)(void *arg, uint32_t number, struct str text), void *arg);
/* What series_each_dirty gave was not stored: the next call gives the whole series, after CHUNK_ALL. */
void series_mark_unsaved(struct series *series);
/* Appends a chunk saved by series_each_dirty; numbers ascending. ERROR_CORRUPT if it is not one. */
WARN_UNUSED int series_load_chunk(struct series *series, uint32_t number, struct str text);
/* Bytes of memory it takes. */
size_t series_memory(const struct series *series);

#endif
