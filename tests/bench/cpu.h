/* cpu: the processor time that processes have used, to the nanosecond. */
#ifndef TESTS_BENCH_CPU_H
#define TESTS_BENCH_CPU_H

#include <stdint.h>

/* Of all threads of pid and of its living child processes; 0 if there is no such process. */
uint64_t cpu_time_ns(long pid);

#endif
