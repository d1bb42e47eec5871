/* From the To parameter to the target: the six forms of TS-0001 9.3.1 and TS-0004 6.2.4. */
#include "cse/core/instance_cache.h"
#include "cse/core/state.h"

/* Splits `#attribute` off. */
static struct str take_fragment(struct request *req, struct str to)
{
	const char *mark = memchr(to.ptr, '#', to.len);

	if (!mark)
		return to;
	req->target.attribute = str_from(to, (size_t)(mark - to.ptr) + 1);
	return str_make(to.ptr, (size_t)(mark - to.ptr));
}

/* Is to = prefix or does it go on with a slash behind it? */
static bool is_below(struct str to, struct str prefix)
{
	return str_starts(to, prefix) && (to.len == prefix.len || to.ptr[prefix.len] == '/');
}

static enum rsc not_hosted(struct request *req)
{
	if (req->op == OP_CREATE && schema_type(req->cse->schema, req->ty) &&
	    schema_type(req->cse->schema, req->ty)->flags & REGISTRATION)
		return req_fail(req, RSC_BAD_REQUEST, "to: a registration goes to the CSE that received it");
	return req_fail(req, RSC_NOT_FOUND, "to: no route to another CSE");
}

/* Where an address without fragment leads; leaves in *path what follows the CSE-ID. */
static enum found place_of(const struct cse *cse, struct str to, struct str *path)
{
	struct str sp = str_of(cse->config.sp_id), id = str_of(cse->config.id);

	if (str_starts(to, STR("//"))) {
		to = str_from(to, 2);
		if (!is_below(to, sp))
			return FOUND_ELSEWHERE;
		to = str_from(to, sp.len);
	}
	if (to.len && to.ptr[0] == '/') {
		if (!is_below(to, id))
			return FOUND_ELSEWHERE;
		to = str_from(to, id.len + 1);
	}
	*path = to;
	return to.len ? FOUND_HERE : FOUND_NOTHING;
}

/* TS-0004 7.3.2.8: leaves in `path` what follows the CSE-ID. */
enum rsc check_hosting(struct request *req)
{
	struct str to = take_fragment(req, req->param[PARAM_to]);
	enum found place = place_of(req->cse, to, &req->path);

	if (place == FOUND_ELSEWHERE)
		return not_hosted(req);
	if (place == FOUND_NOTHING)
		return req_fail(req, RSC_BAD_REQUEST, "to: names no resource");
	if (req->path.ptr[req->path.len - 1] == '/')
		return req_fail(req, RSC_BAD_REQUEST, "to: ends with a slash");
	if (req->target.attribute.ptr && req->op != OP_RETRIEVE)
		return req_fail(req, RSC_BAD_REQUEST, "to: an attribute can only be retrieved");
	return RSC_NONE;
}

static struct resource *first_resource(const struct cse *cse, struct str segment)
{
	if (str_eq(segment, STR("-")) || str_eq(segment, str_of(cse->config.name)))
		return cse->tree.root;
	return tree_by_id(&cse->tree, segment);
}

/* An unstructured identifier of an instance leads to its parent by one look at the row. */
static enum found find_instance_by_id(struct cse *cse, struct str id, struct target *target)
{
	uint64_t key = instance_id_key(id, 'i'), parent_key;
	struct instance_head head;
	struct resource *parent;
	int found;

	if (key == 0)
		return FOUND_NOTHING;
	parent_key = instance_cache_parent(&cse->cache, key);
	if (parent_key == 0) {
		found = cse->store->ops->read_instance(cse->store, key, &parent_key, &head, &cse->cache.buffer);
		if (found <= 0)
			return found < 0 ? FOUND_ERROR : FOUND_NOTHING;
	}
	parent = tree_by_key(&cse->tree, parent_key);
	if (!parent || !parent->instances || !series_contains(&parent->instances->series, key))
		return FOUND_NOTHING;
	target->resource = parent;
	target->instance = key;
	return FOUND_HERE;
}

static const struct virtual_def *virtual_child(const struct resource *resource, struct str name)
{
	for (size_t i = 0; i < resource->type->virtual_count; i++)
		if (str_eq(str_of(resource->type->virtuals[i].name), name))
			return &resource->type->virtuals[i];
	return NULL;
}

/* One name below the target so far. */
static enum found descend(struct cse *cse, struct target *target, struct str name)
{
	struct resource *child;
	int error;

	if (target->instance || target->virtual_)
		return FOUND_NOTHING;
	child = tree_child(&cse->tree, target->resource, name);
	if (child) {
		target->resource = child;
		return FOUND_HERE;
	}
	target->virtual_ = virtual_child(target->resource, name);
	if (target->virtual_)
		return FOUND_HERE;
	target->instance = instances_find(cse, target->resource, name, &error);
	if (error)
		return FOUND_ERROR;
	return target->instance ? FOUND_HERE : FOUND_NOTHING;
}

