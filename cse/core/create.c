/* CREATE: TS-0004 7.3.3.5. */
#include "cse/core/events.h"
#include "cse/core/state.h"
#include "schemas/timestamp.h"

enum { SECOND_US = 1000000 };

static int64_t later_by(int64_t now_us, int64_t seconds)
{
	return seconds > (EXPIRY_NEVER - now_us) / SECOND_US ? EXPIRY_NEVER : now_us + seconds * SECOND_US;
}

int64_t default_expiration(const struct request *req)
{
	return later_by(req->received_us, req->cse->config.expiration_default_s);
}

/* Settles expirationTime: what was asked for, within the parent's and this CSE's bounds (TS-0004 7.3.3.3). */
enum rsc settle_expiration(struct request *req, struct draft *draft, int64_t parent_us, int64_t default_us,
			   int64_t *et_us)
{
	const struct cse_config *config = &req->cse->config;
	int64_t now = req->received_us, latest = later_by(now, config->expiration_max_s);
	struct str asked = draft_get_string(draft, ATTR_expirationTime);
	int64_t et = default_us;

	if (latest > parent_us)
		latest = parent_us;
	if (asked.ptr && timestamp_parse_abs_rel(asked, now, &et) != 0)
		return req_fail(req, RSC_BAD_REQUEST, "expirationTime (et): no point in time");
	if (asked.ptr && et <= now)
		return req_fail(req, RSC_BAD_REQUEST, "expirationTime (et): is in the past");
	if (et > latest)
		et = latest;
	*et_us = et;
	if (et != EXPIRY_NEVER)
		draft_set_timestamp(draft, ATTR_expirationTime, et);
	return RSC_NONE;
}

/* TS-0004 7.3.3.5: a name of a sibling, a virtual one included, is a conflict. */
static enum rsc check_name(struct request *req, const struct resource *parent, struct str name)
{
	int error = 0;

	for (size_t i = 0; i < parent->type->virtual_count; i++)
		if (str_eq(name, str_of(parent->type->virtuals[i].name)))
			return req_fail(req, RSC_CONFLICT, "resourceName (rn): \"%.*s\" is a virtual child here",
					STR_ARG(name));
	if (instance_id_key(name, 'i'))
		return req_fail(req, RSC_BAD_REQUEST,
				"resourceName (rn): i and ten base-32 digits is the form of generated names");
	if (tree_child(&req->cse->tree, parent, name) || instances_find(req->cse, parent, name, &error))
		return req_fail(req, RSC_CONFLICT, "resourceName (rn): \"%.*s\" exists here", STR_ARG(name));
	if (error)
		return req_fail(req, RSC_INTERNAL_SERVER_ERROR, "store: %s", error_text(error));
	return RSC_NONE;
}

/* The attributes that every new resource gets from the CSE. */
static void set_universal(struct request *req, struct draft *draft, const struct resource *parent, struct str id,
			  struct str name)
{
	struct value creator = attrs_get(&req->attrs, ATTR_creator);

	draft_set_string(draft, ATTR_resourceName, name);
	draft_set_u64(draft, ATTR_resourceType, draft->type->ty);
	draft_set_string(draft, ATTR_resourceID, id);
	draft_set_string(draft, ATTR_parentID, parent->id);
	draft_set_timestamp(draft, ATTR_creationTime, req->received_us);
	draft_set_timestamp(draft, ATTR_lastModifiedTime, req->received_us);
	if (!value_is_absent(creator))
		draft_set_string(draft, ATTR_creator, req->from);
}

static struct str generated_id(struct request *req, char letter, uint64_t key)
{
	char *id = arena_alloc(&req->arena, INSTANCE_ID_SIZE);

	instance_id_print(id, letter, key);
	return str_make(id, INSTANCE_ID_SIZE - 1);
}

static enum rsc create_instance(struct request *req, struct resource *parent, struct draft *draft, struct str chosen)
{
	const struct type_hooks *over = parent->type->hooks;
	struct instance_head head = {.ct_us = req->received_us};
	struct str asked = draft_get(draft, ATTR_expirationTime);
	struct instance instance;
	uint64_t key;
	struct str id;
	enum rsc code;

	/* An instance without an expiration of its own lives as long as its parent: TS-0004 7.3.3.3. */
	code = settle_expiration(req, draft, parent->expiry.due_us, parent->expiry.due_us, &head.et_us);
	if (code != RSC_NONE)
		return code;
	if (asked.ptr && head.et_us < parent->expiry.due_us)
		head.flags |= INSTANCE_OWN_EXPIRY;
	code = over->admit_instance(req, parent, draft, &head);
	if (code == RSC_NONE)
		code = quota_admit(req, parent, draft->type, head.size);
	if (code != RSC_NONE)
		return code;

	if (draft_has(draft, ATTR_labels))
		head.flags |= INSTANCE_LABELLED;
	key = cse_next_key(req->cse);
	id = generated_id(req, 'i', key);
	if (chosen.ptr)
		head.flags |= INSTANCE_NAMED;
	set_universal(req, draft, parent, id, chosen.ptr ? chosen : id);
	instance = (struct instance){.key = key, .head = head, .text = draft_print(draft)};
	instances_add(req, parent, key, chosen, &head, instance.text);
	events_created_instance(req, parent, &instance);
	req->answer.etag = id;
	return answer_created(req, parent, present_instance(req, draft->type, &instance), chosen.ptr ? chosen : id);
}

