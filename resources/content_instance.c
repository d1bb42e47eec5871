/* <contentInstance>: TS-0001 9.6.7, TS-0004 7.4.7. */
#include "cse/core/hooks.h"

/* contentSize: the bytes of a string's characters; of any other value the bytes of its JSON, as the text is silent
 * there. */
static enum rsc create(struct request *req, struct resource *parent, struct draft *draft)
{
	struct value content = attrs_get(&req->attrs, ATTR_content);

	(void)parent;
	draft_set_u64(draft, ATTR_contentSize, value_string(content, &req->arena).len);
	return RSC_NONE;
}

static const struct type_hooks content_instance_hooks = {.create = create};

#define TYPE_DEF "schemas/types/contentInstance.def"
#define TYPE_HOOKS &content_instance_hooks
#include "schemas/define_type.h"
