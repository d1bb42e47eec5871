/* fuzz_number: a number as text: as a parameter or condition has it, as XML has it, and as a double. */
#include "tests/fuzz/fuzz.h"

#include "schemas/codec/decimal.h"
#include "schemas/validate.h"

#include <string.h>

static bool is_of(enum base_kind base, struct str text)
{
	return !validate_text((struct kind){base, false, NULL}, NULL, text);
}

/* What is a number here is one there; validate_text takes none of 64 characters. */
static void check_kinds(struct str text, bool is_number)
{
	enum { LONGEST = 63 };

	FUZZ_HOLDS(!is_of(KIND_INT, text) || is_number);
	FUZZ_HOLDS(is_of(KIND_FLOAT, text) == (is_number && text.len <= LONGEST));
}

/* What a double is exactly is printed so that it reads back as the same double. */
static void check_double(struct str text, struct arena *arena)
{
	char out[DECIMAL_SIZE];
	double number, again;
	bool is_integer;
	struct str printed;

	if (decimal_to_double(text, &number) < 0)
		return;
	printed = arena_copy(arena, str_make(out, decimal_print(number, out)));
	FUZZ_HOLDS(decimal_is_json(printed, &is_integer) && !is_integer);
	FUZZ_HOLDS(decimal_to_double(printed, &again) == 0 && memcmp(&number, &again, sizeof(number)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_make((const char *)data, size), json;
	struct arena arena;
	bool is_integer;

	arena_init(&arena);
	json = decimal_from_xml(text, &arena);
	check_kinds(text, json.ptr != NULL);
	if (json.ptr) {
		FUZZ_HOLDS(decimal_is_json(json, &is_integer));
		check_double(json, &arena);
	}
	arena_finish(&arena);
	return 0;
}
