/* <container>: TS-0001 9.6.6, TS-0004 7.4.6 and 7.4.7.2. */
#include "cse/core/cse.h"
#include "resources/retention.h"

struct container {
	struct retention retention;
	bool hides_instances; /* disableRetrieval */
};

static void attach(struct cse *cse, struct resource *resource)
{
	struct container *container = resource->state;
	struct str hidden = resource_attribute(resource, name_short(cse_schema(cse), ATTR_disableRetrieval));

	container->retention = retention_of_resource(cse, resource);
	container->hides_instances = str_eq(hidden, STR("true"));
}

static void set_default(struct draft *draft, unsigned name, uint64_t value)
{
	if (value && !draft_has(draft, name))
		draft_set_u64(draft, name, value);
}

/* TS-0004 7.4.6.2.1: the local policy for what the originator leaves open. */
static enum rsc create(struct request *req, struct resource *parent, struct draft *draft)
{
	const struct cse_config *config = cse_config(req->cse);

	(void)parent;
	set_default(draft, ATTR_maxNrOfInstances, config->default_mni);
	set_default(draft, ATTR_maxByteSize, config->default_mbs);
	set_default(draft, ATTR_maxInstanceAge, config->default_mia);
	return RSC_NONE;
}

/* The new limits hold at once; instances that were hidden go when hiding ends (TS-0001 9.6.6). */
static enum rsc update(struct request *req, struct resource *resource, struct draft *draft)
{
	const struct container *container = resource->state;
	struct retention retention = retention_of_draft(draft);

	if (container->hides_instances && !draft_get_bool(draft, ATTR_disableRetrieval, false)) {
		log_event(cse_log(req->cse), LOG_INFO, "disableRetrieval ends", "ri=\"%.*s\" deleted-instances=%llu",
			  STR_ARG(resource->id), (unsigned long long)instances_count(resource));
		retention.max_count = 0;
	}
	return retention_apply(req, resource, &retention);
}

/* TS-0004 7.4.7.2.2, 7.4.7.2.4. */
static enum rsc access_instance(struct request *req, struct resource *resource)
{
	const struct container *container = resource->state;

	if (container->hides_instances)
		return req_fail(req, RSC_OPERATION_NOT_ALLOWED, "disableRetrieval (disr) of the container is true");
	return RSC_NONE;
}

/* TS-0004 7.4.7.2.1. */
static enum rsc admit_instance(struct request *req, struct resource *resource, struct draft *draft,
			       struct instance_head *head)
{
	const struct container *container = resource->state;

	head->size = (uint32_t)draft_get_u64(draft, ATTR_contentSize, 0);
	head->st = resource->state_tag + 1;
	draft_set_u64(draft, ATTR_stateTag, head->st);
	return retention_admit(req, resource, &container->retention, draft, head);
}

static enum rsc sweep_instances(struct request *req, struct resource *resource)
{
	const struct container *container = resource->state;

	return retention_sweep(req, resource, &container->retention);
}

static void present(struct cse *cse, const struct resource *resource, struct presenter *presenter)
{
	(void)cse;
	present_u64(presenter, ATTR_currentNrOfInstances, instances_count(resource));
	present_u64(presenter, ATTR_currentByteSize, instances_bytes(resource));
}

static const struct type_hooks container_hooks = {
	.state_size = sizeof(struct container),
	.attach = attach,
	.create = create,
	.update = update,
	.access_instance = access_instance,
	.admit_instance = admit_instance,
	.sweep_instances = sweep_instances,
	.present = present,
};

#define TYPE_DEF "schemas/types/container.def"
#define TYPE_HOOKS &container_hooks
#include "schemas/define_type.h"
