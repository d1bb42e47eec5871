/* fuzz_cbor: the CBOR codec. */
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_codec("cbor", data, size);
	return 0;
}
