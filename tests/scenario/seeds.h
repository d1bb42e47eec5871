/* seeds: what scenarios send, as seeds for the fuzz targets (tests/fuzz/README.md). */
#ifndef TESTS_SCENARIO_SEEDS_H
#define TESTS_SCENARIO_SEEDS_H

#include "tests/scenario/transport.h"

/* Adds the request to the files of a scenario in directory, which has folders request, query and json: as a line for
 * fuzz_request and for fuzz_query, and its content as a file for fuzz_json. name: of the scenario's files. goes_on:
 * without the answer. */
void seeds_note_request(const char *directory, const char *name, const struct exchange *exchange, bool goes_on);
/* Another line of tests/fuzz/small_cse.h: "advance" and the milliseconds. */
void seeds_note_setting(const char *directory, const char *name, const char *setting, struct str value);

#endif
