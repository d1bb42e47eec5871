/* primitive: request parameters (TS-0004 6.4.1, 7.2.1, 8.2.2) as rows of primitive.def, and filter conditions (6.3.5.8)
 * as rows of filter.def. */
#ifndef SCHEMAS_PRIMITIVE_H
#define SCHEMAS_PRIMITIVE_H

#include "schemas/schema.h"

/* PARAMETER(longName, short, kind, operations that may carry it (OP_BITs), SUPPORTED | UNSUPPORTED) */
enum parameter {
#define PARAMETER(long_name, short_name, kind, operations, support) PARAM_##long_name,
#include "schemas/primitive.def"
#undef PARAMETER
	PARAM_COUNT
};

struct parameter_def {
	const char *name, *short_name;
	struct kind kind;
	unsigned operations;
	bool is_supported; /* valid but not supported answers 5001, TS-0004 7.3.2.1 */
};

extern const struct parameter_def parameter_defs[PARAM_COUNT];
/* By short name; PARAM_COUNT if there is none. */
enum parameter parameter_find(struct str short_name);

/* CONDITION(longName, short, kind, list, support) */
enum condition {
#define CONDITION(long_name, short_name, kind, is_list, support) FILTER_##long_name,
#include "schemas/filter.def"
#undef CONDITION
	FILTER_COUNT
};

extern const struct parameter_def condition_defs[FILTER_COUNT];
enum condition condition_find(struct str short_name); /* FILTER_COUNT if there is none */

#endif
