/* Filter Criteria: from the conditions of a request to criteria. */
#include "cse/core/filter.h"

#include "cse/core/state.h"
#include "schemas/timestamp.h"

enum end { NO_END, LOW_END, HIGH_END };

/* What each condition contributes to. */
static const struct role {
	enum criterion_kind kind;
	enum relation relation;
	enum end end;
} roles[FILTER_COUNT] = {
	[FILTER_createdBefore] = {BY_CREATION, OF_ITSELF, HIGH_END},
	[FILTER_createdAfter] = {BY_CREATION, OF_ITSELF, LOW_END},
	[FILTER_unmodifiedSince] = {BY_MODIFICATION, OF_ITSELF, HIGH_END},
	[FILTER_modifiedSince] = {BY_MODIFICATION, OF_ITSELF, LOW_END},
	[FILTER_stateTagSmaller] = {BY_STATE_TAG, OF_ITSELF, HIGH_END},
	[FILTER_stateTagBigger] = {BY_STATE_TAG, OF_ITSELF, LOW_END},
	[FILTER_expireBefore] = {BY_EXPIRATION, OF_ITSELF, HIGH_END},
	[FILTER_expireAfter] = {BY_EXPIRATION, OF_ITSELF, LOW_END},
	[FILTER_sizeBelow] = {BY_SIZE, OF_ITSELF, HIGH_END},
	[FILTER_sizeAbove] = {BY_SIZE, OF_ITSELF, LOW_END},
	[FILTER_labels] = {BY_LABEL, OF_ITSELF, NO_END},
	[FILTER_childLabels] = {BY_LABEL, OF_A_CHILD, NO_END},
	[FILTER_parentLabels] = {BY_LABEL, OF_THE_PARENT, NO_END},
	[FILTER_labelsQuery] = {BY_LABELS_QUERY, OF_ITSELF, NO_END},
	[FILTER_resourceType] = {BY_TYPE, OF_ITSELF, NO_END},
	[FILTER_childResourceType] = {BY_TYPE, OF_A_CHILD, NO_END},
	[FILTER_parentResourceType] = {BY_TYPE, OF_THE_PARENT, NO_END},
	[FILTER_contentType] = {BY_CONTENT_TYPE, OF_ITSELF, NO_END},
	[FILTER_operations] = {BY_OPERATIONS, OF_ITSELF, NO_END},
};

static enum rsc bad(struct request *req, const struct filter_item *item, const char *what)
{
	return req_fail(req, RSC_BAD_REQUEST, "filterCriteria %.*s: %s", item->name.len > 60 ? 60 : (int)item->name.len,
			item->name.ptr, what);
}

/* Kind and support of a condition that has a row. */
static enum rsc check_condition(struct request *req, const struct filter_item *item)
{
	const struct parameter_def *def = &condition_defs[item->tag];
	const struct constraint none = {0};
	struct kind kind = def->kind;
	const char *wrong;

	kind.is_list = false; /* each item is one element */
	wrong = validate_text(kind, &none, item->text);
	if (wrong)
		return bad(req, item, wrong);
	if (!def->is_supported)
		return req_fail(req, RSC_NOT_IMPLEMENTED, "filterCriteria %s (%s): not supported", def->name,
				def->short_name);
	return RSC_NONE;
}

/* TS-0004 7.3.3.17.9: these have conditions of their own. */
static bool is_excluded(const struct cse *cse, struct str name)
{
	static const uint16_t excluded[] = {ATTR_creationTime,	 ATTR_lastModifiedTime, ATTR_stateTag,
					    ATTR_expirationTime, ATTR_labels,		ATTR_resourceType,
					    ATTR_contentSize,	 ATTR_contentInfo};

	for (size_t i = 0; i < sizeof(excluded) / sizeof(excluded[0]); i++)
		if (str_eq(name, name_short(cse->schema, excluded[i])))
			return true;
	return false;
}

static struct criterion *find_criterion(struct query *query, enum criterion_kind kind, enum relation relation,
					struct str name, unsigned most, struct arena *arena)
{
	struct criterion *criterion;

	for (unsigned i = 0; i < query->count; i++) {
		criterion = &query->criteria[i];
		if (criterion->kind == kind && criterion->relation == relation && str_eq(criterion->name, name))
			return criterion;
	}
	criterion = &query->criteria[query->count++];
	*criterion = (struct criterion){
		.kind = kind, .relation = relation, .name = name, .low = INT64_MIN, .high = INT64_MAX};
	criterion->texts = arena_alloc(arena, most * sizeof(struct str));
	return criterion;
}

/* A time or a number as one end of an interval. */
static enum rsc set_end(struct request *req, struct criterion *criterion, enum end end, const struct filter_item *item)
{
	int64_t value;

	if (condition_defs[item->tag].kind.base == KIND_UINT) {
		if (str_to_i64(item->text, &value) != 0)
			return bad(req, item, "must be a number");
	} else if (timestamp_parse_abs_rel(item->text, req->received_us, &value) != 0) {
		return bad(req, item, "no point in time");
	}
	if (end == LOW_END)
		criterion->low = value;
	else
		criterion->high = value;
	return RSC_NONE;
}

static enum rsc add_condition(struct request *req, struct query *query, const struct filter_item *item)
{
	const struct role *role = &roles[item->tag];
	struct criterion *criterion =
		find_criterion(query, role->kind, role->relation, (struct str){0}, req->filter.count, &req->arena);

	if (role->end != NO_END)
		return set_end(req, criterion, role->end, item);
	criterion->texts[criterion->count++] = item->text;
	return RSC_NONE;
}

