/* The CSEBase: made from the configuration, not by a request. TS-0001 9.6.3, TS-0004 7.4.3. */
#include "cse/core/state.h"

#include <stdio.h>

static struct str json_list(struct request *req, const char *comma_separated)
{
	struct strbuf *out = &req->cse->scratch;
	struct str rest = str_of(comma_separated);

	strbuf_clear(out);
	strbuf_add_char(out, '[');
	for (struct str item = str_next_item(&rest); item.ptr; item = str_next_item(&rest)) {
		if (out->len > 1)
			strbuf_add_char(out, ',');
		strbuf_add_json(out, item);
	}
	strbuf_add_char(out, ']');
	return arena_copy(&req->arena, strbuf_str(out));
}

/* supportedResourceType lists exactly what a request may create or find here. */
static struct str supported_types(struct request *req)
{
	struct strbuf *out = &req->cse->scratch;
	const struct type_def *type;
	unsigned last = 0;

	strbuf_clear(out);
	strbuf_add_char(out, '[');
	for (size_t i = 0; (type = schema_type_at(req->cse->schema, i)); i++) {
		if (type->ty == last)
			continue;
		last = type->ty;
		if (schema_type(req->cse->schema, type->ty) != type)
			continue;
		if (out->len > 1)
			strbuf_add_char(out, ',');
		strbuf_add_u64(out, type->ty);
	}
	strbuf_add_char(out, ']');
	return arena_copy(&req->arena, strbuf_str(out));
}

static struct str serializations(struct request *req)
{
	struct strbuf *out = &req->cse->scratch;

	strbuf_clear(out);
	for (size_t i = 0; codec_at(i); i++)
		strbuf_addf(out, "%c\"application/%s\"", i ? ',' : '[', codec_at(i)->name);
	strbuf_add_char(out, ']');
	return arena_copy(&req->arena, strbuf_str(out));
}

static void fill(struct request *req, struct draft *draft, struct str created)
{
	const struct cse_config *config = &req->cse->config;

	draft_set_string(draft, ATTR_resourceName, str_of(config->name));
	draft_set_u64(draft, ATTR_resourceType, TY_CSEBase);
	draft_set_string(draft, ATTR_resourceID, str_of(config->id + 1));
	draft_set_string(draft, ATTR_parentID, str_make("", 0));
	draft_set_timestamp(draft, ATTR_creationTime, req->received_us);
	if (created.ptr)
		draft_set(draft, ATTR_creationTime, created);
	draft_set(draft, ATTR_lastModifiedTime, draft_get(draft, ATTR_creationTime));
	draft_set_u64(draft, ATTR_cseType, config->type);
	draft_set_string(draft, ATTR_CSE_ID, str_of(config->id));
	draft_set(draft, ATTR_supportedResourceType, supported_types(req));
	draft_set(draft, ATTR_supportedReleaseVersions, json_list(req, config->releases));
	draft_set(draft, ATTR_contentSerialization, serializations(req));
	draft_set(draft, ATTR_pointOfAccess, json_list(req, config->points_of_access));
}

static int other_identity(const struct cse *cse, char *message, size_t size)
{
	snprintf(message, size, "the store belongs to the CSE /%.*s named %.*s; cse.id and cse.name cannot be changed",
		 STR_ARG(cse->tree.root->id), STR_ARG(cse->tree.root->name));
	return ERROR_FORMAT;
}

static int commit_base(struct request *req, struct resource *base, char *message, size_t size)
{
	struct cse *cse = req->cse;
	struct committer *committer = cse->committer;

	put_resource(req, base);
	commit_finish(committer, req);
	commit_wait(committer);
	if (commit_last_error(committer) == 0)
		return 0;
	snprintf(message, size, "the store takes no CSEBase: %s", error_text(commit_last_error(committer)));
	return commit_last_error(committer);
}

int settle_base(struct cse *cse, char *message, size_t size)
{
	const struct type_def *type = schema_type(cse->schema, TY_CSEBase);
	struct resource *base = cse->tree.root;
	struct str id = str_of(cse->config.id + 1), name = str_of(cse->config.name);
	struct str created = {0};
	struct request *req;
	struct draft draft;

	if (base && (!str_eq(base->id, id) || !str_eq(base->name, name)))
		return other_identity(cse, message, size);
	req = request_internal(cse, OP_UPDATE);
	draft_init(&draft, cse->schema, type, &req->arena);
	if (base)
		created = resource_attribute(base, name_short(cse->schema, ATTR_creationTime));
	fill(req, &draft, created);
	if (base &&
	    str_eq(base->text, draft_print(&draft))) { /* nothing to write: a full disk is no reason not to start */
		request_release(req);
		return 0;
	}
	if (!base) {
		base = resource_create(type, cse_next_key(cse), id, name, (struct str){0});
		tree_attach(&cse->tree, NULL, base);
	}
	adopt_text(cse, base, draft_print(&draft));
	base->modified_us = base->created_us; /* as its row will be read */
	return commit_base(req, base, message, size);
}
