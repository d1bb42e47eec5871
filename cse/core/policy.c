/* Access control rules, compiled from their JSON. */
#include "cse/core/policy.h"

#include "schemas/codec/codec.h"
#include "schemas/schedule.h"

#include <arpa/inet.h>
#include <stdlib.h>

enum originator_kind { ORIGINATOR_ALL, ORIGINATOR_ROLE, ORIGINATOR_ENTITY, ORIGINATOR_OTHER };

struct originator {
	enum originator_kind kind;
	bool may_be_group; /* an address without wildcards */
	struct str text;
	struct identity identity; /* ENTITY */
};

struct address_range {
	enum peer_family family;
	unsigned bits;
	uint8_t address[PEER_ADDRESS_SIZE];
};

/* All that is given has to hold. */
struct context {
	const struct schedule *windows;
	const struct address_range *ranges;
	unsigned window_count, range_count;
	bool has_windows, has_addresses;
	bool has_region; /* where an originator is, is not known: undetermined, so it does not hold */
};

/* What may be created below what. */
struct object {
	unsigned parent_ty; /* 0: any */
	bool has_specialization;
	int64_t mgmt_definition;
	struct str container_definition; /* ptr NULL: mgmt_definition counts */
	const uint16_t *children;
	unsigned child_count;
};

struct rule {
	unsigned operations;
	const struct originator *originators;
	const struct context *contexts;
	const struct object *objects;
	unsigned originator_count, context_count, object_count;
	bool needs_authentication, has_contexts, has_objects, has_roles;
};

/* ---- compiling ---- */

/* Memory for all parts of a policy in one block. It is compiled twice: first to learn how large that is. */
struct pool {
	struct arena *arena;
	char *block; /* NULL: count only */
	size_t used;
	const struct home *home;
};

