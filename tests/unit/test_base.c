/* Unit tests of cse/base, but for the loop. */
#include "cse/base/arena.h"
#include "cse/base/error.h"
#include "cse/base/id.h"
#include "cse/base/list.h"
#include "cse/base/log.h"
#include "cse/base/map.h"
#include "cse/base/str.h"
#include "cse/base/strbuf.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* ---- str ---- */

static void str_split_gives_each_part_and_then_nothing(void **state)
{
	struct str rest = STR("a,,b");

	(void)state;
	assert_true(str_eq(str_split(&rest, ','), STR("a")));
	assert_true(str_eq(str_split(&rest, ','), STR("")));
	assert_non_null(rest.ptr);
	assert_true(str_eq(str_split(&rest, ','), STR("b")));
	assert_null(rest.ptr);
}

static void str_next_item_passes_over_blanks_and_empty_items(void **state)
{
	struct str rest = STR(" a ,,\tb c,  ");

	(void)state;
	assert_true(str_eq(str_next_item(&rest), STR("a")));
	assert_true(str_eq(str_next_item(&rest), STR("b c")));
	assert_null(str_next_item(&rest).ptr);
	assert_null(str_next_item(&rest).ptr);
	assert_true(str_has_item(STR("2a, 3,4"), STR("3")));
	assert_false(str_has_item(STR("2a, 3,4"), STR("2")));
	assert_false(str_has_item(STR(","), STR("")));
	assert_false(str_has_item((struct str){0}, STR("a")));
}

static void str_numbers_are_exact_64_bit(void **state)
{
	uint64_t u;
	int64_t i;

	(void)state;
	assert_int_equal(str_to_u64(STR("18446744073709551615"), &u), 0);
	assert_true(u == UINT64_MAX);
	assert_int_equal(str_to_u64(STR("18446744073709551616"), &u), -1);
	assert_int_equal(str_to_i64(STR("-9223372036854775808"), &i), 0);
	assert_true(i == INT64_MIN);
	assert_int_equal(str_to_i64(STR("9223372036854775808"), &i), -1);
	assert_int_equal(str_to_i64(STR("-9223372036854775809"), &i), -1);
}

static void str_numbers_refuse_anything_else(void **state)
{
	static const char *const bad[] = {"", "-", "+1", " 1", "1 ", "1a", "0x1", "--1", "1.0"};
	uint64_t u;
	int64_t i;

	(void)state;
	for (size_t n = 0; n < sizeof(bad) / sizeof(bad[0]); n++) {
		assert_int_equal(str_to_i64(str_of(bad[n]), &i), -1);
		assert_int_equal(str_to_u64(str_of(bad[n]), &u), -1);
	}
}

static void str_hash_depends_on_every_byte_and_the_seed(void **state)
{
	char text[40] = {0};
	uint64_t plain = str_hash(str_make(text, sizeof(text)), 1);

	(void)state;
	assert_true(plain != str_hash(str_make(text, sizeof(text)), 2));
	assert_true(plain != str_hash(str_make(text, sizeof(text) - 1), 1));
	for (size_t i = 0; i < sizeof(text); i++) {
		text[i] = 1;
		assert_true(plain != str_hash(str_make(text, sizeof(text)), 1));
		text[i] = 0;
	}
}

static void str_eq_nocase_folds_ascii_only(void **state)
{
	(void)state;
	assert_true(str_eq_nocase(STR("X-m2m-Origin"), STR("x-M2M-oRIGIN")));
	assert_false(str_eq_nocase(STR("["), STR("{")));
	assert_false(str_eq_nocase(STR("a"), STR("ab")));
}

static void str_utf8_refuses_overlong_surrogate_and_cut_sequences(void **state)
{
	static const char *const good[] = {
		"", "plain", "\xc2\x80", "\xef\xbf\xbf", "\xf4\x8f\xbf\xbf", "a\xe2\x82\xac."};
	static const char *const bad[] = {"\x80",
					  "\xc1\xbf",
					  "\xe0\x9f\xbf",
					  "\xed\xa0\x80",
					  "\xf0\x8f\xbf\xbf",
					  "\xf4\x90\x80\x80",
					  "\xf5\x80\x80\x80",
					  "a\xe2\x82",
					  "\xe2\x82z",
					  "\xff"};

	(void)state;
	for (size_t n = 0; n < sizeof(good) / sizeof(good[0]); n++)
		assert_true(str_is_utf8(str_of(good[n])));
	for (size_t n = 0; n < sizeof(bad) / sizeof(bad[0]); n++)
		assert_false(str_is_utf8(str_of(bad[n])));
}

/* ---- arena ---- */

