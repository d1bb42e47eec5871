/* fuzz_address: where an address leads, in a small tree. What is found is found again by its other names, and a request
 * comes to the same. */
#include "tests/fuzz/fuzz.h"

#include "cse/core/state.h"
#include "tests/fuzz/small_cse.h"

static struct str structured(struct request *req, const struct resource *resource)
{
	return structured_address(req, resource->parent, resource->name);
}

static void check_found(struct cse *cse, struct request *req, const struct target *target)
{
	struct target again;

	FUZZ_HOLDS(cse_find(cse, target->resource->id, &again) == FOUND_HERE && again.resource == target->resource);
	FUZZ_HOLDS(cse_find(cse, structured(req, target->resource), &again) == FOUND_HERE);
	FUZZ_HOLDS(again.resource == target->resource && !again.virtual_ && !again.instance);
}

static void check_request(struct request *req, enum found found, const struct target *target)
{
	enum rsc code = check_hosting(req);

	if (code == RSC_NONE)
		code = check_existence(req);
	FUZZ_HOLDS(code == RSC_NONE || req->answer.rsc == code);
	if (code != RSC_NONE || req->target.attribute.ptr)
		return;
	FUZZ_HOLDS(found == FOUND_HERE && target->resource == req->target.resource);
	FUZZ_HOLDS(target->instance == req->target.instance && target->virtual_ == req->target.virtual_);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cse *cse = small_cse_shared()->world.cse;
	struct request *req = request_create(cse);
	struct str text = str_make((const char *)data, size);
	struct target target;
	enum found found = cse_find(cse, text, &target);

	if (found == FOUND_HERE)
		check_found(cse, req, &target);
	if (str_is_utf8(text)) {
		req->op = OP_RETRIEVE;
		request_set(req, PARAM_to, text);
		check_request(req, found, &target);
	}
	request_release(req);
	return 0;
}
