/* Schedules as sets of bits. */
#include "schemas/schedule.h"

#include <time.h>

enum { BITS = 64, SECOND_US = 1000000, LONGEST_ENTRY = 2000, LOOK_AHEAD_YEARS = 30 };

struct range {
	uint64_t low, high;
};

/* The numbers from `from` to `to` in steps of `by`. */
struct element {
	uint64_t from, to, by;
};

static const struct range years = {2000, 9999};

static bool is_within(struct str text, const struct range *range, uint64_t *value)
{
	return str_to_u64(text, value) == 0 && *value >= range->low && *value <= range->high;
}

/* n, n-m, n-m/step or * /step */
static int parse_element(struct str text, const struct range *range, struct element *out)
{
	struct str step = text, span = str_split(&step, '/'), high = span, low = str_split(&high, '-');

	out->by = 1;
	if (step.ptr && (str_to_u64(step, &out->by) < 0 || out->by == 0 || out->by > range->high))
		return -1;
	if (str_eq(span, STR("*"))) {
		out->from = range->low;
		out->to = range->high;
		return step.ptr ? 0 : -1;
	}
	if (!is_within(low, range, &out->from))
		return -1;
	out->to = out->from;
	if (!high.ptr)
		return step.ptr ? -1 : 0;
	return is_within(high, range, &out->to) && out->from <= out->to ? 0 : -1;
}

static int parse_field(struct str text, const struct range *range, uint64_t *bits)
{
	struct element element = {range->low, range->high, 1};

	*bits = 0;
	if (str_eq(text, STR("*")))
		text.ptr = NULL;
	do {
		if (text.ptr && parse_element(str_split(&text, ','), range, &element) != 0)
			return -1;
		for (uint64_t n = element.from; n <= element.to && n < BITS; n += element.by)
			*bits |= UINT64_C(1) << n;
	} while (text.ptr);
	return 0;
}

/* Is the year one of those in the field, or with year 0: is the field well formed? */
static int look_at_years(struct str text, uint64_t year, bool *found)
{
	struct element element;

	*found = str_eq(text, STR("*"));
	while (text.ptr && !*found) {
		if (parse_element(str_split(&text, ','), &years, &element) != 0)
			return -1;
		*found = year >= element.from && year <= element.to && (year - element.from) % element.by == 0;
	}
	return 0;
}

int schedule_parse(struct str text, struct schedule *out)
{
	static const struct range ranges[] = {{0, 59}, {0, 59}, {0, 23}, {1, 31}, {1, 12}, {0, 6}};
	enum { BIT_FIELDS = sizeof(ranges) / sizeof(ranges[0]) };
	uint64_t bits[BIT_FIELDS];
	bool found;

	if (text.len > LONGEST_ENTRY)
		return -1;
	for (size_t i = 0; i < BIT_FIELDS; i++)
		if (!text.ptr || parse_field(str_split(&text, ' '), &ranges[i], &bits[i]) != 0)
			return -1;
	if (!text.ptr || look_at_years(text, 0, &found) != 0)
		return -1;
	*out = (struct schedule){
		.seconds = bits[0],
		.minutes = bits[1],
		.hours = (uint32_t)bits[2],
		.days = (uint32_t)bits[3],
		.months = (uint32_t)bits[4],
		.weekdays = (uint32_t)bits[5],
		.years = text,
	};
	return 0;
}

/* The largest unit of time in which tm lies outside of the window; UNIT_NONE: in none. */
enum unit { UNIT_NONE, UNIT_SECOND, UNIT_MINUTE, UNIT_HOUR, UNIT_DAY, UNIT_MONTH, UNIT_YEAR };

static enum unit mismatch_in_year(const struct schedule *schedule, const struct tm *tm)
{
	if (!(schedule->months >> (tm->tm_mon + 1) & 1))
		return UNIT_MONTH;
	if (!(schedule->days >> tm->tm_mday & 1) || !(schedule->weekdays >> tm->tm_wday & 1))
		return UNIT_DAY;
	if (!(schedule->hours >> tm->tm_hour & 1))
		return UNIT_HOUR;
	if (!(schedule->minutes >> tm->tm_min & 1))
		return UNIT_MINUTE;
	return schedule->seconds >> (tm->tm_sec < 60 ? tm->tm_sec : 59) & 1 ? UNIT_NONE : UNIT_SECOND;
}

static bool has_year(const struct schedule *schedule, const struct tm *tm)
{
	bool found;

	return look_at_years(schedule->years, (uint64_t)(tm->tm_year + 1900), &found) == 0 && found;
}

bool schedule_contains(const struct schedule *schedule, int64_t wall_us)
{
	time_t seconds = (time_t)(wall_us / SECOND_US);
	struct tm tm;

	return gmtime_r(&seconds, &tm) && has_year(schedule, &tm) && mismatch_in_year(schedule, &tm) == UNIT_NONE;
}

/* The beginning of the next year, month, day, hour, minute or second. */
static void go_on(struct tm *tm, enum unit unit)
{
	tm->tm_sec = unit > UNIT_SECOND ? 0 : tm->tm_sec + 1;
	tm->tm_min = unit > UNIT_MINUTE ? 0 : tm->tm_min + (unit == UNIT_MINUTE);
	tm->tm_hour = unit > UNIT_HOUR ? 0 : tm->tm_hour + (unit == UNIT_HOUR);
	tm->tm_mday = unit > UNIT_DAY ? 1 : tm->tm_mday + (unit == UNIT_DAY);
	tm->tm_mon = unit > UNIT_MONTH ? 0 : tm->tm_mon + (unit == UNIT_MONTH);
	tm->tm_year += unit == UNIT_YEAR;
}

int64_t schedule_next(const struct schedule *schedule, int64_t wall_us)
{
	time_t first = (time_t)(wall_us / SECOND_US), seconds = first;
	int good_year = -1, last_year = 0;
	struct tm tm;

	while (gmtime_r(&seconds, &tm)) {
		enum unit unit = UNIT_YEAR;

		if (seconds == first)
			last_year = tm.tm_year + LOOK_AHEAD_YEARS;
		if (tm.tm_year > last_year)
			break;
		/* The text of the years is read once for each. */
		if (tm.tm_year == good_year || has_year(schedule, &tm)) {
			good_year = tm.tm_year;
			unit = mismatch_in_year(schedule, &tm);
		}
		if (unit == UNIT_NONE)
			return seconds == first ? wall_us : (int64_t)seconds * SECOND_US;
		go_on(&tm, unit);
		seconds = timegm(&tm);
	}
	return INT64_MAX;
}
