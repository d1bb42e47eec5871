/* clocks: the time, and the processor time that processes have used, to the nanosecond. */
#ifndef TESTS_BENCH_CLOCKS_H
#define TESTS_BENCH_CLOCKS_H

#include <stdint.h>

/* Since some moment in the past. */
uint64_t now_ns(void);

/* Of all threads of pid and of its living child processes; 0 if there is no such process. */
uint64_t cpu_time_ns(long pid);

#endif
