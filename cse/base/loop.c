/* loop: epoll, a hierarchical timer wheel, and a queue of tasks from other threads.
 *
 * The wheel: level n has 64 slots of 64^n ticks. A timer sits at the level of the highest 6-bit group in which its tick
 * differs from the current one, so each slot in use lies ahead of the current tick, the lowest level in use holds the
 * earliest timer, and a slot that is reached is spread over lower levels. */
#include "cse/base/loop.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
	LEVELS = 10,
	LEVEL_BITS = 6,
	SLOTS = 1 << LEVEL_BITS,
	EVENTS_PER_ROUND = 256,
	REAL_TICK_SHIFT = 12, /* about 4 ms; on a virtual clock a tick is 1 us, so timers are exact */
};

struct loop {
	struct clock *clock;
	int epoll_fd;
	bool is_stopping;

	struct epoll_event events[EVENTS_PER_ROUND];
	int event_at, event_count; /* those of the current round */

	unsigned tick_shift;
	uint64_t tick;
	uint64_t used[LEVELS]; /* a bit for each slot that may hold timers */
	struct list slots[LEVELS][SLOTS];
	struct list due;
	struct list hooks;
	struct list *next_hook; /* while they run */

	struct loop_fd wake;
	_Atomic(struct loop_task *) posted; /* newest first */
};

/* ---- tasks from other threads ---- */

void loop_post(struct loop *loop, struct loop_task *task)
{
	struct loop_task *previous = atomic_load(&loop->posted);
	uint64_t one = 1;

	do
		task->next = previous;
	while (!atomic_compare_exchange_weak(&loop->posted, &previous, task));
	/* The first one wakes the loop; task itself may already have run. */
	while (!previous && write(loop->wake.fd, &one, sizeof(one)) < 0 && errno == EINTR)
		continue;
}

static struct loop_task *take_posted(struct loop *loop)
{
	struct loop_task *newest = atomic_exchange(&loop->posted, NULL), *oldest = NULL, *next;

	for (; newest; newest = next) {
		next = newest->next;
		newest->next = oldest;
		oldest = newest;
	}
	return oldest;
}

