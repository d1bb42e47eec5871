/* sink: targets of notifications. A binding of its own for URLs sink://NAME: what is sent there is kept in order, and
 * answered as the scenario says. */
#ifndef TESTS_SCENARIO_SINK_H
#define TESTS_SCENARIO_SINK_H

#include "cse/core/binding.h"

/* What came. */
struct sink_message {
	struct list link;
	struct arena arena;
	struct str url, param[PARAM_COUNT], content, serialization;
};

struct sink {
	struct loop *loop;
	struct list messages; /* not looked at yet */
	struct list hops;     /* to be answered in the next round */
	struct list hanging;  /* never to be answered */
	struct list manners;  /* by URL */
	struct loop_task task;
	bool is_posted;
	unsigned hanging_count;
};

void sink_init(struct sink *sink, struct loop *loop);
void sink_finish(struct sink *sink);
/* How a URL answers from now on: a response status code, "hangs" (until the time is up) or "refuses" (is not
 * reachable). 0, or -1: not understood. */
int sink_set(struct sink *sink, struct str url, struct str manner);
/* The first message to the URL that has not been looked at, now taken; NULL: none. The caller destroys it. */
struct sink_message *sink_take(struct sink *sink, struct str url);
void sink_message_destroy(struct sink_message *message);

/* state is the struct sink. */
extern const struct binding binding_sink;

#endif
