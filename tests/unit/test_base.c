/* Unit tests of cse/base. */
#include "cse/base/arena.h"
#include "cse/base/clock.h"
#include "cse/base/error.h"
#include "cse/base/id.h"
#include "cse/base/list.h"
#include "cse/base/log.h"
#include "cse/base/loop.h"
#include "cse/base/map.h"
#include "cse/base/str.h"
#include "cse/base/strbuf.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000)

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

/* ---- loop ---- */

struct fixture {
	struct clock clock;
	struct loop *loop;
};

static int create_loop(void **state)
{
	static struct fixture fixture;

	clock_init_virtual(&fixture.clock, 1700000000 * SECOND);
	fixture.loop = loop_create(&fixture.clock);
	*state = &fixture;
	return fixture.loop ? 0 : -1;
}

static int destroy_loop(void **state)
{
	loop_destroy(((struct fixture *)*state)->loop);
	return 0;
}

struct alarm {
	struct timer timer;
	struct loop *loop;
	int64_t period_us;
	unsigned fired, order;
	unsigned *sequence;
};

static void ring(struct timer *timer)
{
	struct alarm *alarm = container_of(timer, struct alarm, timer);

	alarm->fired++;
	if (alarm->sequence)
		alarm->order = ++*alarm->sequence;
	if (alarm->period_us)
		loop_timer_set(alarm->loop, timer, alarm->period_us);
}

static void advance(struct fixture *fixture, int64_t us)
{
	clock_advance(&fixture->clock, us);
	loop_round(fixture->loop, 0);
}

static void timer_fires_once_and_never_early(void **state)
{
	static const int64_t delays_us[] = {
		0, 1, 63, 64, 65, 4095, 4096, 4097, SECOND, 3600 * SECOND, 400 * 86400 * SECOND};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(delays_us) / sizeof(delays_us[0]); i++) {
		struct alarm alarm = {.timer.fire = ring};

		loop_timer_set(fixture->loop, &alarm.timer, delays_us[i]);
		assert_true(alarm.timer.is_set);
		if (delays_us[i] > 0)
			advance(fixture, delays_us[i] - 1);
		assert_int_equal(alarm.fired, 0);
		advance(fixture, delays_us[i] > 0);
		assert_int_equal(alarm.fired, 1);
		assert_false(alarm.timer.is_set);
		advance(fixture, 1000 * SECOND);
		assert_int_equal(alarm.fired, 1);
	}
}

static void timers_fire_in_order_when_the_clock_jumps(void **state)
{
	static struct alarm alarms[2000];
	struct fixture *fixture = *state;
	struct id_source random;
	unsigned sequence = 0;

	id_source_init(&random, 1);
	for (size_t i = 0; i < 2000; i++) {
		alarms[i] = (struct alarm){.timer.fire = ring, .sequence = &sequence};
		loop_timer_set(fixture->loop, &alarms[i].timer, (int64_t)(id_next(&random) % (86400 * SECOND)));
	}
	for (size_t i = 0; i < 2000; i += 3)
		loop_timer_cancel(fixture->loop, &alarms[i].timer);
	advance(fixture, 86400 * SECOND);
	for (size_t i = 0; i < 2000; i++) {
		struct alarm *a = &alarms[i], *b = &alarms[(i + 1) % 2000];

		assert_int_equal(a->fired, i % 3 != 0);
		if (a->fired && b->fired && a->timer.due_us < b->timer.due_us)
			assert_true(a->order < b->order);
	}
}

static void timer_set_again_moves(void **state)
{
	struct fixture *fixture = *state;
	struct alarm alarm = {.timer.fire = ring};

	loop_timer_set(fixture->loop, &alarm.timer, SECOND);
	advance(fixture, SECOND / 2);
	loop_timer_set(fixture->loop, &alarm.timer, SECOND);
	advance(fixture, SECOND / 2);
	assert_int_equal(alarm.fired, 0);
	advance(fixture, SECOND / 2);
	assert_int_equal(alarm.fired, 1);
}

