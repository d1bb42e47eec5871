/* Filter Criteria: criteria held against a resource or instance. TS-0004 7.3.3.17. */
#include "cse/core/filter.h"

#include "cse/core/state.h"

#include <stdlib.h>

enum { COST_OF_READING = 20, BYTES_PER_COST = 256 };

bool candidate_read(struct effort *effort, struct candidate *candidate)
{
	if (candidate->is_read)
		return true;
	effort->error = instances_read(effort->req->cse, candidate->resource, candidate->instance, &candidate->body);
	if (effort->error)
		return false;
	effort->left -= COST_OF_READING + (int64_t)(candidate->body.text.len / BYTES_PER_COST);
	candidate->is_read = true;
	return true;
}

/* ---- values ---- */

bool matches_wildcards(struct str pattern, struct str text)
{
	struct str rest = pattern, part = str_split(&rest, '*');

	if (!str_starts(text, part))
		return false;
	if (!rest.ptr)
		return text.len == part.len;
	text = str_from(text, part.len);
	for (;;) {
		const char *found;

		part = str_split(&rest, '*');
		if (!rest.ptr)
			break;
		found = part.len ? memmem(text.ptr, text.len, part.ptr, part.len) : text.ptr;
		if (!found)
			return false;
		text = str_from(text, (size_t)(found - text.ptr) + part.len);
	}
	return text.len >= part.len && str_eq(str_from(text, text.len - part.len), part);
}

static bool text_matches(struct str pattern, struct str text, bool wildcards)
{
	return wildcards && memchr(pattern.ptr, '*', pattern.len) ? matches_wildcards(pattern, text)
								  : str_eq(pattern, text);
}

static bool to_double(struct str text, double *value)
{
	char buffer[64], *end;

	if (text.len == 0 || text.len >= sizeof(buffer))
		return false;
	memcpy(buffer, text.ptr, text.len);
	buffer[text.len] = '\0';
	if (buffer[strspn(buffer, "+-.0123456789eE")])
		return false;
	*value = strtod(buffer, &end);
	return *end == '\0' && end != buffer;
}

static bool number_matches(struct str json, struct str text, bool wildcards)
{
	int64_t a, b;
	double x, y;

	if (str_to_i64(json, &a) == 0 && str_to_i64(text, &b) == 0)
		return a == b;
	if (to_double(json, &x) && to_double(text, &y))
		return !(x < y) && !(x > y);
	return text_matches(text, json, wildcards);
}

/* The length of the JSON value at the start of text, as printed by this CSE. */
static size_t value_length(struct str text)
{
	size_t at = 0;
	unsigned depth = 0;
	bool in_string = false;

	for (; at < text.len; at++) {
		char c = text.ptr[at];

		if (in_string) {
			at += c == '\\';
			in_string = c != '"';
		} else if (c == '"') {
			in_string = true;
		} else if (c == '[' || c == '{') {
			depth++;
		} else if (depth == 0 && (c == ',' || c == ']' || c == '}')) {
			break;
		} else if (c == ']' || c == '}') {
			depth--;
		}
	}
	return at < text.len ? at : text.len;
}

static bool list_matches(struct str json, struct str text, bool wildcards, struct arena *work)
{
	struct str rest = str_make(json.ptr + 1, json.len - 2);

	while (rest.len) {
		size_t len = value_length(rest);

		if (rest.ptr[0] != '[' && json_matches(str_make(rest.ptr, len), text, wildcards, work))
			return true;
		rest = str_from(rest, len + 1);
	}
	return false;
}

