/* primitive: the rows of primitive.def and filter.def as data, and their look-up by short name. */
#include "schemas/primitive.h"

#include "schemas/rows.h"

#define C OP_BIT(OP_CREATE)
#define R OP_BIT(OP_RETRIEVE)
#define U OP_BIT(OP_UPDATE)
#define D OP_BIT(OP_DELETE)
#define ALL (C | R | U | D | OP_BIT(OP_NOTIFY))
#define SUPPORTED true
#define UNSUPPORTED false

const struct parameter_def parameter_defs[PARAM_COUNT] = {
#define PARAMETER(long_name, short_name, kind, operations, support)                                                    \
	[PARAM_##long_name] = {#long_name, #short_name, ROW_KIND_##kind, operations, support},
#include "schemas/primitive.def"
#undef PARAMETER
};

#define CONDITION_SINGLE(kind) ROW_KIND_##kind
#define CONDITION_MANY(kind) ROW_LIST_##kind

const struct parameter_def condition_defs[FILTER_COUNT] = {
#define CONDITION(long_name, short_name, kind, is_list, support)                                                       \
	[FILTER_##long_name] = {#long_name, #short_name, CONDITION_##is_list(kind), R | U | D, support},
#include "schemas/filter.def"
#undef CONDITION
};

static unsigned find(const struct parameter_def *defs, unsigned count, struct str short_name)
{
	for (unsigned i = 0; i < count && short_name.len; i++)
		if (defs[i].short_name[0] == short_name.ptr[0] && str_eq(short_name, str_of(defs[i].short_name)))
			return i;
	return count;
}

enum parameter parameter_find(struct str short_name)
{
	return (enum parameter)find(parameter_defs, PARAM_COUNT, short_name);
}

enum condition condition_find(struct str short_name)
{
	return (enum condition)find(condition_defs, FILTER_COUNT, short_name);
}
