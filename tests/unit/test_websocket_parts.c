/* Heads of frames, and compressed messages: the parts of the WebSocket binding that read bytes by themselves. */
#include "bindings/websocket/deflation.h"
#include "bindings/websocket/frames.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <zlib.h>

enum { MAX_MESSAGE = 1000 };

/* ---- frames ---- */

struct frame_case {
	struct str bytes;
	enum close_code code;
	enum { AMID = 1, PINGED = 2, CLOSED = 4 } state; /* in the end, if code is NONE */
};

#define MASKED "\1\2\3\4"

static const struct frame_case cases[] = {
	{STR("\x81\x80" MASKED), CLOSE_NONE, 0},
	{STR("\x81\x83" MASKED "abc"), CLOSE_NONE, 0},
	{STR("\x81\x83" MASKED "ab"), CLOSE_NONE, AMID},
	{STR("\x81"), CLOSE_NONE, AMID},
	{STR("\x01\x83" MASKED "abc"), CLOSE_NONE, AMID},
	{STR("\x01\x83" MASKED "abc\x89\x82" MASKED "hi\x80\x80" MASKED), CLOSE_NONE, PINGED},
	{STR("\x01\x80" MASKED "\x00\x81" MASKED "a\x80\x81" MASKED "b"), CLOSE_NONE, 0},
	{STR("\x88\x80" MASKED), CLOSE_NONE, CLOSED},
	{STR("\x88\x82" MASKED "\x02\xea"), CLOSE_NONE, CLOSED},
	{STR("\x88\x84" MASKED "\x02\xea\xc0\xad"), CLOSE_NONE, CLOSED},
	{STR("\x88\x82" MASKED "\x02\xea\x89\x81" MASKED "a"), CLOSE_NONE, CLOSED},
	{STR("\x88\x84" MASKED "\x02\xea\xfc"), CLOSE_NONE, AMID},
	{STR("\x88\x84" MASKED "\x02\xea\xfc\xfb"), CLOSE_INVALID_DATA, 0},
	{STR("\x88\x82" MASKED "\x12\x8a"), CLOSE_PROTOCOL_ERROR, 0},
	{STR("\x88\x82" MASKED "\xfe\xfd"), CLOSE_PROTOCOL_ERROR, 0},
	{STR("\x88\x82" MASKED "\x02\xee"), CLOSE_PROTOCOL_ERROR, 0},
	{STR("\x09\x80" MASKED), CLOSE_PROTOCOL_ERROR, 0},
	{STR("\x8a\x80" MASKED), CLOSE_NONE, 0},
	{STR("\x81\x03"), CLOSE_PROTOCOL_ERROR, 0},
	{STR("\xc1\x80" MASKED), CLOSE_PROTOCOL_ERROR, 0},
	{STR("\x88\x81" MASKED "a"), CLOSE_PROTOCOL_ERROR, 0},
	{STR("\x89\xfe\x00\x7e" MASKED), CLOSE_PROTOCOL_ERROR, 0},
	{STR("\x81\xfe\x00\x7d" MASKED), CLOSE_PROTOCOL_ERROR, 0},
	{STR("\x81\xff\x00\x00\x00\x00\x00\x00\xff\xff" MASKED), CLOSE_PROTOCOL_ERROR, 0},
	{STR("\x81\xff\x80\x00\x00\x00\x00\x01\x00\x00" MASKED), CLOSE_PROTOCOL_ERROR, 0},
	{STR("\x81\xff\x00\x00\x00\x00\x00\x01\x00\x00" MASKED), CLOSE_TOO_BIG, 0},
	{STR("\x81\xfe\x03\xe9" MASKED), CLOSE_TOO_BIG, 0},
	{STR("\x81\xfe\x03\xe8" MASKED), CLOSE_NONE, AMID},
};

static unsigned state_of(const struct frames *frames)
{
	return (frames_is_amid(frames) ? AMID : 0) | (frames->had_ping ? PINGED : 0) |
	       (frames->has_closed ? CLOSED : 0);
}

/* seen: what the library gets of it. */
static enum close_code scan(struct frames *frames, struct str bytes, struct strbuf *seen)
{
	char copy[200];
	size_t len = bytes.len;
	enum close_code code;

	assert_true(len <= sizeof(copy));
	memcpy(copy, bytes.ptr, len);
	code = frames_scan(frames, copy, &len);
	if (seen)
		strbuf_add(seen, copy, len);
	return code;
}

