/* torture: a scenario again and again, each time with another call of its store failing, or with a limit one below what
 * one of its requests needs. What the scenario expects is not judged. What must hold: every request is answered, as the
 * tables say and with memory consistent (run.c sees to it); until the store fails the answers are those of a run in
 * which it does not; the request under which it fails answers the same or 5000, and 5000 leaves the tree as it was;
 * nothing else answers 5000; content beyond a limit is refused; and what is there at the end is there when the process
 * was killed and started again. */
#ifndef TESTS_SCENARIO_TORTURE_H
#define TESTS_SCENARIO_TORTURE_H

#include "tests/scenario/run.h"

/* One run. */
struct torture {
	struct strain strain;
	bool is_first;		     /* nothing fails: what it sees is kept for the others */
	struct torture_facts *facts; /* what the first run saw */
	unsigned request;	     /* answers judged so far */
	unsigned left_before;	     /* failures to come when the request was sent */
	bool is_alone;		     /* no other request is under way */
	struct strbuf before;	     /* the tree then; empty: not kept */
	bool has_fallen;	     /* the failing call has come */
};

struct tally {
	unsigned long scenarios;     /* tortured */
	unsigned long calls, limits; /* runs with a failing call of the store, with a smaller limit */
	unsigned long thinned;	     /* scenarios with so many calls that not every one failed */
};

/* A scenario in one place (like->transport and sqlite): every stride-th of its cases, beginning with the offset-th.
 * false: *failure says what was wrong in the first bad case. */
bool torture_scenario(const struct run *like, struct schema *schema, bool sqlite, unsigned stride, unsigned offset,
		      struct tally *tally, struct strbuf *failure);

/* For run.c: a request is about to be sent (or several, not alone); its answer has come. */
void torture_begins(struct run *run, bool is_alone);
bool torture_judges(struct run *run, const struct statement *statement, const struct exchange *exchange,
		    const struct reply *reply);

#endif
