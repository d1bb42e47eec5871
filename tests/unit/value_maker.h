/* value_maker: values that fit a kind and constraint, and values that do not: what tests derive from the rows. */
#ifndef TESTS_UNIT_VALUE_MAKER_H
#define TESTS_UNIT_VALUE_MAKER_H

#include "schemas/schema.h"

/* Appends a valid value with all its members, as JSON. */
void make_value(struct strbuf *out, struct kind kind, const struct constraint *constraint);

/* Appends the number-th value that is wrong for kind and constraint; false if there are no more. */
bool make_wrong_value(struct strbuf *out, struct kind kind, const struct constraint *constraint, unsigned number);

#endif