static void woken(struct loop_fd *watch, uint32_t events)
{
	struct loop *loop = container_of(watch, struct loop, wake);
	struct loop_task *next;
	uint64_t count;

	(void)events;
	if (read(watch->fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		return;
	for (struct loop_task *task = take_posted(loop); task; task = next) {
		next = task->next;
		task->run(task);
	}
}

/* ---- timers ---- */

static uint64_t ticks_up_to(const struct loop *loop, int64_t us)
{
	return (uint64_t)us >> loop->tick_shift;
}

static void place(struct loop *loop, struct timer *timer)
{
	uint64_t round_up = (UINT64_C(1) << loop->tick_shift) - 1;
	uint64_t tick = ((uint64_t)timer->due_us + round_up) >> loop->tick_shift;
	unsigned level, slot;

	if (tick <= loop->tick) {
		list_push(&loop->due, &timer->link);
		return;
	}
	level = (63 - (unsigned)__builtin_clzll(tick ^ loop->tick)) / LEVEL_BITS;
	slot = (unsigned)(tick >> (level * LEVEL_BITS)) % SLOTS;
	list_push(&loop->slots[level][slot], &timer->link);
	loop->used[level] |= UINT64_C(1) << slot;
}

void loop_timer_set(struct loop *loop, struct timer *timer, int64_t delay_us)
{
	const int64_t latest_us = INT64_C(1) << 59;
	int64_t now_us = clock_mono_us(loop->clock);

	loop_timer_cancel(loop, timer);
	if (delay_us < 0)
		delay_us = 0;
	timer->due_us = delay_us < latest_us - now_us ? now_us + delay_us : latest_us;
	timer->is_set = true;
	place(loop, timer);
}

void loop_timer_cancel(struct loop *loop, struct timer *timer)
{
	(void)loop;
	if (!timer->is_set)
		return;
	list_remove(&timer->link);
	timer->is_set = false;
}

struct slot {
	unsigned level, index;
	uint64_t tick; /* at which it is reached */
};

/* The slot that is reached first; false if no timer is set. */
static bool next_slot(const struct loop *loop, struct slot *slot)
{
	for (unsigned level = 0; level < LEVELS; level++) {
		unsigned shift = level * LEVEL_BITS;
		uint64_t block = loop->tick >> (shift + LEVEL_BITS) << (shift + LEVEL_BITS);

		if (!loop->used[level])
			continue;
		slot->level = level;
		slot->index = (unsigned)__builtin_ctzll(loop->used[level]);
		slot->tick = block | (uint64_t)slot->index << shift;
		return true;
	}
	return false;
}

static void spread(struct loop *loop, const struct slot *slot)
{
	struct list reached;

	list_init(&reached);
	list_splice(&reached, &loop->slots[slot->level][slot->index]);
	loop->used[slot->level] &= ~(UINT64_C(1) << slot->index);
	loop->tick = slot->tick;
	list_each (item, &reached) {
		list_remove(item);
		place(loop, container_of(item, struct timer, link));
	}
}

static void fire_timers(struct loop *loop)
{
	uint64_t now = ticks_up_to(loop, clock_mono_us(loop->clock));
	struct list firing;
	struct slot slot;

	while (next_slot(loop, &slot) && slot.tick <= now)
		spread(loop, &slot);
	loop->tick = now > loop->tick ? now : loop->tick;

	/* What becomes due while these fire waits for the next round. */
	list_init(&firing);
	list_splice(&firing, &loop->due);
	while (!list_empty(&firing)) {
		struct timer *timer = container_of(firing.next, struct timer, link);

		loop_timer_cancel(loop, timer);
		timer->fire(timer);
	}
}

/* How long epoll may sleep. A virtual clock does not go on by itself, so its timers do not end the sleep. */
static int sleep_ms(struct loop *loop, int timeout_ms)
{
	struct slot slot;
	int64_t left_us, left_ms;

	if (!list_empty(&loop->due) || atomic_load(&loop->posted))
		return 0;
	if (loop->clock->is_virtual)
		return next_slot(loop, &slot) && slot.tick <= (uint64_t)loop->clock->mono_us ? 0 : timeout_ms;
	if (!next_slot(loop, &slot))
		return timeout_ms;
	left_us = (int64_t)(slot.tick << loop->tick_shift) - clock_mono_us(loop->clock);
	left_ms = left_us > 0 ? (left_us + 999) / 1000 : 0;
	if (timeout_ms >= 0 && timeout_ms < left_ms)
		return timeout_ms;
	return left_ms < INT_MAX ? (int)left_ms : INT_MAX;
}

/* ---- descriptors ---- */

static int control(struct loop *loop, int operation, struct loop_fd *watch, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = watch};

	return epoll_ctl(loop->epoll_fd, operation, watch->fd, &event) < 0 ? -errno : 0;
}

int loop_watch(struct loop *loop, struct loop_fd *watch, uint32_t events)
{
	return control(loop, EPOLL_CTL_ADD, watch, events);
}

int loop_rewatch(struct loop *loop, struct loop_fd *watch, uint32_t events)
{
	return control(loop, EPOLL_CTL_MOD, watch, events);
}

void loop_unwatch(struct loop *loop, struct loop_fd *watch)
{
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
	/* Its events of this round must not reach it any more: it may be freed next. */
	for (int i = loop->event_at; i < loop->event_count; i++)
		if (loop->events[i].data.ptr == watch)
			loop->events[i].data.ptr = NULL;
}

static void handle_events(struct loop *loop)
{
	for (; loop->event_at < loop->event_count; loop->event_at++) {
		struct epoll_event *event = &loop->events[loop->event_at];
		struct loop_fd *watch = event->data.ptr;

		if (watch)
			watch->ready(watch, event->events);
	}
	loop->event_count = 0;
}

/* ---- the loop ---- */

struct loop *loop_create(struct clock *clock)
{
	struct loop *loop = xzalloc(sizeof(*loop));

	loop->clock = clock;
	loop->tick_shift = clock->is_virtual ? 0 : REAL_TICK_SHIFT;
	loop->tick = ticks_up_to(loop, clock_mono_us(clock));
	for (unsigned level = 0; level < LEVELS; level++)
		for (unsigned slot = 0; slot < SLOTS; slot++)
			list_init(&loop->slots[level][slot]);
	list_init(&loop->due);
	list_init(&loop->hooks);
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	loop->wake = (struct loop_fd){.ready = woken, .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
	if (loop->epoll_fd < 0 || loop->wake.fd < 0 || loop_watch(loop, &loop->wake, EPOLLIN) < 0) {
		loop_destroy(loop);
		return NULL;
	}
	return loop;
}

void loop_destroy(struct loop *loop)
{
	if (!loop)
		return;
	if (loop->wake.fd >= 0)
		close(loop->wake.fd);
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
	free(loop);
}

void loop_add_hook(struct loop *loop, struct loop_hook *hook)
{
	list_push(&loop->hooks, &hook->link);
}

void loop_remove_hook(struct loop *loop, struct loop_hook *hook)
{
	if (loop->next_hook == &hook->link)
		loop->next_hook = hook->link.next;
	list_remove(&hook->link);
}

/* A hook may remove itself and others. */
static void run_hooks(struct loop *loop)
{
	struct list *item = loop->hooks.next;

	for (; item != &loop->hooks; item = loop->next_hook) {
		struct loop_hook *hook = container_of(item, struct loop_hook, link);

		loop->next_hook = item->next;
		hook->run(hook);
	}
	loop->next_hook = NULL;
}

void loop_round(struct loop *loop, int timeout_ms)
{
	int count = epoll_wait(loop->epoll_fd, loop->events, EVENTS_PER_ROUND, sleep_ms(loop, timeout_ms));

	loop->event_at = 0; /* timers unwatch as well */
	loop->event_count = count > 0 ? count : 0;
	fire_timers(loop);
	handle_events(loop);
	run_hooks(loop);
}

void loop_run(struct loop *loop)
{
	while (!loop->is_stopping)
		loop_round(loop, -1);
	loop->is_stopping = false;
}

void loop_stop(struct loop *loop)
{
	loop->is_stopping = true;
}

struct clock *loop_clock(struct loop *loop)
{
	return loop->clock;
}
