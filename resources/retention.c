/* Retention of instances. What goes, goes silently: TS-0004 7.4.7.2.1. */
#include "resources/retention.h"

enum { SECOND_US = 1000000, MOST_PER_SWEEP = 1000 };

struct retention retention_of_draft(const struct draft *draft)
{
	return (struct retention){
		.max_count = draft_get_u64(draft, ATTR_maxNrOfInstances, RETENTION_NONE),
		.max_bytes = draft_get_u64(draft, ATTR_maxByteSize, RETENTION_NONE),
		.max_age_s = draft_get_u64(draft, ATTR_maxInstanceAge, RETENTION_NONE),
	};
}

static uint64_t limit_of(struct cse *cse, const struct resource *resource, unsigned name)
{
	struct str text = resource_attribute(resource, name_short(cse_schema(cse), name));
	uint64_t value;

	return text.ptr && str_to_u64(text, &value) == 0 ? value : RETENTION_NONE;
}

struct retention retention_of_resource(struct cse *cse, const struct resource *resource)
{
	return (struct retention){
		.max_count = limit_of(cse, resource, ATTR_maxNrOfInstances),
		.max_bytes = limit_of(cse, resource, ATTR_maxByteSize),
		.max_age_s = limit_of(cse, resource, ATTR_maxInstanceAge),
	};
}

static enum rsc remove_oldest(struct request *req, struct resource *parent)
{
	int error = instances_remove(req, parent, instances_oldest(parent), CHANGE_EVICT_INSTANCE);

	if (error)
		return req_fail(req, RSC_INTERNAL_SERVER_ERROR, "store: %s", error_text(error));
	return RSC_NONE;
}

static enum rsc make_room(struct request *req, struct resource *parent, const struct retention *retention,
			  uint64_t count, uint64_t bytes)
{
	enum rsc code = RSC_NONE;

	while (code == RSC_NONE && instances_count(parent) &&
	       (instances_count(parent) > retention->max_count - count ||
		instances_bytes(parent) > retention->max_bytes - bytes))
		code = remove_oldest(req, parent);
	return code;
}

/* When an instance that began at ct_us with this expiration has to go. */
static int64_t end_of(const struct retention *retention, int64_t ct_us, int64_t et_us)
{
	int64_t end;

	if (retention->max_age_s > (uint64_t)(EXPIRY_NEVER - ct_us) / SECOND_US)
		return et_us;
	end = ct_us + (int64_t)retention->max_age_s * SECOND_US;
	return end < et_us ? end : et_us;
}

enum rsc retention_admit(struct request *req, struct resource *parent, const struct retention *retention,
			 struct draft *draft, struct instance_head *head)
{
	int64_t end = end_of(retention, head->ct_us, head->et_us);
	enum rsc code;

	if (head->size > retention->max_bytes)
		return req_fail(req, RSC_NOT_ACCEPTABLE,
				"content (con): %u bytes are more than maxByteSize (mbs) allows", head->size);
	if (retention->max_count == 0)
		return req_fail(req, RSC_NOT_ACCEPTABLE, "maxNrOfInstances (mni) of the container is 0");
	code = make_room(req, parent, retention, 1, head->size);
	if (code != RSC_NONE)
		return code;
	if (end < head->et_us) {
		head->et_us = end;
		draft_set_timestamp(draft, ATTR_expirationTime, end);
	}
	if (head->et_us < parent->expiry.due_us)
		instances_look_at(req->cse, parent, head->et_us);
	return RSC_NONE;
}

enum rsc retention_apply(struct request *req, struct resource *parent, const struct retention *retention)
{
	enum rsc code = make_room(req, parent, retention, 0, 0);

	return code == RSC_NONE ? retention_sweep(req, parent, retention) : code;
}

enum rsc retention_sweep(struct request *req, struct resource *parent, const struct retention *retention)
{
	struct instance oldest;

	for (unsigned i = 0; instances_count(parent); i++) {
		int error = instances_read(req->cse, parent, instances_oldest(parent), &oldest);
		int64_t end;
		enum rsc code;

		if (error)
			return req_fail(req, RSC_INTERNAL_SERVER_ERROR, "store: %s", error_text(error));
		end = end_of(retention, oldest.head.ct_us, oldest.head.et_us);
		if (end > cse_expiry_now(req->cse) || i == MOST_PER_SWEEP) {
			if (end < parent->expiry.due_us)
				instances_look_at(req->cse, parent, end);
			return RSC_NONE;
		}
		code = remove_oldest(req, parent);
		if (code != RSC_NONE)
			return code;
	}
	return RSC_NONE;
}
