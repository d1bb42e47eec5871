/* clock: the kernel's clocks, or times that a test sets. */
#include "cse/base/clock.h"

#include "cse/base/error.h"

#include <time.h>

void clock_init_real(struct clock *clock)
{
	*clock = (struct clock){.is_virtual = false};
}

void clock_init_virtual(struct clock *clock, int64_t wall_us)
{
	*clock = (struct clock){.is_virtual = true, .wall_us = wall_us};
}

void clock_advance(struct clock *clock, int64_t us)
{
	ASSERT(clock->is_virtual && us >= 0);
	clock->wall_us += us;
	clock->mono_us += us;
}

void clock_step_wall(struct clock *clock, int64_t us)
{
	ASSERT(clock->is_virtual);
	clock->wall_us += us;
}

static int64_t read_us(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_wall_us(struct clock *clock)
{
	return clock->is_virtual ? clock->wall_us : read_us(CLOCK_REALTIME);
}

int64_t clock_mono_us(struct clock *clock)
{
	return clock->is_virtual ? clock->mono_us : read_us(CLOCK_MONOTONIC);
}
