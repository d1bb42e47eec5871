/* Members of a group: duplicates, number, existence, type. */
#include "resources/members.h"

#include "resources/group.h"

enum { ABANDON_MEMBER = 1, ABANDON_GROUP = 2, SET_MIXED = 3 }; /* TS-0004 6.3.4.2.12 */

/* A member that was found once. */
struct seen {
	struct map_node node;
	uint64_t key; /* of a resource or an instance; 0: on another CSE */
	const struct virtual_def *virtual_;
	struct str id;
};

/* A list in the making. */
struct settling {
	struct request *req;
	struct draft *draft;
	struct map seen;
	struct seen **kept;
	struct target *targets; /* of those kept */
	size_t count;
	bool is_any_elsewhere;
};

enum rsc members_check_count(struct request *req, const struct draft *draft, uint64_t count)
{
	uint64_t most = draft_get_u64(draft, ATTR_maxNrOfMembers, 0);

	if (count <= most)
		return RSC_NONE;
	return req_fail(req, RSC_MAX_NUMBER_OF_MEMBER_EXCEEDED, "maxNrOfMembers (mnm): %llu members, %llu are allowed",
			(unsigned long long)count, (unsigned long long)most);
}

static uint64_t hash_of(const struct seen *seen)
{
	return seen->key ? seen->key * 0x9e3779b97f4a7c15u >> 16 : str_hash(seen->id, 0);
}

/* The same member may be listed by different identifiers. */
static bool is_listed(const struct settling *settling, const struct seen *seen)
{
	struct map_node *node = map_first(&settling->seen, hash_of(seen));

	for (; node; node = map_next(node)) {
		const struct seen *other = container_of(node, struct seen, node);

		if (other->key == seen->key && other->virtual_ == seen->virtual_ &&
		    (seen->key || str_eq(other->id, seen->id)))
			return true;
	}
	return false;
}

static enum rsc check_id(struct request *req, struct str id)
{
	for (size_t i = 0; i < id.len; i++)
		if ((unsigned char)id.ptr[i] <= ' ' || id.ptr[i] == '"' || id.ptr[i] == '\\' || id.ptr[i] == '#' ||
		    (unsigned char)id.ptr[i] > '~')
			return req_fail(req, RSC_BAD_REQUEST, "memberIDs (mid): has a byte that no identifier has");
	return id.len && id.ptr[id.len - 1] != '/'
		       ? RSC_NONE
		       : req_fail(req, RSC_BAD_REQUEST, "memberIDs (mid): has no identifier");
}

static enum rsc take_member(struct settling *settling, struct str id)
{
	struct request *req = settling->req;
	struct target *target = &settling->targets[settling->count];
	struct seen *seen = arena_zalloc(&req->arena, sizeof(*seen));
	enum rsc code = check_id(req, id);
	enum found found = code == RSC_NONE ? cse_find(req->cse, id, target) : FOUND_NOTHING;

	if (code != RSC_NONE)
		return code;
	if (found == FOUND_ERROR)
		return req_fail(req, RSC_INTERNAL_SERVER_ERROR, "store: cannot be read");
	if (found == FOUND_NOTHING)
		return req_fail(req, RSC_NOT_FOUND, "memberIDs (mid): \"%.*s\" does not exist",
				id.len > 100 ? 100 : (int)id.len, id.ptr);
	if (target->suffix.ptr)
		return req_fail(req, RSC_BAD_REQUEST, "memberIDs (mid): goes on behind a fanOutPoint");
	seen->id = id;
	if (found == FOUND_HERE) {
		commit_depend(req, target->resource->batch);
		seen->key = target->instance ? target->instance : target->resource->key;
		seen->virtual_ = target->virtual_;
	}
	if (is_listed(settling, seen))
		return RSC_NONE;
	map_add(&settling->seen, &seen->node, hash_of(seen));
	settling->is_any_elsewhere |= found == FOUND_ELSEWHERE;
	settling->kept[settling->count++] = seen;
	return RSC_NONE;
}

static enum rsc take_members(struct settling *settling)
{
	struct value list = attrs_get(&settling->req->attrs, ATTR_memberIDs);
	struct arena *arena = &settling->req->arena;
	uint32_t most = value_token(list)->count + 1;
	enum rsc code = RSC_NONE;

	settling->kept = arena_alloc(arena, most * sizeof(*settling->kept));
	settling->targets = arena_alloc(arena, most * sizeof(*settling->targets));
	for (struct value v = value_first(list); code == RSC_NONE && !value_is_absent(v); v = value_next(list, v))
		code = take_member(settling, value_string(v, arena));
	return code;
}

/* ---- types ---- */

static int64_t number_of_virtual(const char *long_name)
{
	const struct enum_def *types = enum_find(STR("memberType"));

	for (size_t i = 0; i < types->count; i++)
		if (strcmp(types->values[i].name, long_name) == 0)
			return types->values[i].value;
	return -1;
}

/* Is it the specialization {"mgd":1001} or {"cnd":"..."} asks for? */
static bool is_specialization(const struct draft *draft, const struct type_def *type)
{
	struct str wanted = draft_get(draft, ATTR_specializationType), value = wanted;
	int64_t number;

	if (!wanted.ptr)
		return true;
	str_split(&value, ':');
	value.len--;
	if (type->definition)
		return value.len >= 2 && str_eq(str_make(value.ptr + 1, value.len - 2), str_of(type->definition));
	return type->specialization && str_to_i64(value, &number) == 0 && number == type->specialization;
}

