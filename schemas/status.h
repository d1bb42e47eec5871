/* status: response status codes (TS-0004 6.6.3), from status.def. */
#ifndef SCHEMAS_STATUS_H
#define SCHEMAS_STATUS_H

#include <stdbool.h>

/* Rows of status.def: STATUS(code, NAME, http, coap); coap is class * 100 + detail (201 for 2.01), 0 for none. */
enum rsc {
	RSC_NONE = 0,	 /* no answer decided yet: go on */
	RSC_PENDING = 1, /* never on the wire: the request waits for something */
#define STATUS(code, name, http, coap) RSC_##name = code,
#include "schemas/status.def"
#undef STATUS
};

struct status_def {
	enum rsc code;
	const char *name;
	unsigned short http, coap;
};

/* NULL for a code that is in no row. */
const struct status_def *status_find(int code);
/* The row that a code of CoAP stands for; NULL if it is in none or in several (TS-0008 table 6.2.4-1). */
const struct status_def *status_find_coap(unsigned coap);

static inline bool rsc_is_success(enum rsc code)
{
	return code >= 1000 && code < 3000;
}

#endif
