/* timestamp: points in time and durations as text, and back. Days are counted in the proleptic Gregorian calendar. */
#include "schemas/timestamp.h"

#include <limits.h>

static const int64_t second_us = 1000000, day_seconds = 86400;
static const int64_t last_us = 253402300799999999; /* 99991231T235959,999999 */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_leap(int64_t year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int days_in(int64_t year, int month)
{
	static const signed char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return days[month - 1] + (month == 2 && is_leap(year));
}

/* Days from 1970-01-01; the year is taken to begin in March, so that the leap day is its last one. */
static int64_t days_from_date(int64_t year, int month, int day)
{
	int64_t y = month > 2 ? year : year - 1;
	int64_t of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return y * 365 + y / 4 - y / 100 + y / 400 + of_year - 719468;
}

static void date_from_days(int64_t days, int *year, int *month, int *day)
{
	int64_t z = days + 719468, era = z / 146097, of_era = z % 146097;
	int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t m = (5 * of_year + 2) / 153;

	*day = (int)(of_year - (153 * m + 2) / 5 + 1);
	*month = (int)(m < 10 ? m + 3 : m - 9);
	*year = (int)(year_of_era + era * 400 + (*month <= 2));
}

/* count digits at p as a number, or -1. */
static int digits(const char *p, int count)
{
	int value = 0;

	for (int i = 0; i < count; i++) {
		if (!is_digit(p[i]))
			return -1;
		value = value * 10 + (p[i] - '0');
	}
	return value;
}

/* ",f" with one to six digits f, or nothing. */
static int parse_fraction(struct str text, int64_t *us)
{
	int64_t unit = second_us;

	*us = 0;
	if (text.len == 0)
		return 0;
	if ((text.ptr[0] != ',' && text.ptr[0] != '.') || text.len < 2 || text.len > 7)
		return -1;
	for (size_t i = 1; i < text.len; i++) {
		if (!is_digit(text.ptr[i]))
			return -1;
		unit /= 10;
		*us += (text.ptr[i] - '0') * unit;
	}
	return 0;
}

int timestamp_parse(struct str text, int64_t *wall_us)
{
	int year, month, day, hour, minute, second;
	int64_t fraction;

	if (text.len < 15 || text.ptr[8] != 'T')
		return -1;
	year = digits(text.ptr, 4);
	month = digits(text.ptr + 4, 2);
	day = digits(text.ptr + 6, 2);
	hour = digits(text.ptr + 9, 2);
	minute = digits(text.ptr + 11, 2);
	second = digits(text.ptr + 13, 2);
	if (year < 1970 || month < 1 || month > 12 || day < 1 || day > days_in(year, month))
		return -1;
	if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59)
		return -1;
	if (parse_fraction(str_from(text, 15), &fraction) < 0)
		return -1;
	*wall_us = (days_from_date(year, month, day) * day_seconds + INT64_C(3600) * hour + INT64_C(60) * minute +
		    second) *
			   second_us +
		   fraction;
	return 0;
}

static char *put_digits(char *out, int count, int64_t value)
{
	for (int i = count - 1; i >= 0; i--) {
		out[i] = (char)('0' + value % 10);
		value /= 10;
	}
	return out + count;
}

size_t timestamp_print(char out[TIMESTAMP_SIZE], int64_t wall_us)
{
	int64_t us = wall_us < 0 ? 0 : wall_us > last_us ? last_us : wall_us;
	int64_t seconds = us / second_us, of_day = seconds % day_seconds;
	int year, month, day;
	char *p = out;

	date_from_days(seconds / day_seconds, &year, &month, &day);
	p = put_digits(p, 4, year);
	p = put_digits(p, 2, month);
	p = put_digits(p, 2, day);
	*p++ = 'T';
	p = put_digits(p, 2, of_day / 3600);
	p = put_digits(p, 2, of_day / 60 % 60);
	p = put_digits(p, 2, of_day % 60);
	if (us % second_us) {
		*p++ = ',';
		p = put_digits(p, 6, us % second_us);
	}
	*p = 0;
	return (size_t)(p - out);
}

/* ---- durations ---- */

struct unit {
	char letter;
	int64_t seconds;
};

/* In the order that they come in; the second M is that of the time. */
static const struct unit date_units[] = {{'Y', INT64_C(365) * 86400}, {'M', INT64_C(30) * 86400}, {'D', 86400}};
static const struct unit time_units[] = {{'H', 3600}, {'M', 60}, {'S', 1}};

/* Adds number (with an optional fraction, in the last unit only) of unit. */
static int add_part(struct str number, struct str fraction, int64_t seconds, int64_t *us)
{
	int64_t value, fraction_us;

	if (str_to_i64(number, &value) < 0 || value < 0 || parse_fraction(fraction, &fraction_us) < 0)
		return -1;
	if (__builtin_mul_overflow(value, seconds * second_us, &value) || __builtin_add_overflow(*us, value, us) ||
	    __builtin_add_overflow(*us, fraction_us, us))
		return -1;
	return 0;
}

/* One `n letter` at the start of *rest, its letter among units[*from ...]. */
static int parse_part(struct str *rest, const struct unit *units, int *from, int64_t *us)
{
	size_t len = 0, point;
	int i = *from;

	while (len < rest->len && is_digit(rest->ptr[len]))
		len++;
	point = len;
	if (len < rest->len && rest->ptr[len] == '.')
		for (len++; len < rest->len && is_digit(rest->ptr[len]);)
			len++;
	if (len == rest->len)
		return -1;
	while (i < 3 && units[i].letter != rest->ptr[len])
		i++;
	if (i == 3 || (len > point && units[i].letter != 'S'))
		return -1;
	if (add_part(str_make(rest->ptr, point), str_make(rest->ptr + point, len - point), units[i].seconds, us) < 0)
		return -1;
	*rest = str_from(*rest, len + 1);
	*from = i + 1;
	return 0;
}

static int parse_parts(struct str text, const struct unit *units, int64_t *us)
{
	int from = 0;

	do {
		if (parse_part(&text, units, &from, us) < 0)
			return -1;
	} while (text.len > 0);
	return 0;
}

int duration_parse(struct str text, int64_t *us)
{
	struct str rest, date;

	if (text.len < 3 || text.ptr[0] != 'P')
		return -1;
	rest = str_from(text, 1);
	date = str_split(&rest, 'T');
	*us = 0;
	if (date.len > 0 && parse_parts(date, date_units, us) < 0)
		return -1;
	if (rest.ptr == NULL)
		return 0;
	return rest.len > 0 ? parse_parts(rest, time_units, us) : -1;
}

/* Whole milliseconds, or with a fraction, which is dropped. */
static bool parse_milliseconds(struct str text, int64_t *milliseconds)
{
	struct str rest = text, whole = str_split(&rest, '.');

	for (size_t i = 0; i < rest.len; i++)
		if (rest.ptr[i] < '0' || rest.ptr[i] > '9')
			return false;
	return str_to_i64(whole, milliseconds) == 0 && (!rest.ptr || rest.len > 0);
}

int timestamp_parse_abs_rel(struct str text, int64_t now_us, int64_t *wall_us)
{
	int64_t distance;

	if (timestamp_parse(text, wall_us) == 0)
		return 0;
	if (parse_milliseconds(text, &distance)) {
		if (__builtin_mul_overflow(distance, (int64_t)1000, &distance))
			return -1;
	} else if (duration_parse(text, &distance) < 0) {
		return -1;
	}
	if (__builtin_add_overflow(now_us, distance, wall_us) || *wall_us > last_us)
		return -1;
	return 0;
}
