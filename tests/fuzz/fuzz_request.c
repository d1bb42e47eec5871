/* fuzz_request: whole requests, one after the other, to a CSE over the memory store: see small_cse.h. */
#include "tests/fuzz/fuzz.h"

#include "tests/fuzz/small_cse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct small_cse small;

	small_cse_open(&small);
	small_cse_run(&small, str_make((const char *)data, size));
	small_cse_close(&small);
	return 0;
}
