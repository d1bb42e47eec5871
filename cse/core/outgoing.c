/* Sending requests of this CSE's own. */
#include "cse/core/outgoing.h"

#include "cse/core/channel.h"
#include "cse/core/state.h"
#include "schemas/kind_text.h"
#include "schemas/timestamp.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- the end ---- */

static void complete(struct outgoing *out)
{
	struct outgoings *outgoings = &out->cse->outgoings;

	list_remove(&out->link);
	list_push(&outgoings->complete, &out->link);
	if (outgoings->is_posted)
		return;
	outgoings->is_posted = true;
	loop_post(out->cse->loop, &outgoings->task);
}

static void finish(struct outgoing *out)
{
	struct arena arena = out->arena;

	list_remove(&out->link);
	out->arena = (struct arena){0};
	out->done(out); /* may send it again, or be the end of it */
	arena_finish(&arena);
}

static void finish_complete(struct loop_task *task)
{
	struct outgoings *outgoings = container_of(task, struct outgoings, task);
	struct list now;

	outgoings->is_posted = false;
	list_init(&now);
	list_splice(&now, &outgoings->complete);
	while (!list_empty(&now))
		finish(container_of(now.next, struct outgoing, link));
}

void outgoing_end(struct outgoing *out, enum hop_outcome outcome, const char *reason)
{
	out->outcome = outcome;
	snprintf(out->reason, sizeof(out->reason), "%s", reason);
	complete(out);
}

static void fail(struct outgoing *out, const char *reason)
{
	outgoing_end(out, HOP_UNREACHABLE, reason);
}

/* ---- targets by URL ---- */

bool is_url(struct str target)
{
	return target.len && memmem(target.ptr, target.len, "://", 3) != NULL;
}

enum rsc check_url(struct request *req, const char *what, struct str target)
{
	return url_has_credentials(target)
		       ? req_fail(req, RSC_BAD_REQUEST, "%s: a URL with credentials is not accepted", what)
		       : RSC_NONE;
}

struct str url_without_serialization(struct str url, struct arena *arena, struct str *serialization)
{
	static const struct str key = {"ct=", 3};
	const char *query = memchr(url.ptr, '?', url.len);
	struct str rest, kept;

	*serialization = (struct str){0};
	if (!query)
		return url;
	kept = str_make(url.ptr, (size_t)(query - url.ptr));
	rest = str_from(url, kept.len + 1);
	for (bool is_first = true; rest.ptr;) {
		struct str pair = str_split(&rest, '&');

		if (str_starts(pair, key)) {
			*serialization = str_from(pair, key.len);
			continue;
		}
		kept = arena_join(arena, kept, is_first ? STR("?") : STR("&"), pair);
		is_first = false;
	}
	return serialization->ptr ? kept : url;
}

/* ---- what a registration says of its entity ---- */

static bool is_listed(struct str json, struct str value, struct arena *arena)
{
	struct str raw;

	while (catalog_next_string(&json, &raw))
		if (str_eq(memchr(raw.ptr, '\\', raw.len) ? value_unescape(raw, arena) : raw, value))
			return true;
	return false;
}

/* The highest release that both know (TS-0004 7.3.1.2); if there is none, the receiver's last. */
static struct str common_release(const struct cse *cse, struct str theirs, struct arena *arena)
{
	struct str rest = str_of(cse->config.releases), best = {0}, last = {0};

	for (struct str item = str_next_item(&rest); item.ptr; item = str_next_item(&rest))
		if (is_listed(theirs, item, arena))
			best = item;
	while (catalog_next_string(&theirs, &last))
		;
	return best.ptr ? best : last;
}

/* Of a receiver that does not say what it knows: release 3, whose text is followed here, if it is served. */
static struct str own_release(const struct cse *cse)
{
	struct str rest = str_of(cse->config.releases), item, last = {0};

	while ((item = str_next_item(&rest)).ptr && !str_eq(last, STR("3")))
		last = item;
	return last;
}

static struct str registered(const struct cse *cse, const struct resource *resource, unsigned name)
{
	return resource_attribute(resource, name_short(cse->schema, name));
}

/* "application/vnd.onem2m-res+cbor" or "application/cbor": the last word. */
static struct str serialization_of(struct str media_type)
{
	for (size_t i = media_type.len; i > 0; i--)
		if (media_type.ptr[i - 1] == '/' || media_type.ptr[i - 1] == '+')
			return str_from(media_type, i);
	return media_type;
}

