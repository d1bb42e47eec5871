/* One CSE: from opening to closing, and the check of its own consistency. */
#include "cse/core/cse.h"

#include "cse/core/channel.h"
#include "cse/core/state.h"

#include <stdio.h>
#include <stdlib.h>

static void init(struct cse *cse)
{
	tree_init(&cse->tree);
	cse->policies.seed = cse->tree.seed;
	instance_cache_init(&cse->cache, cse->config.cache_bytes);
	list_init(&cse->held);
	list_init(&cse->dirty_instances);
	references_start(&cse->references, cse);
	fans_start(&cse->fans, cse);
	outgoings_start(&cse->outgoings, cse);
	notifier_start(&cse->notifier, cse);
	watches_init(&cse->watches, cse->loop);
	list_init(&cse->free_requests);
	list_init(&cse->gatherings);
}

static void finish(struct cse *cse)
{
	struct resource *resource = cse->tree.root ? tree_next_postorder(cse->tree.root, NULL) : NULL;

	watches_finish(&cse->watches);
	notifier_stop(&cse->notifier);
	outgoings_stop(&cse->outgoings);
	for (; resource; resource = tree_next_postorder(cse->tree.root, resource)) {
		instances_destroy(cse, resource->instances);
		resource->instances = NULL;
	}
	tree_finish(&cse->tree);
	policies_finish(&cse->policies);
	references_stop(&cse->references);
	fans_stop(&cse->fans);
	expiry_finish(&cse->expiries);
	instance_cache_finish(&cse->cache);
	map_finish(&cse->pending);
	map_finish(&cse->blocks);
	map_finish(&cse->deferrals);
	strbuf_finish(&cse->scratch);
	list_each (item, &cse->free_requests) {
		struct request *req = container_of(item, struct request, link);

		arena_finish(&req->arena);
		free(req);
	}
	free(cse);
}

int cse_open(const struct cse_config *config, struct loop *loop, struct clock *clock, struct log *log,
	     struct schema *schema, struct store *store, struct cse **out, char *message, size_t size)
{
	struct cse *cse = xzalloc(sizeof(*cse));
	int error;

	*out = NULL;
	cse->config = *config;
	cse->loop = loop;
	cse->clock = clock;
	cse->log = log;
	cse->schema = schema;
	cse->store = store;
	init(cse);
	error = load_store(cse, message, size);
	if (error) {
		finish(cse);
		return error;
	}
	error = committer_create(cse, loop, store, &cse->committer);
	if (error)
		snprintf(message, size, "cannot start a thread to commit with: %s", error_text(error));
	else
		error = settle_base(cse, message, size);
	if (error) {
		committer_destroy(cse->committer);
		finish(cse);
		return error;
	}
	sweeper_start(cse);
	*out = cse;
	return 0;
}

/* The next start then reads chunks only. */
static void last_snapshot(struct cse *cse)
{
	struct request *req = request_internal(cse, OP_UPDATE);

	sweeper_put_time(req);
	if (!list_empty(&cse->dirty_instances))
		snapshot_add(req);
	commit_finish(cse->committer, req);
	commit_wait(cse->committer);
}

/* Who waits for an answer from elsewhere is answered. */
static void end_outgoing(struct cse *cse)
{
	enum { MOST_ROUNDS = 1000 };

	cse_remove_bindings(cse);
	gatherings_stop(cse);
	for (unsigned i = 0; i < MOST_ROUNDS && !cse_is_idle(cse); i++)
		loop_round(cse->loop, 1);
}

void cse_close(struct cse *cse)
{
	if (!cse)
		return;
	sweeper_stop(cse);
	end_outgoing(cse);
	last_snapshot(cse);
	committer_destroy(cse->committer);
	finish(cse);
}

