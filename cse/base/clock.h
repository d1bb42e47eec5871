/* clock: the only source of time. Wall time for the standard's timestamps, monotonic time for intervals.
 * A test runs on a virtual clock and passes an hour in a microsecond. */
#ifndef CSE_BASE_CLOCK_H
#define CSE_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct clock {
	bool is_virtual;
	int64_t wall_us, mono_us; /* of a virtual clock; unused in a real one, which any thread may read */
};

void clock_init_real(struct clock *clock);
void clock_init_virtual(struct clock *clock, int64_t wall_us);
/* Virtual only: both times go on / the wall clock alone is set back or forth. */
void clock_advance(struct clock *clock, int64_t us);
void clock_step_wall(struct clock *clock, int64_t us);

int64_t clock_wall_us(struct clock *clock); /* since 1970-01-01T00:00:00Z */
int64_t clock_mono_us(struct clock *clock);

#endif
