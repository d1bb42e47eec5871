/* fuzz_time: timestamps, durations and schedules. The first line is what is read, the second, if it is a timestamp, the
 * present. */
#include "tests/fuzz/fuzz.h"

#include "schemas/schedule.h"
#include "schemas/timestamp.h"

static const int64_t last_us = 253402300799999999, second_us = 1000000;

/* What is printed of a point in time is read as the same one. */
static void check_print(int64_t wall_us)
{
	char out[TIMESTAMP_SIZE];
	size_t len = timestamp_print(out, wall_us);
	int64_t again;

	FUZZ_HOLDS(timestamp_parse(str_make(out, len), &again) == 0 && again == wall_us);
}

static void check_schedule(const struct schedule *schedule, int64_t now_us)
{
	int64_t next_us = schedule_next(schedule, now_us);

	FUZZ_HOLDS(next_us >= now_us);
	FUZZ_HOLDS(!schedule_contains(schedule, now_us) || next_us == now_us);
	if (next_us == INT64_MAX || next_us == now_us)
		return;
	FUZZ_HOLDS(schedule_contains(schedule, next_us));
	FUZZ_HOLDS(!schedule_contains(schedule, next_us - 1));
	FUZZ_HOLDS(schedule_next(schedule, next_us - second_us < now_us ? now_us : next_us - second_us) == next_us);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = str_make((const char *)data, size), text = str_split(&rest, '\n');
	int64_t now_us, us;
	struct schedule schedule;

	if (timestamp_parse(rest, &now_us) < 0)
		now_us = INT64_C(1767225600) * second_us;
	if (timestamp_parse(text, &us) == 0)
		check_print(us);
	if (duration_parse(text, &us) == 0)
		FUZZ_HOLDS(us >= 0);
	if (timestamp_parse_abs_rel(text, now_us, &us) == 0) {
		FUZZ_HOLDS(us <= last_us);
		if (us >= 0)
			check_print(us);
	}
	if (schedule_parse(text, &schedule) == 0)
		check_schedule(&schedule, now_us);
	return 0;
}