bool json_matches(struct str json, struct str text, bool wildcards, struct arena *work)
{
	struct str inner;

	switch (json.len ? json.ptr[0] : '\0') {
	case '"':
		inner = str_make(json.ptr + 1, json.len - 2);
		return text_matches(text, memchr(inner.ptr, '\\', inner.len) ? value_unescape(inner, work) : inner,
				    wildcards);
	case '[':
		return list_matches(json, text, wildcards, work);
	case '{':
		return text_matches(text, json, wildcards);
	case 't':
		return str_eq(text, STR("true")) || str_eq(text, STR("1"));
	case 'f':
		return str_eq(text, STR("false")) || str_eq(text, STR("0"));
	default:
		return number_matches(json, text, wildcards);
	}
}

/* ---- attributes ---- */

static bool has_attribute(const struct candidate *candidate, unsigned name)
{
	return type_row(candidate->type, name) >= 0;
}

/* The JSON text of an attribute, computed ones included; ptr NULL: not there. */
static struct str attribute_of(struct effort *effort, struct candidate *candidate, struct str name)
{
	struct cse *cse = effort->req->cse;
	const struct type_hooks *hooks = candidate->type->hooks;
	int row = schema_row(cse->schema, candidate->type, name);
	struct presenter presenter = {.out = &cse->scratch, .schema = cse->schema};

	if (row < 0)
		return (struct str){0};
	if (candidate->instance)
		return candidate_read(effort, candidate) ? text_attribute(candidate->body.text, name) : (struct str){0};
	if (candidate->type->attrs[row].default_kind != DEFAULT_COMPUTED)
		return resource_attribute(candidate->resource, name);
	strbuf_clear(&cse->scratch);
	if (hooks && hooks->present)
		hooks->present(cse, candidate->resource, &presenter);
	return text_attribute(str_from(strbuf_str(&cse->scratch), 1), name);
}

static bool attribute_matches(struct effort *effort, const struct query *query, const struct criterion *criterion,
			      struct candidate *candidate)
{
	struct str json = attribute_of(effort, candidate, criterion->name);

	for (unsigned i = 0; json.ptr && i < criterion->count; i++)
		if (json_matches(json, criterion->texts[i], query->has_wildcards, &effort->work))
			return true;
	return false;
}

/* TS-0004 7.3.3.17.8: the media type; the whole contentInfo is accepted as well. */
static bool content_type_matches(struct effort *effort, const struct criterion *criterion, struct candidate *candidate)
{
	struct str name = name_short(effort->req->cse->schema, ATTR_contentInfo);
	struct str json = attribute_of(effort, candidate, name), rest, media;

	if (json.len < 2)
		return false;
	rest = str_make(json.ptr + 1, json.len - 2);
	media = rest;
	media = str_split(&media, ':');
	for (unsigned i = 0; i < criterion->count; i++)
		if (str_eq(criterion->texts[i], media) || str_eq(criterion->texts[i], rest))
			return true;
	return false;
}

/* ---- labels ---- */

/* In the effort's memory. */
static struct str *labels_of(struct effort *effort, struct candidate *candidate, unsigned *count)
{
	struct str *labels, rest, raw;

	*count = 0;
	if (!candidate->instance) {
		const struct resource *resource = candidate->resource;

		labels = arena_alloc(&effort->work, (resource->label_count + 1) * sizeof(*labels));
		for (; *count < resource->label_count; ++*count)
			labels[*count] = resource->labels[*count]->text;
		return labels;
	}
	rest = attribute_of(effort, candidate, name_short(effort->req->cse->schema, ATTR_labels));
	labels = arena_alloc(&effort->work, (rest.len / 3 + 1) * sizeof(*labels));
	while (catalog_next_string(&rest, &raw))
		labels[(*count)++] = memchr(raw.ptr, '\\', raw.len) ? value_unescape(raw, &effort->work) : raw;
	return labels;
}

static bool resource_has_label(const struct resource *resource, const struct criterion *criterion)
{
	for (unsigned i = 0; i < resource->label_count; i++)
		for (unsigned j = 0; j < criterion->count; j++)
			if (resource->labels[i] == criterion->labels[j])
				return true;
	return false;
}

