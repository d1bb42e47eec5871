/* subscription: what a <subscription> asks for, in a form that is quick to judge by: which events, how they are told
 * and to whom. TS-0001 9.6.8, TS-0004 7.5.1.2.2. The resource's hooks keep it up to date; the events find it by them.
 */
#ifndef CSE_CORE_SUBSCRIPTION_H
#define CSE_CORE_SUBSCRIPTION_H

#include "schemas/schema.h"

struct cse;
struct resource;

/* TS-0004 6.3.4.2.19. */
enum event_type {
	EVENT_UPDATE = 1,
	EVENT_DELETE = 2,
	EVENT_CREATE_CHILD = 3,
	EVENT_DELETE_CHILD = 4,
	EVENT_RETRIEVE_MISSING = 5,
	EVENT_TRIGGER = 6,
	EVENT_BLOCKING_UPDATE = 7,
	EVENT_MISSING_DATA = 8,
	EVENT_LAST = EVENT_MISSING_DATA,
};
#define EVENT_BIT(type) (1u << (type))

/* TS-0004 6.3.4.2.18. */
enum content_type {
	CONTENT_ALL_ATTRIBUTES = 1,
	CONTENT_MODIFIED_ATTRIBUTES = 2,
	CONTENT_RESOURCE_ID = 3,
	CONTENT_TRIGGER_PAYLOAD = 4,
	CONTENT_TIME_SERIES = 5,
};

/* TS-0004 6.3.4.2.21. */
enum pending_policy { PENDING_NONE, PENDING_LATEST = 1, PENDING_ALL = 2 };

/* eventCat, TS-0004 6.3.3. */
enum { CATEGORY_NONE = 0, CATEGORY_IMMEDIATE = 2, CATEGORY_LATEST = 4 };

/* The two ends of a time, a stateTag or a size: low <= value < high. */
enum measure { OF_CREATION, OF_MODIFICATION, OF_STATE_TAG, OF_EXPIRATION, OF_SIZE, MEASURE_COUNT };

/* An entry of operationMonitor. */
struct monitor {
	unsigned privileges;   /* bits of enum privilege; 0: any */
	struct str originator; /* ptr NULL: any */
};

struct subscription {
	struct resource *resource;
	unsigned events; /* EVENT_BITs */
	struct monitor *monitors;
	unsigned monitor_count;
	struct range {
		bool is_set;
		int64_t low, high;
	} ranges[MEASURE_COUNT];
	bool is_any; /* filterOperation OR between the ranges */
	struct str *attributes;
	unsigned attribute_count; /* 0: all of them */
	unsigned *child_types;
	unsigned child_type_count; /* 0: all of them */

	enum content_type content_type;
	unsigned category; /* notificationEventCat; CATEGORY_NONE: not set */
	enum pending_policy pending;
	bool is_latest, names_originator, has_statistics;
	bool is_batched;
	uint64_t batch_number;	   /* 0: by duration alone */
	int64_t batch_duration_us; /* 0: the CSE's default */
	uint64_t rate;		   /* notifications in a window; 0: any number */
	int64_t window_us;
	uint64_t counter; /* expirationCounter; 0: none */

	struct str *targets;
	unsigned target_count;
	struct str *associates; /* associatedCrossResourceSub */
	unsigned associate_count;
	struct str subscriber, forwarding, creator; /* ptr NULL: not set */

	char *texts; /* what the views above are of */
};

/* From the resource's attributes. The struct is {0} or what an earlier call has filled. */
void subscription_compile(struct subscription *subscription, struct cse *cse, struct resource *resource);
void subscription_finish(struct subscription *subscription);

/* The content types that go with an event, the default first; 0 ends the list (TS-0001 table 9.6.8-4). */
const enum content_type *event_content_types(enum event_type type);

#endif
