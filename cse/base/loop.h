/* loop: one thread's epoll loop with timers. Everything here is called from that thread, but loop_post. */
#ifndef CSE_BASE_LOOP_H
#define CSE_BASE_LOOP_H

#include "cse/base/clock.h"
#include "cse/base/error.h"
#include "cse/base/list.h"

#include <stdint.h>
#include <sys/epoll.h>

struct loop;

/* A watched descriptor; lives in its owner's struct. ready may remove or destroy itself. */
struct loop_fd {
	void (*ready)(struct loop_fd *watch, uint32_t events);
	int fd;
};

/* A timer; lives in its owner's struct; {0} with fire set is a valid unset one. O(1) to set, move and cancel. */
struct timer {
	struct list link;
	void (*fire)(struct timer *timer);
	int64_t due_us; /* monotonic */
	bool is_set;
};

/* Work handed over by another thread. */
struct loop_task {
	struct loop_task *next;
	void (*run)(struct loop_task *task);
};

/* Called once at the end of each round of events, before the loop sleeps. */
struct loop_hook {
	struct list link;
	void (*run)(struct loop_hook *hook);
};

struct loop *loop_create(struct clock *clock);
void loop_destroy(struct loop *loop);

WARN_UNUSED int loop_watch(struct loop *loop, struct loop_fd *watch, uint32_t events);
WARN_UNUSED int loop_rewatch(struct loop *loop, struct loop_fd *watch, uint32_t events);
void loop_unwatch(struct loop *loop, struct loop_fd *watch);

/* Fires once, not earlier than delay_us from now and at most 50 ms later; setting again moves it. */
void loop_timer_set(struct loop *loop, struct timer *timer, int64_t delay_us);
void loop_timer_cancel(struct loop *loop, struct timer *timer);

void loop_add_hook(struct loop *loop, struct loop_hook *hook);
void loop_remove_hook(struct loop *loop, struct loop_hook *hook);

/* From any thread: task->run is called soon on the loop's thread. The task is the caller's until then. */
void loop_post(struct loop *loop, struct loop_task *task);

/* One round: waits at most timeout_ms (-1: until something happens), handles what is there. */
void loop_round(struct loop *loop, int timeout_ms);
/* Rounds until loop_stop (which may be called from a callback). */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

struct clock *loop_clock(struct loop *loop);

#endif
