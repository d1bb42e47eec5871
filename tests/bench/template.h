/* template: a request text with holes that are patched in place, so that sending the next one costs a few stores. */
#ifndef TESTS_BENCH_TEMPLATE_H
#define TESTS_BENCH_TEMPLATE_H

#include <stddef.h>
#include <stdint.h>

enum { TEMPLATE_HOLES = 16, TEMPLATE_RI_DIGITS = 12 };

struct template
{
	char *text;
	size_t size;
	unsigned hole_count;
	struct {
		size_t at;
		unsigned digits;
	} holes[TEMPLATE_HOLES];
	size_t ri_at; /* the digits of X-M2M-RI */
};

/* What a request consists of. Path, headers and body may hold %0Nu (N 1 to 9): the number of the request, N digits
 * wide; and
 * %% for a percent sign. */
struct template_parts {
	const char *method, *path, *host;
	const char *headers[32];
	unsigned header_count;
	const char *body; /* NULL: none */
};

/* 0, or -1 if a percent sign is not followed by what is said above. */
int template_init(struct template *template, const struct template_parts *parts);
void template_finish(struct template *template);
/* Writes number into the holes of a copy of the text, and ri as its request identifier. */
void template_patch(const struct template *template, char *text, uint64_t number, uint64_t ri);

#endif
