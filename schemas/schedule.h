/* schedule: m2m:scheduleEntry, seven fields that say which seconds belong to a window, in UTC (TS-0004 7.4.9.1). */
#ifndef SCHEMAS_SCHEDULE_H
#define SCHEMAS_SCHEDULE_H

#include "cse/base/error.h"
#include "cse/base/str.h"

/* The values of each field as bits. */
struct schedule {
	uint64_t seconds, minutes;
	uint32_t hours, days, months, weekdays; /* days and months from bit 1, weekday 0 is Sunday */
	struct str years;			/* as written: there are 8000 of them */
};

/* "* 0-5 2,6,10 * * * *". -1 on a wrong form, or one that is longer than any needs to be (2000 bytes).
 * out->years views text. */
WARN_UNUSED int schedule_parse(struct str text, struct schedule *out);
/* Does this point in time belong to the window? Every field has to agree. */
bool schedule_contains(const struct schedule *schedule, int64_t wall_us);
/* The first point in time from wall_us on that belongs to the window; INT64_MAX: there is none within 30 years. */
int64_t schedule_next(const struct schedule *schedule, int64_t wall_us);

#endif
