/* Gathering notifications. */
#include "cse/core/gather.h"

#include "cse/core/notification.h"
#include "cse/core/state.h"

#include <stdio.h>
#include <stdlib.h>

enum { MOST_GATHERED = 1000 }; /* that wait for a further one */

struct gathering {
	struct list link; /* in cse->gatherings */
	struct cse *cse;
	uint64_t group;
	struct str target; /* behind the struct */
	struct list requests;
	uint64_t count; /* notifications */
	struct strbuf content;
	struct timer timer;
	bool is_sending;
	struct outgoing out;
	char identifier[INSTANCE_ID_SIZE];
};

static void destroy(struct gathering *gathering)
{
	loop_timer_cancel(gathering->cse->loop, &gathering->timer);
	list_remove(&gathering->link);
	strbuf_finish(&gathering->content);
	free(gathering);
}

static struct request *next_request(struct gathering *gathering)
{
	struct request *req = container_of(gathering->requests.next, struct request, link);

	list_remove(&req->link);
	return req;
}

/* Each of those that sent something gets the subscriber's answer. */
static void answered(struct outgoing *out)
{
	struct gathering *gathering = container_of(out, struct gathering, out);

	while (!list_empty(&gathering->requests)) {
		struct request *req = next_request(gathering);

		if (out->outcome == HOP_ANSWERED && rsc_is_success(out->rsc)) {
			req->answer.rsc = out->rsc;
			dispatch_end(req, RSC_OK);
		} else if (out->outcome == HOP_ANSWERED) {
			dispatch_end(req, req_fail(req, out->rsc, "the subscriber answered so"));
		} else {
			dispatch_end(req, req_fail(req, RSC_TARGET_NOT_REACHABLE, "the subscriber: %s", out->reason));
		}
	}
	destroy(gathering);
}

static void send(struct gathering *gathering)
{
	struct cse *cse = gathering->cse;

	loop_timer_cancel(cse->loop, &gathering->timer);
	notification_wrap_end(&gathering->content);
	instance_id_print(gathering->identifier, 'q', cse_next_key(cse));
	gathering->is_sending = true;
	gathering->out = (struct outgoing){
		.target = gathering->target,
		.op = OP_NOTIFY,
		.from = str_of(cse->config.id),
		.identifier = str_of(gathering->identifier),
		.content = strbuf_str(&gathering->content),
		.timeout_us = cse->config.notify_timeout_s * 1000000,
		.done = answered,
	};
	outgoing_send(cse, &gathering->out);
}

static void time_is_up(struct timer *timer)
{
	send(container_of(timer, struct gathering, timer));
}

/* The one that still collects for this group and target, made if there is none. */
static struct gathering *gathering_for(struct cse *cse, const struct gathering_rule *rule)
{
	struct gathering *gathering;
	char *text;

	list_each (item, &cse->gatherings) {
		gathering = container_of(item, struct gathering, link);
		if (!gathering->is_sending && gathering->group == rule->group &&
		    str_eq(gathering->target, rule->target))
			return gathering;
	}
	gathering = xzalloc(sizeof(*gathering) + rule->target.len);
	text = (char *)(gathering + 1);
	memcpy(text, rule->target.ptr, rule->target.len);
	gathering->target = str_make(text, rule->target.len);
	gathering->cse = cse;
	gathering->group = rule->group;
	gathering->timer.fire = time_is_up;
	list_init(&gathering->requests);
	list_push(&cse->gatherings, &gathering->link);
	notification_wrap_begin(&gathering->content);
	loop_timer_set(cse->loop, &gathering->timer, rule->duration_us);
	return gathering;
}

/* What would make the message larger than a request may be goes into the next one. */
static struct gathering *gathering_with_room(struct cse *cse, const struct gathering_rule *rule, size_t size)
{
	struct gathering *gathering = gathering_for(cse, rule);

	if (gathering->count == 0 || gathering->content.len + size <= cse->config.decode.bytes)
		return gathering;
	send(gathering);
	return gathering_for(cse, rule);
}

static void take(struct gathering *gathering, struct value notification)
{
	notification_wrap_next(&gathering->content, value_text(notification));
	gathering->count++;
}

enum rsc gather_notification(struct request *req, const struct gathering_rule *rule)
{
	struct value only = value_first(doc_root(&req->doc)), list;
	struct gathering *gathering = gathering_with_room(req->cse, rule, value_text(only).len);

	if (!value_is_absent(notification_of(req))) {
		take(gathering, only);
	} else {
		list = value_first(only);
		for (struct value v = value_first(list); !value_is_absent(v); v = value_next(list, v))
			take(gathering, v);
	}
	list_push(&gathering->requests, &req->link);
	if (gathering->count >= rule->number || gathering->count >= MOST_GATHERED)
		send(gathering);
	return RSC_PENDING;
}

void gatherings_stop(struct cse *cse)
{
	while (!list_empty(&cse->gatherings)) {
		struct gathering *gathering = container_of(cse->gatherings.next, struct gathering, link);

		if (gathering->is_sending)
			outgoing_cancel(&gathering->out);
		gathering->out.outcome = HOP_UNREACHABLE;
		snprintf(gathering->out.reason, sizeof(gathering->out.reason), "the CSE stops");
		answered(&gathering->out);
	}
}
