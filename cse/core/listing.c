/* What lies below a resource, as content: m2m:uril, m2m:rrl, ch, and nested representations. TS-0004 7.5.2, 6.3.5.29.
 */
#include "cse/core/discovery.h"

#include "cse/core/state.h"

/* Names consist of unreserved characters, so that nothing has to be escaped. */
static void print_structured(struct strbuf *out, const struct resource *parent, struct str name)
{
	size_t len = name.len;
	char *at;

	for (const struct resource *r = parent; r; r = r->parent)
		len += r->name.len + 1;
	at = strbuf_reserve(out, len) + len - name.len;
	memcpy(at, name.ptr, name.len);
	for (const struct resource *r = parent; r; r = r->parent) {
		*--at = '/';
		at -= r->name.len;
		memcpy(at, r->name.ptr, r->name.len);
	}
	out->len += len;
}

static struct str name_of(const struct hit *hit)
{
	return hit->is_instance ? hit->name : hit->resource->name;
}

/* CSE-relative, in the form that desiredIdentifierResultType asks for. */
static void print_identifier(const struct request *req, struct strbuf *out, const struct hit *hit)
{
	char id[INSTANCE_ID_SIZE];

	strbuf_add_char(out, '"');
	if (!str_eq(req->param[PARAM_desiredIdentifierResultType], STR("2"))) {
		print_structured(out, hit->is_instance ? hit->resource : hit->resource->parent, name_of(hit));
	} else if (hit->is_instance) {
		instance_id_print(id, 'i', hit->key);
		strbuf_add_str(out, str_of(id));
	} else {
		strbuf_add_str(out, hit->resource->id);
	}
	strbuf_add_char(out, '"');
}

static void print_reference(const struct request *req, struct strbuf *out, const struct hit *hit)
{
	STRBUF_LIT(out, "{\"nm\":\"");
	strbuf_add_str(out, name_of(hit));
	STRBUF_LIT(out, "\",\"typ\":");
	strbuf_add_u64(out, hit->type->ty);
	if (hit->type->definition) {
		STRBUF_LIT(out, ",\"spid\":");
		strbuf_add_json(out, str_of(hit->type->definition));
	}
	STRBUF_LIT(out, ",\"val\":");
	print_identifier(req, out, hit);
	strbuf_add_char(out, '}');
}

static void print_list(const struct request *req, const struct page *page, struct strbuf *out,
		       void (*print)(const struct request *req, struct strbuf *out, const struct hit *hit))
{
	strbuf_add_char(out, '[');
	for (uint32_t i = 0; i < page->count; i++) {
		if (i)
			strbuf_add_char(out, ',');
		print(req, out, &page->hits[i]);
	}
	strbuf_add_char(out, ']');
}

struct str present_uris(struct request *req, const struct page *page)
{
	struct strbuf *out = &req->cse->scratch;

	strbuf_clear(out);
	STRBUF_LIT(out, "{\"m2m:uril\":");
	print_list(req, page, out, print_identifier);
	strbuf_add_char(out, '}');
	return arena_copy(&req->arena, strbuf_str(out));
}

struct str present_references(struct request *req, const struct page *page)
{
	struct strbuf *out = &req->cse->scratch;

	strbuf_clear(out);
	STRBUF_LIT(out, "{\"m2m:rrl\":{\"rrf\":");
	print_list(req, page, out, print_reference);
	STRBUF_LIT(out, "}}");
	return arena_copy(&req->arena, strbuf_str(out));
}

/* ---- nesting: what is listed stands below its nearest ancestor that is listed too, or below the target ---- */

static struct hit *find_hit(const struct page *page, uint64_t key)
{
	uint32_t low = 0, high = page->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (page->hits[middle].key < key)
			low = middle + 1;
		else
			high = middle;
	}
	return low < page->count && page->hits[low].key == key ? &page->hits[low] : NULL;
}

static struct hit *holder_of(const struct page *page, const struct hit *hit, struct hit *target)
{
	const struct resource *above = hit->is_instance ? hit->resource : hit->resource->parent;

	for (; above && above != target->resource; above = above->parent) {
		struct hit *holder = find_hit(page, above->key);

		if (holder)
			return holder;
	}
	return target;
}

static void nest(struct page *page, struct hit *target)
{
	for (uint32_t i = 0; i < page->count; i++) {
		struct hit *holder = holder_of(page, &page->hits[i], target);

		if (holder->last)
			page->hits[holder->last - 1].next = i + 1;
		else
			holder->first = i + 1;
		holder->last = i + 1;
	}
}

static void print_comma(struct strbuf *out)
{
	if (out->ptr[out->len - 1] != '{' && out->ptr[out->len - 1] != '[')
		strbuf_add_char(out, ',');
}

static void print_children(struct cse *cse, const struct page *page, uint32_t first, struct strbuf *out);

static void print_hit(struct cse *cse, const struct page *page, const struct hit *hit, struct strbuf *out)
{
	strbuf_add_char(out, '{');
	if (hit->is_instance)
		strbuf_add_str(out, hit->text);
	else
		print_members(cse, hit->resource, out);
	print_children(cse, page, hit->first, out);
	strbuf_add_char(out, '}');
}

static bool is_first_of_type(const struct page *page, uint32_t first, uint32_t index)
{
	for (uint32_t i = first; i != index; i = page->hits[i - 1].next)
		if (page->hits[i - 1].type == page->hits[index - 1].type)
			return false;
	return true;
}

/* A member for each type, an array of its resources: TS-0004 8.4. The depth is that of the page, which is bounded. */
static void print_children(struct cse *cse, const struct page *page, uint32_t first, struct strbuf *out)
{
	for (uint32_t i = first; i; i = page->hits[i - 1].next) {
		const struct type_def *type = page->hits[i - 1].type;

		if (!is_first_of_type(page, first, i))
			continue;
		print_comma(out);
		strbuf_addf(out, "\"%s:%s\":[", type->space, type->short_name);
		for (uint32_t j = i; j; j = page->hits[j - 1].next) {
			if (page->hits[j - 1].type != type)
				continue;
			print_comma(out);
			print_hit(cse, page, &page->hits[j - 1], out);
		}
		strbuf_add_char(out, ']');
	}
}

static void print_target(struct request *req, struct strbuf *out)
{
	struct instance instance;

	if (!req->target.instance)
		print_members(req->cse, req->target.resource, out);
	else if (instances_read(req->cse, req->target.resource, req->target.instance, &instance) == 0)
		strbuf_add_str(out, instance.text);
}

struct str present_with_children(struct request *req, struct page *page)
{
	struct strbuf *out = &req->cse->scratch;
	struct hit target = {.resource = req->target.resource};
	const struct type_def *type =
		req->target.instance ? instance_type(req->cse, target.resource) : target.resource->type;

	strbuf_clear(out);
	strbuf_addf(out, "{\"%s:%s\":{", type->space, type->short_name);
	if (req->rcn != 8)
		print_target(req, out);
	if (req->rcn == 5) {
		print_comma(out);
		STRBUF_LIT(out, "\"ch\":");
		print_list(req, page, out, print_reference);
	} else {
		nest(page, &target);
		print_children(req->cse, page, target.first, out);
	}
	STRBUF_LIT(out, "}}");
	return arena_copy(&req->arena, strbuf_str(out));
}
