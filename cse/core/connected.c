/* Connections: whose they are, and what follows from there being one. See binding.h. */
#include "cse/core/outgoing.h"
#include "cse/core/state.h"

static const struct open_binding *adopter(const struct cse *cse, struct str protocol)
{
	list_each (item, (struct list *)(uintptr_t)&cse->outgoings.bindings) {
		const struct open_binding *open = container_of(item, struct open_binding, link);

		if (open->binding->adopts && open->binding->adopts(open->state, protocol))
			return open;
	}
	return NULL;
}

bool cse_adopts(const struct cse *cse, struct str protocol)
{
	return adopter(cse, protocol) != NULL;
}

void cse_hand_over(struct cse *cse, struct str protocol, int fd, const struct peer *peer, struct str bytes)
{
	const struct open_binding *open = adopter(cse, protocol);

	ASSERT(open);
	open->binding->adopt(open->state, fd, peer, bytes);
}

/* An originator that has registered with this request is in req->from as well. */
uint64_t cse_registration(struct request *req, struct str *entity)
{
	const struct resource *resource;

	/* What is only acknowledged may still be refused. */
	if (!rsc_is_success(req->answer.rsc) || req->answer.rsc < RSC_OK || !req->from.len)
		return 0;
	resource = tree_by_id(&req->cse->tree, req->from);
	if (!resource || !(resource->type->flags & REGISTRATION))
		return 0;
	*entity = arena_copy(&req->arena, resource->id);
	return resource->key;
}

bool cse_is_registered(const struct cse *cse, uint64_t registration)
{
	return tree_by_key(&cse->tree, registration) != NULL;
}

void cse_reached(struct cse *cse, uint64_t registration)
{
	notifier_reached(&cse->notifier, registration);
}
