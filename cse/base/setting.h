/* setting: one section of the configuration, for a part of the server that brings its own keys. */
#ifndef CSE_BASE_SETTING_H
#define CSE_BASE_SETTING_H

#include <stdint.h>

/* A key and what the operator set. Lists of them end with key NULL. */
struct setting {
	const char *key;  /* spelled as in cse/config.def: "client_id" */
	const char *text; /* as it was written */
	uint64_t number;  /* count, bytes or seconds; yes is 1, no 0; of a choice the place of its word, from 0 */
};

/* The value of a key. One that the section lacks is a fault of the program. */
const char *setting_text(const struct setting *settings, const char *key);
uint64_t setting_number(const struct setting *settings, const char *key);

#endif
