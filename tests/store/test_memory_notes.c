/* The memory store's notes: what room they take. That they are right is held in test_notes.c and test_model.c. */
#include "cse/store/memory_notes.h"
#include "tests/store/helpers.h"

static void add(struct memory_notes *notes, uint64_t first, uint64_t last)
{
	for (uint64_t key = first; key <= last; key++)
		memory_notes_add(notes, (struct memory_note){key, xzalloc(8), 8});
}

static void notes_that_come_and_go_take_no_more_room(void **state)
{
	struct memory_notes notes = {0};

	(void)state;
	for (uint64_t key = 101; key <= 100000; key += 100) {
		add(&notes, key, key + 99);
		memory_notes_drop(&notes, key - 100, key - 1);
		assert_in_range(notes.count, 100, 200);
		assert_in_range(notes.cap, 100, 1000);
	}
	memory_notes_finish(&notes);
}

static void the_room_of_many_notes_is_given_back(void **state)
{
	struct memory_notes notes = {0};

	(void)state;
	add(&notes, 1, 100000);
	for (uint64_t key = 1; key < 100000; key += 2) /* from anywhere but the last */
		memory_notes_drop(&notes, key, key);
	assert_int_equal(notes.count - notes.dropped, 50000);
	for (uint64_t key = 1; key <= 100000; key++) {
		if (key % 2)
			assert_null(memory_notes_find(&notes, key));
		else
			assert_int_equal(memory_notes_find(&notes, key)->key, key);
	}
	memory_notes_drop(&notes, 1, 99990);
	assert_in_range(notes.count, 5, 10);
	assert_in_range(notes.cap, 5, 100);
	add(&notes, 100001, 100001);
	assert_non_null(memory_notes_find(&notes, 100001));
	memory_notes_finish(&notes);
}

int main(void)
{
	static const struct CMUnitTest rules[] = {
		cmocka_unit_test(notes_that_come_and_go_take_no_more_room),
		cmocka_unit_test(the_room_of_many_notes_is_given_back),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(rules, NULL, NULL);
}
