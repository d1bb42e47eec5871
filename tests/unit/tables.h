/* tables: every table of schemas/types, for the unit tests of schemas (which link no resources). */
#ifndef TESTS_UNIT_TABLES_H
#define TESTS_UNIT_TABLES_H

#include "schemas/schema.h"

extern const struct type_def *const test_types[];
extern const size_t test_type_count;

#endif
