/* Non-blocking requests. */
#include "cse/core/non_blocking.h"

#include "cse/core/events.h"
#include "cse/core/notification.h"
#include "cse/core/primitive_text.h"
#include "cse/core/state.h"
#include "schemas/timestamp.h"

#include <stdlib.h>

enum {
	SECOND_US = 1000000,
	RETRY_US = SECOND_US, /* after a result could not be stored */
	MOST_RESPONSE_TARGETS = 20,
	LONGEST_HOLD_US = 600 * SECOND_US, /* of a blocking request */
};

/* TS-0004 6.3.4.2.10 */
enum request_status { STATUS_COMPLETED = 1, STATUS_FAILED = 2, STATUS_PENDING = 3 };

/* ---- which are pending ---- */

bool non_blocking_is_pending(const struct cse *cse, struct str from, struct str identifier)
{
	struct map_node *node =
		cse->deferrals.count ? map_first(&cse->deferrals, request_hash(cse, from, identifier)) : NULL;

	for (; node; node = map_next(node)) {
		struct deferral *other = container_of(node, struct deferral, node);

		if (str_eq(other->identifier, identifier) && str_eq(other->from, from))
			return true;
	}
	return false;
}

static void enlist(struct deferral *deferral)
{
	struct cse *cse = deferral->cse;

	deferral->is_pending = true;
	map_add(&cse->deferrals, &deferral->node, request_hash(cse, deferral->from, deferral->identifier));
}

static void delist(struct deferral *deferral)
{
	if (deferral->is_pending)
		map_remove(&deferral->cse->deferrals, &deferral->node);
	deferral->is_pending = false;
	loop_timer_cancel(deferral->cse->loop, &deferral->timer);
}

static bool stands_for_requests(const struct type_def *type)
{
	return type->hooks && type->hooks->deferral;
}

static struct deferral *deferral_of(const struct cse *cse, uint64_t key)
{
	struct resource *resource = tree_by_key(&cse->tree, key);

	return resource ? resource->type->hooks->deferral(resource) : NULL;
}

/* ---- performing ---- */

static void performed(struct request *req, void *arg)
{
	struct deferral *deferral = deferral_of(req->cse, req->deferred);

	(void)arg;
	if (deferral && deferral->running == req)
		deferral->running = NULL;
	request_release(req);
}

static void perform_now(struct timer *timer)
{
	struct deferral *deferral = container_of(timer, struct deferral, timer);
	struct cse *cse = deferral->cse;
	struct resource *resource = tree_by_key(&cse->tree, deferral->key);
	struct request *req;

	if (!resource || !deferral->is_pending || deferral->running)
		return;
	req = request_internal(cse, OP_NONE);
	req->is_own = false;
	req->binding = "deferred";
	if (!deferral_restore(deferral, req)) {
		log_event(cse->log, LOG_ERROR, "request cannot be read", "key=%llu", (unsigned long long)deferral->key);
		request_release(req);
		return;
	}
	req->content =
		arena_copy(&req->arena, resource_attribute(resource, name_short(cse->schema, ATTR_primitiveContent)));
	req->from = (struct str){0};
	req->reply = performed;
	req->deferred = deferral->key;
	req->step = 0;
	deferral->running = req;
	dispatch(req);
}

bool non_blocking_goes_on(struct request *req)
{
	struct deferral *deferral = deferral_of(req->cse, req->deferred);

	if (!deferral || !deferral->is_pending)
		return false;
	loop_timer_cancel(req->cse->loop, &deferral->timer);
	deferral->running = req;
	return true;
}

static void set_timer(struct deferral *deferral)
{
	int64_t left_us = deferral->due_us - clock_wall_us(deferral->cse->clock);

	if (deferral->is_pending && !deferral->running)
		loop_timer_set(deferral->cse->loop, &deferral->timer, left_us > 0 ? left_us : 0);
}

void deferral_attach(struct deferral *deferral, struct cse *cse, const struct resource *resource)
{
	if (!deferral->cse)
		cse->deferral_count++;
	deferral->cse = cse;
	deferral->key = resource->key;
	deferral->timer.fire = perform_now;
	set_timer(deferral);
}

