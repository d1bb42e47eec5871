/* The rules of TS-0003 7.1 and TS-0001 9.6.1.3.2, written down one by one without any thought of speed. */
#include "tests/unit/policy_oracle.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static bool starts(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* ---- originators ---- */

/* Every identifier in its absolute form. */
static void absolute(const char *id, char out[4 * TEXT])
{
	if (starts(id, "//"))
		snprintf(out, 4 * TEXT, "%s", id);
	else if (starts(id, "/"))
		snprintf(out, 4 * TEXT, "//sp.example%s", id);
	else
		snprintf(out, 4 * TEXT, "//sp.example/id-in/%s", id);
}

static bool glob(const char *pattern, const char *text)
{
	if (*pattern == '*')
		return glob(pattern + 1, text) || (*text && *text != '/' && glob(pattern, text + 1));
	if (!*pattern || !*text)
		return *pattern == *text;
	return *pattern == *text && glob(pattern + 1, text + 1);
}

static bool is_domain(const char *id)
{
	return starts(id, "//") && !strchr(id + 2, '/');
}

static bool entity_matches(const char *pattern, const char *from)
{
	char one[4 * TEXT], other[4 * TEXT];

	absolute(pattern, one);
	absolute(from, other);
	if (is_domain(pattern))
		*strchr(other + 2, '/') = 0;
	return glob(one, other);
}

static bool role_matches(const char *roles, const char *role)
{
	char all[4 * TEXT], wanted[2 * TEXT];

	snprintf(all, sizeof(all), "+%s+", roles ? roles : "");
	snprintf(wanted, sizeof(wanted), "+%s+", role);
	return strstr(all, wanted) != NULL;
}

/* ---- addresses of resources ---- */

bool model_lives(const struct model *model, int resource)
{
	for (; resource >= 0; resource = model->resource[resource].parent) {
		const struct model_resource *r = &model->resource[resource];

		if (!r->exists || (r->expires_s && r->expires_s <= model->now_s))
			return false;
	}
	return true;
}

static bool names(const char *address, const struct model_resource *r)
{
	const char *rest = address;

	if (starts(rest, "//sp.example/"))
		rest += strlen("//sp.example");
	if (starts(rest, "/id-in/"))
		rest += strlen("/id-in/");
	return strcmp(rest, r->id) == 0 || strcmp(rest, r->path) == 0;
}

static int find(const struct model *model, const char *address, int ty)
{
	for (int i = 0; i < MOST_RESOURCES; i++)
		if (model->resource[i].exists && model->resource[i].ty == ty && names(address, &model->resource[i]) &&
		    model_lives(model, i))
			return i;
	return -1;
}

static bool group_has(const struct model_resource *group, const char *from)
{
	char one[4 * TEXT], other[4 * TEXT];

	absolute(from, other);
	for (int i = 0; i < group->members; i++) {
		absolute(group->member[i], one);
		if (strcmp(one, other) == 0)
			return true;
	}
	return false;
}

static bool originator_holds(const struct model *model, const struct model_rule *rule,
			     const struct model_request *request)
{
	for (int i = 0; i < rule->originators; i++) {
		const char *originator = rule->originator[i];
		int group = find(model, originator, 9);

		if (strcmp(originator, "all") == 0)
			return true;
		if (strchr(originator, '@')) {
			if (role_matches(request->roles, originator))
				return true;
		} else if (group >= 0) {
			if (group_has(&model->resource[group], request->from))
				return true;
		} else if (entity_matches(originator, request->from)) {
			return true;
		}
	}
	return false;
}

/* ---- contexts ---- */

static bool window_holds(const struct model_window *window, int64_t now_s)
{
	time_t now = (time_t)now_s;
	struct tm tm;

	gmtime_r(&now, &tm);
	return tm.tm_min >= window->minute_from && tm.tm_min <= window->minute_to &&
	       tm.tm_hour % window->hour_step == 0 && (window->weekday < 0 || window->weekday == tm.tm_wday);
}

