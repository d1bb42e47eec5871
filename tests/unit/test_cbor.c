/* Unit tests of schemas/codec/cbor*.c: TS-0004 8.5, what is refused, and what CBOR cannot carry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/codec_case.h"

/* {"m2m:cin":{"con": ... }} */
#define CIN "a1676d326d3a63696ea163636f6e"
enum { CIN_LEN = 14 };

static int set_up(void **state)
{
	return codec_case_set_up(state, "cbor");
}

static struct str bytes_of(const char *hex, char *out)
{
	size_t len = 0;
	unsigned byte;

	for (; hex[2 * len]; len++) {
		sscanf(hex + 2 * len, "%2x", &byte);
		out[len] = (char)byte;
	}
	return str_make(out, len);
}

static void reads(void **state, const char *hex, const char *json)
{
	char bytes[400];

	assert_reads(*state, CODEC_CONTENT, bytes_of(hex, bytes), json);
}

static void writes(void **state, const char *json, const char *hex)
{
	char bytes[400];

	assert_writes(*state, CODEC_CONTENT, json, bytes_of(hex, bytes));
}

static void both(void **state, const char *json, const char *hex)
{
	reads(state, hex, json);
	writes(state, json, hex);
}

static void refuses_at(void **state, const char *hex, size_t offset, const char *message)
{
	char bytes[400];

	assert_refuses(*state, bytes_of(hex, bytes), ERROR_FORMAT, offset, message);
}

/* The value of con is refused. */
static void refuses(void **state, const char *con, const char *message)
{
	char hex[400];

	snprintf(hex, sizeof(hex), CIN "%s", con);
	refuses_at(state, hex, CIN_LEN, message);
}

static void values_have_the_shortest_heads(void **state)
{
	both(state, "{\"m2m:cin\":{\"con\":[0,23,24,255,256,65535,65536,4294967295,4294967296,18446744073709551615]}}",
	     CIN "8a00171818"
		 "18ff"
		 "190100"
		 "19ffff"
		 "1a00010000"
		 "1affffffff"
		 "1b0000000100000000"
		 "1bffffffffffffffff");
	both(state, "{\"m2m:cin\":{\"con\":[-1,-24,-25,-9223372036854775808,-18446744073709551616]}}",
	     CIN "8520373818"
		 "3b7fffffffffffffff"
		 "3bffffffffffffffff");
	both(state, "{\"m2m:cin\":{\"con\":[true,false,null,\"\",{},[]]}}", CIN "86f5f4f660a080");
}

static void numbers_with_a_fraction_are_floats_of_32_bits_where_they_are_exact(void **state)
{
	both(state, "{\"m2m:cin\":{\"con\":1.5}}", CIN "fa3fc00000");
	both(state, "{\"m2m:cin\":{\"con\":0.1}}", CIN "fb3fb999999999999a");
	both(state, "{\"m2m:cin\":{\"con\":-0.0}}", CIN "fa80000000");
	both(state, "{\"m2m:cin\":{\"con\":5e-324}}", CIN "fb0000000000000001");
	both(state, "{\"m2m:cin\":{\"con\":0.10000000149011612}}", CIN "fa3dcccccd");
	reads(state, CIN "f93e00", "{\"m2m:cin\":{\"con\":1.5}}");
	reads(state, CIN "f90001", "{\"m2m:cin\":{\"con\":5.9604644775390625e-08}}");
}

static void another_notation_of_a_number_keeps_its_value(void **state)
{
	writes(state, "{\"m2m:cin\":{\"con\":1.10}}", CIN "fb3ff199999999999a");
	writes(state, "{\"m2m:cin\":{\"con\":0.00015e4}}", CIN "fa3fc00000");
	writes(state, "{\"m2m:cin\":{\"con\":-0}}", CIN "00");
	writes(state, "{\"m2m:cin\":{\"con\":0.000e999999999999}}", CIN "fa00000000");
}

static void a_number_that_would_lose_something_is_reported(void **state)
{
	static const char *const numbers[] = {"1e400",
					      "1e-400",
					      "0.1234567890123456789",
					      "18446744073709551616",
					      "-18446744073709551617",
					      "1e999999999999",
					      "9007199254740993.0"};
	char json[100];

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		snprintf(json, sizeof(json), "{\"m2m:cin\":{\"con\":%s}}", numbers[i]);
		assert_cannot_write(*state, json, "without a loss");
	}
	assert_cannot_write(*state, "{\"a\":", "");
}

static void lengths_may_be_indefinite(void **state)
{
	reads(state, "bf676d326d3a63696ebf63636f6e9f017f61616162ff80ffffff", "{\"m2m:cin\":{\"con\":[1,\"ab\",[]]}}");
	reads(state,
	      "a17f636d326d643a63696eff"
	      "a163636f6e7fff",
	      "{\"m2m:cin\":{\"con\":\"\"}}");
	refuses_at(state, CIN "7f6161", 17, "end too early");
	refuses_at(state, CIN "7f4161ff", 15, "a part that is none of its kind");
	refuses_at(state, CIN "7f01ff", 15, "a part that is none of its kind");
	refuses_at(state, CIN "7f7f6161ffff", 15, "a part that is none of its kind");
	refuses_at(state, "ff", 0, "a break where nothing can end");
	refuses_at(state, CIN "8201ff", 16, "a break where nothing can end");
	refuses_at(state, "bf6161ff", 3, "a break where nothing can end");
}

