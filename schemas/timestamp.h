/* timestamp: m2m:timestamp, YYYYMMDDThhmmss[,f{1,6}], always UTC (TS-0004 6.3.3), and xs:duration. */
#ifndef SCHEMAS_TIMESTAMP_H
#define SCHEMAS_TIMESTAMP_H

#include "cse/base/error.h"
#include "cse/base/str.h"

enum { TIMESTAMP_SIZE = 23 }; /* YYYYMMDDThhmmss,ffffff and a NUL */

/* Microseconds since 1970; years 1970 to 9999. -1 on a wrong form or an impossible date. A fraction after ',' or '.' is
 * accepted. */
WARN_UNUSED int timestamp_parse(struct str text, int64_t *wall_us);
/* Writes YYYYMMDDThhmmss,ffffff without the fraction when it is 0; returns its length. */
size_t timestamp_print(char out[TIMESTAMP_SIZE], int64_t wall_us);

/* PnDTnHnMnS and so on (years of 365, months of 30 days) into microseconds. -1 on a wrong form. */
WARN_UNUSED int duration_parse(struct str text, int64_t *us);

/* Absolute timestamp, milliseconds from now (a fraction of one is dropped) or a duration from now: the point in time.
 */
WARN_UNUSED int timestamp_parse_abs_rel(struct str text, int64_t now_us, int64_t *wall_us);

#endif
