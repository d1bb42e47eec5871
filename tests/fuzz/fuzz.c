/* fuzz: see fuzz.h. */
#include "tests/fuzz/fuzz.h"

void fuzz_give_up(const char *what, struct str text, const char *message)
{
	fprintf(stderr, "%s: %.*s: %s\n", what, STR_ARG(text), message);
	abort();
}
