/* registry: the rows of registry.def as a table. */
#include "bindings/registry.h"

#define BINDING(name, key) extern const struct binding binding_##name;
#include "bindings/registry.def"

static const struct binding *const bindings[] = {
#define BINDING(name, key) &binding_##name,
#include "bindings/registry.def"
};

const struct binding *binding_find(const char *name)
{
	for (size_t i = 0; i < sizeof(bindings) / sizeof(bindings[0]); i++)
		if (strcmp(bindings[i]->name, name) == 0)
			return bindings[i];
	return NULL;
}