static bool label_matches(struct effort *effort, const struct criterion *criterion, struct candidate *candidate)
{
	struct str *labels;
	unsigned count;

	if (!candidate->instance)
		return resource_has_label(candidate->resource, criterion);
	labels = labels_of(effort, candidate, &count);
	for (unsigned i = 0; i < count; i++)
		for (unsigned j = 0; j < criterion->count; j++)
			if (str_eq(labels[i], criterion->texts[j]))
				return true;
	return false;
}

static bool labels_query_holds(struct effort *effort, const struct criterion *criterion, struct candidate *candidate)
{
	unsigned count;
	struct str *labels = labels_of(effort, candidate, &count);

	for (unsigned i = 0; i < criterion->count; i++)
		if (labels_query_matches(labels_query_at(criterion->queries, i), labels, count))
			return true;
	return false;
}

/* ---- intervals ---- */

static bool is_within(const struct criterion *criterion, int64_t value)
{
	return criterion->low <= value && value < criterion->high;
}

static bool interval_holds(struct effort *effort, const struct criterion *criterion, struct candidate *candidate)
{
	const struct resource *resource = candidate->resource;
	bool is_instance = candidate->instance != 0;
	const struct instance_head *head = &candidate->body.head;
	int64_t value = 0;

	if (is_instance && !candidate_read(effort, candidate))
		return false;
	switch (criterion->kind) {
	case BY_CREATION:
		return is_within(criterion, is_instance ? head->ct_us : resource->created_us);
	case BY_MODIFICATION: /* instances are never updated */
		return is_within(criterion, is_instance ? head->ct_us : resource->modified_us);
	case BY_STATE_TAG:
		return has_attribute(candidate, ATTR_stateTag) &&
		       is_within(criterion, (int64_t)(is_instance ? head->st : resource->state_tag));
	case BY_EXPIRATION:
		value = is_instance ? head->et_us : resource->expiry.due_us;
		return value != EXPIRY_NEVER && is_within(criterion, value);
	default:
		return false;
	}
}

static bool size_holds(struct effort *effort, const struct criterion *criterion, struct candidate *candidate)
{
	struct str json = attribute_of(effort, candidate, name_short(effort->req->cse->schema, ATTR_contentSize));
	int64_t size;

	return json.ptr && str_to_i64(json, &size) == 0 && is_within(criterion, size);
}

/* ---- criteria ---- */

static bool type_matches(const struct criterion *criterion, const struct type_def *type)
{
	for (unsigned i = 0; i < criterion->count; i++)
		if (criterion->types[i] == type->ty)
			return true;
	return false;
}

static bool operations_allowed(struct effort *effort, const struct criterion *criterion,
			       const struct candidate *candidate)
{
	for (unsigned bit = PRIVILEGE_CREATE; bit <= PRIVILEGE_DISCOVERY; bit <<= 1)
		if (criterion->low & bit && !may(effort->req, candidate->resource, (enum privilege)bit))
			return false;
	return true;
}

static bool holds_for(struct effort *effort, const struct query *query, const struct criterion *criterion,
		      struct candidate *candidate)
{
	switch (criterion->kind) {
	case BY_CREATION:
	case BY_MODIFICATION:
	case BY_STATE_TAG:
	case BY_EXPIRATION:
		return interval_holds(effort, criterion, candidate);
	case BY_SIZE:
		return size_holds(effort, criterion, candidate);
	case BY_LABEL:
		return label_matches(effort, criterion, candidate);
	case BY_LABELS_QUERY:
		return labels_query_holds(effort, criterion, candidate);
	case BY_TYPE:
		return type_matches(criterion, candidate->type);
	case BY_CONTENT_TYPE:
		return content_type_matches(effort, criterion, candidate);
	case BY_ATTRIBUTE:
		return attribute_matches(effort, query, criterion, candidate);
	case BY_OPERATIONS:
		return operations_allowed(effort, criterion, candidate);
	case BY_NOTHING:
		break;
	}
	return false;
}

