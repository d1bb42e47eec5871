/* The stores by name. */
#include "cse/store/store.h"

#define STORE(name) &store_##name,
static const struct store_ops *const stores[] = {
#include "cse/store/registry.def"
};
#undef STORE

const struct store_ops *store_find(const char *name)
{
	for (size_t i = 0; i < sizeof(stores) / sizeof(stores[0]); i++)
		if (strcmp(stores[i]->name, name) == 0)
			return stores[i];
	return NULL;
}