struct resource_undo {
	struct undo undo;
	struct resource *resource;
};

static void revert_create(struct request *req, struct undo *base)
{
	struct resource *resource = container_of(base, struct resource_undo, undo)->resource;

	expiry_clear(&req->cse->expiries, &resource->expiry);
	tree_detach(&req->cse->tree, resource);
	instances_destroy(req->cse, resource->instances);
	policies_note_change(req->cse, resource);
	resource_destroy(resource);
}

static void note_creation(const struct cse *cse, struct resource *resource)
{
	struct str text = resource_attribute(resource, name_short(cse->schema, ATTR_creationTime));

	if (text.len < 2 || timestamp_parse(str_make(text.ptr + 1, text.len - 2), &resource->created_us) != 0)
		resource->created_us = 0;
}

static void link_policies(struct cse *cse, struct resource *resource)
{
	struct str list = resource_attribute(resource, name_short(cse->schema, ATTR_accessControlPolicyIDs));
	struct policy_set *before = resource->policies;

	resource->policies = list.ptr ? policy_set_take(&cse->policies, list) : NULL;
	policy_set_release(before);
}

void adopt_text(struct cse *cse, struct resource *resource, struct str text)
{
	const struct type_hooks *hooks = resource->type->hooks;

	resource_set_text(resource, text);
	note_creation(cse, resource);
	catalog_set_labels(&cse->tree.catalog, resource,
			   resource_attribute(resource, name_short(cse->schema, ATTR_labels)));
	link_policies(cse, resource);
	if (hooks && hooks->state_size && !resource->state)
		resource->state = xzalloc(hooks->state_size);
	if (hooks && hooks->attach)
		hooks->attach(cse, resource);
	policies_note_change(cse, resource);
}

static struct resource *attach_new(struct request *req, struct resource *parent, const struct draft *draft,
				   struct str id, struct str name)
{
	struct cse *cse = req->cse;
	struct resource *resource = resource_create(draft->type, cse_next_key(cse), id, name, req->from);
	struct resource_undo *undo = arena_zalloc(&req->arena, sizeof(*undo));

	resource->modified_us = req->received_us;
	adopt_text(cse, resource, draft_print(draft));
	tree_attach(&cse->tree, parent, resource);
	resource->batch = commit_open_batch(cse->committer);
	parent->batch = resource->batch;
	undo->resource = resource;
	undo->undo.revert = revert_create;
	commit_undo(req, &undo->undo);
	return resource;
}

struct resource *create_locally(struct request *req, struct resource *parent, struct draft *draft, int64_t et_us)
{
	struct cse *cse = req->cse;
	struct str id = generated_id(req, 'r', cse->last_key + 1);
	struct resource *resource;

	req->attrs.type = draft->type;
	req->attrs.value = arena_zalloc(&req->arena, draft->type->attr_count * sizeof(struct value));
	draft_set_timestamp(draft, ATTR_expirationTime, et_us);
	set_universal(req, draft, parent, id, id);
	resource = attach_new(req, parent, draft, id, id);
	expiry_set(&cse->expiries, &resource->expiry, et_us);
	return resource;
}

static enum rsc create_resource(struct request *req, struct resource *parent, struct draft *draft, struct str chosen)
{
	struct cse *cse = req->cse;
	const struct type_hooks *hooks = draft->type->hooks;
	struct str id = {0};
	struct resource *resource;
	int64_t et_us;
	enum rsc code = settle_expiration(req, draft, parent->expiry.due_us, default_expiration(req), &et_us);

	if (code != RSC_NONE)
		return code;
	if (hooks && hooks->choose_id)
		id = hooks->choose_id(req, draft);
	if (!id.ptr)
		id = generated_id(req, 'r', cse->last_key + 1);
	set_universal(req, draft, parent, id, chosen.ptr ? chosen : id);
	code = quota_admit(req, parent, draft->type, cse->config.most_bytes ? draft_print(draft).len : 0);
	if (code != RSC_NONE)
		return code;
	resource = attach_new(req, parent, draft, id, chosen.ptr ? chosen : id);
	expiry_set(&cse->expiries, &resource->expiry, et_us);
	put_resource(req, resource);
	events_created(req, resource);
	answer_etag_resource(req, resource);
	return answer_created(req, parent, present_resource(req, resource), resource->name);
}

enum rsc perform_create(struct request *req)
{
	struct resource *parent = req->target.resource;
	const struct type_hooks *hooks = req->type->hooks;
	struct draft draft;
	struct str name;
	enum rsc code = RSC_NONE;

	draft_init(&draft, req->cse->schema, req->type, &req->arena);
	draft_take(&draft, &req->attrs);
	draft_take_defaults(&draft);
	if (hooks && hooks->create)
		code = hooks->create(req, parent, &draft);
	if (code != RSC_NONE)
		return code;
	name = draft_get_string(&draft, ATTR_resourceName);
	if (name.ptr)
		code = check_name(req, parent, name);
	if (code != RSC_NONE)
		return code;
	return req->type->flags & INSTANCE ? create_instance(req, parent, &draft, name)
					   : create_resource(req, parent, &draft, name);
}
