/* id: randomness for hash seeds and for identifiers that need not be secret. */
#ifndef CSE_BASE_ID_H
#define CSE_BASE_ID_H

#include <stddef.h>
#include <stdint.h>

/* A source of random numbers; equal seeds give equal sequences, so a test can repeat itself. */
struct id_source {
	uint64_t state;
};

/* 64 bits from the kernel. */
uint64_t id_seed(void);
void id_source_init(struct id_source *source, uint64_t seed);
uint64_t id_next(struct id_source *source);
/* len random characters of 0-9 and a-v (5 bits each) at text, without a NUL. */
void id_text(struct id_source *source, char *text, size_t len);

#endif
