/* DELETE: TS-0004 7.3.3.8; expiration ends resources the same way. */
#include "cse/core/events.h"
#include "cse/core/state.h"

struct remove_undo {
	struct undo undo;
	struct resource *resource, *parent;
	int64_t et_us;
};

static void revert_remove(struct request *req, struct undo *base)
{
	struct remove_undo *undo = container_of(base, struct remove_undo, undo);

	tree_attach(&req->cse->tree, undo->parent, undo->resource);
	policies_note_change(req->cse, undo->resource);
	if (undo->resource->type->hooks && undo->resource->type->hooks->attach)
		undo->resource->type->hooks->attach(req->cse, undo->resource);
	expiry_set(&req->cse->expiries, &undo->resource->expiry, undo->et_us);
	if (undo->resource->instances) {
		series_mark_unsaved(&undo->resource->instances->series);
		instances_wake(req->cse, undo->resource->instances);
	}
}

static void settle_remove(struct request *req, struct undo *base)
{
	struct resource *resource = container_of(base, struct remove_undo, undo)->resource;

	instances_destroy(req->cse, resource->instances);
	resource_destroy(resource);
}

static void remove_one(struct request *req, struct resource *resource)
{
	struct remove_undo *undo = arena_zalloc(&req->arena, sizeof(*undo));

	undo->undo.revert = revert_remove;
	undo->undo.settle = settle_remove;
	undo->resource = resource;
	undo->parent = resource->parent;
	undo->et_us = resource->expiry.due_us;
	commit_undo(req, &undo->undo);
	resource->parent->batch = commit_open_batch(req->cse->committer);
	expiry_clear(&req->cse->expiries, &resource->expiry);
	tree_detach(&req->cse->tree, resource);
	policies_note_change(req->cse, resource);
	references_note_removal(req->cse, resource->key);
	commit_change(req, CHANGE_DELETE_RESOURCE)->key = resource->key;
	if (resource->instances) {
		instances_rest(req->cse, resource->instances);
		snapshot_put_series(req, resource->instances); /* the store finds the rows by it */
		commit_change(req, CHANGE_PURGE_PARENT)->parent = resource->key;
	}
}

void remove_subtree(struct request *req, struct resource *top)
{
	struct resource *resource = tree_next_postorder(top, NULL);

	events_removing(req, top);
	while (resource) {
		struct resource *next = tree_next_postorder(top, resource);

		remove_one(req, resource);
		resource = next;
	}
}

static enum rsc delete_instance(struct request *req)
{
	struct resource *parent = req->target.resource;
	int error;

	events_removing_instance(req, parent, req->target.instance);
	error = instances_remove(req, parent, req->target.instance, CHANGE_DELETE_INSTANCE);

	if (error)
		return req_fail(req, RSC_INTERNAL_SERVER_ERROR, "store: %s", error_text(error));
	put_resource(req, parent); /* its stateTag stood in the instance */
	return RSC_NONE;
}

static enum rsc check_removable(struct request *req)
{
	const struct resource *resource = req->target.resource;
	const struct type_hooks *hooks = resource->type->hooks;

	return hooks && hooks->may_remove ? hooks->may_remove(req, resource) : RSC_NONE;
}

enum rsc perform_delete(struct request *req)
{
	enum rsc code = check_instance_access(req);

	if (code == RSC_NONE && lists_children(req))
		code = answer_children(req);
	else if (code == RSC_NONE)
		code = check_conditions(req);
	if (code == RSC_NONE && req->rcn == 1)
		code = perform_retrieve(req);
	if ((code == RSC_NONE || rsc_is_success(code)) && !req->target.instance)
		code = check_removable(req);
	if (code != RSC_NONE && !rsc_is_success(code))
		return code;
	if (req->target.instance) {
		code = delete_instance(req);
	} else {
		events_operated(req, req->target.resource);
		remove_subtree(req, req->target.resource);
	}
	if (code != RSC_NONE && !rsc_is_success(code))
		return code;
	req->answer.rsc = RSC_DELETED;
	return RSC_DELETED;
}
