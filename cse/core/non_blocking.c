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

static uint64_t hash_of(const struct cse *cse, struct str from, struct str identifier)
{
	return str_hash(identifier, str_hash(from, cse->tree.seed));
}

bool non_blocking_is_pending(const struct cse *cse, struct str from, struct str identifier)
{
	struct map_node *node = map_first(&cse->deferrals, hash_of(cse, from, identifier));

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
	map_add(&cse->deferrals, &deferral->node, hash_of(cse, deferral->from, deferral->identifier));
}

static void delist(struct deferral *deferral)
{
	if (deferral->is_pending)
		map_remove(&deferral->cse->deferrals, &deferral->node);
	deferral->is_pending = false;
	loop_timer_cancel(deferral->cse->loop, &deferral->timer);
}

static struct deferral *deferral_of(const struct cse *cse, uint64_t key)
{
	struct resource *resource = tree_by_key(&cse->tree, key);

	return resource ? resource->state : NULL;
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
	delist(deferral);
	drop_primitive(deferral);
}

/* ---- the result ---- */

struct settle_undo {
	struct undo undo;
	uint64_t key;
};

/* It will be performed again: what it did was taken back too. */
static void revert_settle(struct request *req, struct undo *base)
{
	struct deferral *deferral = deferral_of(req->cse, container_of(base, struct settle_undo, undo)->key);

	if (!deferral)
		return;
	enlist(deferral);
	deferral->running = NULL;
	deferral->due_us = clock_wall_us(req->cse->clock) + RETRY_US;
	set_timer(deferral);
}

static void settle_settle(struct request *req, struct undo *base)
{
	struct deferral *deferral = deferral_of(req->cse, container_of(base, struct settle_undo, undo)->key);

	if (deferral && !deferral->is_pending)
		drop_primitive(deferral);
}

/* The attributes that change, for those who have subscribed to the <request>. */
static void note_changes(struct request *req, const struct type_def *type, const struct draft *draft)
{
	static const uint16_t names[] = {ATTR_requestStatus, ATTR_operationResult};
	static const struct decode_limits limits = {.bytes = SIZE_MAX, .depth = 255, .tokens = UINT32_MAX};

	req->attrs.type = type;
	req->attrs.value = arena_zalloc(&req->arena, type->attr_count * sizeof(struct value));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct doc *doc = arena_zalloc(&req->arena, sizeof(*doc));
		struct decode_error error;

		if (json_decode(draft_get(draft, names[i]), &limits, &req->arena, doc, &error) == 0)
			req->attrs.value[type_row(type, names[i])] = doc_root(doc);
	}
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
	struct deferral *deferral = resource ? resource->state : NULL;
	struct settle_undo *undo;
	struct request *req;

	if (!deferral || !deferral->is_pending)
		return;
	req = request_internal(cse, OP_UPDATE);
	undo = arena_zalloc(&req->arena, sizeof(*undo));
	undo->key = deferral->key;
	undo->undo.revert = revert_settle;
	undo->undo.settle = settle_settle;
	commit_undo(req, &undo->undo);
	delist(deferral);
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
	int64_t left_us = due_us - req->received_us;
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
		return req_fail(req, RSC_BAD_REQUEST, "a result is not kept for so long");
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

/* The primitive as it is to be performed: a blocking one, its times those of a clock. */
static void make_blocking(struct request *req)
{
	req->param[PARAM_requestExpirationTimestamp] = absolute(req, PARAM_requestExpirationTimestamp);
	req->param[PARAM_resultExpirationTimestamp] = absolute(req, PARAM_resultExpirationTimestamp);
	req->param[PARAM_operationExecutionTime] = (struct str){0};
	req->param[PARAM_resultPersistence] = (struct str){0};
	req->param[PARAM_responseType] = (struct str){0};
}

/* The originator, if it is somebody whom a NOTIFY can reach. */
static bool can_be_notified(struct request *req)
{
	struct target target;
	enum found found = cse_find(req->cse, req->from, &target);

	return found == FOUND_ELSEWHERE ||
	       (found == FOUND_HERE && !target.instance && target.resource->type->flags & REGISTRATION);
}

