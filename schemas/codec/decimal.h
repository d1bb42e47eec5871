/* decimal: numbers as the texts that JSON, XML Schema and binary floating point make of them. */
#ifndef SCHEMAS_CODEC_DECIMAL_H
#define SCHEMAS_CODEC_DECIMAL_H

#include "cse/base/arena.h"

enum { DECIMAL_SIZE = 32 };

/* A number of JSON's grammar? *is_integer: without fraction and exponent. */
bool decimal_is_json(struct str text, bool *is_integer);
/* The lexical forms that XML Schema has beyond JSON's ("+7", "007", ".5", "5.") as JSON; a number of JSON as it is. ptr
 * NULL if text is no number, or one that JSON does not have (INF, NaN). */
struct str decimal_from_xml(struct str text, struct arena *arena);

/* The shortest text that reads as this finite number, with a fraction or an exponent. Returns its length. */
size_t decimal_print(double number, char out[DECIMAL_SIZE]);
/* Reads a number of JSON as the double whose shortest text has the same value. 0, or -1 if there is none, so that
 * something would be lost. */
int decimal_to_double(struct str text, double *number);

#endif
