/* fuzz_xml: the XML codec. */
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_codec("xml", data, size);
	return 0;
}
