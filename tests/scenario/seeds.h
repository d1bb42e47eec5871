/* seeds: what scenarios send, as seeds for the fuzz targets (tests/fuzz/README.md). */
#ifndef TESTS_SCENARIO_SEEDS_H
#define TESTS_SCENARIO_SEEDS_H

#include "tests/scenario/transport.h"

/* Adds the request to the files of a scenario in directory, which has folders request, query and json: as a line for
 * fuzz_request and for fuzz_query, and its content as a file for fuzz_json. name: of the scenario's files. */
void seeds_note_request(const char *directory, const char *name, const struct exchange *exchange);
/* Time has passed, or the wall clock was set. */
void seeds_note_clock(const char *directory, const char *name, bool is_step, int64_t us);

#endif
