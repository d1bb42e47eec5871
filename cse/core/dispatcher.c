/* The receiver's procedure, step by step: TS-0004 7.2.2.2. */
#include "cse/core/events.h"
#include "cse/core/state.h"

struct step {
	const char *name;
	enum rsc (*run)(struct request *req);
};

static const struct step steps[] = {
	{"Recv-1.0 check the validity of the primitive", check_validity},
	{"Recv-2.0 communication method", check_response_type},
	{"Recv-6.1 hosting CSE", check_hosting},
	{"Recv-6.2 existence of the addressed resource", check_existence},
	{"Recv-6.2.1 duplicate group requests", check_group_request},
	{"the operation is one the target takes", check_operation},
	{"Recv-6.2 existence of what a virtual resource stands for", follow_virtual},
	{"Recv-6.3 authorization of the originator", check_authorization},
	{"the precondition of the binding holds", check_precondition},
	{"Recv-6.4 validity of the representation", check_representation},
	{"an update waits for the consent of a blocking subscription", hold_back},
	{"Recv-6.5 the operation", perform},
};

/* An originator that repeats an identifier while the first request is in work gets a refusal, TS-0001 7.1.7. */
uint64_t request_hash(const struct cse *cse, struct str from, struct str identifier)
{
	return str_hash(identifier, str_hash(from, cse->tree.seed));
}

static uint64_t pending_hash(const struct request *req)
{
	return request_hash(req->cse, req->param[PARAM_from], req->param[PARAM_requestIdentifier]);
}

static bool is_pending(const struct request *req)
{
	struct map_node *node = map_first(&req->cse->pending, pending_hash(req));

	for (; node; node = map_next(node)) {
		struct request *other = container_of(node, struct request, pending);

		if (str_eq(other->param[PARAM_requestIdentifier], req->param[PARAM_requestIdentifier]) &&
		    str_eq(other->param[PARAM_from], req->param[PARAM_from]))
			return true;
	}
	return non_blocking_is_pending(req->cse, req->param[PARAM_from], req->param[PARAM_requestIdentifier]);
}

static void log_answer(const struct request *req)
{
	const struct cse *cse = req->cse;

	if (req->answer.rsc == RSC_NONE) /* of the CSE itself */
		return;
	if (!log_on(cse->log, LOG_INFO) || (rsc_is_success(req->answer.rsc) && !log_on(cse->log, LOG_DEBUG)))
		return;
	log_event(cse->log, rsc_is_success(req->answer.rsc) ? LOG_DEBUG : LOG_INFO, "request",
		  "rqi=\"%.*s\" from=\"%.*s\" binding=%s op=%d to=\"%.*s\" rsc=%d us=%lld why=\"%.*s\"",
		  STR_ARG(req->param[PARAM_requestIdentifier]), STR_ARG(req->param[PARAM_from]), req->binding, req->op,
		  STR_ARG(req->param[PARAM_to]), req->answer.rsc,
		  (long long)(clock_wall_us(cse->clock) - req->received_us), STR_ARG(req->answer.dbg));
}

void request_answer(struct request *req)
{
	if (req->is_registered) {
		map_remove(&req->cse->pending, &req->pending);
		req->is_registered = false;
	}
	log_answer(req);
	req->reply(req, req->arg);
}

void print_refusal(struct request *req)
{
	struct strbuf *out = &req->cse->scratch;

	strbuf_clear(out);
	STRBUF_LIT(out, "{\"m2m:dbg\":");
	strbuf_add_json(out, req->answer.dbg);
	strbuf_add_char(out, '}');
	req->answer.content = arena_copy(&req->arena, strbuf_str(out));
}

/* noResponse: a binding that must answer says no more than that the request came. */
static void silence(struct request *req)
{
	if (req->wants_no_response)
		req->answer = (struct answer){.rsc = RSC_ACCEPTED, .is_unwanted = true};
}

static void refuse(struct request *req, enum rsc code)
{
	commit_revert(req);
	req->answer.rsc = code;
	print_refusal(req);
	/* What is refused may rest on something that is not durable yet. */
	commit_depend_on_all(req->cse->committer, req);
}

/* A monitor hears of what was tried, whether it was done or not. What a DELETE has removed was told of before. */
void dispatch_end(struct request *req, enum rsc code)
{
	if (code != RSC_NONE && !rsc_is_success(code))
		refuse(req, code);
	if (req->is_parked && cse_find(req->cse, req->param[PARAM_to], &req->target) != FOUND_HERE)
		req->target = (struct target){0};
	if (req->deferred)
		non_blocking_settle(req);
	if (req->target.resource && !req->target.virtual_ && !req->target.instance &&
	    !(req->op == OP_DELETE && rsc_is_success(code)))
		events_operated(req, req->target.resource);
	silence(req);
	commit_finish(req->cse->committer, req);
}

void dispatch(struct request *req)
{
	enum rsc code = RSC_NONE;

	while (code == RSC_NONE && req->step < sizeof(steps) / sizeof(steps[0])) {
		if (log_on(req->cse->log, LOG_DEBUG))
			log_event(req->cse->log, LOG_DEBUG, "step", "rqi=\"%.*s\" step=\"%s\"",
				  STR_ARG(req->param[PARAM_requestIdentifier]), steps[req->step].name);
		code = steps[req->step++].run(req);
	}
	req->is_parked = code == RSC_PENDING;
	if (req->is_parked)
		req->target = (struct target){0}; /* it may go meanwhile */
	else
		dispatch_end(req, code);
}

void dispatch_again(struct request *req)
{
	list_init(&req->changes);
	list_init(&req->undo);
	req->depends_on = 0;
	req->answer = (struct answer){0};
	req->target = (struct target){0};
	if (req->step == UINT32_MAX || (req->deferred && !non_blocking_goes_on(req))) {
		request_answer(req);
		return;
	}
	req->step = 0;
	dispatch(req);
}

void cse_submit(struct cse *cse, struct request *req, void (*reply)(struct request *req, void *arg), void *arg)
{
	req->reply = reply;
	req->arg = arg;
	req->received_us = clock_wall_us(cse->clock);
	if (request_has(req, PARAM_requestIdentifier)) {
		if (is_pending(req)) {
			refuse(req, req_fail(req, RSC_BAD_REQUEST, "requestIdentifier (rqi): is still in work"));
			commit_finish(cse->committer, req);
			return;
		}
		map_add(&cse->pending, &req->pending, pending_hash(req));
		req->is_registered = true;
	}
	dispatch(req);
}
