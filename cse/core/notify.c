/* NOTIFY received: TS-0004 7.3.3.9. What becomes of it is the affair of the resource type it is for. */
#include "cse/core/outgoing.h"
#include "cse/core/state.h"

/* The notification data objects: TS-0004 table 7.5.1.1-2. kind NULL: any object. */
static const struct notification_root {
	const char *name, *kind;
} roots[] = {
	{"m2m:sgn", "notification"},
	{"m2m:agn", "aggregatedNotification"},
	{"m2m:rsp", "responsePrimitive"},
	{"m2m:seci", NULL},
};

static enum rsc check_object(struct request *req, const struct notification_root *root, struct value object)
{
	struct constraint none = {0};
	struct kind kind = {.base = KIND_COMPLEX};
	const char *wrong;

	if (value_type(object) != VALUE_OBJECT)
		return req_fail(req, RSC_BAD_REQUEST, "content: %s must be an object", root->name);
	if (!root->kind)
		return RSC_NONE;
	kind.of = complex_find(str_of(root->kind));
	wrong = validate_kind(req->cse->schema, kind, &none, object, &req->arena);
	return wrong ? req_fail(req, RSC_BAD_REQUEST, "content: %s: %s", root->name, wrong) : RSC_NONE;
}

enum rsc check_notification(struct request *req)
{
	struct value root = req->content.len ? doc_root(&req->doc) : (struct value){0}, only;

	if (value_is_absent(root))
		return req_fail(req, RSC_BAD_REQUEST, "content: missing");
	if (value_type(root) != VALUE_OBJECT || value_token(root)->count != 1)
		return req_fail(req, RSC_BAD_REQUEST, "content: must be an object with one member");
	only = value_first(root);
	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++)
		if (str_eq(value_name(only), str_of(roots[i].name)))
			return check_object(req, &roots[i], only);
	return req_fail(req, RSC_BAD_REQUEST, "content: is no notification (a CREATE needs a resource type)");
}

struct value notification_of(const struct request *req)
{
	struct value root = req->content.len ? doc_root(&req->doc) : (struct value){0};

	return value_is_absent(root) || value_type(root) != VALUE_OBJECT ? (struct value){0}
									 : value_member(root, STR("m2m:sgn"));
}

enum rsc perform_notify(struct request *req)
{
	return req->target.resource->type->hooks->notify(req);
}

/* ---- to the entity behind a registration ---- */

static void forwarded(struct inquiry *inquiry)
{
	struct request *req = inquiry->req;
	const struct outgoing *out = &inquiry->outs[0];

	if (out->outcome != HOP_ANSWERED) {
		enum rsc code = out->outcome == HOP_LATE ? RSC_REQUEST_TIMEOUT : RSC_TARGET_NOT_REACHABLE;

		dispatch_end(req, req_fail(req, code, "the target of the notification: %s", out->reason));
		return;
	}
	req->answer.rsc = out->rsc;
	req->answer.content = out->answer;
	if (!rsc_is_success(out->rsc) && !out->answer.len)
		dispatch_end(req, req_fail(req, out->rsc, "the target of the notification answered so"));
	else
		dispatch_end(req, RSC_OK);
}

/* TS-0001 7.1.7: an AE's identifier is made unique by its AE-ID-Stem and a slash, that of another CSE goes on as it is.
 * req->from of what is registered elsewhere has a slash. */
static struct str forwarded_identifier(struct request *req)
{
	struct str own = req->param[PARAM_requestIdentifier];

	if (!req->from.len || memchr(req->from.ptr, '/', req->from.len))
		return own;
	return arena_printf(&req->arena, "%.*s/%.*s", STR_ARG(req->from), STR_ARG(own));
}

enum rsc notify_forward(struct request *req)
{
	struct inquiry *inquiry = inquiry_create(req, 1, forwarded);
	struct outgoing *out = &inquiry->outs[0];

	out->target = arena_copy(&req->arena, req->target.resource->id);
	out->op = OP_NOTIFY;
	out->from = req->param[PARAM_from];
	out->identifier = forwarded_identifier(req);
	out->content = req->content;
	out->timeout_us = request_time_left(req, req->cse->config.notify_timeout_s * 1000000);
	return inquiry_send(inquiry);
}
