/* histogram: durations counted, see histogram.h. Durations below 64 ns have a cell each; above, every power of two is
 * divided into 64 cells of the same width. */
#include "tests/bench/histogram.h"

static unsigned cell_of(uint64_t value)
{
	unsigned octave, cell;

	if (value < HISTOGRAM_STEPS)
		return (unsigned)value;
	octave = 58 - (unsigned)__builtin_clzll(value); /* 1 for 64 to 127 */
	cell = octave * HISTOGRAM_STEPS + (unsigned)((value >> (octave - 1)) - HISTOGRAM_STEPS);
	return cell < HISTOGRAM_OCTAVES * HISTOGRAM_STEPS ? cell : HISTOGRAM_OCTAVES * HISTOGRAM_STEPS - 1;
}

/* The middle of a cell. */
static double value_of(unsigned cell)
{
	unsigned octave = cell / HISTOGRAM_STEPS, step = cell % HISTOGRAM_STEPS;

	if (octave == 0)
		return step;
	return ((double)(HISTOGRAM_STEPS + step) + 0.5) * (double)(UINT64_C(1) << (octave - 1));
}

void histogram_add(struct histogram *histogram, uint64_t duration_ns)
{
	histogram->count++;
	histogram->cells[cell_of(duration_ns)]++;
	if (duration_ns > histogram->max_ns)
		histogram->max_ns = duration_ns;
}

double histogram_quantile(const struct histogram *histogram, double share)
{
	double wanted = share * (double)histogram->count;
	uint64_t seen = 0;

	for (unsigned i = 0; i < HISTOGRAM_OCTAVES * HISTOGRAM_STEPS; i++) {
		seen += histogram->cells[i];
		if (seen > 0 && (double)seen >= wanted)
			return value_of(i) < (double)histogram->max_ns ? value_of(i) : (double)histogram->max_ns;
	}
	return 0;
}
