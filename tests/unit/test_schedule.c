/* Schedules: which points in time belong to a window (TS-0004 7.4.9.1). */
#include "schemas/schedule.h"

#include "cse/base/strbuf.h"
#include "schemas/timestamp.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static bool contains(const char *schedule, const char *timestamp)
{
	struct schedule window;
	int64_t wall_us;

	assert_int_equal(schedule_parse(str_of(schedule), &window), 0);
	assert_int_equal(timestamp_parse(str_of(timestamp), &wall_us), 0);
	return schedule_contains(&window, wall_us);
}

static void seven_asterisks_are_always(void **state)
{
	(void)state;
	assert_true(contains("* * * * * * *", "20000101T000000"));
	assert_true(contains("* * * * * * *", "20240229T235959,999999"));
	assert_true(contains("* * * * * * *", "99991231T235959"));
	assert_false(contains("* * * * * * 2000-9999", "19991231T235959"));
}

static void each_field_counts(void **state)
{
	static const struct {
		const char *schedule;
		const char *in, *out;
	} cases[] = {
		{"0-29 * * * * * *", "20240115T120029,9", "20240115T120030"},
		{"* 0-5 * * * * *", "20240115T120559", "20240115T120600"},
		{"* * 2,6,10 * * * *", "20240115T065959", "20240115T070000"},
		{"* * * 31 * * *", "20240131T000000", "20240130T235959"},
		{"* * * * 12 * *", "20241201T000000", "20241130T235959"},
		{"* * * * * 0 *", "20240114T120000", "20240115T120000"}, /* a Sunday */
		{"* * * * * 1-5 *", "20240115T120000", "20240113T120000"},
		{"* * * * * * 2024", "20240101T000000", "20231231T235959"},
		{"* * * * * * 2024", "20241231T235959", "20250101T000000"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (!contains(cases[i].schedule, cases[i].in))
			fail_msg("%s is not in %s", cases[i].in, cases[i].schedule);
		if (contains(cases[i].schedule, cases[i].out))
			fail_msg("%s is in %s", cases[i].out, cases[i].schedule);
	}
}

static void all_fields_have_to_agree(void **state)
{
	(void)state;
	assert_true(contains("* 0-5 2,6,10 * * * *", "20240115T060300"));
	assert_false(contains("* 0-5 2,6,10 * * * *", "20240115T061300"));
	assert_false(contains("* 0-5 2,6,10 * * * *", "20240115T070300"));
	/* day of the month and day of the week too: Monday, the 15th */
	assert_true(contains("* * * 15 * 1 *", "20240115T000000"));
	assert_false(contains("* * * 15 * 2 *", "20240115T000000"));
	assert_false(contains("* * * 16 * 1 *", "20240115T000000"));
}

static void steps_are_counted_from_the_start_of_their_range(void **state)
{
	(void)state;
	assert_true(contains("* * 0-23/2 * * * *", "20240115T220000"));
	assert_false(contains("* * 0-23/2 * * * *", "20240115T230000"));
	assert_true(contains("* * */2 * * * *", "20240115T000000"));
	assert_true(contains("* 5-20/5 * * * * *", "20240115T001500"));
	assert_false(contains("* 5-20/5 * * * * *", "20240115T002500"));
	assert_false(contains("* 5-20/5 * * * * *", "20240115T000000"));
	assert_true(contains("* * * */10 * * *", "20240111T000000")); /* 1, 11, 21, 31 */
	assert_false(contains("* * * */10 * * *", "20240110T000000"));
	assert_true(contains("* * * * * * 2020-2030/4", "20240115T000000"));
	assert_false(contains("* * * * * * 2020-2030/4", "20250115T000000"));
}

static void lists_mix_numbers_and_ranges(void **state)
{
	(void)state;
	assert_true(contains("* * * * * * 2000,2010-2012,2024", "20110115T000000"));
	assert_true(contains("* * * * * * 2000,2010-2012,2024", "20240115T000000"));
	assert_false(contains("* * * * * * 2000,2010-2012,2024", "20130115T000000"));
	assert_true(contains("0,59,10-20/5 * * * * * *", "20240115T000015"));
	assert_true(contains("0,59,10-20/5 * * * * * *", "20240115T000059"));
	assert_false(contains("0,59,10-20/5 * * * * * *", "20240115T000016"));
}

static void wrong_forms_are_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"*",
		"* * * * * *",
		"* * * * * * * *",
		"*  * * * * * *",
		" * * * * * * *",
		"* * * * * * * ",
		"60 * * * * * *",
		"* 60 * * * * *",
		"* * 24 * * * *",
		"* * * 0 * * *",
		"* * * 32 * * *",
		"* * * * 0 * *",
		"* * * * 13 * *",
		"* * * * * 7 *",
		"* * * * * * 1999",
		"* * * * * * 10000",
		"5-2 * * * * * *",
		"1- * * * * * *",
		"-1 * * * * * *",
		"1,,2 * * * * * *",
		",1 * * * * * *",
		"1, * * * * * *",
		"*/0 * * * * * *",
		"*/ * * * * * *",
		"1/2 * * * * * *",
		"*,1 * * * * * *",
		"a * * * * * *",
		"1.5 * * * * * *",
		"* * * * * * */10000",
		"* * * * * * *x",
		"* * * * JAN * *",
	};
	struct schedule schedule;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (schedule_parse(str_of(texts[i]), &schedule) == 0)
			fail_msg("accepted: \"%s\"", texts[i]);
	assert_int_equal(schedule_parse(str_make("* * * * * * *\0", 14), &schedule), -1);
}