static enum rsc add_attribute(struct request *req, struct query *query, const struct filter_item *item)
{
	enum relation relation = OF_ITSELF;
	struct str name = item->name;
	struct criterion *criterion;

	if (str_starts(name, STR("c.")) || str_starts(name, STR("p."))) {
		relation = name.ptr[0] == 'c' ? OF_A_CHILD : OF_THE_PARENT;
		name = str_from(name, 2);
	}
	if (is_excluded(req->cse, name))
		return bad(req, item, "this attribute has a condition of its own");
	if (name_by_short(req->cse->schema, name) == ATTR_NONE)
		return bad(req, item, "no attribute has this name");
	criterion = find_criterion(query, BY_ATTRIBUTE, relation, name, req->filter.count, &req->arena);
	criterion->texts[criterion->count++] = item->text;
	return RSC_NONE;
}

static uint64_t number_of(const struct filter_item *item)
{
	uint64_t value;

	return str_to_u64(item->text, &value) == 0 ? value : 0;
}

/* How the matches are handled. */
static enum rsc add_handling(struct request *req, struct query *query, const struct filter_item *item)
{
	switch (item->tag) {
	case FILTER_filterUsage:
		if (number_of(item) == 3)
			return req_fail(req, RSC_NOT_IMPLEMENTED, "filterUsage (fu): 3 is not supported");
		query->is_discovery = number_of(item) == 1;
		if (query->is_discovery && req->op != OP_RETRIEVE)
			return bad(req, item, "discovery is a RETRIEVE");
		break;
	case FILTER_filterOperation:
		query->is_any = number_of(item) == 2;
		break;
	case FILTER_limit:
		query->limit = number_of(item);
		break;
	case FILTER_level:
		query->level = number_of(item);
		break;
	case FILTER_offset:
		query->offset = number_of(item);
		break;
	case FILTER_applyRelativePath:
		query->relative_path = item->text;
		break;
	default:
		break;
	}
	return RSC_NONE;
}

static void settle_labels(struct request *req, struct criterion *criterion)
{
	criterion->labels = arena_alloc(&req->arena, criterion->count * sizeof(criterion->labels[0]));
	for (unsigned i = 0; i < criterion->count; i++)
		criterion->labels[i] = catalog_label(&req->cse->tree.catalog, criterion->texts[i]);
}

static enum rsc settle_types(struct request *req, struct criterion *criterion)
{
	uint64_t ty;

	criterion->types = arena_alloc(&req->arena, criterion->count * sizeof(criterion->types[0]));
	for (unsigned i = 0; i < criterion->count; i++) {
		if (str_to_u64(criterion->texts[i], &ty) != 0 || ty > UINT16_MAX)
			return req_fail(req, RSC_BAD_REQUEST, "filterCriteria: no resource type");
		criterion->types[i] = (unsigned)ty;
	}
	return RSC_NONE;
}

static enum rsc settle_queries(struct request *req, struct criterion *criterion)
{
	criterion->queries = labels_queries(&req->arena, criterion->count);
	for (unsigned i = 0; i < criterion->count; i++) {
		const char *wrong =
			labels_query_parse(labels_query_at(criterion->queries, i), criterion->texts[i], &req->arena);

		if (wrong)
			return req_fail(req, RSC_BAD_REQUEST, "labelsQuery (lbq): %s", wrong);
	}
	return RSC_NONE;
}

static enum rsc settle_criteria(struct request *req, struct query *query)
{
	enum rsc code = RSC_NONE;

	for (unsigned i = 0; code == RSC_NONE && i < query->count; i++) {
		struct criterion *criterion = &query->criteria[i];

		if (criterion->kind == BY_LABEL)
			settle_labels(req, criterion);
		else if (criterion->kind == BY_TYPE)
			code = settle_types(req, criterion);
		else if (criterion->kind == BY_LABELS_QUERY)
			code = settle_queries(req, criterion);
		else if (criterion->kind == BY_OPERATIONS && str_to_i64(criterion->texts[0], &criterion->low) != 0)
			code = req_fail(req, RSC_BAD_REQUEST, "operations (ops): must be a number");
	}
	return code;
}

static enum rsc add_item(struct request *req, struct query *query, const struct filter_item *item)
{
	enum rsc code;

	if (item->tag == FILTER_COUNT)
		return add_attribute(req, query, item);
	code = check_condition(req, item);
	if (code != RSC_NONE)
		return code;
	return roles[item->tag].kind == BY_NOTHING ? add_handling(req, query, item) : add_condition(req, query, item);
}

enum rsc filter_decode(struct request *req)
{
	struct query *query;
	enum rsc code = RSC_NONE;

	req->query = NULL;
	if (req->filter.count == 0)
		return RSC_NONE;
	if (req->op == OP_CREATE)
		return req_fail(req, RSC_BAD_REQUEST, "filterCriteria (fc): not allowed in %s",
				operation_name(req->op));
	query = arena_zalloc(&req->arena, sizeof(*query));
	query->criteria = arena_alloc(&req->arena, req->filter.count * sizeof(query->criteria[0]));
	query->limit = query->level = UINT64_MAX;
	query->has_wildcards = req->op == OP_RETRIEVE;
	for (unsigned i = 0; code == RSC_NONE && i < req->filter.count; i++)
		code = add_item(req, query, &req->filter.items[i]);
	if (code == RSC_NONE)
		code = settle_criteria(req, query);
	req->query = query;
	return code;
}

bool filter_is_narrow(const struct query *query)
{
	return !query->is_any || query->count == 1;
}
