/* <request>: TS-0001 9.6.12, TS-0004 7.4.12. Made by non_blocking.c; its originator may read and delete it. */
#include "cse/core/non_blocking.h"

#include "cse/core/hooks.h"

static void attach(struct cse *cse, struct resource *resource)
{
	deferral_attach(resource->state, cse, resource);
}

static void finish(struct resource *resource)
{
	deferral_finish(resource->state);
}

/* TS-0004 7.4.12.2.4: a request whose time has not come is cancelled with its resource. */
static enum rsc may_remove(struct request *req, const struct resource *resource)
{
	const struct deferral *it = resource->state;

	if (it->is_pending && it->running)
		return req_fail(req, RSC_UNABLE_TO_RECALL_REQUEST, "the request is being performed");
	return RSC_NONE;
}

static void print_hidden(struct cse *cse, const struct resource *resource, struct strbuf *out)
{
	const struct deferral *it = resource->state;

	(void)cse;
	if (it->is_pending)
		strbuf_addf(out, ",\"primitive\":%s", it->primitive);
}

static void read_hidden(struct cse *cse, const struct resource *resource, struct value hidden, struct arena *arena)
{
	struct value primitive = value_member(hidden, STR("primitive"));

	(void)cse;
	(void)arena;
	if (!value_is_absent(primitive))
		deferral_begin(resource->state, value_text(primitive));
}

static struct deferral *deferral(const struct resource *resource)
{
	return resource->state;
}

static const struct type_hooks request_hooks = {
	.state_size = sizeof(struct deferral),
	.attach = attach,
	.finish = finish,
	.deferral = deferral,
	.may_remove = may_remove,
	.print_hidden = print_hidden,
	.read_hidden = read_hidden,
};

#define TYPE_DEF "schemas/types/request.def"
#define TYPE_HOOKS &request_hooks
#include "schemas/define_type.h"