static void frames_are_judged_by_their_heads_however_they_are_cut(void **test)
{
	(void)test;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (size_t size = 1; size <= cases[i].bytes.len; size++) {
			struct frames frames = {.max_message = MAX_MESSAGE};
			struct str rest = cases[i].bytes;
			enum close_code code = CLOSE_NONE;

			while (rest.len && code == CLOSE_NONE) {
				code = scan(&frames, str_make(rest.ptr, size < rest.len ? size : rest.len), NULL);
				rest = str_from(rest, size);
			}
			assert_int_equal(code, cases[i].code);
			if (code == CLOSE_NONE) {
				assert_int_equal(state_of(&frames), cases[i].state);
			} else {
				assert_non_null(frames.why);
			}
		}
}

static void the_bit_of_compression_is_for_the_first_frame_of_a_message_where_it_is_agreed_on(void **test)
{
	static const struct str good = {"\xc1\x80" MASKED, 6}, wrong[] = {
								       {"\x41\x80" MASKED "\xc0\x80" MASKED, 12},
								       {"\xc9\x80" MASKED, 6},
								       {"\xa1\x80" MASKED, 6},
							       };
	struct frames frames = {.max_message = MAX_MESSAGE, .takes_deflated = true};

	(void)test;
	assert_int_equal(scan(&frames, good, NULL), CLOSE_NONE);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		frames = (struct frames){.max_message = MAX_MESSAGE, .takes_deflated = true};
		assert_int_equal(scan(&frames, wrong[i], NULL), CLOSE_PROTOCOL_ERROR);
	}
}

static void a_message_counts_with_all_its_fragments(void **test)
{
	struct frames frames = {.max_message = 10};

	(void)test;
	assert_int_equal(scan(&frames, STR("\x01\x86" MASKED "abcdef\x80\x84" MASKED "abcd"), NULL), CLOSE_NONE);
	assert_int_equal(scan(&frames, STR("\x01\x86" MASKED "abcdef\x80\x85" MASKED), NULL), CLOSE_TOO_BIG);
}

/* The frame says 200 bytes, which is more than the payload of a control frame has room for. */
static void behind_a_fault_nothing_is_looked_at(void **test)
{
	struct frames frames = {.max_message = MAX_MESSAGE}, before;
	char more[200] = {0};
	size_t len = sizeof(more);

	(void)test;
	assert_int_equal(scan(&frames, STR("\x89\xfe\x00\xc8" MASKED), NULL), CLOSE_PROTOCOL_ERROR);
	before = frames;
	assert_int_equal(frames_scan(&frames, more, &len), CLOSE_PROTOCOL_ERROR);
	assert_int_equal(len, 0);
	assert_memory_equal(&frames, &before, sizeof(frames));
}

static void the_library_sees_no_ping_no_late_code_and_nothing_behind_a_close_frame(void **test)
{
	const struct str sent = STR("\x89\x81" MASKED "a\x89\x82" MASKED "bc\x88\x82" MASKED "\x02\xf6\x81\x80" MASKED),
			 seen = STR("\x8a\x81" MASKED "a\x8a\x82" MASKED "bc\x88\x82" MASKED "\x02\xea");

	(void)test;
	for (size_t size = 1; size <= sent.len; size++) {
		struct frames frames = {.max_message = MAX_MESSAGE};
		struct strbuf out = {0};

		for (struct str rest = sent; rest.len; rest = str_from(rest, size))
			assert_int_equal(scan(&frames, str_make(rest.ptr, size < rest.len ? size : rest.len), &out),
					 CLOSE_NONE);
		assert_true(str_eq(strbuf_str(&out), seen));
		assert_true(str_eq(str_make(frames.ping, frames.ping_len), STR("ca")));
		strbuf_finish(&out);
	}
}

/* ---- compression ---- */

static void add_text(struct strbuf *out, size_t len)
{
	for (size_t i = 0; i < len; i++)
		strbuf_add_char(out, (char)('a' + (i * i * 7 + i / 3) % 26));
}

