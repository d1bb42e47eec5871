/* <latest> and <oldest>: TS-0004 7.4.27 and 7.4.28. They stand for an instance of their parent. */
#include "resources/virtuals.h"

#include "cse/core/commit.h"

enum { MOST_EXPIRED = 64 }; /* how many that wait for the sweeper are passed over */

/* The first instance from key on, going by next, that has not expired. */
static enum rsc redirect(struct request *req, struct target *target, uint64_t key,
			 uint64_t (*next)(const struct series *series, uint64_t key))
{
	struct resource *parent = target->resource;
	struct instance instance;

	for (unsigned i = 0; key && i < MOST_EXPIRED; i++) {
		int error = instances_read(req->cse, parent, key, &instance);

		if (error)
			return req_fail(req, RSC_INTERNAL_SERVER_ERROR, "store: %s", error_text(error));
		if (!instance_is_expired(req, &instance)) {
			target->instance = key;
			return RSC_NONE;
		}
		key = next(&parent->instances->series, key);
	}
	return req_fail(req, RSC_NOT_FOUND, "to: there is no instance here");
}

static enum rsc redirect_latest(struct request *req, struct target *target)
{
	return redirect(req, target, instances_latest(target->resource), series_before);
}

static enum rsc redirect_oldest(struct request *req, struct target *target)
{
	return redirect(req, target, instances_oldest(target->resource), series_after);
}

const struct virtual_hooks virtual_latest = {
	.long_name = "latest",
	.operations = OP_BIT(OP_RETRIEVE) | OP_BIT(OP_DELETE),
	.redirect = redirect_latest,
};

const struct virtual_hooks virtual_oldest = {
	.long_name = "oldest",
	.operations = OP_BIT(OP_RETRIEVE) | OP_BIT(OP_DELETE),
	.redirect = redirect_oldest,
};
