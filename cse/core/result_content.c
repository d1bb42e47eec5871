/* What an answer contains: Result Content, TS-0001 8.1.2 and TS-0004 7.3.3.12. */
#include "cse/core/state.h"

#include <stdio.h>

#define RCN(n) (1u << (n))

/* TS-0001 table 8.1.2-1: the values of Result Content that go with an operation. */
bool result_content_allowed(enum operation op, unsigned rcn)
{
	static const unsigned allowed[] = {
		[OP_CREATE] = RCN(0) | RCN(1) | RCN(2) | RCN(3) | RCN(9),
		[OP_RETRIEVE] = RCN(1) | RCN(4) | RCN(5) | RCN(6) | RCN(7) | RCN(8) | RCN(10),
		[OP_UPDATE] = RCN(0) | RCN(1) | RCN(9),
		[OP_DELETE] = RCN(0) | RCN(1) | RCN(4) | RCN(5) | RCN(6) | RCN(8),
		[OP_NOTIFY] = 0,
	};

	return rcn < 32 && allowed[op] & RCN(rcn);
}

bool result_content_is_of_discovery(unsigned rcn)
{
	return rcn == 6 || rcn == 11;
}

void present_json(struct presenter *presenter, unsigned name, struct str json)
{
	STRBUF_LIT(presenter->out, ",\"");
	strbuf_add_str(presenter->out, name_short(presenter->schema, name));
	STRBUF_LIT(presenter->out, "\":");
	strbuf_add_str(presenter->out, json);
}

void present_u64(struct presenter *presenter, unsigned name, uint64_t value)
{
	char text[24];
	int len = snprintf(text, sizeof(text), "%llu", (unsigned long long)value);

	present_json(presenter, name, str_make(text, (size_t)len));
}

static void print_root(struct strbuf *out, const struct type_def *type)
{
	STRBUF_LIT(out, "{\"");
	strbuf_add_str(out, str_of(type->space));
	strbuf_add_char(out, ':');
	strbuf_add_str(out, str_of(type->short_name));
	STRBUF_LIT(out, "\":");
}

void print_members(struct cse *cse, const struct resource *resource, struct strbuf *out)
{
	const struct type_hooks *hooks = resource->type->hooks;
	struct presenter presenter = {.out = out, .schema = cse->schema};

	strbuf_add_str(out, resource->text);
	if (type_row(resource->type, ATTR_stateTag) >= 0)
		present_u64(&presenter, ATTR_stateTag, resource->state_tag);
	if (hooks && hooks->present)
		hooks->present(cse, resource, &presenter);
}

static void print_attributes(struct cse *cse, const struct resource *resource, struct strbuf *out)
{
	strbuf_add_char(out, '{');
	print_members(cse, resource, out);
	strbuf_add_char(out, '}');
}

struct str present_attributes(struct request *req, const struct resource *resource)
{
	struct strbuf *out = &req->cse->scratch;

	strbuf_clear(out);
	print_attributes(req->cse, resource, out);
	return arena_copy(&req->arena, strbuf_str(out));
}

struct str present_resource(struct request *req, const struct resource *resource)
{
	struct strbuf *out = &req->cse->scratch;

	strbuf_clear(out);
	print_root(out, resource->type);
	print_attributes(req->cse, resource, out);
	strbuf_add_char(out, '}');
	return arena_copy(&req->arena, strbuf_str(out));
}

struct str present_instance(struct request *req, const struct type_def *type, const struct instance *instance)
{
	struct strbuf *out = &req->cse->scratch;

	strbuf_clear(out);
	print_root(out, type);
	strbuf_add_char(out, '{');
	strbuf_add_str(out, instance->text);
	STRBUF_LIT(out, "}}");
	return arena_copy(&req->arena, strbuf_str(out));
}

void answer_etag_resource(struct request *req, const struct resource *resource)
{
	req->answer.etag =
		arena_printf(&req->arena, "%llx-%llx-%llx", (unsigned long long)resource->key,
			     (unsigned long long)resource->modified_us, (unsigned long long)resource->state_tag);
}

/* cse-in/ae/name. */
struct str structured_address(struct request *req, const struct resource *resource, struct str name)
{
	size_t len = name.len;
	char *address, *at;