void cse_set_limits(struct cse *cse, const struct cse_config *config)
{
	struct cse_config *own = &cse->config;

	own->decode.depth = config->decode.depth;
	own->decode.tokens = config->decode.tokens;
	own->max_requests = config->max_requests;
	own->most_aes = config->most_aes;
	own->most_children = config->most_children;
	own->most_groups = config->most_groups;
	own->most_bytes = config->most_bytes;
	own->fanout_timeout_s = config->fanout_timeout_s;
	own->discovery_results = config->discovery_results;
	own->discovery_cost = config->discovery_cost;
	own->expiration_default_s = config->expiration_default_s;
	own->expiration_max_s = config->expiration_max_s;
	own->expiration_grace_s = config->expiration_grace_s;
	own->default_mni = config->default_mni;
	own->default_mbs = config->default_mbs;
	own->default_mia = config->default_mia;
}

void cse_end_waiting(struct cse *cse)
{
	polls_stop(cse);
	held_stop(cse);
}

bool cse_is_idle(const struct cse *cse)
{
	return cse->requests_in_work == 0 && commit_is_idle(cse->committer) && notifier_is_idle(&cse->notifier);
}

static bool is_consistent(const struct cse *cse, const struct resource *resource)
{
	const struct instances *set = resource->instances;

	if (tree_by_id(&cse->tree, resource->id) != resource || tree_by_key(&cse->tree, resource->key) != resource)
		return false;
	if (!catalog_has(&cse->tree.catalog, resource))
		return false;
	if (resource->parent && tree_child(&cse->tree, resource->parent, resource->name) != resource)
		return false;
	if (set && set->series.count && series_after(&set->series, set->series.first - 1) != set->series.first)
		return false;
	return !set || set->series.count > 0 || set->bytes == 0;
}

static uint64_t bytes_of_instances(struct cse *cse, const struct resource *resource)
{
	struct instance instance;
	uint64_t bytes = 0;

	for (uint64_t key = instances_oldest(resource); key; key = series_after(&resource->instances->series, key))
		bytes += instances_read(cse, resource, key, &instance) == 0 ? instance.head.size : 0;
	return bytes;
}

const char *cse_check(struct cse *cse)
{
	struct resource *resource = tree_next_postorder(cse->tree.root, NULL);
	size_t count = 0;

	for (; resource; resource = tree_next_postorder(cse->tree.root, resource)) {
		count++;
		if (!is_consistent(cse, resource) ||
		    (resource->instances && bytes_of_instances(cse, resource) != resource->instances->bytes)) {
			snprintf(cse->fault, sizeof(cse->fault), "resource %.*s is inconsistent",
				 STR_ARG(resource->id));
			return cse->fault;
		}
	}
	if (!quotas_agree(&cse->tree))
		return "what an originator has is miscounted";
	if (cse->tree.catalog.all.count - cse->tree.catalog.all.vacant != count)
		return "the catalog does not hold the resources of the tree";
	return count == cse->tree.count ? NULL : "resources are lost from the tree";
}

void cse_count_notifications(const struct cse *cse, struct notification_counts *counts)
{
	*counts = cse->notifier.counts;
}

size_t cse_resource_count(const struct cse *cse)
{
	return cse->tree.count;
}

struct log *cse_log(struct cse *cse)
{
	return cse->log;
}

const struct decode_limits *cse_decode_limits(const struct cse *cse)
{
	return &cse->config.decode;
}

struct str cse_id(const struct cse *cse)
{
	return str_of(cse->config.id);
}

struct str cse_sp_id(const struct cse *cse)
{
	return str_of(cse->config.sp_id);
}

struct clock *cse_clock(struct cse *cse)
{
	return cse->clock;
}

const struct cse_config *cse_config(const struct cse *cse)
{
	return &cse->config;
}

const struct schema *cse_schema(const struct cse *cse)
{
	return cse->schema;
}

struct policies *cse_policies(struct cse *cse)
{
	return &cse->policies;
}

bool cse_has_id(const struct cse *cse, struct str id)
{
	return tree_by_id(&cse->tree, id) != NULL;
}

uint64_t cse_next_key(struct cse *cse)
{
	return ++cse->last_key;
}

bool instance_is_expired(const struct request *req, const struct instance *instance)
{
	return instance->head.et_us <= cse_expiry_now(req->cse);
}