/* JSON if the receiver takes it or does not say. */
static struct str chosen_serialization(struct str list)
{
	struct str raw, first = {0};

	while (catalog_next_string(&list, &raw)) {
		struct str serialization = serialization_of(raw);

		if (str_eq(serialization, STR("json")))
			return serialization;
		if (!first.ptr)
			first = serialization;
	}
	return first.ptr ? first : STR("json");
}

/* ---- hops ---- */

static struct open_binding *binding_for(struct outgoings *outgoings, struct str url)
{
	struct str rest = url, scheme = str_split(&rest, ':');

	list_each (item, &outgoings->bindings) {
		struct open_binding *open = container_of(item, struct open_binding, link);

		for (const char *const *s = open->binding->schemes; s && *s; s++)
			if (str_eq_nocase(scheme, str_of(*s)))
				return open;
	}
	return NULL;
}

static void try_next_point(struct outgoing *out);

/* The next point of access only if this one cannot be reached: TS-0004 7.3.3.9.1. */
static void hop_done(struct hop *hop)
{
	struct outgoing *out = container_of(hop, struct outgoing, hop);

	out->via = NULL;
	if (hop->outcome == HOP_UNREACHABLE && out->next_point < out->point_count) {
		try_next_point(out);
		return;
	}
	out->rsc = hop->rsc;
	if (hop->outcome == HOP_ANSWERED)
		out->answer = hop->answer;
	out->outcome = hop->outcome;
	memcpy(out->reason, hop->reason, sizeof(out->reason));
	finish(out);
}

static void send_hop(struct outgoing *out, struct open_binding *open)
{
	struct hop *hop = &out->hop;

	hop->done = hop_done;
	hop->timeout_us = out->timeout_us;
	hop->reason[0] = '\0';
	hop->answer = (struct str){0};
	out->via = open;
	open->binding->send(open->state, hop);
}

static void try_next_point(struct outgoing *out)
{
	struct open_binding *open = NULL;

	while (!open && out->next_point < out->point_count) {
		out->hop.url = out->points[out->next_point++];
		open = binding_for(&out->cse->outgoings, out->hop.url);
	}
	if (open)
		send_hop(out, open);
	else
		fail(out, "no binding is open for the protocol of the point of access");
}

static void fill_hop(struct outgoing *out, struct str release)
{
	static const char digits[] = "012345";
	struct str *param = out->hop.param;

	param[PARAM_operation] = str_make(&digits[out->op], 1);
	param[PARAM_from] = out->from;
	param[PARAM_requestIdentifier] = out->identifier;
	param[PARAM_releaseVersionIndicator] = release;
	if (out->category)
		param[PARAM_eventCategory] = arena_printf(&out->arena, "%u", out->category);
	out->hop.content = out->content;
}

static void send_to_url(struct outgoing *out)
{
	struct str serialization;

	out->points = arena_alloc(&out->arena, sizeof(*out->points));
	out->points[0] = url_without_serialization(out->target, &out->arena, &serialization);
	out->point_count = 1;
	fill_hop(out, own_release(out->cse));
	out->hop.serialization = serialization.len ? serialization : STR("json");
	try_next_point(out);
}

static struct channel *channel_of(const struct resource *resource)
{
	list_each (item, (struct list *)(uintptr_t)&resource->children) {
		const struct resource *child = container_of(item, struct resource, siblings);

		if (child->type->hooks && child->type->hooks->channel)
			return child->type->hooks->channel(child);
	}
	return NULL;
}

static void fill_hop_to_entity(struct outgoing *out, const struct resource *resource)
{
	struct cse *cse = out->cse;
	struct str releases = registered(cse, resource, ATTR_supportedReleaseVersions);

	fill_hop(out, arena_copy(&out->arena, common_release(cse, releases, &out->arena)));
	out->hop.param[PARAM_to] = arena_printf(&out->arena, "%s/%.*s", cse->config.id, STR_ARG(resource->id));
	out->hop.entity = arena_copy(&out->arena, resource->id);
	out->hop.registration = resource->key;
	out->hop.serialization =
		arena_copy(&out->arena, chosen_serialization(registered(cse, resource, ATTR_contentSerialization)));
}

