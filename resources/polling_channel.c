/* <pollingChannel> and <pollingChannelURI>: TS-0004 7.4.21, 7.4.22. The owner is the entity of the registration that
 * the channel is below; only it may touch the one and poll the other. */
#include "cse/core/binding.h"
#include "cse/core/channel.h"

#include "resources/virtuals.h"

static bool is_owner(const struct request *req, const struct resource *registration)
{
	const struct schema *schema = cse_schema(req->cse);
	struct str csi = resource_attribute(registration, name_short(schema, ATTR_CSE_ID));

	if (csi.len > 2)
		return str_eq(req->from, str_make(csi.ptr + 1, csi.len - 2));
	return str_eq(req->from, registration->id);
}

static enum rsc authorize(struct request *req, const struct resource *registration)
{
	if (is_owner(req, registration))
		return RSC_NONE;
	return req_fail(req, RSC_ORIGINATOR_HAS_NO_PRIVILEGE,
			"a polling channel is for the entity that it is registered with alone");
}

/* TS-0004 7.4.21.2.1 */
static enum rsc authorize_create(struct request *req, const struct resource *parent)
{
	if (!parent->parent || !(parent->type->flags & REGISTRATION))
		return RSC_NONE; /* the type of the parent is refused later */
	if (!may(req, parent, PRIVILEGE_CREATE))
		return req_fail(req, RSC_ORIGINATOR_HAS_NO_PRIVILEGE,
				"the originator has no privilege for this operation");
	return authorize(req, parent);
}

/* TS-0004 7.4.21.2.2 to 7.4.21.2.4 */
static enum rsc authorize_more(struct request *req, const struct resource *resource)
{
	return authorize(req, resource->parent);
}

/* TS-0001 tables 9.6.5-1 and 9.6.4-1: at most one. */
static enum rsc create(struct request *req, struct resource *parent, struct draft *draft)
{
	list_each (item, &parent->children)
		if (container_of(item, struct resource, siblings)->type == draft->type)
			return req_fail(req, RSC_BAD_REQUEST, "<pollingChannel>: there is one here already");
	cse_reached(req->cse, parent->key); /* by the end of the round there is the channel */
	return RSC_NONE;
}

static void attach(struct cse *cse, struct resource *resource)
{
	struct channel *channel = resource->state;

	if (!channel->polls.next)
		channel_init(channel);
	channel->aggregates =
		str_eq(resource_attribute(resource, name_short(cse_schema(cse), ATTR_requestAggregation)), STR("true"));
}

static void finish(struct resource *resource)
{
	channel_finish(resource->state);
}

static struct channel *channel(const struct resource *resource)
{
	return resource->state;
}

static const struct type_hooks polling_channel_hooks = {
	.state_size = sizeof(struct channel),
	.authorize_create = authorize_create,
	.authorize_more = authorize_more,
	.create = create,
	.attach = attach,
	.finish = finish,
	.channel = channel,
};

#define TYPE_DEF "schemas/types/pollingChannel.def"
#define TYPE_HOOKS &polling_channel_hooks
#include "schemas/define_type.h"

/* TS-0004 7.4.22.2.2, 7.4.22.2.5, Recv-6.3 */
static enum rsc authorize_poll(struct request *req)
{
	return authorize(req, req->target.resource->parent);
}

static enum rsc perform(struct request *req)
{
	struct channel *it = req->target.resource->state;

	return req->op == OP_NOTIFY ? channel_answer(req, it) : channel_poll(req, it);
}

const struct virtual_hooks virtual_polling_channel_uri = {
	.long_name = "pollingChannelURI",
	.operations = OP_BIT(OP_RETRIEVE) | OP_BIT(OP_NOTIFY),
	.authorize = authorize_poll,
	.perform = perform,
};
