/* registry: the bindings by name. */
#ifndef BINDINGS_REGISTRY_H
#define BINDINGS_REGISTRY_H

#include "cse/core/binding.h"

/* NULL if there is none of that name. */
const struct binding *binding_find(const char *name);

#endif