/* An entity that cannot be sent anything is sent it when it polls: TS-0001 9.6.21. */
static void send_to_channel(struct outgoing *out, const struct resource *resource, const char *reason)
{
	struct channel *channel = channel_of(resource);

	if (!channel) {
		fail(out, reason);
		return;
	}
	fill_hop_to_entity(out, resource);
	channel_put(channel, out);
}

/* A connection that the entity has opened itself. */
static struct open_binding *connection_of(struct outgoings *outgoings, const struct resource *resource)
{
	list_each (item, &outgoings->bindings) {
		struct open_binding *open = container_of(item, struct open_binding, link);

		if (open->binding->reaches && open->binding->reaches(open->state, resource->key))
			return open;
	}
	return NULL;
}

static void take_points(struct outgoing *out, struct str points)
{
	struct str raw, rest = points;

	while (catalog_next_string(&rest, &raw))
		out->point_count++;
	out->points = arena_alloc(&out->arena, out->point_count * sizeof(*out->points));
	out->point_count = 0;
	while (catalog_next_string(&points, &raw))
		out->points[out->point_count++] = memchr(raw.ptr, '\\', raw.len) ? value_unescape(raw, &out->arena)
										 : arena_copy(&out->arena, raw);
}

static bool has_usable_point(const struct outgoing *out)
{
	for (unsigned i = 0; i < out->point_count; i++)
		if (binding_for(&out->cse->outgoings, out->points[i]))
			return true;
	return false;
}

/* The points of access come first, even while the entity has a connection; a polling channel comes last. */
static void send_to_entity(struct outgoing *out, const struct resource *resource)
{
	struct open_binding *open;

	out->registration = resource->key;
	if (str_eq(registered(out->cse, resource, ATTR_requestReachability), STR("false"))) {
		send_to_channel(out, resource,
				"requestReachability (rr) of the target is false, and it has no <pollingChannel>");
		return;
	}
	take_points(out, registered(out->cse, resource, ATTR_pointOfAccess));
	open = has_usable_point(out) ? NULL : connection_of(&out->cse->outgoings, resource);
	if (!open && out->point_count == 0) {
		send_to_channel(out, resource,
				"the target has no pointOfAccess (poa), no connection and no <pollingChannel>");
		return;
	}
	fill_hop_to_entity(out, resource);
	if (open)
		send_hop(out, open);
	else
		try_next_point(out);
}

/* ---- resources of this CSE that take a request themselves ---- */

static void local_answered(struct request *req, void *arg)
{
	struct outgoing *out = arg;

	if (out) {
		out->local = NULL;
		/* A resource that sends it on says so if nobody is there. */
		out->outcome = req->answer.rsc == RSC_TARGET_NOT_REACHABLE ? HOP_UNREACHABLE : HOP_ANSWERED;
		out->rsc = req->answer.rsc;
		snprintf(out->reason, sizeof(out->reason), "%.*s", STR_ARG(req->answer.dbg));
		out->answer = arena_copy(&out->arena, req->answer.content.len ? req->answer.content : STR(""));
		complete(out);
	}
	request_release(req);
}

static void send_to_resource(struct outgoing *out)
{
	struct request *req = request_internal(out->cse, OP_NONE);
	static const char digits[] = "012345";

	req->param[PARAM_operation] = str_make(&digits[out->op], 1);
	req->param[PARAM_to] = arena_copy(&req->arena, out->target);
	req->param[PARAM_from] = arena_copy(&req->arena, out->from);
	req->param[PARAM_requestIdentifier] = arena_copy(&req->arena, out->identifier);
	req->content = arena_copy(&req->arena, out->content);
	req->from = (struct str){0};
	req->reply = local_answered;
	req->arg = out;
	req->step = 0;
	out->local = req;
	dispatch(req);
}

/* ---- sending ---- */

static void send_to_identifier(struct outgoing *out)
{
	struct target target;

	switch (cse_find(out->cse, out->target, &target)) {
	case FOUND_HERE:
		if (!target.instance && !target.virtual_ && target.resource->type->flags & REGISTRATION)
			send_to_entity(out, target.resource);
		else
			send_to_resource(out);
		break;
	case FOUND_ELSEWHERE:
		fail(out, "there is no route to the CSE of the target");
		break;
	case FOUND_NOTHING:
		fail(out, "the target does not exist");
		break;
	case FOUND_ERROR:
		fail(out, "the store cannot be read");
		break;
	}
}