	for (const struct resource *r = resource; r; r = r->parent)
		len += r->name.len + 1;
	address = arena_alloc(&req->arena, len);
	at = address + len - name.len;
	memcpy(at, name.ptr, name.len);
	for (const struct resource *r = resource; r; r = r->parent) {
		*--at = '/';
		at -= r->name.len;
		memcpy(at, r->name.ptr, r->name.len);
	}
	return str_make(address, len);
}

static bool same(struct value object, struct str name, struct str text)
{
	struct value member = value_is_absent(object) ? object : value_member(object, name);

	return !value_is_absent(member) && str_eq(value_text(member), text);
}

static void print_member(struct strbuf *out, bool *first, struct str name, struct str text)
{
	if (!*first)
		strbuf_add_char(out, ',');
	*first = false;
	strbuf_add_char(out, '"');
	strbuf_add_str(out, name);
	STRBUF_LIT(out, "\":");
	strbuf_add_str(out, text);
}

/* What the CSE made of the request beyond what it asked for: TS-0004 7.3.3.12. before: ptr NULL for a CREATE. */
static struct str modified_attributes(struct request *req, const struct type_def *type, struct str before,
				      struct str after)
{
	struct value asked = value_first(doc_root(&req->doc)), old = {0}, new = json_own(after, &req->arena);
	struct strbuf *out = &req->cse->scratch;
	bool first = true;

	if (before.ptr)
		old = json_own(before, &req->arena);
	strbuf_clear(out);
	print_root(out, type);
	strbuf_add_char(out, '{');
	for (struct value v = value_first(new); !value_is_absent(v); v = value_next(new, v))
		if (!same(asked, value_name(v), value_text(v)) && !same(old, value_name(v), value_text(v)))
			print_member(out, &first, value_name(v), value_text(v));
	for (struct value v = value_is_absent(old) ? old : value_first(old); !value_is_absent(v);
	     v = value_next(old, v))
		if (value_is_absent(value_member(new, value_name(v))) && !same(asked, value_name(v), STR("null")))
			print_member(out, &first, value_name(v), STR("null"));
	STRBUF_LIT(out, "}}");
	return first ? (struct str){0} : arena_copy(&req->arena, strbuf_str(out));
}

struct value first_member(struct request *req, struct str json)
{
	return value_first(json_own(json, &req->arena));
}

/* The object of attributes within a representation: {"m2m:cnt":{...}} -> {...}. */
static struct str inner(struct str representation)
{
	const char *at = memchr(representation.ptr, '{', representation.len);

	at = memchr(at + 1, '{', representation.len - 1);
	return str_make(at, representation.len - (size_t)(at - representation.ptr) - 1);
}

static struct str with_address(struct request *req, struct str address, struct str representation)
{
	struct strbuf *out = &req->cse->scratch;

	strbuf_clear(out);
	STRBUF_LIT(out, "{\"m2m:rce\":{\"uri\":");
	strbuf_add_json(out, address);
	strbuf_add_char(out, ',');
	strbuf_add_str(out, str_from(representation, 1));
	strbuf_add_char(out, '}');
	return arena_copy(&req->arena, strbuf_str(out));
}

static struct str only_address(struct request *req, struct str address)
{
	struct strbuf *out = &req->cse->scratch;

	strbuf_clear(out);
	STRBUF_LIT(out, "{\"m2m:uri\":");
	strbuf_add_json(out, address);
	strbuf_add_char(out, '}');
	return arena_copy(&req->arena, strbuf_str(out));
}

enum rsc answer_created(struct request *req, const struct resource *parent, struct str representation, struct str name)
{
	struct answer *answer = &req->answer;

	answer->rsc = RSC_CREATED;
	answer->location = structured_address(req, parent, name);
	switch (req->rcn) {
	case 1:
		answer->content = representation;
		break;
	case 2:
		answer->content = only_address(req, answer->location);
		break;
	case 3:
		answer->content = with_address(req, answer->location, representation);
		break;
	case 9:
		answer->content = modified_attributes(req, req->type, (struct str){0}, inner(representation));
		break;
	default:
		break;
	}
	return RSC_CREATED;
}

enum rsc answer_updated(struct request *req, const struct resource *resource, struct str before)
{
	struct answer *answer = &req->answer;

	answer->rsc = RSC_UPDATED;
	answer_etag_resource(req, resource);
	if (req->rcn == 1)
		answer->content = present_resource(req, resource);
	else if (req->rcn == 9)
		answer->content = modified_attributes(req, resource->type, before, present_attributes(req, resource));
	return RSC_UPDATED;
}