static bool is_subgroup_of_type(const struct settling *settling, const struct resource *subgroup, uint64_t type)
{
	const struct schema *schema = settling->draft->schema;
	struct str wanted = draft_get(settling->draft, ATTR_specializationType);
	struct str theirs = resource_attribute(subgroup, name_short(schema, ATTR_specializationType));

	return group_member_type(settling->req->cse, subgroup) == type && (!wanted.ptr || str_eq(wanted, theirs));
}

static bool is_consistent(const struct settling *settling, const struct seen *seen, const struct target *target,
			  uint64_t type)
{
	const struct type_def *def;

	if (!seen->key)
		return true; /* cannot be told yet */
	if (group_is_fanout(target->virtual_))
		return is_subgroup_of_type(settling, target->resource, type);
	if (target->virtual_)
		return number_of_virtual(target->virtual_->long_name) == (int64_t)type;
	def = target->instance ? instance_type(settling->req->cse, target->resource) : target->resource->type;
	return def->ty == type && is_specialization(settling->draft, def);
}

/* Drops what is inconsistent, or says so. */
static enum rsc check_types(struct settling *settling, uint64_t type, bool *is_mixed)
{
	uint64_t strategy = draft_get_u64(settling->draft, ATTR_consistencyStrategy, ABANDON_MEMBER);
	struct request *req = settling->req;
	size_t kept = 0;

	for (size_t i = 0; i < settling->count; i++) {
		struct seen *seen = settling->kept[i];
		const struct target *target = &settling->targets[i];

		if (seen->key && !may(req, target->resource, PRIVILEGE_RETRIEVE))
			return req_fail(req, RSC_RECEIVER_HAS_NO_PRIVILEGE,
					"memberIDs (mid): the type of a member may not be retrieved");
		if (is_consistent(settling, seen, target, type)) {
			settling->kept[kept++] = seen;
			continue;
		}
		if (strategy == ABANDON_GROUP)
			return req_fail(req, RSC_GROUP_MEMBER_TYPE_INCONSISTENT,
					"memberIDs (mid): \"%.*s\" is of another type",
					seen->id.len > 100 ? 100 : (int)seen->id.len, seen->id.ptr);
		if (strategy == SET_MIXED) {
			*is_mixed = true;
			settling->kept[kept++] = seen;
		}
	}
	settling->count = kept;
	return RSC_NONE;
}

/* specializationType says more about a memberType that has specializations: TS-0004 7.4.13.2.1. */
static enum rsc check_specialization(struct request *req, struct draft *draft, uint64_t type)
{
	const struct schema *schema = draft->schema;
	struct str text = draft_get(draft, ATTR_specializationType);
	struct value asked = attrs_get(&req->attrs, ATTR_specializationType);
	unsigned wanted = type == TY_mgmtObj	     ? ATTR_mgmtDefinition
			  : type == TY_flexContainer ? ATTR_containerDefinition
						     : ATTR_NONE;

	if (!text.ptr || value_is_absent(asked))
		return RSC_NONE;
	asked = value_first(asked);
	if (wanted != ATTR_NONE && str_eq(value_name(asked), name_short(schema, wanted))) {
		draft_set(draft, ATTR_specializationType,
			  arena_printf(draft->arena, "{\"%.*s\":%.*s}", STR_ARG(value_name(asked)),
				       STR_ARG(value_text(asked))));
		return RSC_NONE;
	}
	return req_fail(req, RSC_BAD_REQUEST, "specializationType (spty): does not go with memberType (mt) %llu",
			(unsigned long long)type);
}

static enum rsc validate(struct settling *settling)
{
	struct draft *draft = settling->draft;
	uint64_t type = draft_get_u64(draft, ATTR_memberType, 0);
	bool is_mixed = false;
	enum rsc code = check_specialization(settling->req, draft, type);

	if (code != RSC_NONE || type == 0)
		return code;
	code = check_types(settling, type, &is_mixed);
	if (code != RSC_NONE)
		return code;
	draft_set(draft, ATTR_memberTypeValidated,
		  settling->is_any_elsewhere && !is_mixed ? STR("false") : STR("true"));
	if (is_mixed) {
		draft_set_u64(draft, ATTR_memberType, 0);
		draft_set(draft, ATTR_specializationType, (struct str){0});
	}
	return RSC_NONE;
}

static void print(struct settling *settling)
{
	struct strbuf list = {0};

	strbuf_add_char(&list, '[');
	for (size_t i = 0; i < settling->count; i++) {
		if (i)
			strbuf_add_char(&list, ',');
		strbuf_add_json(&list, settling->kept[i]->id);
	}
	strbuf_add_char(&list, ']');
	draft_set(settling->draft, ATTR_memberIDs, arena_copy(&settling->req->arena, strbuf_str(&list)));
	draft_set_u64(settling->draft, ATTR_currentNrOfMembers, settling->count);
	strbuf_finish(&list);
}

enum rsc members_settle(struct request *req, struct draft *draft)
{
	struct settling settling = {.req = req, .draft = draft};
	enum rsc code = take_members(&settling);

	map_finish(&settling.seen);
	if (code == RSC_NONE)
		code = members_check_count(req, draft, settling.count);
	if (code == RSC_NONE)
		code = validate(&settling);
	if (code == RSC_NONE)
		print(&settling);
	return code;
}