static void arena_gives_aligned_separate_memory(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena);
	for (size_t size = 0; size < 9000; size += 7) {
		char *piece = arena_alloc(&arena, size);

		assert_int_equal((uintptr_t)piece % _Alignof(max_align_t), 0);
		memset(piece, 0x5a, size);
	}
	arena_finish(&arena);
}

static void arena_reset_keeps_one_block(void **state)
{
	struct arena arena;
	char *first;

	(void)state;
	arena_init(&arena);
	arena_alloc(&arena, 1 << 20);
	arena_alloc(&arena, 10);
	arena_reset(&arena);
	first = arena_alloc(&arena, 10);
	for (int i = 0; i < 3; i++) {
		arena_alloc(&arena, 100000);
		arena_reset(&arena);
		assert_ptr_equal(arena_alloc(&arena, 10), first);
	}
	arena_finish(&arena);
}

static void arena_text_helpers_copy(void **state)
{
	struct arena arena;
	struct str none = {0};

	(void)state;
	arena_init(&arena);
	assert_true(str_eq(arena_printf(&arena, "%s-%d", "a", 7), STR("a-7")));
	assert_true(str_eq(arena_join(&arena, STR("ab"), none, STR("c")), STR("abc")));
	assert_string_equal(arena_cstr(&arena, STR("xy")), "xy");
	assert_null(arena_copy(&arena, none).ptr);
	assert_non_null(arena_copy(&arena, STR("")).ptr);
	arena_finish(&arena);
}

/* ---- strbuf ---- */

static void strbuf_grows_and_consumes(void **state)
{
	struct strbuf buf = {0};

	(void)state;
	for (int i = 0; i < 1000; i++)
		strbuf_addf(&buf, "%d,", i);
	assert_int_equal(buf.len, 3890);
	strbuf_consume(&buf, 3886);
	assert_true(str_eq(strbuf_str(&buf), STR("999,")));
	strbuf_add_u64(&buf, 0);
	strbuf_add_u64(&buf, UINT64_MAX);
	assert_true(str_eq(strbuf_str(&buf), STR("999,018446744073709551615")));
	strbuf_finish(&buf);
}

static void strbuf_formats_longer_than_its_room(void **state)
{
	struct strbuf buf = {0};
	char text[501];

	(void)state;
	memset(text, 'x', 500);
	text[500] = '\0';
	strbuf_addf(&buf, "%s%s", text, "end");
	assert_int_equal(buf.len, 503);
	assert_memory_equal(buf.ptr + 500, "end", 3);
	strbuf_finish(&buf);
}

static void strbuf_escapes_json(void **state)
{
	struct strbuf buf = {0};

	(void)state;
	strbuf_add_json(&buf, str_make("a\"\\\n\x01\x00\xc3\xa4/", 9));
	assert_true(str_eq(strbuf_str(&buf), STR("\"a\\\"\\\\\\n\\u0001\\u0000\xc3\xa4/\"")));
	strbuf_finish(&buf);
}

/* ---- map ---- */

struct item {
	struct map_node node;
	uint64_t key;
};

static void map_finds_every_node_among_colliding_ones(void **state)
{
	static struct item items[1000];
	struct map map = {0};
	size_t walk = 0, seen = 0;

	(void)state;
	assert_null(map_first(&map, 1));
	for (size_t i = 0; i < 1000; i++)
		map_add(&map, &items[i].node, items[i].key = i % 500);
	for (uint64_t key = 0; key < 500; key++) {
		struct map_node *node = map_first(&map, key);

		assert_int_equal(container_of(node, struct item, node)->key, key);
		assert_int_equal(container_of(map_next(node), struct item, node)->key, key);
		assert_null(map_next(map_next(node)));
	}
	for (size_t i = 0; i < 500; i++)
		map_remove(&map, &items[i].node);
	for (struct map_node *node = NULL; (node = map_walk(&map, &walk, node));)
		seen++;
	assert_int_equal(seen, 500);
	assert_int_equal(map.count, 500);
	assert_null(map_next(map_first(&map, 7)));
	map_finish(&map);
}

/* ---- list ---- */

static void list_splice_moves_everything_in_order(void **state)
{
	struct list a, b, items[3];

	(void)state;
	list_init(&a);
	list_init(&b);
	list_push(&a, &items[0]);
	list_push(&b, &items[1]);
	list_push(&b, &items[2]);
	list_splice(&a, &b);
	assert_true(list_empty(&b));
	assert_ptr_equal(a.next, &items[0]);
	assert_ptr_equal(a.prev, &items[2]);
	list_remove(&items[1]);
	list_remove(&items[1]);
	assert_ptr_equal(items[0].next, &items[2]);
}

/* ---- error ---- */