/* TS-0004 7.5.1.2.5: the targets that are named, which may be none, or the originator. */
static unsigned response_targets(struct request *req, struct str targets[MOST_RESPONSE_TARGETS])
{
	struct str rest = req->response_targets;
	unsigned count = 0;

	if (!rest.ptr && can_be_notified(req))
		targets[count++] = req->from;
	while (rest.ptr && count < MOST_RESPONSE_TARGETS) {
		struct str target = str_split(&rest, '&');

		if (target.len)
			targets[count++] = target;
	}
	return count;
}

static void print_response_type(struct strbuf *out, const struct request *req)
{
	const struct schema *schema = req->cse->schema;
	struct str rest = req->response_targets;

	strbuf_addf(out, "{\"%" STR_FMT "\":", STR_ARG(name_short(schema, ATTR_responseTypeValue)));
	print_parameter_value(out, (struct kind){.base = KIND_ENUM}, req->param[PARAM_responseType]);
	if (rest.ptr)
		strbuf_addf(out, ",\"%" STR_FMT "\":[", STR_ARG(name_short(schema, ATTR_notificationURI)));
	for (bool is_first = true; rest.ptr && rest.len; is_first = false) {
		if (!is_first)
			strbuf_add_char(out, ',');
		strbuf_add_json(out, str_split(&rest, '&'));
	}
	strbuf_add_str(out, req->response_targets.ptr ? STR("]}") : STR("}"));
}

/* One member of filterCriteria: the values of its conditions. */
static void print_conditions(struct strbuf *out, const struct request *req, const struct attr_def *member)
{
	struct str name = name_short(req->cse->schema, member->name);
	struct strbuf values = {0};

	for (unsigned i = 0; i < req->filter.count; i++) {
		const struct filter_item *item = &req->filter.items[i];

		if (item->tag == FILTER_COUNT || !str_eq(str_of(condition_defs[item->tag].short_name), name))
			continue;
		if (values.len)
			strbuf_add_char(&values, '+');
		strbuf_add_str(&values, item->text);
	}
	if (values.len) {
		strbuf_addf(out, "%s\"%" STR_FMT "\":", out->ptr[out->len - 1] == '{' ? "" : ",", STR_ARG(name));
		print_parameter_value(out, member->kind, strbuf_str(&values));
	}
	strbuf_finish(&values);
}

/* Filter Criteria, but for conditions on attributes. */
static void print_filter_criteria(struct strbuf *out, const struct request *req)
{
	const struct complex_def *def = complex_find(STR("filterCriteria"));

	strbuf_add_char(out, '{');
	for (size_t i = 0; i < def->count; i++)
		print_conditions(out, req, &def->members[i]);
	strbuf_add_char(out, '}');
}

/* One member of metaInformation, if the request has it. */
static void print_member(struct strbuf *out, const struct request *req, struct str name)
{
	enum parameter parameter = parameter_find(name);
	bool is_filter = parameter == PARAM_filterCriteria;

	if (is_filter ? req->filter.count == 0 : parameter == PARAM_COUNT || !request_has(req, parameter))
		return;
	if (parameter != PARAM_responseType && !is_filter) {
		print_parameter(out, parameter, req->param[parameter]);
		return;
	}
	strbuf_addf(out, "%s\"%" STR_FMT "\":", out->len > 1 ? "," : "", STR_ARG(name));
	if (is_filter)
		print_filter_criteria(out, req);
	else
		print_response_type(out, req);
}

/* TS-0004 table 7.3.2.2-2: the optional parameters as they came. */
static struct str meta_information(struct request *req)
{
	const struct complex_def *def = complex_find(STR("metaInformation"));
	struct strbuf out = {0};
	struct str text;

	strbuf_add_char(&out, '{');
	for (size_t i = 0; i < def->count; i++)
		print_member(&out, req, name_short(req->cse->schema, def->members[i].name));
	strbuf_add_char(&out, '}');
	text = arena_copy(&req->arena, strbuf_str(&out));
	strbuf_finish(&out);
	return text;
}

