/* fuzz: what the fuzz targets share. Each has LLVMFuzzerTestOneInput; `make fuzz` builds it with libFuzzer, `make
 * check` with replay.c, which runs it over the files of a directory. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "cse/base/error.h"
#include "cse/base/str.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Decodes the input as each form of document; what is accepted is encoded and decoded again and has to be the same.
 * Aborts if not. codec: its name. */
void fuzz_codec(const char *codec, const uint8_t *data, size_t size);

/* Says what went wrong, with the text that shows it, and aborts. */
void fuzz_give_up(const char *what, struct str text, const char *message) __attribute__((noreturn));
/* What has to hold whatever the input is. */
#define FUZZ_HOLDS(condition) ((condition) ? (void)0 : fuzz_give_up(__FILE__, str_of(#condition), "does not hold"))

#endif
