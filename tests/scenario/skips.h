/* skips: what a transport's serialization cannot say, and scenarios therefore leave out over it: rows of skips.txt. A
 * statement may fail as its row says; how many do is counted, so that nothing is left out unseen or for no reason. */
#ifndef TESTS_SCENARIO_SKIPS_H
#define TESTS_SCENARIO_SKIPS_H

#include "cse/base/arena.h"
#include "tests/scenario/coverage.h"

struct skip {
	struct skip *next;
	const char *transport;
	struct str file, title;
	uint64_t count;	  /* failures */
	struct str words; /* in each of them */
	struct str reason;
	uint64_t met;
};

struct skips {
	struct skip *first;
};

/* The rows of text, which outlives them: TRANSPORTS | FILE | TITLE | COUNT | WORDS | REASON, for each of the transports
 * (NULL at the end) that a pattern of the first column names. 0, or -1: a row has another form. */
int skips_parse(struct skips *skips, struct str text, const char *const *transports, struct arena *arena);
/* Is this failure listed? It is counted if so. */
bool skips_take(struct skips *skips, const char *transport, const char *path, struct str title, const char *failure);
/* Failures over a transport that were listed. */
uint64_t skips_met(const struct skips *skips, const char *transport);
/* A test point for each row of the transport; NULL: of all. */
void skips_report(const struct skips *skips, struct tap *tap, const char *transport);

#endif