void deferral_begin(struct deferral *deferral, struct str primitive)
{
	struct arena arena;

	deferral->primitive = xmalloc(primitive.len + 1);
	memcpy(deferral->primitive, primitive.ptr, primitive.len);
	deferral->primitive[primitive.len] = '\0';
	arena_init(&arena);
	if (deferral_read(deferral, &arena)) {
		enlist(deferral);
		set_timer(deferral);
	}
	arena_finish(&arena);
}

static void drop_primitive(struct deferral *deferral)
{
	free(deferral->primitive);
	free((char *)(uintptr_t)deferral->from.ptr);
	deferral->primitive = NULL;
	deferral->from = deferral->identifier = (struct str){0};
}

void deferral_finish(struct deferral *deferral)
{
	if (!deferral->cse)
		return;
	deferral->cse->deferral_count--;
	delist(deferral);
	drop_primitive(deferral);
}

/* ---- the result ---- */

struct result_undo {
	struct undo undo;
	uint64_t key;
};

/* It will be performed again: what it did was taken back too. */
static void revert_result(struct request *req, struct undo *base)
{
	struct deferral *deferral = deferral_of(req->cse, container_of(base, struct result_undo, undo)->key);

	if (!deferral)
		return;
	enlist(deferral);
	deferral->running = NULL;
	deferral->due_us = clock_wall_us(req->cse->clock) + RETRY_US;
	set_timer(deferral);
}

static void result_is_durable(struct request *req, struct undo *base)
{
	struct deferral *deferral = deferral_of(req->cse, container_of(base, struct result_undo, undo)->key);

	if (deferral && !deferral->is_pending)
		drop_primitive(deferral);
}

/* The attributes that change, for those who have subscribed to the <request>. */
static void note_changes(struct request *req, const struct type_def *type, const struct draft *draft)
{
	static const uint16_t names[] = {ATTR_requestStatus, ATTR_operationResult};

	req->attrs.type = type;
	req->attrs.value = arena_zalloc(&req->arena, type->attr_count * sizeof(struct value));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		req->attrs.value[type_row(type, names[i])] = json_own(draft_get(draft, names[i]), &req->arena);
}

/* TS-0004 7.5.1.2.5 */
static void notify_result(struct request *req, const struct request *operation, const struct deferral *deferral)
{
	struct value targets = deferral_targets(deferral, &req->arena);
	struct strbuf text = {0};
	uint64_t lane = cse_next_key(req->cse); /* of their own: no policies, and they outlive the <request> */

	if (value_is_absent(targets) || value_is_absent(value_first(targets)))
		return;
	print_response_primitive(&text, operation, deferral->from, operation->param[PARAM_releaseVersionIndicator]);
	for (struct value v = value_first(targets); !value_is_absent(v); v = value_next(targets, v))
		notifier_add_response(req, lane, value_string(v, &req->arena),
				      arena_copy(&req->arena, strbuf_str(&text)));
	strbuf_finish(&text);
}

/* A listing shows earlier results: kept without a bound, each would be twice as large as the one before. What a change
 * has answered is given up rather than the change. */
static void bound_result(struct request *operation)
{
	size_t most = operation->cse->config.decode.bytes;

	if (operation->answer.content.len <= most)
		return;
	if (operation->op == OP_RETRIEVE) {
		(void)!req_fail(operation, RSC_NOT_ACCEPTABLE, "the result is larger than the %zu bytes that are kept",
				most);
		print_refusal(operation);
	} else {
		operation->answer.content = (struct str){0};
	}
}

static void store_result(struct request *req, const struct request *operation, struct resource *resource)
{
	struct strbuf text = {0};
	struct draft draft;

	if (resource_draft(req, resource, &draft) != RSC_NONE)
		return;
	print_response_primitive(&text, operation, operation->from, (struct str){0});
	draft_set(&draft, ATTR_operationResult, arena_copy(&req->arena, strbuf_str(&text)));
	strbuf_finish(&text);
	draft_set_u64(&draft, ATTR_requestStatus,
		      rsc_is_success(operation->answer.rsc) ? STATUS_COMPLETED : STATUS_FAILED);
	resource_amend(req, resource, &draft);
	note_changes(req, resource->type, &draft);
	events_updated(req, resource);
}