static void *pool_take(struct pool *pool, size_t size)
{
	enum { ALIGNMENT = _Alignof(max_align_t) };
	size_t at = pool->used;

	pool->used += (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	return pool->block ? memset(pool->block + at, 0, size) : arena_zalloc(pool->arena, size);
}

static struct str pool_copy(struct pool *pool, struct str text)
{
	char *copy = pool_take(pool, text.len ? text.len : 1);

	memcpy(copy, text.ptr, text.len);
	return str_make(copy, text.len);
}

static struct str pool_string(struct pool *pool, struct value v)
{
	return pool_copy(pool, value_string(v, pool->arena));
}

/* A member by its name, which may be written with escapes; absent if there is none. */
static struct value any_member(struct pool *pool, struct value object, unsigned name)
{
	if (value_is_absent(object) || value_type(object) != VALUE_OBJECT)
		return (struct value){0};
	for (struct value v = value_first(object); !value_is_absent(v); v = value_next(object, v)) {
		struct str written = value_name(v);

		if (value_name_is_escaped(v))
			written = value_unescape(written, pool->arena);
		if (str_eq(written, name_short(NULL, name)))
			return v;
	}
	return (struct value){0};
}

/* The same if it is of the type expected. */
static struct value member(struct pool *pool, struct value object, unsigned name, enum value_type type)
{
	struct value v = any_member(pool, object, name);

	return !value_is_absent(v) && value_type(v) == type ? v : (struct value){0};
}

static bool has_member(struct pool *pool, struct value object, unsigned name)
{
	return !value_is_absent(any_member(pool, object, name));
}

static unsigned count_of(struct value v)
{
	return value_is_absent(v) ? 0 : value_token(v)->count;
}

static int64_t number_of(struct value v)
{
	int64_t number;

	return !value_is_absent(v) && value_i64(v, &number) == 0 ? number : 0;
}

static void compile_originator(struct pool *pool, struct value v, struct originator *out)
{
	out->text = pool_string(pool, v);
	if (str_eq(out->text, STR("all"))) {
		out->kind = ORIGINATOR_ALL;
		return;
	}
	if (memchr(out->text.ptr, '@', out->text.len)) {
		out->kind = ORIGINATOR_ROLE;
		return;
	}
	out->may_be_group = !memchr(out->text.ptr, '*', out->text.len);
	out->kind = identity_parse(pool->home, out->text, &out->identity) ? ORIGINATOR_ENTITY : ORIGINATOR_OTHER;
}

/* "192.0.2.0/24"; an IPv4 address written as IPv6 is one of IPv4. false: no address. */
static bool compile_range(struct str text, int family, struct address_range *out)
{
	struct str prefix = text, address = str_split(&prefix, '/');
	uint64_t most = family == AF_INET ? 32 : 128, bits = most;
	char buffer[INET6_ADDRSTRLEN];

	if (address.len >= sizeof(buffer) || (prefix.ptr && (str_to_u64(prefix, &bits) != 0 || bits > most)))
		return false;
	memcpy(buffer, address.ptr, address.len);
	buffer[address.len] = 0;
	if (inet_pton(family, buffer, out->address) != 1)
		return false;
	out->family = family == AF_INET ? PEER_IPV4 : PEER_IPV6;
	out->bits = (unsigned)bits;
	if (family == AF_INET6 && bits >= 96 && peer_unmap(out->address)) {
		out->family = PEER_IPV4;
		out->bits -= 96;
	}
	return true;
}

static void compile_ranges(struct value list, int family, struct address_range *ranges, unsigned *count,
			   struct arena *arena)
{
	if (value_is_absent(list))
		return;
	for (struct value v = value_first(list); !value_is_absent(v); v = value_next(list, v))
		if (compile_range(value_string(v, arena), family, &ranges[*count]))
			++*count;
}

static void compile_addresses(struct pool *pool, struct value addresses, struct context *out)
{
	struct value v4 = member(pool, addresses, ATTR_ipv4Addresses, VALUE_ARRAY);
	struct value v6 = member(pool, addresses, ATTR_ipv6Addresses, VALUE_ARRAY);
	struct address_range *ranges = pool_take(pool, (count_of(v4) + count_of(v6)) * sizeof(*ranges));

	compile_ranges(v4, AF_INET, ranges, &out->range_count, pool->arena);
	compile_ranges(v6, AF_INET6, ranges, &out->range_count, pool->arena);
	out->ranges = ranges;
}

static void compile_windows(struct pool *pool, struct value list, struct context *out)
{
	struct schedule *windows = pool_take(pool, count_of(list) * sizeof(*windows));

	if (value_is_absent(list))
		return;
	for (struct value v = value_first(list); !value_is_absent(v); v = value_next(list, v))
		if (schedule_parse(pool_string(pool, v), &windows[out->window_count]) == 0)
			out->window_count++;
	out->windows = windows;
}

static void compile_context(struct pool *pool, struct value v, struct context *out)
{
	out->has_windows = has_member(pool, v, ATTR_accessControlWindow);
	out->has_addresses = has_member(pool, v, ATTR_accessControlIpAddresses);
	out->has_region = has_member(pool, v, ATTR_accessControlLocationRegion);
	compile_windows(pool, member(pool, v, ATTR_accessControlWindow, VALUE_ARRAY), out);
	compile_addresses(pool, member(pool, v, ATTR_accessControlIpAddresses, VALUE_OBJECT), out);
}

static void compile_object(struct pool *pool, struct value v, struct object *out)
{
	struct value special = member(pool, v, ATTR_specializationType, VALUE_OBJECT);
	struct value container = member(pool, special, ATTR_containerDefinition, VALUE_STRING);
	struct value list = member(pool, v, ATTR_childResourceType, VALUE_ARRAY);
	uint16_t *children = pool_take(pool, count_of(list) * sizeof(*children));

	out->parent_ty = (unsigned)number_of(member(pool, v, ATTR_resourceType, VALUE_NUMBER));
	out->has_specialization = !value_is_absent(special);
	if (!value_is_absent(container))
		out->container_definition = pool_string(pool, container);
	out->mgmt_definition = number_of(member(pool, special, ATTR_mgmtDefinition, VALUE_NUMBER));
	out->children = children;
	if (value_is_absent(list))
		return;
	for (struct value child = value_first(list); !value_is_absent(child); child = value_next(list, child))
		children[out->child_count++] = (uint16_t)number_of(child);
}

static void compile_originators(struct pool *pool, struct value list, struct rule *rule)
{
	struct originator *originators = pool_take(pool, count_of(list) * sizeof(*originators));

	rule->originators = originators;
	if (value_is_absent(list))
		return;
	for (struct value v = value_first(list); !value_is_absent(v); v = value_next(list, v)) {
		compile_originator(pool, v, &originators[rule->originator_count]);
		rule->has_roles |= originators[rule->originator_count++].kind == ORIGINATOR_ROLE;
	}
}

static void compile_contexts(struct pool *pool, struct value list, struct rule *rule)
{
	struct context *contexts = pool_take(pool, count_of(list) * sizeof(*contexts));

	rule->contexts = contexts;
	if (value_is_absent(list))
		return;
	for (struct value v = value_first(list); !value_is_absent(v); v = value_next(list, v))
		compile_context(pool, v, &contexts[rule->context_count++]);
}

static void compile_objects(struct pool *pool, struct value list, struct rule *rule)
{
	struct object *objects = pool_take(pool, count_of(list) * sizeof(*objects));

	rule->objects = objects;
	if (value_is_absent(list))
		return;
	for (struct value v = value_first(list); !value_is_absent(v); v = value_next(list, v))
		compile_object(pool, v, &objects[rule->object_count++]);
}

static void compile_rule(struct pool *pool, struct value v, struct rule *rule)
{
	rule->operations = (unsigned)number_of(member(pool, v, ATTR_accessControlOperations, VALUE_NUMBER));
	rule->needs_authentication =
		!value_is_absent(member(pool, v, ATTR_accessControlAuthenticationFlag, VALUE_TRUE));
	rule->has_contexts = has_member(pool, v, ATTR_accessControlContexts);
	rule->has_objects = has_member(pool, v, ATTR_accessControlObjectDetails);
	compile_originators(pool, member(pool, v, ATTR_accessControlOriginators, VALUE_ARRAY), rule);
	compile_contexts(pool, member(pool, v, ATTR_accessControlContexts, VALUE_ARRAY), rule);
	compile_objects(pool, member(pool, v, ATTR_accessControlObjectDetails, VALUE_ARRAY), rule);
}

static bool is_conditional(const struct rule *rule)
{
	return rule->has_contexts || rule->needs_authentication;
}

static void compile_list(struct pool *pool, struct value set, struct rule_list *out, bool *conditional)
{
	struct value list = member(pool, set, ATTR_accessControlRule, VALUE_ARRAY);
	struct rule *rules = pool_take(pool, count_of(list) * sizeof(*rules));

	out->rules = rules;
	if (value_is_absent(list))
		return;
	for (struct value v = value_first(list); !value_is_absent(v); v = value_next(list, v)) {
		struct rule *rule = &rules[out->count++];

		if (value_type(v) == VALUE_OBJECT)
			compile_rule(pool, v, rule);
		*conditional |= is_conditional(rule) || rule->has_roles;
	}
}

static struct policy *compile(struct pool *pool, struct value privileges, struct value self)
{
	struct policy *policy;

	pool->used = 0;
	policy = pool_take(pool, sizeof(*policy));
	compile_list(pool, privileges, &policy->privileges, &policy->is_conditional);
	compile_list(pool, self, &policy->self, &policy->is_conditional);
	return policy;
}

struct policy *policy_create(struct str privileges, struct str self, const struct home *home)
{
	struct arena arena;
	struct pool pool = {.arena = &arena, .home = home};
	struct value first, second;
	struct policy *policy;

	arena_init(&arena);
	first = json_own(privileges, &arena);
	second = json_own(self, &arena);
	compile(&pool, first, second);
	pool.block = xmalloc(pool.used);
	policy = compile(&pool, first, second);
	arena_finish(&arena);
	return policy;
}

void policy_destroy(struct policy *policy)
{
	free(policy);
}

/* ---- judging: TS-0003 7.1.5 ---- */

static bool object_holds(const struct object *object, const struct access *access)
{
	const struct type_def *target = access->target;

	if (object->parent_ty && object->parent_ty != target->ty)
		return false;
	if (object->has_specialization && object->container_definition.ptr &&
	    (!target->definition || !str_eq(object->container_definition, str_of(target->definition))))
		return false;
	if (object->has_specialization && !object->container_definition.ptr &&
	    object->mgmt_definition != target->specialization)
		return false;
	for (unsigned i = 0; i < object->child_count; i++)
		if (object->children[i] == access->child_ty)
			return true;
	return false;
}

/* They matter to CREATE only. */
static bool objects_hold(const struct rule *rule, const struct access *access)
{
	if (!rule->has_objects || access->target == NULL)
		return true;
	for (unsigned i = 0; i < rule->object_count; i++)
		if (object_holds(&rule->objects[i], access))
			return true;
	return false;
}

static bool has_role(struct str roles, struct str role)
{
	while (roles.ptr)
		if (str_eq(str_split(&roles, '+'), role))
			return true;
	return false;
}

static bool originator_matches(const struct originator *originator, struct access *access, bool with_roles)
{
	int is_member;

	if (originator->kind == ORIGINATOR_ALL)
		return true;
	if (originator->kind == ORIGINATOR_ROLE)
		return with_roles && has_role(access->roles, originator->text);
	is_member = originator->may_be_group ? access->is_member(access, originator->text) : -1;
	if (is_member >= 0)
		return is_member;
	return originator->kind == ORIGINATOR_ENTITY && access->has_identity &&
	       identity_matches(&originator->identity, &access->identity);
}

static bool originators_hold(const struct rule *rule, struct access *access, bool with_roles)
{
	for (unsigned i = 0; i < rule->originator_count; i++)
		if (originator_matches(&rule->originators[i], access, with_roles))
			return true;
	return false;
}

static bool is_in_range(const struct address_range *range, const struct peer *peer)
{
	unsigned bytes = range->bits / 8, rest = range->bits % 8;

	if (range->family != peer->family || memcmp(range->address, peer->address, bytes) != 0)
		return false;
	return rest == 0 || (range->address[bytes] ^ peer->address[bytes]) >> (8 - rest) == 0;
}

static bool window_holds(const struct context *context, int64_t wall_us)
{
	for (unsigned i = 0; i < context->window_count; i++)
		if (schedule_contains(&context->windows[i], wall_us))
			return true;
	return !context->has_windows;
}

static bool address_holds(const struct context *context, const struct peer *peer)
{
	for (unsigned i = 0; i < context->range_count; i++)
		if (is_in_range(&context->ranges[i], peer))
			return true;
	return !context->has_addresses;
}

static bool contexts_hold(const struct rule *rule, const struct access *access)
{
	for (unsigned i = 0; i < rule->context_count; i++) {
		const struct context *context = &rule->contexts[i];

		if (!context->has_region && window_holds(context, access->received_us) &&
		    address_holds(context, access->peer))
			return true;
	}
	return !rule->has_contexts;
}

bool rules_permit(const struct rule_list *list, struct access *access)
{
	for (unsigned i = 0; i < list->count; i++) {
		const struct rule *rule = &list->rules[i];

		if (rule->operations & access->privilege && !is_conditional(rule) && objects_hold(rule, access) &&
		    originators_hold(rule, access, false))
			return true;
	}
	return false;
}

bool rules_permit_in_context(const struct rule_list *list, struct access *access)
{
	for (unsigned i = 0; i < list->count; i++) {
		const struct rule *rule = &list->rules[i];

		if (!(rule->operations & access->privilege) || (!is_conditional(rule) && !rule->has_roles))
			continue;
		if (rule->needs_authentication && !access->peer->is_authenticated)
			continue;
		if (objects_hold(rule, access) && contexts_hold(rule, access) && originators_hold(rule, access, true))
			return true;
	}
	return false;
}
