/* builtin: the files of schemas/specializations, made part of the library by embed.sh. */
#ifndef SCHEMAS_BUILTIN_H
#define SCHEMAS_BUILTIN_H

#include <stddef.h>

struct builtin_file {
	const char *name;
	const char *text;
	size_t size;
};

extern const struct builtin_file builtin_files[]; /* a NULL name at the end */

#endif