static void timer_that_sets_itself_fires_once_a_round(void **state)
{
	struct fixture *fixture = *state;
	struct alarm alarm = {.timer.fire = ring, .loop = fixture->loop, .period_us = SECOND};

	loop_timer_set(fixture->loop, &alarm.timer, SECOND);
	advance(fixture, 3600 * SECOND);
	assert_int_equal(alarm.fired, 1);
	for (int i = 0; i < 10; i++)
		advance(fixture, SECOND);
	assert_int_equal(alarm.fired, 11);
	loop_timer_cancel(fixture->loop, &alarm.timer);
}

static void wall_clock_steps_do_not_move_timers(void **state)
{
	struct fixture *fixture = *state;
	struct alarm alarm = {.timer.fire = ring};
	int64_t wall_us = clock_wall_us(&fixture->clock);

	loop_timer_set(fixture->loop, &alarm.timer, SECOND);
	clock_step_wall(&fixture->clock, 365 * 86400 * SECOND);
	loop_round(fixture->loop, 0);
	assert_int_equal(alarm.fired, 0);
	assert_true(clock_wall_us(&fixture->clock) - wall_us == 365 * 86400 * SECOND);
	advance(fixture, SECOND);
	assert_int_equal(alarm.fired, 1);
}

struct pipe_end {
	struct loop_fd watch;
	struct loop *loop;
	struct pipe_end *other;
	unsigned calls;
};

static void unwatch_both(struct loop_fd *watch, uint32_t events)
{
	struct pipe_end *end = container_of(watch, struct pipe_end, watch);

	(void)events;
	end->calls++;
	loop_unwatch(end->loop, &end->watch);
	loop_unwatch(end->loop, &end->other->watch);
}

static void unwatched_descriptor_is_not_called_in_the_same_round(void **state)
{
	struct fixture *fixture = *state;
	struct pipe_end ends[2];
	int fds[2][2];

	for (int i = 0; i < 2; i++) {
		assert_int_equal(pipe(fds[i]), 0);
		assert_int_equal(write(fds[i][1], "x", 1), 1);
		ends[i] = (struct pipe_end){{unwatch_both, fds[i][0]}, fixture->loop, &ends[!i], 0};
		assert_int_equal(loop_watch(fixture->loop, &ends[i].watch, EPOLLIN), 0);
	}
	loop_round(fixture->loop, 0);
	loop_round(fixture->loop, 0);
	assert_int_equal(ends[0].calls + ends[1].calls, 1);
	for (int i = 0; i < 4; i++)
		close(fds[i / 2][i % 2]);
}

static void count_call(struct loop_fd *watch, uint32_t events)
{
	(void)events;
	container_of(watch, struct pipe_end, watch)->calls++;
}

struct unwatcher {
	struct timer timer;
	struct pipe_end *end;
};

static void unwatch_end(struct timer *timer)
{
	struct pipe_end *end = container_of(timer, struct unwatcher, timer)->end;

	loop_unwatch(end->loop, &end->watch);
}

static void descriptor_that_a_timer_unwatches_is_not_called_in_the_same_round(void **state)
{
	struct fixture *fixture = *state;
	struct pipe_end end = {{count_call, -1}, fixture->loop, NULL, 0};
	struct unwatcher unwatcher = {.timer.fire = unwatch_end, .end = &end};
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	end.watch.fd = fds[0];
	assert_int_equal(loop_watch(fixture->loop, &end.watch, EPOLLIN), 0);
	loop_round(fixture->loop, 0);
	assert_int_equal(end.calls, 1);
	loop_timer_set(fixture->loop, &unwatcher.timer, SECOND);
	advance(fixture, SECOND);
	assert_int_equal(end.calls, 1);
	close(fds[0]);
	close(fds[1]);
}

struct posts {
	struct loop *loop;
	struct post {
		struct loop_task task;
		struct posts *posts;
		unsigned number;
	} all[1000];
	unsigned run;
	bool in_order;
};

static void count_post(struct loop_task *task)
{
	struct post *post = container_of(task, struct post, task);

	post->posts->in_order &= post->number == post->posts->run;
	if (++post->posts->run == 1000)
		loop_stop(post->posts->loop);
}