/* In a request of its own, which goes into the same transaction as the operation's. */
void non_blocking_settle(struct request *operation)
{
	struct cse *cse = operation->cse;
	struct resource *resource = tree_by_key(&cse->tree, operation->deferred);
	struct deferral *deferral = deferral_of(cse, operation->deferred);
	struct result_undo *undo;
	struct request *req;

	if (!deferral || !deferral->is_pending)
		return;
	req = request_internal(cse, OP_UPDATE);
	undo = arena_zalloc(&req->arena, sizeof(*undo));
	undo->key = deferral->key;
	undo->undo.revert = revert_result;
	undo->undo.settle = result_is_durable;
	commit_undo(req, &undo->undo);
	delist(deferral);
	bound_result(operation);
	store_result(req, operation, resource);
	notify_result(req, operation, deferral);
	commit_finish(cse->committer, req);
}

/* ---- blocking requests with a time ---- */

/* In the request's arena. */
struct held {
	struct list link; /* in cse->held */
	struct timer timer;
	struct request *req;
};

static struct request *release_held(struct held *held)
{
	list_remove(&held->link);
	loop_timer_cancel(held->req->cse->loop, &held->timer);
	return held->req;
}

static void held_is_due(struct timer *timer)
{
	dispatch(release_held(container_of(timer, struct held, timer)));
}

enum rsc blocking_hold(struct request *req, int64_t due_us)
{
	int64_t left_us = due_us - clock_wall_us(req->cse->clock);
	struct held *held;

	if (left_us > LONGEST_HOLD_US)
		return req_fail(req, RSC_BAD_REQUEST,
				"operationExecutionTime (oet): so late a time goes with non-blocking requests only");
	if (left_us > request_time_left(req, left_us))
		return req_fail(req, RSC_BAD_REQUEST, "operationExecutionTime (oet): after the request has expired");
	held = arena_zalloc(&req->arena, sizeof(*held));
	held->req = req;
	held->timer.fire = held_is_due;
	list_push(&req->cse->held, &held->link);
	loop_timer_set(req->cse->loop, &held->timer, left_us);
	return RSC_PENDING;
}

void held_stop(struct cse *cse)
{
	while (!list_empty(&cse->held)) {
		struct request *req = release_held(container_of(cse->held.next, struct held, link));

		dispatch_end(req, req_fail(req, RSC_REQUEST_TIMEOUT, "the CSE stops"));
	}
}

/* ---- accepting ---- */

/* A parameter that names a point in time or a distance from now. */
static enum rsc time_of(struct request *req, enum parameter parameter, int64_t from_us, int64_t *us)
{
	if (!request_has(req, parameter))
		return RSC_NONE;
	if (timestamp_parse_abs_rel(req->param[parameter], from_us, us) != 0)
		return req_fail(req, RSC_BAD_REQUEST, "%s (%s): no point in time", parameter_defs[parameter].name,
				parameter_defs[parameter].short_name);
	return RSC_NONE;
}

/* When it is to be performed, and how long the <request> lives: resultPersistence from then on, else until the result
 * or the request expires. */
static enum rsc settle_times(struct request *req, int64_t *due_us, int64_t *et_us)
{
	const struct cse_config *config = &req->cse->config;
	int64_t now = req->received_us;
	enum rsc code;

	*due_us = now;
	code = time_of(req, PARAM_operationExecutionTime, now, due_us);
	if (*due_us < now)
		*due_us = now;
	*et_us = *due_us + config->result_persistence_s * SECOND_US;
	if (code == RSC_NONE)
		code = time_of(req, PARAM_requestExpirationTimestamp, now, et_us);
	if (code == RSC_NONE)
		code = time_of(req, PARAM_resultExpirationTimestamp, now, et_us);
	if (code == RSC_NONE)
		code = time_of(req, PARAM_resultPersistence, *due_us, et_us);
	if (code != RSC_NONE)
		return code;
	if (*et_us <= now || *et_us < *due_us)
		return req_fail(req, RSC_BAD_REQUEST,
				"the result would be gone before the operation is performed: operationExecutionTime "
				"(oet) is later than what the other times allow");
	if (*et_us - now > config->expiration_max_s * SECOND_US)
		return req_fail(req, RSC_BAD_REQUEST,
				"resultPersistence (rp), or another time: a result is kept for at most %lld seconds",
				(long long)config->expiration_max_s);
	return RSC_NONE;
}

