/* Lets a client that uses libcoap 4.3.1 read answers with more than two of oneM2M's options: the library keeps only two
 * critical options above 255 and refuses all others (docs/decisions/coap.md). For LD_PRELOAD with coap-client, and part
 * of the scenarios' client. */
#include <coap3/coap.h>
#include <dlfcn.h>
#include <stdbool.h>

/* A search for one option has exactly one number. */
static bool is_of_program(const coap_opt_filter_t *filter)
{
	return __builtin_popcount(filter->mask) != 1;
}

int coap_option_filter_get(coap_opt_filter_t *filter, coap_option_num_t number)
{
	int (*library)(coap_opt_filter_t *, coap_option_num_t);

	if (is_of_program(filter) && number > 255 && number < 512)
		return 1;
	*(void **)&library = dlsym(RTLD_NEXT, "coap_option_filter_get");
	return library(filter, number);
}
