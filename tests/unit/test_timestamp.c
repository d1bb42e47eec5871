/* Unit tests of schemas/timestamp.c. */
#include "schemas/timestamp.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SECOND INT64_C(1000000)
#define DAY (86400 * SECOND)

static int64_t parsed(const char *text)
{
	int64_t us = -1;

	if (timestamp_parse(str_of(text), &us) < 0)
		fail_msg("refused: %s", text);
	return us;
}

static void timestamps_are_utc(void **state)
{
	(void)state;
	assert_int_equal(parsed("19700101T000000"), 0);
	assert_int_equal(parsed("19700101T000001"), SECOND);
	assert_int_equal(parsed("20000229T235959"), INT64_C(951868799) * SECOND);
	assert_int_equal(parsed("20141003T112032"), INT64_C(1412335232) * SECOND);
	assert_int_equal(parsed("99991231T235959,999999"), INT64_C(253402300799999999));
}

static void a_fraction_has_one_to_six_digits(void **state)
{
	(void)state;
	assert_int_equal(parsed("19700101T000000,5"), SECOND / 2);
	assert_int_equal(parsed("19700101T000000.25"), SECOND / 4);
	assert_int_equal(parsed("19700101T000000,000001"), 1);
	assert_int_equal(parsed("19700101T000000,000000"), 0);
}

static void wrong_timestamps_are_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"2014",
		"20141003",
		"20141003T1120",
		"20141003t112032",
		"2014-10-03T112032",
		"20141003 112032",
		"20141003T112032Z",
		"20141003T112032,",
		"20141003T112032,1234567",
		"20141003T112032,12a",
		"20141003T112032;5",
		"20141303T112032",
		"20140003T112032",
		"20140100T112032",
		"20140132T112032",
		"20150229T000000",
		"21000229T000000",
		"20140431T000000",
		"20141003T240000",
		"20141003T116032",
		"20141003T112060",
		"19691231T235959",
		"00000101T000000",
		" 20141003T112032",
		"20141003T11203",
		"2014100aT112032",
		"-0141003T112032",
		"20141003T+12032",
	};
	int64_t us;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++)
		if (timestamp_parse(str_of(texts[i]), &us) == 0)
			fail_msg("accepted: %s", texts[i]);
}

static void printing_is_the_reverse_of_parsing(void **state)
{
	static const char *const texts[] = {"19700101T000000", "20000229T120000", "20141003T112032,000001",
					    "21001231T235959", "24000229T010203", "99991231T235959,999999"};
	char out[TIMESTAMP_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		size_t len = timestamp_print(out, parsed(texts[i]));

		assert_string_equal(out, texts[i]);
		assert_int_equal(len, strlen(texts[i]));
	}
}

static void every_day_is_printed_as_it_is_parsed(void **state)
{
	char out[TIMESTAMP_SIZE], last[TIMESTAMP_SIZE] = "";

	(void)state;
	for (int64_t day = 0; day < 2932897; day++) {
		timestamp_print(out, day * DAY);
		assert_true(strcmp(last, out) < 0);
		memcpy(last, out, sizeof(last));
		assert_int_equal(parsed(out), day * DAY);
	}
}

static void what_is_out_of_range_is_printed_as_the_nearest(void **state)
{
	char out[TIMESTAMP_SIZE];

	(void)state;
	timestamp_print(out, -1);
	assert_string_equal(out, "19700101T000000");
	timestamp_print(out, INT64_MAX);
	assert_string_equal(out, "99991231T235959,999999");
}

static void durations_add_their_parts(void **state)
{
	static const struct {
		const char *text;
		int64_t us;
	} cases[] = {
		{"PT5S", 5 * SECOND},
		{"PT0S", 0},
		{"P1D", DAY},
		{"P1Y", 365 * DAY},
		{"P1M", 30 * DAY},
		{"PT1M", 60 * SECOND},
		{"PT2H", 7200 * SECOND},
		{"PT0.5S", SECOND / 2},
		{"P1DT1S", DAY + SECOND},
		{"P1Y2M3DT4H5M6.25S", (365 + 60 + 3) * DAY + (4 * 3600 + 5 * 60 + 6) * SECOND + SECOND / 4},
		{"P99999D", 99999 * DAY},
		{"PT000010S", 10 * SECOND},
	};
	int64_t us;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(duration_parse(str_of(cases[i].text), &us), 0);
		assert_int_equal(us, cases[i].us);
	}
}

static void wrong_durations_are_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"P",
		"PT",
		"P1",
		"1D",
		"PT5",
		"P5S",
		"PT5D",
		"P1DT",
		"PT1S1M",
		"P1D1Y",
		"PT1M1H",
		"P-1D",
		"-P1D",
		"PT1.S",
		"PT.5S",
		"PT1.5M",
		"P1.5D",
		"PT1S ",
		"pt1s",
		"P1W",
		"PT1S2S",
		"P1DT1HT1S",
		"PT1,5S",
		"PT0.1234567S",
		"P99999999999999999999D",
		"PT9223372036854775807S",
		"P300000Y",
		"P 1D",
	};
	int64_t us;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++)
		if (duration_parse(str_of(texts[i]), &us) == 0)
			fail_msg("accepted: %s", texts[i]);
}

static void a_point_in_time_is_absolute_or_from_now(void **state)
{
	const int64_t now = parsed("20260101T000000");
	static const char *const wrong[] = {
		"",	  "x",	"1.", "1.x", ".5", "20141003T11203", "9223372036854775807", "9223372036854775",
		"P9000Y", "PT", "+5"};
	int64_t us;

	(void)state;
	assert_int_equal(timestamp_parse_abs_rel(STR("20260101T000001"), now, &us), 0);
	assert_int_equal(us, now + SECOND);
	assert_int_equal(timestamp_parse_abs_rel(STR("3600000"), now, &us), 0);
	assert_int_equal(us, now + 3600 * SECOND);
	assert_int_equal(timestamp_parse_abs_rel(STR("1500.9"), now, &us), 0);
	assert_int_equal(us, now + 3 * SECOND / 2);
	assert_int_equal(timestamp_parse_abs_rel(STR("-1000"), now, &us), 0);
	assert_int_equal(us, now - SECOND);
	assert_int_equal(timestamp_parse_abs_rel(STR("PT10S"), now, &us), 0);
	assert_int_equal(us, now + 10 * SECOND);
	for (size_t i = 0; i < COUNT(wrong); i++)
		assert_int_equal(timestamp_parse_abs_rel(str_of(wrong[i]), now, &us), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timestamps_are_utc),
		cmocka_unit_test(a_fraction_has_one_to_six_digits),
		cmocka_unit_test(wrong_timestamps_are_refused),
		cmocka_unit_test(printing_is_the_reverse_of_parsing),
		cmocka_unit_test(every_day_is_printed_as_it_is_parsed),
		cmocka_unit_test(what_is_out_of_range_is_printed_as_the_nearest),
		cmocka_unit_test(durations_add_their_parts),
		cmocka_unit_test(wrong_durations_are_refused),
		cmocka_unit_test(a_point_in_time_is_absolute_or_from_now),
	};

	return cmocka_run_group_tests_name("timestamp", tests, NULL, NULL);
}
