/* If-Match of a binding that has it: holds, fails, or was not asked for. RFC 7232 3.1. */
#include "cse/core/state.h"

static bool lists(struct str list, struct str etag)
{
	for (struct str item = str_next_item(&list); item.ptr; item = str_next_item(&list)) {
		if (str_eq(item, STR("*")))
			return true;
		if (item.len >= 2 && item.ptr[0] == '"' && str_eq(str_make(item.ptr + 1, item.len - 2), etag))
			return true;
	}
	return false;
}

enum rsc check_precondition(struct request *req)
{
	struct str etag;
	char id[INSTANCE_ID_SIZE];

	if (req->accept_etag.len == 0 || (req->op != OP_UPDATE && req->op != OP_DELETE))
		return RSC_NONE;
	if (req->target.instance) {
		instance_id_print(id, 'i', req->target.instance);
		etag = str_of(id);
	} else {
		answer_etag_resource(req, req->target.resource);
		etag = req->answer.etag;
		req->answer.etag = (struct str){0};
	}
	if (lists(req->accept_etag, etag))
		return RSC_NONE;
	req->answer.precondition_failed = true;
	return req_fail(req, RSC_BAD_REQUEST, "the resource is not in the state that If-Match names");
}
