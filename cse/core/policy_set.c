/* Shared sets of policies, and the memory of decisions. */
#include "cse/core/policy_set.h"

#include "cse/core/state.h"

#include <stdlib.h>

enum { MEMO_SIZE = 1 << 16, MEMO_WAYS = 2, NAME_SIZE = 26, BY_SELF = 0x80 };

/* One decision, as large as a line of the processor's cache. An empty one has set 0. */
struct verdict {
	uint64_t set, generation; /* number of the set */
	const struct type_def *target;
	int64_t until_us;
	uint16_t child_ty;
	uint8_t privilege; /* with BY_SELF */
	bool permits;
	uint8_t age; /* of two in one place the older makes room */
	uint8_t len;
	char from[NAME_SIZE];
};

_Static_assert(sizeof(struct verdict) == 64, "a verdict fills a cache line");

/* ---- sets ---- */

static unsigned count_ids(struct value list)
{
	return value_type(list) == VALUE_ARRAY ? value_token(list)->count : 0;
}

/* Keeps the identifiers in one block behind the set, as the text has them but unescaped. */
static void read_ids(struct policy_set *set, struct str list)
{
	struct arena arena;
	struct value root;

	arena_init(&arena);
	root = json_own(list, &arena);
	if (!value_is_absent(root)) {
		set->ids = xzalloc((count_ids(root) + 1) * (sizeof(*set->ids) + sizeof(*set->members)));
		set->members = (void *)(set->ids + count_ids(root) + 1);
		for (struct value v = count_ids(root) ? value_first(root) : (struct value){0}; !value_is_absent(v);
		     v = value_next(root, v)) {
			struct str id = value_string(v, &arena);
			char *copy = xmalloc(id.len + 1);

			memcpy(copy, id.ptr, id.len);
			set->ids[set->id_count++] = str_make(copy, id.len);
		}
	}
	arena_finish(&arena);
}

static struct policy_set *find_set(const struct policies *policies, struct str list, uint64_t hash)
{
	struct map_node *node = map_first(&policies->sets, hash);

	for (; node; node = map_next(node)) {
		struct policy_set *set = container_of(node, struct policy_set, node);

		if (str_eq(set->text, list))
			return set;
	}
	return NULL;
}

struct policy_set *policy_set_take(struct policies *policies, struct str list)
{
	uint64_t hash = str_hash(list, policies->seed);
	struct policy_set *set = find_set(policies, list, hash);
	char *text;

	if (!set) {
		set = xzalloc(sizeof(*set) + list.len);
		text = (char *)(set + 1);
		memcpy(text, list.ptr, list.len);
		set->text = str_make(text, list.len);
		set->owner = policies;
		set->number = ++policies->last_number;
		read_ids(set, list);
		map_add(&policies->sets, &set->node, hash);
	}
	set->references++;
	return set;
}

void policy_set_release(struct policy_set *set)
{
	if (!set || --set->references)
		return;
	map_remove(&set->owner->sets, &set->node);
	for (unsigned i = 0; i < set->id_count; i++)
		free((void *)(uintptr_t)set->ids[i].ptr);
	free(set->ids);
	free(set);
}

void policies_finish(struct policies *policies)
{
	map_finish(&policies->sets);
	free(policies->memo);
}

void policies_note_change(struct cse *cse, const struct resource *resource)
{
	const struct type_hooks *hooks = resource->type->hooks;

	if (!hooks || (!hooks->policy && !hooks->has_member))
		return;
	cse->policies.generation++;
	if (cse->committer) /* not while loading */
		cse->policies.batch = commit_open_batch(cse->committer);
}

/* From identifiers to policies: TS-0001 9.6.2.0. */
static void resolve(struct cse *cse, struct policy_set *set)
{
	set->member_count = 0;
	set->is_conditional = false;
	set->until_us = EXPIRY_NEVER;
	set->generation = cse->policies.generation;
	for (unsigned i = 0; i < set->id_count; i++) {
		const struct type_hooks *hooks;
		const struct policy *policy;
		struct target target;

		if (cse_find(cse, set->ids[i], &target) != FOUND_HERE || target.virtual_ || target.instance)
			continue;
		hooks = target.resource->type->hooks;
		policy = hooks && hooks->policy ? hooks->policy(target.resource) : NULL;
		if (!policy)
			continue;
		set->members[set->member_count++] = policy;
		set->is_conditional |= policy->is_conditional;
		if (target.resource->expiry.due_us < set->until_us)
			set->until_us = target.resource->expiry.due_us;
	}
}

/* The time as the last look at the clock for this request gave it. */
static int64_t now_of(const struct cse *cse)
{
	return cse->sweeper.last_wall_us - cse->sweeper.jump_us;
}

/* ---- judging ---- */

/* A group that has expired or cannot be found has no members (TS-0001 9.6.2.1). */
static int is_member(struct access *access, struct str address)
{
	const struct type_hooks *hooks;
	struct target target;

	if (cse_find(access->cse, address, &target) != FOUND_HERE || target.virtual_ || target.instance)
		return -1;
	hooks = target.resource->type->hooks;
	if (!hooks || !hooks->has_member)
		return -1;
	if (target.resource->expiry.due_us < access->until_us)
		access->until_us = target.resource->expiry.due_us;
	return hooks->has_member(access->cse, target.resource, access->from);
}

