/* fuzz: what the fuzz targets share. Each has LLVMFuzzerTestOneInput; `make fuzz` builds it with libFuzzer, `make
 * check` with replay.c, which runs it over the files of a directory. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Decodes the input as each form of document; what is accepted is encoded and decoded again and has to be the same.
 * Aborts if not. codec: its name. */
void fuzz_codec(const char *codec, const uint8_t *data, size_t size);

#endif
