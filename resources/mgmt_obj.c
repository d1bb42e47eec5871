/* <mgmtObj>: TS-0001 9.6.15, TS-0004 7.4.15. Its specializations bring their attributes in files. */
#include "cse/core/hooks.h"

/* The resource goes by its specialization's name, and mgmtDefinition says the same (TS-0004 7.4.15.1). */
static enum rsc create(struct request *req, struct resource *parent, struct draft *draft)
{
	(void)parent;
	if (draft->type->specialization == 0)
		return req_fail(req, RSC_BAD_REQUEST, "content: a <mgmtObj> goes by the name of its specialization");
	if (draft_get_u64(draft, ATTR_mgmtDefinition, 0) != (uint64_t)draft->type->specialization)
		return req_fail(req, RSC_BAD_REQUEST, "mgmtDefinition (mgd): [%s] is %lld", draft->type->name,
				(long long)draft->type->specialization);
	return RSC_NONE;
}

static const struct type_hooks mgmt_obj_hooks = {.create = create};

#define TYPE_DEF "schemas/types/mgmtObj.def"
#define TYPE_HOOKS &mgmt_obj_hooks
#include "schemas/define_type.h"
