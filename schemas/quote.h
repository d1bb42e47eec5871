/* quote: input in a message: cut, and everything but printable ASCII replaced. */
#ifndef SCHEMAS_QUOTE_H
#define SCHEMAS_QUOTE_H

#include "cse/base/str.h"

enum { QUOTE_SIZE = 48 };

/* Fills and returns out. */
const char *quote(char out[QUOTE_SIZE], struct str text);

#endif
