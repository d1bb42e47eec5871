/* small_cse: a CSE over the memory store and a virtual clock, with a small tree in it, and requests to it as text.
 *
 * A line is a request; its fields are separated by tabs: a parameter (`to=cse-in/c`, by its short name; `op`, `fr`,
 * `rqi` and `rvi` need not be given, and `!fr` leaves one out), a condition (`?lbl=x`), `pc=` and the content, `etag=`
 * and what If-Match says, `rtu=` and where results go, `remote`: the peer is on another machine, or `later`: the lines
 * after it do not wait for the answer. `fetched=CODE` makes the request the answer to what a poll has fetched last. A
 * value of one byte of 0x80 or more is one of a list: of targets, originators or contents. Other lines have one field:
 *
 *   advance=MS      time passes                  wall=SECONDS    the wall clock alone is set, back or forth
 *   sink=MANNER     how sink://a answers from now on: a code, `hangs` or `refuses`
 *   fails=NUMBER    after so many more calls of the store one fails  */
#ifndef TESTS_FUZZ_SMALL_CSE_H
#define TESTS_FUZZ_SMALL_CSE_H

#include "tests/scenario/transport.h"

struct small_cse {
	struct world world;
	struct arena arena; /* of the requests */
	unsigned requests;
	/* The wall clock was set: for a while nothing expires, and answers have times that are not in their order. */
	bool has_jumped;
	struct list under_way; /* requests that are not answered, or their answers not looked at */
	struct str fetched;    /* the JSON string that identifies what a poll has fetched last */
};

/* A new one. */
void small_cse_open(struct small_cse *small);
void small_cse_close(struct small_cse *small);
/* One that lasts, for what changes nothing in it. */
struct small_cse *small_cse_shared(void);

/* Carries out the lines, LINES_MAX at most. After each, memory is consistent, and the answer fits the tables
 * unless has_jumped; else it aborts. */
enum { LINES_MAX = 40 };
void small_cse_run(struct small_cse *small, struct str lines);

#endif
