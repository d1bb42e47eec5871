/* Group Request Identifiers that have been seen: a fan-out that comes back to where it was is stopped. TS-0004 7.3.3.2.
 */
#include "cse/core/state.h"
#include "schemas/timestamp.h"

#include <stdlib.h>

enum { MOST_NOTED = 200000, KEPT_S = 60 };

struct noted {
	struct map_node node;
	struct list link;
	struct timer timer; /* of one that came from elsewhere */
	struct fans *fans;
	uint64_t key; /* of the target */
	const struct virtual_def *virtual_;
	struct str gid, suffix; /* behind the struct */
};

static uint64_t key_of(const struct target *target)
{
	return target->instance ? target->instance : target->resource->key;
}

static uint64_t hash_of(const struct fans *fans, struct str gid, uint64_t key)
{
	return str_hash(gid, fans->cse->tree.seed ^ key * 0x9e3779b97f4a7c15u);
}

static bool is_noted(const struct fans *fans, struct str gid, const struct target *target)
{
	struct map_node *node = map_first(&fans->noted, hash_of(fans, gid, key_of(target)));

	for (; node; node = map_next(node)) {
		const struct noted *noted = container_of(node, struct noted, node);

		if (noted->key == key_of(target) && noted->virtual_ == target->virtual_ && str_eq(noted->gid, gid) &&
		    str_eq(noted->suffix, target->suffix))
			return true;
	}
	return false;
}

static void forget(struct noted *noted)
{
	loop_timer_cancel(noted->fans->cse->loop, &noted->timer);
	list_remove(&noted->link);
	map_remove(&noted->fans->noted, &noted->node);
	free(noted);
}

static void expire(struct timer *timer)
{
	forget(container_of(timer, struct noted, timer));
}

void group_requests_forget(struct list *noted)
{
	list_each (item, noted)
		forget(container_of(item, struct noted, link));
}

static struct str place(char *at, struct str s)
{
	if (s.len)
		memcpy(at, s.ptr, s.len);
	return str_make(at, s.len);
}

/* Until the request expires, but not for longer than is of use. */
static int64_t kept_us(const struct request *req)
{
	int64_t longest = KEPT_S * (int64_t)1000000, expires;

	if (!request_has(req, PARAM_requestExpirationTimestamp) ||
	    timestamp_parse_abs_rel(req->param[PARAM_requestExpirationTimestamp], req->received_us, &expires) != 0)
		return longest;
	expires -= req->received_us;
	return expires < longest ? expires : longest;
}

enum rsc group_request_note(struct request *req, struct str gid, struct list *list)
{
	struct fans *fans = &req->cse->fans;
	const struct target *target = &req->target;
	struct noted *noted;

	if (fans->noted.count >= MOST_NOTED)
		return req_fail(req, RSC_INTERNAL_SERVER_ERROR, "too many group requests are in work");
	noted = xzalloc(sizeof(*noted) + gid.len + target->suffix.len);
	noted->fans = fans;
	noted->key = key_of(target);
	noted->virtual_ = target->virtual_;
	noted->gid = place((char *)(noted + 1), gid);
	noted->suffix = place((char *)(noted + 1) + gid.len, target->suffix);
	noted->timer.fire = expire;
	list_init(&noted->link);
	list_push(list ? list : &fans->remembered, &noted->link);
	map_add(&fans->noted, &noted->node, hash_of(fans, gid, noted->key));
	if (!list)
		loop_timer_set(fans->cse->loop, &noted->timer, kept_us(req));
	return RSC_NONE;
}

enum rsc check_group_request(struct request *req)
{
	struct str gid = req->param[PARAM_groupRequestIdentifier];

	if (!gid.ptr || req->is_noted)
		return RSC_NONE;
	if (is_noted(&req->cse->fans, gid, &req->target))
		return req_fail(req, RSC_GROUP_REQUEST_IDENTIFIER_EXISTS,
				"groupRequestIdentifier (gid): has been here before");
	req->is_noted = true;
	return group_request_note(req, gid, req->fan ? fanout_noted(req->fan) : NULL);
}