struct home cse_home(const struct cse *cse)
{
	return (struct home){str_of(cse->config.sp_id), str_from(str_of(cse->config.id), 1)};
}

static struct access access_of(const struct request *req, unsigned privilege, const struct type_def *target)
{
	struct home home = cse_home(req->cse);
	struct access access = {
		.cse = req->cse,
		.privilege = privilege,
		.child_ty = req->ty,
		.target = privilege == PRIVILEGE_CREATE ? target : NULL,
		.from = req->from,
		.roles = req->param[PARAM_roleIDs],
		.peer = &req->peer,
		.received_us = req->received_us,
		.is_member = is_member,
		.until_us = EXPIRY_NEVER,
	};

	access.has_identity = identity_parse(&home, req->from, &access.identity);
	return access;
}

bool rules_permit_request(const struct request *req, const struct rule_list *list, unsigned privilege,
			  const struct type_def *target)
{
	struct access access = access_of(req, privilege, target);

	return rules_permit(list, &access) || rules_permit_in_context(list, &access);
}

static bool judge(const struct policy_set *set, struct access *access, bool self,
		  bool (*permit)(const struct rule_list *list, struct access *access))
{
	for (unsigned i = 0; i < set->member_count; i++) {
		const struct policy *policy = set->members[i];

		if (permit(self ? &policy->self : &policy->privileges, access))
			return true;
	}
	return false;
}

/* ---- the memory of decisions ---- */

static struct verdict key_of(const struct request *req, const struct policy_set *set, unsigned privilege,
			     const struct type_def *target, bool self)
{
	struct verdict key = {
		.set = set->number,
		.generation = set->generation,
		.target = privilege == PRIVILEGE_CREATE ? target : NULL,
		.child_ty = privilege == PRIVILEGE_CREATE ? (uint16_t)req->ty : 0,
		.privilege = (uint8_t)(privilege | (self ? BY_SELF : 0)),
		.len = (uint8_t)req->from.len,
	};

	memcpy(key.from, req->from.ptr, req->from.len);
	return key;
}

static bool is_same(const struct verdict *a, const struct verdict *b)
{
	return a->set == b->set && a->generation == b->generation && a->target == b->target &&
	       a->child_ty == b->child_ty && a->privilege == b->privilege && a->len == b->len &&
	       memcmp(a->from, b->from, a->len) == 0;
}

/* The places where a decision may be remembered. */
static struct verdict *places_of(struct policies *policies, const struct verdict *key)
{
	uint64_t hash = str_hash(str_make(key->from, key->len), policies->seed ^ key->set * 0x9e3779b97f4a7c15u);

	hash ^= ((uint64_t)key->privilege << 16 | key->child_ty) * 0x9e3779b97f4a7c15u >> 13;
	if (!policies->memo)
		policies->memo = xzalloc(MEMO_SIZE * sizeof(*policies->memo));
	return &policies->memo[hash % (MEMO_SIZE / MEMO_WAYS) * MEMO_WAYS];
}

static const struct verdict *recall(struct verdict *places, const struct verdict *key, int64_t now_us)
{
	for (unsigned i = 0; i < MEMO_WAYS; i++)
		if (is_same(&places[i], key) && now_us < places[i].until_us)
			return &places[i];
	return NULL;
}

static void remember(struct verdict *places, const struct verdict *verdict)
{
	struct verdict *oldest = &places[0];

	for (unsigned i = 0; i < MEMO_WAYS; i++) {
		if (places[i].age < oldest->age)
			oldest = &places[i];
		if (places[i].generation != verdict->generation || is_same(&places[i], verdict)) {
			oldest = &places[i];
			break;
		}
	}
	*oldest = *verdict;
	for (unsigned i = 0; i < MEMO_WAYS; i++)
		places[i].age = &places[i] == oldest;
}

/* What does not depend on the context, from memory if it is there. */
static bool permits_anyway(const struct request *req, const struct policy_set *set, unsigned privilege,
			   const struct type_def *target, bool self)
{
	struct verdict key, *places;
	const struct verdict *known;
	struct access access;

	if (req->from.len > NAME_SIZE) {
		access = access_of(req, privilege, target);
		return judge(set, &access, self, rules_permit);
	}
	key = key_of(req, set, privilege, target, self);
	places = places_of(&req->cse->policies, &key);
	known = recall(places, &key, now_of(req->cse));
	if (known)
		return known->permits;
	access = access_of(req, privilege, target);
	access.until_us = set->until_us;
	key.permits = judge(set, &access, self, rules_permit);
	key.until_us = access.until_us;
	remember(places, &key);
	return key.permits;
}

bool policy_set_permits(const struct request *req, struct policy_set *set, unsigned privilege,
			const struct type_def *target, bool self)
{
	struct cse *cse = req->cse;
	struct access access;

	if (set->generation != cse->policies.generation || now_of(cse) >= set->until_us)
		resolve(cse, set);
	if (permits_anyway(req, set, privilege, target, self))
		return true;
	if (!set->is_conditional)
		return false;
	access = access_of(req, privilege, target);
	return judge(set, &access, self, rules_permit_in_context);
}
