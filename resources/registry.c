/* The rows of registry.def as a list. */
#include "resources/registry.h"

#include "resources/virtuals.h"

#define RESOURCE(name) extern const struct type_def type_##name;
#include "resources/registry.def"
#undef RESOURCE

const struct type_def *const *registry_types(size_t *count)
{
	static const struct type_def *const types[] = {
#define RESOURCE(name) &type_##name,
#include "resources/registry.def"
#undef RESOURCE
	};

	*count = sizeof(types) / sizeof(types[0]);
	return types;
}

const struct virtual_hooks *const *registry_virtuals(void)
{
	static const struct virtual_hooks *const virtuals[] = {&virtual_fan_out_point, &virtual_latest, &virtual_oldest,
							       &virtual_polling_channel_uri, NULL};

	return virtuals;
}
