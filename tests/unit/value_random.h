/* value_random: valid values at random, of every kind, for tests of what must hold for all of them. */
#ifndef TESTS_UNIT_VALUE_RANDOM_H
#define TESTS_UNIT_VALUE_RANDOM_H

#include "schemas/schema.h"

struct random {
	uint64_t state; /* the seed; not 0 */
	bool no_blanks; /* in the elements of lists of strings, which XML Schema has as lists of words */
};

/* From 0 to below limit. */
uint64_t random_below(struct random *random, uint64_t limit);

/* Appends a valid value as JSON. Its text is in the form that CBOR gives back: numbers have no superfluous digit. A
 * list of objects that may be empty is always there, as XML has nothing that tells it from none. */
void random_value(struct strbuf *out, struct random *random, struct kind kind, const struct constraint *constraint);
/* Any JSON that XML has characters for, with objects and arrays nested up to depth. */
void random_json(struct strbuf *out, struct random *random, unsigned depth);

#endif