static void *post_all(void *arg)
{
	struct posts *posts = arg;

	for (unsigned i = 0; i < 1000; i++) {
		posts->all[i] = (struct post){.task.run = count_post, .posts = posts, .number = i};
		loop_post(posts->loop, &posts->all[i].task);
	}
	return NULL;
}

static void posted_tasks_run_in_order_on_the_loop(void **state)
{
	static struct posts posts;
	struct fixture *fixture = *state;
	pthread_t thread;

	posts = (struct posts){.loop = fixture->loop, .in_order = true};
	assert_int_equal(pthread_create(&thread, NULL, post_all, &posts), 0);
	loop_run(fixture->loop);
	pthread_join(thread, NULL);
	assert_int_equal(posts.run, 1000);
	assert_true(posts.in_order);
}

struct round_count {
	struct loop_hook hook;
	unsigned rounds;
};

static void count_round(struct loop_hook *hook)
{
	container_of(hook, struct round_count, hook)->rounds++;
}

static void hooks_run_once_a_round(void **state)
{
	struct fixture *fixture = *state;
	struct round_count count = {.hook.run = count_round};

	loop_add_hook(fixture->loop, &count.hook);
	loop_round(fixture->loop, 0);
	loop_round(fixture->loop, 0);
	assert_int_equal(count.rounds, 2);
	loop_remove_hook(fixture->loop, &count.hook);
	loop_round(fixture->loop, 0);
	assert_int_equal(count.rounds, 2);
}

struct pair_hook {
	struct loop_hook hook;
	struct loop *loop;
	struct pair_hook *other;
	unsigned runs;
};

static void remove_both(struct loop_hook *hook)
{
	struct pair_hook *pair = container_of(hook, struct pair_hook, hook);

	pair->runs++;
	loop_remove_hook(pair->loop, &pair->hook);
	loop_remove_hook(pair->loop, &pair->other->hook);
	memset(&pair->other->hook, 0, sizeof(pair->other->hook));
}

static void hook_may_remove_itself_and_the_next_one(void **state)
{
	struct fixture *fixture = *state;
	struct pair_hook pair[2];

	for (int i = 0; i < 2; i++) {
		pair[i] = (struct pair_hook){.hook.run = remove_both, .loop = fixture->loop, .other = &pair[!i]};
		loop_add_hook(fixture->loop, &pair[i].hook);
	}
	loop_round(fixture->loop, 0);
	loop_round(fixture->loop, 0);
	assert_int_equal(pair[0].runs, 1);
	assert_int_equal(pair[1].runs, 0);
}

static void real_clock_timer_ends_the_sleep(void **state)
{
	struct clock clock;
	struct alarm alarm = {.timer.fire = ring};
	int64_t start_us;

	(void)state;
	clock_init_real(&clock);
	alarm.loop = loop_create(&clock);
	start_us = clock_mono_us(&clock);
	loop_timer_set(alarm.loop, &alarm.timer, 20000);
	while (!alarm.fired)
		loop_round(alarm.loop, -1);
	assert_true(clock_mono_us(&clock) - start_us >= 20000);
	loop_destroy(alarm.loop);
}

#define LOOP_TEST(test) cmocka_unit_test_setup_teardown(test, create_loop, destroy_loop)

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
		LOOP_TEST(timer_fires_once_and_never_early),
		LOOP_TEST(timers_fire_in_order_when_the_clock_jumps),
		LOOP_TEST(timer_set_again_moves),
		LOOP_TEST(timer_that_sets_itself_fires_once_a_round),
		LOOP_TEST(wall_clock_steps_do_not_move_timers),
		LOOP_TEST(unwatched_descriptor_is_not_called_in_the_same_round),
		LOOP_TEST(descriptor_that_a_timer_unwatches_is_not_called_in_the_same_round),
		LOOP_TEST(posted_tasks_run_in_order_on_the_loop),
		LOOP_TEST(hooks_run_once_a_round),
		LOOP_TEST(hook_may_remove_itself_and_the_next_one),
		cmocka_unit_test(real_clock_timer_ends_the_sleep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