static struct str absolute(struct request *req, enum parameter parameter)
{
	char *text = arena_alloc(&req->arena, TIMESTAMP_SIZE);
	int64_t us = 0;

	if (!request_has(req, parameter) || time_of(req, parameter, req->received_us, &us) != RSC_NONE)
		return (struct str){0};
	return str_make(text, timestamp_print(text, us));
}

/* The parameters as they are to be performed: of a blocking request, their times those of a clock. The request's own
 * stay as they are: it goes through the procedure again if its acknowledgement is taken back. */
static void make_blocking(struct request *req, struct str param[PARAM_COUNT])
{
	memcpy(param, req->param, sizeof(req->param));
	param[PARAM_requestExpirationTimestamp] = absolute(req, PARAM_requestExpirationTimestamp);
	param[PARAM_resultExpirationTimestamp] = absolute(req, PARAM_resultExpirationTimestamp);
	param[PARAM_operationExecutionTime] = (struct str){0};
	param[PARAM_resultPersistence] = (struct str){0};
	param[PARAM_responseType] = (struct str){0};
}

/* An entity that can be notified: registered here, or known to another CSE. */
static bool is_entity(struct cse *cse, struct str id, struct target *target)
{
	enum found found = cse_find(cse, id, target);

	return found == FOUND_ELSEWHERE || (found == FOUND_HERE && !target->instance && !target->virtual_ &&
					    target->resource->type->flags & REGISTRATION);
}

/* A target by identifier must be somebody whom the originator may notify. */
static enum rsc check_response_target(struct request *req, struct str id)
{
	struct target target = {0};

	if (is_url(id))
		return check_url(req, "responseType (rt)", id);
	if (str_eq(id, req->from))
		return RSC_NONE;
	if (!is_entity(req->cse, id, &target))
		return req_fail(
			req, RSC_BAD_REQUEST,
			"responseType (rt): a target of the result is no URL and no entity that can be notified");
	if (target.resource && !may(req, target.resource, PRIVILEGE_NOTIFY))
		return req_fail(req, RSC_ORIGINATOR_HAS_NO_PRIVILEGE,
				"responseType (rt): the originator has no right to notify a target of the result");
	return RSC_NONE;
}

/* TS-0004 7.5.1.2.5: the targets that are named, which may be none, or the originator. */
static enum rsc response_targets(struct request *req, struct str targets[MOST_RESPONSE_TARGETS], unsigned *count)
{
	struct str rest = req->response_targets;
	struct target target;
	enum rsc code = RSC_NONE;

	*count = 0;
	if (!rest.ptr && is_entity(req->cse, req->from, &target))
		targets[(*count)++] = req->from;
	while (rest.ptr && code == RSC_NONE) {
		struct str id = str_split(&rest, '&');

		if (!id.len)
			continue;
		if (*count == MOST_RESPONSE_TARGETS)
			return req_fail(req, RSC_BAD_REQUEST, "responseType (rt): more than %d targets for the result",
					MOST_RESPONSE_TARGETS);
		targets[(*count)++] = id;
		code = check_response_target(req, id);
	}
	return code;
}

