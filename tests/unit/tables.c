/* tables: see tables.h. The resource types' own files define the same objects with their hooks. */
#include "tests/unit/tables.h"

#define TYPE_DEF "schemas/types/AE.def"
#include "schemas/define_type.h"

#define TYPE_DEF "schemas/types/CSEBase.def"
#include "schemas/define_type.h"

#define TYPE_DEF "schemas/types/accessControlPolicy.def"
#include "schemas/define_type.h"

#define TYPE_DEF "schemas/types/container.def"
#include "schemas/define_type.h"

#define TYPE_DEF "schemas/types/contentInstance.def"
#include "schemas/define_type.h"

#define TYPE_DEF "schemas/types/flexContainer.def"
#include "schemas/define_type.h"

#define TYPE_DEF "schemas/types/group.def"
#include "schemas/define_type.h"

#define TYPE_DEF "schemas/types/mgmtObj.def"
#include "schemas/define_type.h"

#define TYPE_DEF "schemas/types/node.def"
#include "schemas/define_type.h"

#define TYPE_DEF "schemas/types/pollingChannel.def"
#include "schemas/define_type.h"

#define TYPE_DEF "schemas/types/remoteCSE.def"
#include "schemas/define_type.h"

#define TYPE_DEF "schemas/types/request.def"
#include "schemas/define_type.h"

#define TYPE_DEF "schemas/types/schedule.def"
#include "schemas/define_type.h"

#define TYPE_DEF "schemas/types/subscription.def"
#include "schemas/define_type.h"

#define TYPE_DEF "schemas/types/timeSeries.def"
#include "schemas/define_type.h"

#define TYPE_DEF "schemas/types/timeSeriesInstance.def"
#include "schemas/define_type.h"

const struct type_def *const test_types[] = {
	&type_AE,
	&type_CSEBase,
	&type_accessControlPolicy,
	&type_container,
	&type_contentInstance,
	&type_flexContainer,
	&type_group,
	&type_mgmtObj,
	&type_node,
	&type_pollingChannel,
	&type_remoteCSE,
	&type_request,
	&type_schedule,
	&type_subscription,
	&type_timeSeries,
	&type_timeSeriesInstance,
};

const size_t test_type_count = sizeof(test_types) / sizeof(test_types[0]);