static void messages_come_back_in_any_size(void **test)
{
	static const size_t sizes[] = {1, 2, 10, 125, 4000, 4096, 5000, 100000, 3};

	(void)test;
	for (int forgets = 0; forgets < 2; forgets++) {
		struct deflation *here = deflation_create(forgets, forgets),
				 *there = deflation_create(forgets, forgets);

		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			struct strbuf text = {0}, packed = {0}, back = {0};

			add_text(&text, sizes[i]);
			deflation_add(here, strbuf_str(&text), &packed);
			assert_int_equal(deflation_inflate(there, strbuf_str(&packed), 1 << 20, &back), 0);
			assert_true(str_eq(strbuf_str(&text), strbuf_str(&back)));
			strbuf_finish(&text);
			strbuf_finish(&packed);
			strbuf_finish(&back);
		}
		deflation_destroy(here);
		deflation_destroy(there);
	}
}

static void what_inflates_to_too_much_is_found_before_it_has(void **test)
{
	struct deflation *deflation = deflation_create(false, false);
	struct strbuf zeroes = {0}, packed = {0}, back = {0};

	(void)test;
	memset(strbuf_reserve(&zeroes, 10 << 20), 0, 10 << 20);
	zeroes.len = 10 << 20;
	deflation_add(deflation, strbuf_str(&zeroes), &packed);
	assert_true(packed.len < 100000);
	assert_int_equal(deflation_inflate(deflation, strbuf_str(&packed), 1000, &back), ERROR_LIMIT);
	assert_true(back.cap < 100000);
	deflation_destroy(deflation);
	strbuf_finish(&zeroes);
	strbuf_finish(&packed);
	strbuf_finish(&back);
}

static void what_is_not_compressed_is_refused(void **test)
{
	struct deflation *deflation = deflation_create(false, false);
	struct strbuf back = {0};

	(void)test;
	assert_int_equal(deflation_inflate(deflation, STR("\x07\xff\xff\x00garbage"), 1000, &back), ERROR_FORMAT);
	deflation_destroy(deflation);
	strbuf_finish(&back);
}

/* RFC 7692 7.2.3.5: a peer may end the stream, and begin another. */
static void a_last_block_is_not_the_end(void **test)
{
	struct deflation *deflation = deflation_create(false, false);
	struct strbuf back = {0};

	(void)test;
	assert_int_equal(deflation_inflate(deflation, STR("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), 1000, &back), 0);
	assert_true(str_eq(strbuf_str(&back), STR("Hello")));
	strbuf_clear(&back);
	assert_int_equal(deflation_inflate(deflation, STR("\xf2\x48\xcd\xc9\xc9\x07\x00"), 1000, &back), 0);
	assert_true(str_eq(strbuf_str(&back), STR("Hello")));
	deflation_destroy(deflation);
	strbuf_finish(&back);
}

/* RFC 7692 7.2.2: the window goes on over the end of a block, and what follows may refer to it. */
static void what_came_before_a_last_block_is_remembered(void **test)
{
	struct deflation *deflation = deflation_create(false, false);
	struct strbuf back = {0};
	z_stream packer = {0};
	char text[] = "HelloHello", packed[100];

	(void)test;
	assert_int_equal(deflation_inflate(deflation, STR("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), 1000, &back), 0);
	strbuf_clear(&back);
	assert_int_equal(deflateInit2(&packer, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflateSetDictionary(&packer, (const Bytef *)"Hello", 5), Z_OK);
	packer.next_in = (Bytef *)text;
	packer.avail_in = 10;
	packer.next_out = (Bytef *)packed;
	packer.avail_out = sizeof(packed);
	assert_int_equal(deflate(&packer, Z_SYNC_FLUSH), Z_OK);
	assert_int_equal(
		deflation_inflate(deflation, str_make(packed, sizeof(packed) - packer.avail_out - 4), 1000, &back), 0);
	assert_true(str_eq(strbuf_str(&back), STR("HelloHello")));
	deflateEnd(&packer);
	deflation_destroy(deflation);
	strbuf_finish(&back);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_are_judged_by_their_heads_however_they_are_cut),
		cmocka_unit_test(the_bit_of_compression_is_for_the_first_frame_of_a_message_where_it_is_agreed_on),
		cmocka_unit_test(a_message_counts_with_all_its_fragments),
		cmocka_unit_test(behind_a_fault_nothing_is_looked_at),
		cmocka_unit_test(the_library_sees_no_ping_no_late_code_and_nothing_behind_a_close_frame),
		cmocka_unit_test(messages_come_back_in_any_size),
		cmocka_unit_test(what_inflates_to_too_much_is_found_before_it_has),
		cmocka_unit_test(what_is_not_compressed_is_refused),
		cmocka_unit_test(a_last_block_is_not_the_end),
		cmocka_unit_test(what_came_before_a_last_block_is_remembered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
