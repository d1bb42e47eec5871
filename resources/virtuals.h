/* virtuals: what stands behind the fixed child names (TS-0004 6.8). */
#ifndef RESOURCES_VIRTUALS_H
#define RESOURCES_VIRTUALS_H

#include "cse/core/hooks.h"

extern const struct virtual_hooks virtual_fan_out_point, virtual_latest, virtual_oldest,
	virtual_polling_channel_uri;

#endif