static int64_t next_of(const char *schedule, const char *timestamp)
{
	struct schedule window;
	int64_t wall_us;

	assert_int_equal(schedule_parse(str_of(schedule), &window), 0);
	assert_int_equal(timestamp_parse(str_of(timestamp), &wall_us), 0);
	return schedule_next(&window, wall_us);
}

static void the_next_second_of_a_window_is_found(void **state)
{
	static const struct {
		const char *schedule, *now, *next;
	} cases[] = {
		{"* * * * * * *", "20240115T120029,5", "20240115T120029,5"},
		{"0 0 0 29 2 * *", "20240301T000000", "20280229T000000"},
		{"59 59 23 31 12 * *", "20240115T120000", "20241231T235959"},
		{"30 * * * * * 2054", "20240115T120000", "20540101T000030"},
	};
	int64_t wall_us;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(timestamp_parse(str_of(cases[i].next), &wall_us), 0);
		assert_int_equal(next_of(cases[i].schedule, cases[i].now), wall_us);
	}
}

static void nobody_looks_further_ahead_than_30_years(void **state)
{
	(void)state;
	assert_int_equal(next_of("* * * * * * 2055", "20240115T120000"), INT64_MAX);
	assert_int_equal(next_of("* * * 31 2 * *", "20240115T120000"), INT64_MAX);
	assert_int_equal(next_of("* * * * * * 2023", "20240115T120000"), INT64_MAX);
}

static void an_endless_list_is_refused(void **state)
{
	struct strbuf text = {0};
	struct schedule schedule;

	(void)state;
	STRBUF_LIT(&text, "* * * * * * 2026");
	while (text.len < 1996)
		STRBUF_LIT(&text, ",2026");
	assert_int_equal(schedule_parse(strbuf_str(&text), &schedule), 0);
	STRBUF_LIT(&text, ",2026");
	assert_int_equal(schedule_parse(strbuf_str(&text), &schedule), -1);
	strbuf_finish(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(seven_asterisks_are_always),
		cmocka_unit_test(each_field_counts),
		cmocka_unit_test(all_fields_have_to_agree),
		cmocka_unit_test(steps_are_counted_from_the_start_of_their_range),
		cmocka_unit_test(lists_mix_numbers_and_ranges),
		cmocka_unit_test(wrong_forms_are_refused),
		cmocka_unit_test(the_next_second_of_a_window_is_found),
		cmocka_unit_test(nobody_looks_further_ahead_than_30_years),
		cmocka_unit_test(an_endless_list_is_refused),
	};

	return cmocka_run_group_tests_name("schedule", tests, NULL, NULL);
}
