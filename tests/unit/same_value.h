/* same_value: are two documents the same but for the order of members and the notation of characters? */
#ifndef TESTS_UNIT_SAME_VALUE_H
#define TESTS_UNIT_SAME_VALUE_H

#include "schemas/value.h"

/* Numbers are the same if their texts are. */
bool same_value(struct value a, struct value b, struct arena *arena);

#endif