/* TS-0004 tables 7.3.2.2-1 and 7.3.2.2-2 */
static void fill(struct request *req, struct draft *draft)
{
	struct strbuf out = {0};

	strbuf_add_char(&out, '[');
	strbuf_add_json(&out, req->from);
	strbuf_add_char(&out, ']');
	draft_set(draft, ATTR_labels, arena_copy(&req->arena, strbuf_str(&out)));
	strbuf_finish(&out);
	draft_set_u64(draft, ATTR_operation, req->op);
	draft_set_string(draft, ATTR_target, req->param[PARAM_to]);
	draft_set_string(draft, ATTR_originator, req->from);
	draft_set_string(draft, ATTR_requestID, req->param[PARAM_requestIdentifier]);
	draft_set(draft, ATTR_metaInformation, meta_information_print(req));
	if (req->content.len)
		draft_set(draft, ATTR_primitiveContent, req->content);
	draft_set_u64(draft, ATTR_requestStatus, STATUS_PENDING);
	draft_set(draft, ATTR_operationResult,
		  arena_printf(&req->arena, "{\"%" STR_FMT "\":%d,\"%" STR_FMT "\":%" STR_FMT "}",
			       STR_ARG(name_short(draft->schema, ATTR_responseStatusCode)), RSC_ACCEPTED,
			       STR_ARG(name_short(draft->schema, ATTR_requestIdentifier)),
			       STR_ARG(draft_get(draft, ATTR_requestID))));
}

/* The type that stands for requests; NULL: none is served. */
static const struct type_def *type_of_requests(const struct cse *cse)
{
	const struct type_def *type;

	for (size_t i = 0; (type = schema_type_at(cse->schema, i)) != NULL; i++)
		if (stands_for_requests(type))
			return type;
	return NULL;
}

/* TS-0004 7.4.12.2: what is done to a <request> is done at once. */
static bool is_to_request(struct request *req)
{
	struct target target;

	return cse_find(req->cse, req->param[PARAM_to], &target) == FOUND_HERE && !target.instance &&
	       stands_for_requests(target.resource->type);
}

/* What is acknowledged takes room for long, and has this CSE send to wherever it says: not for strangers. */
static bool is_known(struct request *req)
{
	struct target target;

	return is_admin(req) || req->peer.is_authenticated || is_entity(req->cse, req->from, &target);
}

static enum rsc check_acceptable(struct request *req, const struct type_def *type)
{
	if (!type)
		return req_fail(req, RSC_NON_BLOCKING_SYNCH_REQUEST_NOT_SUPPORTED, "<request>: not supported");
	if (is_to_request(req))
		return req_fail(req, RSC_BAD_REQUEST, "responseType (rt): a <request> takes blocking requests only");
	if (!is_known(req))
		return req_fail(req, RSC_ORIGINATOR_HAS_NO_PRIVILEGE,
				"responseType (rt): non-blocking requests are for registered entities");
	if (req->cse->deferral_count >= req->cse->config.most_deferrals)
		return req_fail(req, RSC_INTERNAL_SERVER_ERROR, "too many non-blocking requests are kept");
	return RSC_NONE;
}

enum rsc non_blocking_accept(struct request *req, bool is_asynchronous)
{
	struct cse *cse = req->cse;
	const struct type_def *type = type_of_requests(cse);
	struct str targets[MOST_RESPONSE_TARGETS], param[PARAM_COUNT];
	struct resource *resource;
	struct draft draft;
	int64_t due_us = 0, et_us = 0;
	unsigned target_count = 0;
	enum rsc code = check_acceptable(req, type);

	if (code == RSC_NONE)
		code = settle_times(req, &due_us, &et_us);
	if (code == RSC_NONE && is_asynchronous)
		code = response_targets(req, targets, &target_count);
	if (code != RSC_NONE)
		return code;
	draft_init(&draft, cse->schema, type, &req->arena);
	fill(req, &draft);
	code = meta_information_check(req, draft_get(&draft, ATTR_metaInformation));
	if (code == RSC_NONE)
		code = quota_admit(req, cse->tree.root, type, cse->config.most_bytes ? draft_print(&draft).len : 0);
	if (code != RSC_NONE)
		return code;
	resource = create_locally(req, cse->tree.root, &draft, et_us);
	make_blocking(req, param);
	deferral_begin(type->hooks->deferral(resource), deferral_print(req, param, due_us, targets, target_count));
	put_resource(req, resource);
	events_created(req, resource);
	req->answer.content = arena_printf(&req->arena, "{\"m2m:uri\":\"%" STR_FMT "\"}", STR_ARG(resource->id));
	req->answer.rsc = is_asynchronous ? RSC_ACCEPTED_ASYNCH : RSC_ACCEPTED_SYNCH;
	return req->answer.rsc;
}
