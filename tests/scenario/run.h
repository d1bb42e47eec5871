/* run: one scenario against one CSE over one transport. */
#ifndef TESTS_SCENARIO_RUN_H
#define TESTS_SCENARIO_RUN_H

#include "tests/scenario/coverage.h"
#include "tests/scenario/scenario.h"
#include "tests/scenario/skips.h"
#include "tests/scenario/transport.h"

struct torture;

struct run {
	const char *path;
	const struct scenario *scenario;
	const struct transport *transport;
	const char *listen; /* of the binding; NULL: a free port of loopback */
	struct coverage *coverage;
	struct skips *skips;
	struct world world;
	struct arena arena;
	struct variables variables;
	struct str originator;
	struct peer peer;
	unsigned requests;
	bool keeps_going;	 /* after a failure, with the next statement */
	struct torture *torture; /* NULL: the scenario's expectations are judged */
	bool is_broken;		 /* something is wrong whatever is expected */
	struct strbuf failure;	 /* lines; empty: all is well */
	FILE *trace;		 /* NULL, or where every request and answer is printed */
	const char *seeds;	 /* NULL, or the directory that seeds are written into */
	char seed_name[60];
};

/* true if every expectation held; else run->failure says which did not. run_finish either way. */
bool run_scenario(struct run *run, struct schema *schema, bool sqlite);
void run_finish(struct run *run);

/* The request that a statement describes; false: run->failure says why not. */
bool run_prepare(struct run *run, const struct statement *statement, struct exchange *exchange);
/* Sends it, has the answer inspected and noted. false: run->failure says why. */
bool run_exchange(struct run *run, const struct statement *statement, const struct exchange *exchange,
		  struct reply *reply);
/* Adds "file:line: ..." to run->failure, unless it is among the skips, and returns false. */
bool run_fail(struct run *run, const struct statement *statement, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The same for what is a fault in a torture run as well. */
bool run_break(struct run *run, const struct statement *statement, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* "m2m:cnt" for "cnt"; a name with a colon is left as it is. */
struct str run_root_name(struct run *run, const struct statement *statement);
/* A request identifier that no other request of the run has. */
struct str run_next_identifier(struct run *run);

/* Holds an answer against all that the statement expects, against one item of it, or a plain text against a pattern
 * (expect.c). The last says in matching->failure what is wrong with `what`, the others in run->failure. */
bool run_expect(struct run *run, const struct statement *statement, const struct reply *reply);
bool run_expect_item(struct run *run, const struct statement *statement, const struct item *item,
		     const struct reply *reply);
bool run_expect_text(struct run *run, struct matching *matching, const struct node *pattern, struct str text,
		     const char *what);

/* The negative tests of a type's rows (refusals.c). */
bool run_refusals(struct run *run, const struct statement *statement);

#endif
