/* load_kind: a kind of data as specialization files spell it. */
#ifndef SCHEMAS_LOAD_KIND_H
#define SCHEMAS_LOAD_KIND_H

#include "schemas/schema.h"

/* Enumerations that one file brings. */
struct local_enums {
	const struct enum_def *defs;
	size_t count;
};

/* "UINT", "LIST(ENUM(batteryStatus))". Returns NULL, or what is wrong (static). */
const char *load_kind(struct str text, const struct local_enums *enums, struct kind *kind);

#endif
