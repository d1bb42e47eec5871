/* <CSEBase>: TS-0001 9.6.3, TS-0004 7.4.3. */
#include "cse/core/hooks.h"
#include "schemas/timestamp.h"

static void present(struct cse *cse, const struct resource *resource, struct presenter *presenter)
{
	char text[TIMESTAMP_SIZE + 2] = "\"";
	size_t len = timestamp_print(text + 1, clock_wall_us(cse_clock(cse)));

	(void)resource;
	text[len + 1] = '"';
	present_json(presenter, ATTR_currentTime, str_make(text, len + 2));
}

/* TS-0004 7.3.3.9.2. A verification is answered; of other notifications nothing is asked of this CSE yet. */
static enum rsc notify(struct request *req)
{
	if (str_eq(value_name(value_first(doc_root(&req->doc))), STR("m2m:seci")))
		return req_fail(req, RSC_NOT_IMPLEMENTED, "content: security information is not supported");
	req->answer.rsc = RSC_OK;
	return RSC_OK;
}

static const struct type_hooks base_hooks = {.present = present, .notify = notify};

#define TYPE_DEF "schemas/types/CSEBase.def"
#define TYPE_HOOKS &base_hooks
#include "schemas/define_type.h"