/* What the <request> is to show must be right, also where performing would not look at it. */
static enum rsc check_meta_information(struct request *req, struct str text)
{
	static const struct decode_limits limits = {.bytes = SIZE_MAX, .depth = 255, .tokens = UINT32_MAX};
	struct kind kind = {.base = KIND_COMPLEX};
	struct constraint none = {0};
	struct decode_error error;
	const char *wrong;
	struct doc doc;

	kind.of = complex_find(STR("metaInformation"));
	wrong = json_decode(text, &limits, &req->arena, &doc, &error) != 0
			? error.message
			: validate_kind(req->cse->schema, kind, &none, doc_root(&doc), &req->arena);
	return wrong ? req_fail(req, RSC_BAD_REQUEST, "a parameter of a non-blocking request: %s", wrong) : RSC_NONE;
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
	draft_set(draft, ATTR_metaInformation, meta_information(req));
	if (req->content.len)
		draft_set(draft, ATTR_primitiveContent, req->content);
	draft_set_u64(draft, ATTR_requestStatus, STATUS_PENDING);
	draft_set(draft, ATTR_operationResult,
		  arena_printf(&req->arena, "{\"%" STR_FMT "\":%d,\"%" STR_FMT "\":%" STR_FMT "}",
			       STR_ARG(name_short(draft->schema, ATTR_responseStatusCode)), RSC_ACCEPTED,
			       STR_ARG(name_short(draft->schema, ATTR_requestIdentifier)),
			       STR_ARG(draft_get(draft, ATTR_requestID))));
}

/* TS-0004 7.4.12.2: what is done to a <request> is done at once. */
static bool is_to_request(struct request *req)
{
	struct target target;

	return cse_find(req->cse, req->param[PARAM_to], &target) == FOUND_HERE && !target.instance &&
	       target.resource->type->ty == TY_request;
}

static enum rsc check_acceptable(struct request *req, const struct type_def *type)
{
	if (!type)
		return req_fail(req, RSC_NON_BLOCKING_SYNCH_REQUEST_NOT_SUPPORTED, "<request>: not supported");
	if (is_to_request(req))
		return req_fail(req, RSC_BAD_REQUEST, "responseType (rt): a <request> takes blocking requests only");
	if (req->cse->deferrals.count >= req->cse->config.most_deferred)
		return req_fail(req, RSC_INTERNAL_SERVER_ERROR, "too many non-blocking requests are pending");
	return RSC_NONE;
}

enum rsc non_blocking_accept(struct request *req, bool is_asynchronous)
{
	struct cse *cse = req->cse;
	const struct type_def *type = schema_type(cse->schema, TY_request);
	struct str targets[MOST_RESPONSE_TARGETS];
	struct resource *resource;
	struct draft draft;
	int64_t due_us = 0, et_us = 0;
	enum rsc code = check_acceptable(req, type);

	if (code == RSC_NONE)
		code = settle_times(req, &due_us, &et_us);
	if (code != RSC_NONE)
		return code;
	draft_init(&draft, cse->schema, type, &req->arena);
	fill(req, &draft);
	code = check_meta_information(req, draft_get(&draft, ATTR_metaInformation));
	if (code != RSC_NONE)
		return code;
	code = quota_admit(req, cse->tree.root, type, cse->config.most_bytes ? draft_print(&draft).len : 0);
	if (code != RSC_NONE)
		return code;
	resource = create_locally(req, cse->tree.root, &draft, et_us);
	make_blocking(req);
	deferral_begin(resource->state,
		       deferral_print(req, due_us, targets, is_asynchronous ? response_targets(req, targets) : 0));
	put_resource(req, resource);
	events_created(req, resource);
	req->answer.content = arena_printf(&req->arena, "{\"m2m:uri\":\"%" STR_FMT "\"}", STR_ARG(resource->id));
	req->answer.rsc = is_asynchronous ? RSC_ACCEPTED_ASYNCH : RSC_ACCEPTED_SYNCH;
	return req->answer.rsc;
}