static void error_text_names_own_and_system_errors(void **state)
{
	(void)state;
	assert_string_equal(error_text(-ENOENT), "No such file or directory");
	assert_string_equal(error_text(ERROR_CORRUPT), "stored data cannot be read");
	assert_string_equal(error_text(-999999), "unknown error");
}

/* ---- id ---- */

static void id_text_repeats_with_its_seed(void **state)
{
	struct id_source a, b;
	char x[12], y[12];

	(void)state;
	id_source_init(&a, 5);
	id_source_init(&b, 5);
	id_text(&a, x, sizeof(x));
	id_text(&b, y, sizeof(y));
	assert_memory_equal(x, y, sizeof(x));
	id_text(&a, x, sizeof(x));
	assert_memory_not_equal(x, y, sizeof(x));
	assert_true(id_seed() != id_seed());
}

/* ---- log ---- */

static size_t logged(enum log_format format, const char *peer_text, char *line, size_t size)
{
	FILE *out = tmpfile();
	struct log log = {.level = LOG_INFO, .format = format, .out = out};
	size_t len;

	log_event(&log, LOG_DEBUG, "hidden", "a=%d", 1);
	log_event(&log, LOG_INFO, "request done", "why=\"%s\" from=%.*s size=%zu big=%lld", peer_text, 3, "Cabc",
		  (size_t)42, -7LL);
	rewind(out);
	len = fread(line, 1, size - 1, out);
	line[len] = '\0';
	fclose(out);
	return len;
}

static void log_text_is_one_line_of_pairs(void **state)
{
	char line[2000];

	(void)state;
	logged(LOG_TEXT, "not found", line, sizeof(line));
	assert_memory_equal(line, "time=20", 7);
	assert_non_null(strstr(line, " level=info event=\"request done\" why=\"not found\" from=Cab size=42 big=-7\n"));
}

static void log_json_has_the_same_members(void **state)
{
	char line[2000];

	(void)state;
	logged(LOG_JSON, "not found", line, sizeof(line));
	assert_memory_equal(line, "{\"time\":\"20", 11);
	assert_non_null(strstr(
		line, ",\"event\":\"request done\",\"why\":\"not found\",\"from\":\"Cab\",\"size\":42,\"big\":-7}\n"));
}

static void log_values_cannot_forge_pairs_or_lines(void **state)
{
	char line[2000];

	(void)state;
	logged(LOG_TEXT, "x\" from=me\n\x1b[1m", line, sizeof(line));
	assert_non_null(strstr(line, " why=\"x\\\" from=me\\u000a\\u001b[1m\" from=Cab "));
	assert_null(strchr(strchr(line, '\n') + 1, '\n'));
}

static void log_lines_are_cut_at_1000_bytes(void **state)
{
	char text[5001], line[6000];
	size_t len;

	(void)state;
	memset(text, '\x01', 5000);
	text[5000] = '\0';
	len = logged(LOG_JSON, text, line, sizeof(line));
	assert_true(len > 900 && len <= 1000);
	assert_memory_equal(line + len - 3, "\"}\n", 3);
}

static void log_levels_have_names(void **state)
{
	(void)state;
	assert_int_equal(log_level_of("error"), LOG_ERROR);
	assert_int_equal(log_level_of("debug"), LOG_DEBUG);
	assert_int_equal(log_level_of("loud"), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(str_split_gives_each_part_and_then_nothing),
		cmocka_unit_test(str_next_item_passes_over_blanks_and_empty_items),
		cmocka_unit_test(str_numbers_are_exact_64_bit),
		cmocka_unit_test(str_numbers_refuse_anything_else),
		cmocka_unit_test(str_hash_depends_on_every_byte_and_the_seed),
		cmocka_unit_test(str_eq_nocase_folds_ascii_only),
		cmocka_unit_test(str_utf8_refuses_overlong_surrogate_and_cut_sequences),
		cmocka_unit_test(arena_gives_aligned_separate_memory),
		cmocka_unit_test(arena_reset_keeps_one_block),
		cmocka_unit_test(arena_text_helpers_copy),
		cmocka_unit_test(strbuf_grows_and_consumes),
		cmocka_unit_test(strbuf_formats_longer_than_its_room),
		cmocka_unit_test(strbuf_escapes_json),
		cmocka_unit_test(map_finds_every_node_among_colliding_ones),
		cmocka_unit_test(list_splice_moves_everything_in_order),
		cmocka_unit_test(error_text_names_own_and_system_errors),
		cmocka_unit_test(id_text_repeats_with_its_seed),
		cmocka_unit_test(log_text_is_one_line_of_pairs),
		cmocka_unit_test(log_json_has_the_same_members),
		cmocka_unit_test(log_values_cannot_forge_pairs_or_lines),
		cmocka_unit_test(log_lines_are_cut_at_1000_bytes),
		cmocka_unit_test(log_levels_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
