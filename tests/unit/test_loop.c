/* Unit tests of cse/base/loop.h: timers, descriptors, posted tasks, hooks. */
#include "cse/base/clock.h"
#include "cse/base/id.h"
#include "cse/base/loop.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000)

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