/* Instances of a parent whose type lacks what is asked for need not be read. */
static bool type_may_meet(struct effort *effort, const struct criterion *criterion, const struct type_def *type)
{
	const struct schema *schema = effort->req->cse->schema;

	if (criterion->kind == BY_TYPE)
		return type_matches(criterion, type);
	if (criterion->kind == BY_ATTRIBUTE)
		return schema_row(schema, type, criterion->name) >= 0;
	return true;
}

static bool holds_for_instances(struct effort *effort, const struct query *query, const struct criterion *criterion,
				struct resource *parent)
{
	struct candidate child = {.resource = parent, .type = instance_type(effort->req->cse, parent)};
	uint64_t key = instances_latest(parent);
	bool found = false;

	if (!key || !child.type || !type_may_meet(effort, criterion, child.type) ||
	    hides_instances(effort->req, parent))
		return false;
	for (; key && !found && effort->left >= 0; key = series_before(&parent->instances->series, key)) {
		child.instance = key;
		child.is_read = false;
		effort->left--;
		found = holds_for(effort, query, criterion, &child);
	}
	return found;
}

static bool holds_for_a_child(struct effort *effort, const struct query *query, const struct criterion *criterion,
			      struct candidate *candidate)
{
	if (candidate->instance)
		return false;
	list_each (item, &candidate->resource->children) {
		struct candidate child = {.resource = container_of(item, struct resource, siblings)};

		child.type = child.resource->type;
		effort->left--;
		if (holds_for(effort, query, criterion, &child))
			return true;
	}
	return holds_for_instances(effort, query, criterion, candidate->resource);
}

static bool holds_for_the_parent(struct effort *effort, const struct query *query, const struct criterion *criterion,
				 struct resource *parent)
{
	struct candidate candidate = {.resource = parent, .type = parent ? parent->type : NULL};

	return parent && holds_for(effort, query, criterion, &candidate);
}

static bool holds(struct effort *effort, const struct query *query, const struct criterion *criterion,
		  struct candidate *candidate)
{
	switch (criterion->relation) {
	case OF_A_CHILD:
		return holds_for_a_child(effort, query, criterion, candidate);
	case OF_THE_PARENT:
		return holds_for_the_parent(effort, query, criterion,
					    candidate->instance ? candidate->resource : candidate->resource->parent);
	case OF_ITSELF:
		break;
	}
	return holds_for(effort, query, criterion, candidate);
}

bool filter_matches(struct effort *effort, const struct query *query, struct candidate *candidate)
{
	if (!query || query->count == 0)
		return true;
	for (unsigned i = 0; i < query->count; i++)
		if (holds(effort, query, &query->criteria[i], candidate) == query->is_any)
			return query->is_any;
	return !query->is_any;
}

bool filter_may_match_type(struct effort *effort, const struct query *query, const struct type_def *type)
{
	for (unsigned i = 0; filter_is_narrow(query) && i < query->count; i++)
		if (query->criteria[i].relation == OF_ITSELF && !type_may_meet(effort, &query->criteria[i], type))
			return false;
	return true;
}

bool filter_may_match_instances(struct effort *effort, const struct query *query, struct resource *parent,
				const struct type_def *type)
{
	if (!query || query->count == 0 || !filter_is_narrow(query))
		return true;
	for (unsigned i = 0; i < query->count; i++) {
		const struct criterion *criterion = &query->criteria[i];

		if (criterion->relation == OF_A_CHILD)
			return false;
		if (criterion->relation == OF_ITSELF && !type_may_meet(effort, criterion, type))
			return false;
		if (criterion->relation == OF_ITSELF && criterion->kind == BY_LABEL && !parent->instances->has_labels)
			return false;
		if (criterion->relation == OF_THE_PARENT && !holds_for_the_parent(effort, query, criterion, parent))
			return false;
	}
	return true;
}
