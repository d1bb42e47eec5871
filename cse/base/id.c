/* id: random numbers, seeded by the kernel. */
#include "cse/base/id.h"

#include "cse/base/error.h"

#include <errno.h>
#include <sys/random.h>

uint64_t id_seed(void)
{
	uint64_t seed;
	ssize_t got;

	do
		got = getrandom(&seed, sizeof(seed), 0);
	while (got < 0 && errno == EINTR);
	ASSERT(got == sizeof(seed));
	return seed;
}

void id_source_init(struct id_source *source, uint64_t seed)
{
	source->state = seed;
}

/* A counter stepped by an odd constant, its bits mixed by two multiply-and-shift rounds. */
uint64_t id_next(struct id_source *source)
{
	uint64_t mixed = source->state += 0x9e3779b97f4a7c15u;

	mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9u;
	mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebu;
	return mixed ^ mixed >> 31;
}

void id_text(struct id_source *source, char *text, size_t len)
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuv";

	for (size_t i = 0; i < len; i++)
		text[i] = digits[id_next(source) >> 59];
}
