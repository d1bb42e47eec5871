/* What each originator has, and the limits on it: docs/decisions/limits.md. */
#include "cse/core/quota.h"

#include "cse/core/state.h"

#include <stdlib.h>

static struct quota *find(const struct tree *tree, struct str originator)
{
	struct map_node *node = map_first(&tree->quotas.by_originator, str_hash(originator, tree->seed));

	for (; node; node = map_next(node)) {
		struct quota *quota = container_of(node, struct quota, node);

		if (str_eq(quota->originator, originator))
			return quota;
	}
	return NULL;
}

static struct quota *find_or_create(struct tree *tree, struct str originator)
{
	struct quota *quota = find(tree, originator);
	char *copy;

	if (quota)
		return quota;
	quota = xzalloc(sizeof(*quota) + originator.len);
	copy = (char *)(quota + 1);
	memcpy(copy, originator.ptr, originator.len);
	quota->originator = str_make(copy, originator.len);
	map_add(&tree->quotas.by_originator, &quota->node, str_hash(originator, tree->seed));
	return quota;
}

static bool is_group(const struct type_def *type)
{
	return type->hooks && type->hooks->has_member;
}

static bool is_registration(const struct type_def *type)
{
	return type->flags & REGISTRATION;
}

static struct use use_of(const struct resource *resource)
{
	return (struct use){
		.resources = !is_registration(resource->type) + instances_count(resource),
		.groups = is_group(resource->type),
		.bytes = resource->text.len + instances_bytes(resource),
	};
}

static void add(struct use *sum, struct use use)
{
	sum->resources += use.resources;
	sum->groups += use.groups;
	sum->bytes += use.bytes;
}

static void subtract(struct use *sum, struct use use)
{
	sum->resources -= use.resources;
	sum->groups -= use.groups;
	sum->bytes -= use.bytes;
}

void quota_attach(struct tree *tree, struct resource *resource)
{
	tree->quotas.registrations += is_registration(resource->type);
	if (resource->originator.len == 0)
		return;
	resource->quota = find_or_create(tree, resource->originator);
	resource->quota->holders++;
	add(&resource->quota->use, use_of(resource));
}

void quota_detach(struct tree *tree, struct resource *resource)
{
	struct quota *quota = resource->quota;

	tree->quotas.registrations -= is_registration(resource->type);
	if (!quota)
		return;
	subtract(&quota->use, use_of(resource));
	resource->quota = NULL;
	if (--quota->holders == 0) {
		map_remove(&tree->quotas.by_originator, &quota->node);
		free(quota);
	}
}

void quotas_finish(struct quotas *quotas)
{
	map_finish(&quotas->by_originator);
}

void quota_adjust(struct resource *resource, int64_t resources, int64_t bytes)
{
	if (!resource->quota)
		return;
	resource->quota->use.resources += (uint64_t)resources;
	resource->quota->use.bytes += (uint64_t)bytes;
}

static void count_all(struct tree *tree)
{
	struct resource *resource = tree->root ? tree_next_postorder(tree->root, NULL) : NULL;
	struct map_node *node = NULL;
	size_t state = 0;

	while ((node = map_walk(&tree->quotas.by_originator, &state, node)))
		container_of(node, struct quota, node)->counted = (struct use){0};
	for (; resource; resource = tree_next_postorder(tree->root, resource))
		if (resource->quota)
			add(&resource->quota->counted, use_of(resource));
}

void quotas_recount(struct tree *tree)
{
	struct map_node *node = NULL;
	size_t state = 0;

	count_all(tree);
	while ((node = map_walk(&tree->quotas.by_originator, &state, node))) {
		struct quota *quota = container_of(node, struct quota, node);

		quota->use = quota->counted;
	}
}

bool quotas_agree(struct tree *tree)
{
	struct map_node *node = NULL;
	size_t state = 0;

	count_all(tree);
	while ((node = map_walk(&tree->quotas.by_originator, &state, node))) {
		const struct quota *quota = container_of(node, struct quota, node);

		if (memcmp(&quota->use, &quota->counted, sizeof(quota->use)) != 0)
			return false;
	}
	return true;
}

/* ---- limits; 0: none ---- */

static enum rsc check(struct request *req, const char *limit, uint64_t most, uint64_t use, uint64_t more)
{
	if (most == 0 || more == 0 || (use <= most && more <= most - use))
		return RSC_NONE;
	return req_fail(req, RSC_NOT_ACCEPTABLE, "limits.%s: %llu of %llu are in use", limit, (unsigned long long)use,
			(unsigned long long)most);
}

/* The administrator's own is not limited. */
static bool is_limited(const struct cse *cse, struct str originator)
{
	return originator.len && !str_eq(originator, str_of(cse->config.admin));
}

enum rsc quota_admit(struct request *req, const struct resource *parent, const struct type_def *type, uint64_t bytes)
{
	const struct cse_config *config = &req->cse->config;
	const struct tree *tree = &req->cse->tree;
	struct str originator = type->flags & INSTANCE ? parent->originator : req->from;
	const struct quota *quota = find(tree, originator);
	struct use use = quota ? quota->use : (struct use){0};
	enum rsc code = check(req, "aes", config->most_aes, tree->quotas.registrations, is_registration(type));

	if (code != RSC_NONE || !is_limited(req->cse, originator))
		return code;
	code = check(req, "originator-children", config->most_children, use.resources, !is_registration(type));
	if (code == RSC_NONE)
		code = check(req, "originator-groups", config->most_groups, use.groups, is_group(type));
	return code == RSC_NONE ? check(req, "originator-bytes", config->most_bytes, use.bytes, bytes) : code;
}

enum rsc quota_admit_update(struct request *req, const struct resource *resource, uint64_t bytes)
{
	if (!resource->quota || !is_limited(req->cse, resource->originator) || bytes <= resource->text.len)
		return RSC_NONE;
	return check(req, "originator-bytes", req->cse->config.most_bytes, resource->quota->use.bytes,
		     bytes - resource->text.len);
}