static void primitives_are_not_wrapped(void **state)
{
	char bytes[100];

	assert_reads(*state, CODEC_REQUEST,
		     bytes_of("a2626f700362"
			      "746f6161",
			      bytes),
		     "{\"op\":3,\"to\":\"a\"}");
	assert_reads(*state, CODEC_RESPONSE,
		     bytes_of("a163727363"
			      "1907d0",
			      bytes),
		     "{\"rsc\":2000}");
	assert_writes(*state, CODEC_RESPONSE, "{\"rsc\":2000}",
		      bytes_of("a163727363"
			       "1907d0",
			       bytes));
}

static void bytes_are_taken_where_the_tables_say_base64(void **state)
{
	reads(state,
	      "a1666d326d3a6165a163657369a1666573636572748543010203420102410140"
	      "6161",
	      "{\"m2m:ae\":{\"esi\":{\"escert\":[\"AQID\",\"AQI=\",\"AQ==\",\"\",\"a\"]}}}");
	reads(state, "a1666d326d3a6165a163657369a166657363657274815f4201024103ff",
	      "{\"m2m:ae\":{\"esi\":{\"escert\":[\"AQID\"]}}}");
	writes(state, "{\"m2m:ae\":{\"esi\":{\"escert\":[\"AQID\"]}}}",
	       "a1666d326d3a6165a163657369a1666573636572748164"
	       "41514944");
	refuses(state, "4101", "a byte string where no base64 value belongs");
}

static void what_json_has_no_value_for_is_refused(void **state)
{
	refuses(state, "f97e00", "not finite");
	refuses(state, "fa7f800000", "not finite");
	refuses(state, "fbfff0000000000000", "not finite");
	refuses(state, "f7", "undefined");
	refuses(state, "c101", "tags");
	refuses(state, "c249010000000000000000", "tags");
	refuses(state, "e0", "no item of CBOR");
	refuses(state, "f8ff", "no item of CBOR");
	refuses(state, "1c", "no item of CBOR");
	refuses(state, "62c328", "invalid UTF-8");
	refuses_at(state, "a10102", 1, "the name of a member must be a text string");
	refuses_at(state,
		   "a141"
		   "6101",
		   1, "the name of a member must be a text string");
	refuses_at(state, "a18001", 1, "the name of a member must be a text string");
	refuses_at(state, "a1f601", 1, "the name of a member must be a text string");
	refuses_at(state, CIN "a2616101616102", 20, "two members of the same name");
	refuses_at(state, CIN "0100", 15, "bytes behind the value");
	refuses_at(state, "", 0, "end too early");
	refuses_at(state, CIN, CIN_LEN, "end too early");
}

static void bounds_hold(void **state)
{
	char bytes[12000] = "";

	refuses(state, "9bffffffffffffffff", "more elements than there are bytes");
	refuses(state, "bbffffffffffffffff", "more elements than there are bytes");
	refuses(state, "9a00010000", "more elements than there are bytes");
	refuses(state, "7bffffffffffffffff", "end too early");
	memset(bytes, '\x9f', 100);
	assert_refuses(*state, str_make(bytes, 100), ERROR_LIMIT, 8, "nested too deep");
	memset(bytes + 1, 0, sizeof(bytes) - 1);
	assert_refuses(*state, str_make(bytes, 200), ERROR_LIMIT, 100, "too many values");
	assert_refuses(*state, str_make(bytes, sizeof(bytes)), ERROR_LIMIT, 0, "the text is too long");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(values_have_the_shortest_heads, set_up, codec_case_tear_down),
		cmocka_unit_test_setup_teardown(numbers_with_a_fraction_are_floats_of_32_bits_where_they_are_exact,
						set_up, codec_case_tear_down),
		cmocka_unit_test_setup_teardown(another_notation_of_a_number_keeps_its_value, set_up,
						codec_case_tear_down),
		cmocka_unit_test_setup_teardown(a_number_that_would_lose_something_is_reported, set_up,
						codec_case_tear_down),
		cmocka_unit_test_setup_teardown(lengths_may_be_indefinite, set_up, codec_case_tear_down),
		cmocka_unit_test_setup_teardown(primitives_are_not_wrapped, set_up, codec_case_tear_down),
		cmocka_unit_test_setup_teardown(bytes_are_taken_where_the_tables_say_base64, set_up,
						codec_case_tear_down),
		cmocka_unit_test_setup_teardown(what_json_has_no_value_for_is_refused, set_up, codec_case_tear_down),
		cmocka_unit_test_setup_teardown(bounds_hold, set_up, codec_case_tear_down),
	};

	return cmocka_run_group_tests_name("test_cbor", tests, NULL, NULL);
}
