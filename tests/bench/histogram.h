/* histogram: counts of durations in a log-linear table, exact to 1.6 %, so that no sample is kept. */
#ifndef TESTS_BENCH_HISTOGRAM_H
#define TESTS_BENCH_HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_STEPS = 64, HISTOGRAM_OCTAVES = 36 }; /* up to 2^41 ns, 36 minutes; longer ones count as that */

struct histogram {
	uint64_t count, max_ns;
	uint64_t cells[HISTOGRAM_OCTAVES * HISTOGRAM_STEPS];
};

void histogram_add(struct histogram *histogram, uint64_t duration_ns);
/* The duration in ns that `share` (0 to 1) of the samples do not exceed; 0 without samples. */
double histogram_quantile(const struct histogram *histogram, double share);

#endif
