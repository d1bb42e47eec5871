/* skips: what a transport's serialization cannot say, and scenarios therefore leave out over it: rows of skips.txt. A
 * statement may fail as its row says; how many do is counted, so that nothing is left out unseen or for no reason. */
#ifndef TESTS_SCENARIO_SKIPS_H
#define TESTS_SCENARIO_SKIPS_H

#include "cse/base/arena.h"
#include "tests/scenario/coverage.h"

struct skip {
	struct skip *next;
	struct str transport, file, title;
	uint64_t count;	  /* failures */
	struct str words; /* in each of them */
	struct str reason;
	uint64_t met;
};

struct skips {
	struct skip *first;
};

/* The rows of text, which outlives them: TRANSPORT | FILE | TITLE | COUNT | WORDS | REASON. 0, or -1: a row has another
 * form. */
int skips_parse(struct skips *skips, struct str text, struct arena *arena);
/* Is this failure listed? It is counted if so. */
bool skips_take(struct skips *skips, const char *transport, const char *path, struct str title, const char *failure);
/* A test point for each row of the transport; NULL: of all that this build has. */
void skips_report(const struct skips *skips, struct tap *tap, const char *transport);

#endif
