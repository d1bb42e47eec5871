/* RETRIEVE: TS-0004 7.3.3.6. */
#include "cse/core/events.h"
#include "cse/core/filter.h"
#include "cse/core/state.h"

enum { MOST_ATTRIBUTES = 64 };

/* From a virtual resource to what it stands for. */
enum rsc follow_virtual(struct request *req)
{
	const struct virtual_hooks *hooks;
	enum rsc code;

	if (!req->target.virtual_)
		return RSC_NONE;
	hooks = virtual_find(req->cse, req->target.virtual_->long_name);
	if (!hooks->redirect)
		return RSC_NONE; /* it stands for nothing, but does something */
	code = hooks->redirect(req, &req->target);
	if (code != RSC_NONE)
		return code;
	req->target.virtual_ = NULL;
	req->type = instance_type(req->cse, req->target.resource);
	commit_depend(req, req->target.resource->instances->batch);
	return RSC_NONE;
}

/* May it be seen? Some parents hide their instances (TS-0004 7.4.7.2.2). */
enum rsc check_instance_access(struct request *req)
{
	const struct type_hooks *hooks = req->target.resource->type->hooks;

	if (!req->target.instance || !hooks || !hooks->access_instance)
		return RSC_NONE;
	return hooks->access_instance(req, req->target.resource);
}

/* Each once; more than a type has attributes are of no use. */
static void add_name(struct str *names, unsigned *count, struct str name)
{
	for (unsigned i = 0; i < *count; i++)
		if (str_eq(names[i], name))
			return;
	if (*count < MOST_ATTRIBUTES)
		names[(*count)++] = name;
}

/* Which attributes a partial RETRIEVE asks for: by `#name`, by a list in the request, or by m2m:atrl in the content. */
static enum rsc wanted_attributes(struct request *req, struct str *names, unsigned *count)
{
	struct str rest = req->param[PARAM_attributeList];
	struct value list;

	*count = 0;
	if (req->target.attribute.ptr)
		add_name(names, count, req->target.attribute);
	while (rest.ptr)
		add_name(names, count, str_split(&rest, '+'));
	if (req->content.len == 0)
		return RSC_NONE;
	list = doc_root(&req->doc);
	list = value_type(list) == VALUE_OBJECT ? value_member(list, STR("m2m:atrl")) : (struct value){0};
	if (value_is_absent(list) || value_type(list) != VALUE_ARRAY)
		return req_fail(req, RSC_BAD_REQUEST, "content: RETRIEVE takes a list of attributes in m2m:atrl only");
	for (struct value v = value_first(list); !value_is_absent(v); v = value_next(list, v))
		add_name(names, count, value_string(v, &req->arena));
	return *count ? RSC_NONE : req_fail(req, RSC_BAD_REQUEST, "m2m:atrl: is empty");
}

/* Keeps of {"m2m:cnt":{...}} what was asked for. */
static enum rsc select_attributes(struct request *req, const struct type_def *type, const struct str *names,
				  unsigned count)
{
	struct str full = req->answer.content, kept = {0};
	struct value object = first_member(req, full);

	for (unsigned i = 0; i < count; i++) {
		struct value v;

		if (schema_row(req->cse->schema, type, names[i]) < 0)
			return req_fail(req, RSC_BAD_REQUEST, "attribute \"%.*s\" is not known for %s",
					names[i].len > 60 ? 60 : (int)names[i].len, names[i].ptr, type->name);
		v = value_member(object, names[i]);
		if (value_is_absent(v))
			continue;
		kept = arena_printf(&req->arena, "%.*s%s\"%.*s\":%.*s", STR_ARG(kept), kept.ptr ? "," : "",
				    STR_ARG(names[i]), STR_ARG(value_text(v)));
	}
	req->answer.content =
		arena_printf(&req->arena, "{\"%s:%s\":{%.*s}}", type->space, type->short_name, STR_ARG(kept));
	return RSC_NONE;
}

static enum rsc answer_instance(struct request *req, const struct type_def *type)
{
	struct resource *parent = req->target.resource;
	struct instance instance;
	char *id = arena_alloc(&req->arena, INSTANCE_ID_SIZE);
	int error = instances_read(req->cse, parent, req->target.instance, &instance);

	if (error)
		return req_fail(req, RSC_INTERNAL_SERVER_ERROR, "store: %s", error_text(error));
	instance_id_print(id, 'i', instance.key);
	req->answer.etag = str_make(id, INSTANCE_ID_SIZE - 1);
	req->answer.content = present_instance(req, type, &instance);
	return RSC_NONE;
}

/* The original of an announced resource: TS-0001 8.1.2. */
static enum rsc refuse_original(struct request *req)
{
	if (req->target.instance || req->target.resource->type->ty < TY_ANNOUNCED)
		return req_fail(req, RSC_BAD_REQUEST, "resultContent (rcn): 7 is for announced resources");
	return req_fail(req, RSC_NOT_IMPLEMENTED, "resultContent (rcn): 7 is not supported");
}

/* What is below the target, instead of its attributes or besides them. */
static enum rsc retrieve_children(struct request *req, bool is_discovery, unsigned attributes)
{
	enum rsc code;

	if (attributes)
		return req_fail(req, RSC_BAD_REQUEST, "resultContent (rcn): single attributes go with 1 only");
	code = is_discovery ? answer_discovery(req) : answer_children(req);
	if (code != RSC_NONE)
		return code;
	if (!is_discovery && (req->rcn == 4 || req->rcn == 8) && !req->target.instance &&
	    instance_type(req->cse, req->target.resource) && instances_count(req->target.resource) == 0)
		events_missed(req, req->target.resource);
	req->answer.rsc = RSC_OK;
	return RSC_OK;
}

enum rsc perform_retrieve(struct request *req)
{
	bool is_discovery = req->query && req->query->is_discovery;
	struct str names[MOST_ATTRIBUTES];
	const struct type_def *type;
	unsigned count;
	enum rsc code = check_instance_access(req);

	if (code == RSC_NONE)
		code = wanted_attributes(req, names, &count);
	if (code == RSC_NONE && req->rcn == 7)
		code = refuse_original(req);
	if (code != RSC_NONE)
		return code;
	if (is_discovery || lists_children(req))
		return retrieve_children(req, is_discovery, count);
	code = check_conditions(req);
	if (code != RSC_NONE)
		return code;
	if (req->target.instance) {
		type = req->type;
		code = answer_instance(req, type);
	} else {
		type = req->target.resource->type;
		if (req->target.resource->instances)
			commit_depend(req, req->target.resource->instances->batch);
		answer_etag_resource(req, req->target.resource);
		req->answer.content = present_resource(req, req->target.resource);
	}
	if (code == RSC_NONE && count)
		code = select_attributes(req, type, names, count);
	if (code != RSC_NONE)
		return code;
	req->answer.rsc = RSC_OK;
	return RSC_OK;
}
