/* fuzz_json: the JSON codec. */
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_codec("json", data, size);
	return 0;
}
