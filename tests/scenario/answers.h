/* answers: what the server has answered over HTTP in a run, as files, for schema validators
 * (tests/unit/test_schemas.py). */
#ifndef TESTS_SCENARIO_ANSWERS_H
#define TESTS_SCENARIO_ANSWERS_H

#include "tests/scenario/transport.h"

/* Writes a complete content, as it came, into the directory that COPSE_ANSWERS names; each only once. */
void answers_keep(const struct exchange *exchange, const struct reply *reply, const char *serialization);

#endif
