/* UPDATE: TS-0004 7.3.3.7. */
#include "cse/core/events.h"
#include "cse/core/state.h"
#include "schemas/timestamp.h"

#include <stdlib.h>

struct update_undo {
	struct undo undo;
	struct resource *resource;
	struct str text; /* heap */
	int64_t modified_us, et_us;
	uint64_t state_tag;
};

static void revert_update(struct request *req, struct undo *base)
{
	struct update_undo *undo = container_of(base, struct update_undo, undo);
	struct resource *resource = undo->resource;

	resource->modified_us = undo->modified_us;
	resource->state_tag = undo->state_tag;
	expiry_set(&req->cse->expiries, &resource->expiry, undo->et_us);
	adopt_text(req->cse, resource, undo->text);
}

static void remember(struct request *req, struct resource *resource)
{
	struct update_undo *undo = arena_zalloc(&req->arena, sizeof(*undo));

	undo->undo.revert = revert_update;
	undo->resource = resource;
	undo->text = arena_copy(&req->arena, resource->text);
	undo->modified_us = resource->modified_us;
	undo->state_tag = resource->state_tag;
	undo->et_us = resource->expiry.due_us;
	commit_undo(req, &undo->undo);
}

/* The stored representation as attributes by row. */
static enum rsc stored_attrs(struct request *req, const struct resource *resource, struct attrs *attrs)
{
	struct value root = json_own(arena_join(&req->arena, STR("{"), resource->text, STR("}")), &req->arena);

	if (value_is_absent(root))
		return req_fail(req, RSC_INTERNAL_SERVER_ERROR, "the stored representation is damaged");
	attrs->type = resource->type;
	attrs->value = arena_zalloc(&req->arena, resource->type->attr_count * sizeof(struct value));
	for (struct value v = value_first(root); !value_is_absent(v); v = value_next(root, v)) {
		int row = schema_row(req->cse->schema, resource->type, value_name(v));

		if (row >= 0)
			attrs->value[row] = v;
	}
	return RSC_NONE;
}

/* Looks at the newest instances, as many as can be read without keeping others waiting. */
static enum rsc check_instances_outlive(struct request *req, const struct resource *resource, int64_t et_us)
{
	enum { MOST_READS = 1000 };
	struct instance instance;
	uint64_t key = instances_latest(resource);

	for (unsigned i = 0; key && i < MOST_READS; i++) {
		int error = instances_read(req->cse, resource, key, &instance);

		if (error)
			return req_fail(req, RSC_INTERNAL_SERVER_ERROR, "an instance cannot be read: %s",
					error_text(error));
		if (instance.head.et_us > et_us)
			return req_fail(req, RSC_BAD_REQUEST, "expirationTime (et): an instance expires later");
		key = series_before(&resource->instances->series, key);
	}
	return RSC_NONE;
}

/* TS-0004 7.3.3.4: an expiration before that of a child is refused. */
static enum rsc check_children_outlive(struct request *req, struct resource *resource, int64_t et_us)
{
	if (et_us >= resource->expiry.due_us)
		return RSC_NONE;
	list_each (item, &resource->children) {
		const struct resource *child = container_of(item, struct resource, siblings);

		if (child->expiry.due_us > et_us)
			return req_fail(req, RSC_BAD_REQUEST, "expirationTime (et): the child \"%.*s\" expires later",
					STR_ARG(child->name));
	}
	return check_instances_outlive(req, resource, et_us);
}

static enum rsc update_expiration(struct request *req, struct resource *resource, struct draft *draft, int64_t *et_us)
{
	enum rsc code;

	*et_us = resource->expiry.due_us;
	if (value_is_absent(attrs_get(&req->attrs, ATTR_expirationTime)))
		return RSC_NONE;
	code = settle_expiration(req, draft, resource->parent->expiry.due_us, default_expiration(req), et_us);
	return code != RSC_NONE ? code : check_children_outlive(req, resource, *et_us);
}

enum rsc resource_draft(struct request *req, const struct resource *resource, struct draft *draft)
{
	struct attrs stored;
	enum rsc code = stored_attrs(req, resource, &stored);

	if (code != RSC_NONE)
		return code;
	draft_init(draft, req->cse->schema, resource->type, &req->arena);
	draft_take(draft, &stored);
	return RSC_NONE;
}

static void replace_text(struct request *req, struct resource *resource, struct draft *draft)
{
	resource->batch = commit_open_batch(req->cse->committer);
	adopt_text(req->cse, resource, draft_print(draft));
	put_resource(req, resource);
}

void resource_rewrite(struct request *req, struct resource *resource, struct draft *draft)
{
	remember(req, resource);
	replace_text(req, resource, draft);
}

void resource_store(struct request *req, struct resource *resource)
{
	resource->batch = commit_open_batch(req->cse->committer);
	put_resource(req, resource);
}

void resource_amend(struct request *req, struct resource *resource, struct draft *draft)
{
	remember(req, resource);
	resource->modified_us = req->received_us;
	resource->state_tag++;
	draft_set_timestamp(draft, ATTR_lastModifiedTime, req->received_us);
	replace_text(req, resource, draft);
}

enum rsc perform_update(struct request *req)
{
	struct resource *resource = req->target.resource;
	const struct type_hooks *hooks = resource->type->hooks;
	struct str before = present_attributes(req, resource);
	struct draft draft;
	int64_t et_us;
	enum rsc code = check_conditions(req);

	if (code == RSC_NONE)
		code = resource_draft(req, resource, &draft);
	if (code != RSC_NONE)
		return code;
	draft_take(&draft, &req->attrs);
	code = update_expiration(req, resource, &draft, &et_us);
	if (code == RSC_NONE && hooks && hooks->update)
		code = hooks->update(req, resource, &draft);
	if (code == RSC_NONE && req->cse->config.most_bytes)
		code = quota_admit_update(req, resource, draft_print(&draft).len);
	if (code != RSC_NONE)
		return code;

	if (et_us > resource->expiry.due_us && resource->instances)
		instances_look_at(req->cse, resource, resource->expiry.due_us); /* theirs stays what it was */
	resource_amend(req, resource, &draft);
	expiry_set(&req->cse->expiries, &resource->expiry, et_us);
	events_updated(req, resource);
	return answer_updated(req, resource, before);
}
