/* status: the rows of status.def as data. */
#include "schemas/status.h"

#include <stddef.h>

static const struct status_def statuses[] = {
#define STATUS(code, name, http, coap) {RSC_##name, #name, http, coap},
#include "schemas/status.def"
#undef STATUS
};

const struct status_def *status_find(int code)
{
	size_t low = 0, high = sizeof(statuses) / sizeof(statuses[0]);

	while (low < high) {
		size_t middle = (low + high) / 2;

		if ((int)statuses[middle].code == code)
			return &statuses[middle];
		if ((int)statuses[middle].code < code)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

const struct status_def *status_find_coap(unsigned coap)
{
	const struct status_def *found = NULL;

	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		if (statuses[i].coap != coap)
			continue;
		if (found)
			return NULL;
		found = &statuses[i];
	}
	return found;
}
