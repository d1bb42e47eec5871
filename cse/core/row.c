/* A resource as a row of the store: {"m2m:cnt":{attributes},"_":{"creator":originator,"stateTag":number}}. The second
 * member holds what the CSE knows of a resource and does not show. */
#include "cse/core/state.h"
#include "schemas/timestamp.h"

void put_resource(struct request *req, const struct resource *resource)
{
	struct strbuf *out = &req->cse->scratch;
	struct change *change = commit_change(req, CHANGE_PUT_RESOURCE);

	strbuf_clear(out);
	strbuf_addf(out, "{\"%s:%s\":{", resource->type->space, resource->type->short_name);
	strbuf_add_str(out, resource->text);
	STRBUF_LIT(out, "},\"_\":{\"creator\":");
	strbuf_add_json(out, resource->originator);
	strbuf_addf(out, ",\"stateTag\":%llu", (unsigned long long)resource->state_tag);
	if (resource->type->hooks && resource->type->hooks->print_hidden)
		resource->type->hooks->print_hidden(req->cse, resource, out);
	STRBUF_LIT(out, "}}");
	change->key = resource->key;
	change->parent = resource->parent ? resource->parent->key : 0;
	change->text = arena_copy(&req->arena, strbuf_str(out));
}

static struct str string_member(struct value object, struct str name, struct arena *arena)
{
	struct value v = value_member(object, name);

	return value_is_absent(v) ? str_make("", 0) : value_string(v, arena);
}

static int64_t time_member(struct value object, struct str name, struct arena *arena, int64_t fallback)
{
	int64_t us;

	return timestamp_parse(string_member(object, name, arena), &us) == 0 ? us : fallback;
}

struct resource *resource_from_row(struct cse *cse, uint64_t key, struct str text, struct arena *arena)
{
	struct value root = json_own(text, arena), attributes, hidden, tag;
	const struct type_def *type;
	struct resource *resource;
	struct str object;

	if (value_is_absent(root) || value_type(root) != VALUE_OBJECT)
		return NULL;
	attributes = value_first(root);
	hidden = value_member(root, STR("_"));
	if (value_is_absent(attributes) || value_is_absent(hidden))
		return NULL;
	type = schema_type_by_root(cse->schema, value_name(attributes));
	if (!type)
		return NULL;
	resource =
		resource_create(type, key, string_member(attributes, name_short(cse->schema, ATTR_resourceID), arena),
				string_member(attributes, name_short(cse->schema, ATTR_resourceName), arena),
				string_member(hidden, STR("creator"), arena));
	tag = value_member(hidden, STR("stateTag"));
	if (!value_is_absent(tag) && value_u64(tag, &resource->state_tag) != 0)
		resource->state_tag = 0;
	resource->modified_us = time_member(attributes, name_short(cse->schema, ATTR_lastModifiedTime), arena, 0);
	resource->expiry.due_us =
		time_member(attributes, name_short(cse->schema, ATTR_expirationTime), arena, EXPIRY_NEVER);
	object = value_text(attributes);
	adopt_text(cse, resource, str_make(object.ptr + 1, object.len - 2));
	if (type->hooks && type->hooks->read_hidden)
		type->hooks->read_hidden(cse, resource, hidden, arena);
	return resource;
}
