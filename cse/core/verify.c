/* Verification of notification targets: TS-0004 7.5.1.2.3. The CREATE or UPDATE is parked while they are asked, and
 * goes through the whole procedure again once all of them have said yes. */
#include "cse/core/notification.h"
#include "cse/core/outgoing.h"
#include "cse/core/state.h"

struct verified {
	struct str id; /* resourceID that the targets were told of */
	struct str *targets;
	unsigned count;
};

struct str verified_id(const struct request *req)
{
	return req->verified ? req->verified->id : (struct str){0};
}

static bool is_verified(const struct request *req, struct str target)
{
	for (unsigned i = 0; req->verified && i < req->verified->count; i++)
		if (str_eq(req->verified->targets[i], target))
			return true;
	return false;
}

static const char *status_name(enum rsc code)
{
	const struct status_def *status = status_find((int)code);

	return status ? status->name : "an unknown code";
}

static enum rsc refuse(struct request *req, const struct outgoing *out)
{
	struct str rest = out->target, target = str_split(&rest, '?');

	if (out->outcome == HOP_ANSWERED)
		return req_fail(req, RSC_SUBSCRIPTION_VERIFICATION_INITIATION_FAILED,
				"notificationURI (nu): %.*s answered the verification with %d (%s)",
				target.len > 120 ? 120 : (int)target.len, target.ptr, out->rsc, status_name(out->rsc));
	return req_fail(req, RSC_SUBSCRIPTION_VERIFICATION_INITIATION_FAILED,
			"notificationURI (nu): %.*s cannot be verified: %s", target.len > 120 ? 120 : (int)target.len,
			target.ptr, out->reason);
}

static void verified(struct inquiry *inquiry)
{
	struct request *req = inquiry->req;

	for (unsigned i = 0; i < inquiry->count; i++) {
		const struct outgoing *out = &inquiry->outs[i];

		if (out->outcome != HOP_ANSWERED || !rsc_is_success(out->rsc)) {
			dispatch_end(req, refuse(req, out));
			return;
		}
	}
	dispatch_again(req);
}

/* The text of m2m:sgn with its root. */
static struct str content_of(struct request *req, struct str id)
{
	struct strbuf *out = &req->cse->scratch;
	struct str text = notification_of_verification(req, id, req->from);

	strbuf_clear(out);
	notification_wrap(out, "m2m:sgn", text);
	return arena_copy(&req->arena, strbuf_str(out));
}

static void fill(struct request *req, struct outgoing *out, struct str target, struct str content)
{
	out->target = target;
	out->op = OP_NOTIFY;
	out->from = str_of(req->cse->config.id);
	out->identifier = new_request_identifier(req);
	out->content = content;
	out->timeout_us = request_time_left(req, req->cse->config.notify_timeout_s * 1000000);
}

enum rsc verify_targets(struct request *req, struct str id, const struct str *targets, unsigned count)
{
	struct verified *now = arena_zalloc(&req->arena, sizeof(*now));
	struct inquiry *inquiry;
	struct str content;
	unsigned open = 0;

	if (!id.ptr) {
		char *text = arena_alloc(&req->arena, INSTANCE_ID_SIZE);

		instance_id_print(text, 'r', cse_next_key(req->cse));
		id = str_make(text, INSTANCE_ID_SIZE - 1);
	}
	now->id = id;
	now->targets = arena_alloc(&req->arena, (count + 1) * sizeof(*now->targets));
	for (unsigned i = 0; i < count; i++)
		if (!is_verified(req, targets[i]))
			now->targets[open++] = arena_copy(&req->arena, targets[i]);
	now->count = open;
	if (open == 0)
		return RSC_NONE;
	content = content_of(req, id);
	inquiry = inquiry_create(req, open, verified);
	for (unsigned i = 0; i < open; i++)
		fill(req, &inquiry->outs[i], now->targets[i], content);
	req->verified = now;
	return inquiry_send(inquiry);
}