/* What follows some virtual resources is theirs to read: cse-in/group/fopt/la. */
static bool takes_suffix(const struct cse *cse, const struct target *target)
{
	const struct virtual_hooks *hooks = target->virtual_ ? virtual_find(cse, target->virtual_->long_name) : NULL;

	return hooks && hooks->takes_suffix;
}

static enum found resolve(struct cse *cse, struct str path, struct target *target)
{
	struct str rest = path, segment = str_split(&rest, '/');
	enum found found = FOUND_HERE;

	target->resource = first_resource(cse, segment);
	if (!target->resource)
		found = find_instance_by_id(cse, segment, target);
	while (found == FOUND_HERE && rest.ptr) {
		if (takes_suffix(cse, target)) {
			target->suffix = rest;
			break;
		}
		found = descend(cse, target, str_split(&rest, '/'));
	}
	return found;
}

/* What has expired is gone, even if the sweeper has not come by yet. */
static enum found check_expired(struct cse *cse, const struct target *target)
{
	int64_t now = cse_expiry_now(cse);
	struct instance instance;

	for (const struct resource *r = target->resource; r; r = r->parent)
		if (r->expiry.due_us <= now)
			return FOUND_NOTHING;
	if (!target->instance)
		return FOUND_HERE;
	if (instances_read(cse, target->resource, target->instance, &instance) != 0)
		return FOUND_ERROR;
	return instance.head.et_us <= now ? FOUND_NOTHING : FOUND_HERE;
}

enum found cse_find(struct cse *cse, struct str id, struct target *target)
{
	struct str path;
	enum found found = place_of(cse, id, &path);

	*target = (struct target){0};
	if (found == FOUND_HERE)
		found = resolve(cse, path, target);
	return found == FOUND_HERE ? check_expired(cse, target) : found;
}

static bool has_empty_segment(struct str path)
{
	for (size_t i = 1; i < path.len; i++)
		if (path.ptr[i] == '/' && path.ptr[i - 1] == '/')
			return true;
	return false;
}

/* TS-0004 7.3.3.1. */
enum rsc check_existence(struct request *req)
{
	struct target *target = &req->target;
	enum found found;

	if (has_empty_segment(req->path))
		return req_fail(req, RSC_BAD_REQUEST, "to: has an empty segment");
	found = resolve(req->cse, req->path, target);
	if (found == FOUND_HERE)
		found = check_expired(req->cse, target);
	if (found == FOUND_ERROR)
		return req_fail(req, RSC_INTERNAL_SERVER_ERROR, "store: cannot be read");
	if (found != FOUND_HERE)
		return req_fail(req, RSC_NOT_FOUND, "to: \"%.*s\" does not exist", STR_ARG(req->path));
	commit_depend(req, target->resource->batch);
	if (target->instance)
		commit_depend(req, target->resource->instances->batch);
	return RSC_NONE;
}

const struct virtual_hooks *virtual_find(const struct cse *cse, const char *long_name)
{
	for (const struct virtual_hooks *const *v = cse->config.virtuals; *v; v++)
		if (strcmp((*v)->long_name, long_name) == 0)
			return *v;
	return NULL;
}

const struct type_def *instance_type(const struct cse *cse, const struct resource *parent)
{
	for (size_t i = 0; i < parent->type->child_count; i++) {
		const struct type_def *type = schema_type(cse->schema, parent->type->children[i]);

		if (type && type->flags & INSTANCE)
			return type;
	}
	return NULL;
}

const char *operation_name(enum operation op)
{
	static const char *const names[] = {"", "CREATE", "RETRIEVE", "UPDATE", "DELETE", "NOTIFY"};

	return names[op];
}

static enum rsc not_allowed(struct request *req, const char *what)
{
	return req_fail(req, RSC_OPERATION_NOT_ALLOWED, "%s takes no %s", what, operation_name(req->op));
}

/* What a type or virtual resource refuses from everybody is refused before anybody's rights are looked at
 * (TS-0004 7.4.3.2, 7.4.7.2.3, 7.4.27.2). */
enum rsc check_operation(struct request *req)
{
	struct target *target = &req->target;
	const struct virtual_hooks *hooks;
	const struct type_def *refusing;

	req->type = target->instance ? instance_type(req->cse, target->resource) : target->resource->type;
	if (target->virtual_) {
		hooks = virtual_find(req->cse, target->virtual_->long_name);
		if (!hooks)
			return req_fail(req, RSC_NOT_IMPLEMENTED, "<%s>: not supported", target->virtual_->long_name);
		return hooks->operations & OP_BIT(req->op) ? RSC_NONE : not_allowed(req, target->virtual_->long_name);
	}
	if (req->op == OP_NOTIFY)
		return !target->instance && req->type->hooks && req->type->hooks->notify
			       ? RSC_NONE
			       : not_allowed(req, req->type->name);
	/* A CREATE is refused by the type of what it would make, not by the parent's. */
	refusing = req->op == OP_CREATE ? schema_type(req->cse->schema, req->ty) : req->type;
	if (refusing && refusing->refused & OP_BIT(req->op))
		return not_allowed(req, refusing->name);
	return RSC_NONE;
}