/* Into 128 bits, IPv4 as ::ffff:0:0/96. */
static int to_bits(const char *text, char bits[128])
{
	unsigned char bytes[16] = {[10] = 0xff, [11] = 0xff};
	char address[TEXT];
	const char *slash = strchr(text, '/');
	bool is_six = strchr(text, ':') != NULL;

	snprintf(address, sizeof(address), "%.*s", slash ? (int)(slash - text) : (int)strlen(text), text);
	inet_pton(is_six ? AF_INET6 : AF_INET, address, is_six ? bytes : bytes + 12);
	for (int i = 0; i < 128; i++)
		bits[i] = (char)(bytes[i / 8] >> (7 - i % 8) & 1);
	if (!slash)
		return 128;
	return (int)strtol(slash + 1, NULL, 10) + (is_six ? 0 : 96);
}

static bool range_holds(const char *range, const char *address)
{
	char one[128], other[128];
	int bits;

	if (!address)
		return false;
	bits = to_bits(range, one);
	to_bits(address, other);
	return memcmp(one, other, (size_t)bits) == 0;
}

static bool context_holds(const struct model *model, const struct model_rule *rule, const struct model_request *request)
{
	if (rule->contexts == 0)
		return true;
	for (int i = 0; i < rule->contexts; i++) {
		const struct model_context *context = &rule->context[i];
		bool time = !context->has_window || window_holds(&context->window, model->now_s);
		bool ip = !context->has_range || range_holds(context->range, request->address);
		bool place = !context->has_region;

		if (time && ip && place)
			return true;
	}
	return false;
}

/* ---- objects ---- */

static bool object_holds(const struct model_rule *rule, const struct model_request *request, int target_ty)
{
	if (request->privilege != 1 || rule->objects == 0)
		return true;
	for (int i = 0; i < rule->objects; i++) {
		const struct model_object *object = &rule->object[i];
		bool child = false;

		for (int j = 0; j < object->count; j++)
			child |= object->child_ty[j] == request->child_ty;
		if (child && (object->parent_ty == 0 || object->parent_ty == target_ty))
			return true;
	}
	return false;
}

/* ---- the decision ---- */

static bool rules_hold(const struct model *model, const struct model_rules *rules, const struct model_request *request,
		       int target_ty)
{
	bool result = false;

	for (int k = 0; k < rules->count; k++) {
		const struct model_rule *rule = &rules->rule[k];
		bool authn = !rule->authenticated || request->is_authenticated;
		bool origs = originator_holds(model, rule, request);
		bool ops = (rule->operations & request->privilege) != 0;
		bool ctxts = context_holds(model, rule, request);
		bool objd = object_holds(rule, request, target_ty);

		result = result || (authn && origs && ops && ctxts && objd);
	}
	return result;
}

static bool policies_hold(const struct model *model, const struct model_resource *r,
			  const struct model_request *request, int target_ty, bool self)
{
	for (int i = 0; i < r->policies; i++) {
		int policy = find(model, r->policy[i], 1);
		const struct model_resource *p = policy >= 0 ? &model->resource[policy] : NULL;

		if (p && rules_hold(model, self ? &p->self : &p->privileges, request, target_ty))
			return true;
	}
	return false;
}

bool model_allows(const struct model *model, int resource, const struct model_request *request, bool link)
{
	const struct model_resource *r;
	char one[4 * TEXT], other[4 * TEXT];

	if (strcmp(request->from, "CAdmin") == 0)
		return request->is_authenticated || request->is_loopback;
	if (resource < 0)
		return request->privilege == 1 && request->child_ty == 1;
	r = &model->resource[resource];
	if (r->ty == 1)
		return rules_hold(model, &r->self, request, 1);
	if (r->has_policies)
		return policies_hold(model, r, request, r->ty, link);
	absolute(r->creator, one);
	absolute(request->from, other);
	return strcmp(one, other) == 0;
}