void outgoing_send(struct cse *cse, struct outgoing *out)
{
	out->cse = cse;
	arena_init(&out->arena);
	out->points = NULL;
	out->point_count = out->next_point = 0;
	out->via = NULL;
	out->local = NULL;
	out->reason[0] = '\0';
	out->registration = 0;
	out->answer = (struct str){0};
	out->is_in_channel = false;
	list_init(&out->link);
	list_push(&cse->outgoings.under_way, &out->link);
	if (is_url(out->target))
		send_to_url(out);
	else
		send_to_identifier(out);
}

static void take_back(struct outgoing *out)
{
	if (out->via)
		out->via->binding->cancel(out->via->state, &out->hop);
	out->via = NULL;
	if (out->local)
		out->local->arg = NULL;
	out->local = NULL;
	channel_take_back(out);
}

void outgoing_cancel(struct outgoing *out)
{
	take_back(out);
	list_remove(&out->link);
	arena_finish(&out->arena);
}

/* ---- inquiries ---- */

static void inquiry_answered(struct outgoing *out);

struct inquiry *inquiry_create(struct request *req, unsigned count, void (*done)(struct inquiry *inquiry))
{
	struct inquiry *inquiry = arena_zalloc(&req->arena, sizeof(*inquiry));

	inquiry->req = req;
	inquiry->count = inquiry->left = count;
	inquiry->outs = arena_zalloc(&req->arena, count * sizeof(*inquiry->outs));
	inquiry->done = done;
	for (unsigned i = 0; i < count; i++)
		inquiry->outs[i].done = inquiry_answered;
	return inquiry;
}

static void inquiry_answered(struct outgoing *out)
{
	struct request *req = out->asker->req;
	struct inquiry *inquiry = out->asker;

	out->answer = arena_copy(&req->arena, out->answer);
	if (--inquiry->left == 0)
		inquiry->done(inquiry);
}

enum rsc inquiry_send(struct inquiry *inquiry)
{
	for (unsigned i = 0; i < inquiry->count; i++) {
		inquiry->outs[i].asker = inquiry;
		outgoing_send(inquiry->req->cse, &inquiry->outs[i]);
	}
	return RSC_PENDING;
}

int64_t request_time_left(const struct request *req, int64_t longest_us)
{
	static const enum parameter limits[] = {PARAM_resultExpirationTimestamp, PARAM_requestExpirationTimestamp};
	int64_t left;

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		if (!request_has(req, limits[i]) ||
		    timestamp_parse_abs_rel(req->param[limits[i]], req->received_us, &left) != 0)
			continue;
		left -= clock_wall_us(req->cse->clock);
		if (left < longest_us)
			return left > 0 ? left : 0;
	}
	return longest_us;
}

struct str new_request_identifier(struct request *req)
{
	char *text = arena_alloc(&req->arena, INSTANCE_ID_SIZE);

	instance_id_print(text, 'q', cse_next_key(req->cse));
	return str_make(text, INSTANCE_ID_SIZE - 1);
}

/* ---- bindings ---- */

void cse_add_binding(struct cse *cse, const struct binding *binding, struct binding_state *state)
{
	struct open_binding *open;

	if (!binding->send && !binding->adopt)
		return;
	open = xzalloc(sizeof(*open));
	open->binding = binding;
	open->state = state;
	list_push(&cse->outgoings.bindings, &open->link);
}

/* What was under way ends as if nobody could be reached. */
void cse_remove_bindings(struct cse *cse)
{
	struct outgoings *outgoings = &cse->outgoings;

	cse->notifier.is_stopped = true;
	list_each (item, &outgoings->under_way) {
		struct outgoing *out = container_of(item, struct outgoing, link);

		if (!out->via && !out->is_in_channel)
			continue;
		take_back(out);
		fail(out, "the CSE stops");
	}
	cse_end_waiting(outgoings->cse);
	list_each (item, &outgoings->bindings) {
		list_remove(item);
		free(container_of(item, struct open_binding, link));
	}
}

void outgoings_start(struct outgoings *outgoings, struct cse *cse)
{
	outgoings->cse = cse;
	outgoings->task.run = finish_complete;
	list_init(&outgoings->bindings);
	list_init(&outgoings->complete);
	list_init(&outgoings->under_way);
	list_init(&outgoings->polls);
}

void outgoings_stop(struct outgoings *outgoings)
{
	cse_remove_bindings(outgoings->cse);
}
