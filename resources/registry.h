/* registry: the resource types this CSE serves, from registry.def. */
#ifndef RESOURCES_REGISTRY_H
#define RESOURCES_REGISTRY_H

#include "schemas/schema.h"

/* Number of them in *count; the array is static and const. */
const struct type_def *const *registry_types(size_t *count);

struct virtual_hooks;
/* What stands behind fixed child names; ends with NULL. For cse_config.virtuals. */
const struct virtual_hooks *const *registry_virtuals(void);

#endif
