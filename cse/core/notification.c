/* Composing notification data objects. */
#include "cse/core/notification.h"

#include "cse/core/state.h"

/* `"sur":` with a comma before it unless it is the first member. */
static void print_name(struct strbuf *out, const struct cse *cse, unsigned name)
{
	if (out->len && out->ptr[out->len - 1] != '{')
		strbuf_add_char(out, ',');
	strbuf_add_char(out, '"');
	strbuf_add_str(out, name_short(cse->schema, name));
	STRBUF_LIT(out, "\":");
}

static void print_string(struct strbuf *out, const struct cse *cse, unsigned name, struct str text)
{
	print_name(out, cse, name);
	strbuf_add_json(out, text);
}

static void print_true(struct strbuf *out, const struct cse *cse, unsigned name)
{
	print_name(out, cse, name);
	STRBUF_LIT(out, "true");
}

struct str sp_relative(struct request *req, struct str id)
{
	return arena_printf(&req->arena, "%s/%.*s", req->cse->config.id, STR_ARG(id));
}

/* subscriptionReference, and what else every notification of a subscription carries. */
static struct str finish(struct request *req, struct strbuf *out, const struct subscription *subscription,
			 struct str creator)
{
	const struct cse *cse = req->cse;

	print_name(out, cse, ATTR_subscriptionReference);
	strbuf_add_char(out, '"');
	strbuf_add_str(out, str_of(cse->config.id));
	strbuf_add_char(out, '/');
	strbuf_add_str(out, subscription->resource->id);
	strbuf_add_char(out, '"');
	if (creator.ptr)
		print_string(out, cse, ATTR_creator, creator);
	if (subscription->forwarding.ptr)
		print_string(out, cse, ATTR_notificationForwardingURI, subscription->forwarding);
	strbuf_add_char(out, '}');
	return arena_copy(&req->arena, strbuf_str(out));
}

/* Without a creator, the originator of the event if that is asked for (enableEventNotificationOriginator). */
static struct str named_creator(const struct request *req, const struct subscription *subscription)
{
	return subscription->creator.ptr || !subscription->names_originator ? subscription->creator : req->from;
}

struct str notification_of_event(struct request *req, const struct subscription *subscription, enum event_type type,
				 struct str representation)
{
	struct strbuf *out = &req->cse->scratch;

	strbuf_clear(out);
	strbuf_add_char(out, '{');
	print_name(out, req->cse, ATTR_notificationEvent);
	strbuf_add_char(out, '{');
	if (representation.ptr) {
		print_name(out, req->cse, ATTR_representation);
		strbuf_add_str(out, representation);
	}
	print_name(out, req->cse, ATTR_notificationEventType);
	strbuf_add_u64(out, type);
	strbuf_add_char(out, '}');
	return finish(req, out, subscription, named_creator(req, subscription));
}

/* notificationEventType is mandatory beside the operation (TS-0004 6.3.5.13): the event that the operation brings
 * about, as far as there is one. */
struct str notification_of_operation(struct request *req, const struct subscription *subscription)
{
	static const enum event_type events[] = {
		[OP_CREATE] = EVENT_CREATE_CHILD, [OP_RETRIEVE] = EVENT_UPDATE, [OP_UPDATE] = EVENT_UPDATE,
		[OP_DELETE] = EVENT_DELETE,	  [OP_NOTIFY] = EVENT_UPDATE,
	};
	struct strbuf *out = &req->cse->scratch;

	strbuf_clear(out);
	strbuf_add_char(out, '{');
	print_name(out, req->cse, ATTR_notificationEvent);
	strbuf_add_char(out, '{');
	print_name(out, req->cse, ATTR_operationMonitor);
	strbuf_add_char(out, '{');
	print_name(out, req->cse, ATTR_operation);
	strbuf_add_u64(out, req->op);
	print_string(out, req->cse, ATTR_originator__member, req->from);
	strbuf_add_char(out, '}');
	print_name(out, req->cse, ATTR_notificationEventType);
	strbuf_add_u64(out, events[req->op]);
	strbuf_add_char(out, '}');
	return finish(req, out, subscription, named_creator(req, subscription));
}

struct str notification_of_deletion(struct request *req, const struct subscription *subscription)
{
	struct strbuf *out = &req->cse->scratch;

	strbuf_clear(out);
	strbuf_add_char(out, '{');
	print_true(out, req->cse, ATTR_subscriptionDeletion);
	return finish(req, out, subscription, subscription->creator);
}

struct str notification_of_verification(struct request *req, struct str id, struct str creator)
{
	struct strbuf *out = &req->cse->scratch;

	strbuf_clear(out);
	strbuf_add_char(out, '{');
	print_true(out, req->cse, ATTR_verificationRequest);
	print_string(out, req->cse, ATTR_subscriptionReference, sp_relative(req, id));
	print_string(out, req->cse, ATTR_creator, creator);
	strbuf_add_char(out, '}');
	return arena_copy(&req->arena, strbuf_str(out));
}

void notification_wrap(struct strbuf *out, const char *root, struct str text)
{
	strbuf_reserve(out, text.len + 16);
	strbuf_addf(out, "{\"%s\":", root);
	strbuf_add_str(out, text);
	strbuf_add_char(out, '}');
}

void notification_wrap_begin(struct strbuf *out)
{
	STRBUF_LIT(out, "{\"m2m:agn\":{\"m2m:sgn\":[");
}

void notification_wrap_next(struct strbuf *out, struct str text)
{
	if (out->ptr[out->len - 1] != '[')
		strbuf_add_char(out, ',');
	strbuf_add_str(out, text);
}

void notification_wrap_end(struct strbuf *out)
{
	STRBUF_LIT(out, "]}}");
}
