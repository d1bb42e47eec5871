/* Fan-out: members in slices, and their answers in one. */
#include "cse/core/fanout.h"

#include "cse/base/id.h"
#include "cse/core/state.h"

#include <sched.h>
#include <stdlib.h>

enum {
	SLICE = 64,		/* members begun in one round of the loop */
	MOST_IN_FLIGHT = 4096,	/* of all fan-outs; one of each goes on beyond it, so that nested ones end */
	MOST_ANSWER = 32 << 20, /* bytes of one aggregated answer */
};

/* One member: whom to ask, and where in `out` the answer stands. */
struct fan_member {
	struct fan_target target;
	size_t start, len; /* len 0: none yet */
};

struct fanout {
	struct list link; /* in fans->waiting or fans->complete */
	struct fans *fans;
	struct arena arena;
	struct request *parent; /* NULL: it has been answered */
	struct fan_member *members;
	size_t count, begun, answered, in_flight;
	struct strbuf out; /* the answers, as they come */
	struct timer deadline;

	/* What every member's request is made of, in the arena. */
	struct str param[PARAM_COUNT];
	struct filter filter;
	struct str content;
	const char *binding;
	struct peer peer;

	bool made_gid; /* and notes what was reached with it: */
	struct list noted;
	struct fanout *maker; /* who made the identifier that came with the request, if it was a fan-out here */
	size_t uses;	      /* fan-outs whose maker this is */
};

struct list *fanout_noted(struct fanout *fan)
{
	if (fan->made_gid)
		return &fan->noted;
	return fan->maker ? &fan->maker->noted : NULL;
}

/* ---- the answer ---- */

/* Response parameters go by the short names of the request's: TS-0004 8.2.2. */
static void print_string(struct strbuf *out, enum parameter parameter, struct str text)
{
	strbuf_addf(out, ",\"%s\":", parameter_defs[parameter].short_name);
	strbuf_add_json(out, text);
}

/* One member's response primitive. Its content is left out when the whole would become too large. */
static void print_answer(struct fanout *fan, const struct request *member, struct fan_member *whose)
{
	const struct answer *answer = &member->answer;
	bool fits = fan->out.len + answer->content.len <= MOST_ANSWER;
	enum rsc rsc = fits || member->op != OP_RETRIEVE ? answer->rsc : RSC_INTERNAL_SERVER_ERROR;
	struct strbuf *out = &fan->out;

	whose->start = out->len;
	strbuf_addf(out, "{\"rsc\":%d", rsc);
	print_string(out, PARAM_requestIdentifier, member->param[PARAM_requestIdentifier]);
	print_string(out, PARAM_to, member->param[PARAM_from].ptr ? member->param[PARAM_from] : STR(""));
	print_string(out, PARAM_from, whose->target.id);
	if (request_has(member, PARAM_releaseVersionIndicator))
		print_string(out, PARAM_releaseVersionIndicator, member->param[PARAM_releaseVersionIndicator]);
	if (answer->is_partial)
		strbuf_addf(out, ",\"cnst\":1,\"cnot\":%llu", (unsigned long long)answer->offset);
	if (fits && answer->content.len) {
		STRBUF_LIT(out, ",\"pc\":");
		strbuf_add_str(out, answer->content);
	} else if (!fits) {
		STRBUF_LIT(out, ",\"pc\":{\"m2m:dbg\":\"the answers of the members are too large together\"}");
	}
	strbuf_add_char(out, '}');
	whose->len = out->len - whose->start;
}

/* In the order of the members, whoever was first. */
static struct str aggregate(const struct fanout *fan, struct arena *arena)
{
	const struct str head = STR("{\"m2m:agr\":{\"m2m:rsp\":["), tail = STR("]}}");
	char *text = arena_alloc(arena, head.len + fan->out.len + fan->count + tail.len), *at = text + head.len;

	memcpy(text, head.ptr, head.len);
	for (size_t i = 0; i < fan->count; i++) {
		const struct fan_member *member = &fan->members[i];

		if (member->len == 0)
			continue;
		if (at != text + head.len)
			*at++ = ',';
		memcpy(at, fan->out.ptr + member->start, member->len);
		at += member->len;
	}
	memcpy(at, tail.ptr, tail.len);
	return str_make(text, (size_t)(at - text) + tail.len);
}

/* Ends when it has been answered and nobody views it any more. */
static void release(struct fanout *fan)
{
	while (fan && !fan->parent && fan->in_flight == 0 && fan->uses == 0) {
		struct fanout *maker = fan->maker;

		group_requests_forget(&fan->noted);
		strbuf_finish(&fan->out);
		arena_finish(&fan->arena);
		free(fan);
		if (maker)
			maker->uses--;
		fan = maker;
	}
}

/* TS-0004 7.4.14.2.5. */
static void answer_parent(struct fanout *fan)
{
	struct request *parent = fan->parent;

	fan->parent = NULL;
	list_remove(&fan->link);
	loop_timer_cancel(fan->fans->cse->loop, &fan->deadline);
	if (fan->answered == 0) {
		req_fail(parent, RSC_GROUP_MEMBERS_NOT_RESPONDED, "no member has answered in time");
		print_refusal(parent);
	} else {
		parent->answer.rsc = RSC_OK;
		parent->answer.content = aggregate(fan, &parent->arena);
	}
	strbuf_finish(&fan->out);
	fan->out = (struct strbuf){0};
	commit_finish(parent->cse->committer, parent);
}

static void out_of_time(struct timer *timer)
{
	struct fanout *fan = container_of(timer, struct fanout, deadline);

	answer_parent(fan);
	release(fan);
}

static void post(struct fans *fans)
{
	if (fans->is_posted)
		return;
	fans->is_posted = true;
	loop_post(fans->cse->loop, &fans->work);
}

/* ---- the members ---- */

struct member_answer {
	struct fanout *fan;
	struct fan_member *whose;
};

static void member_answered(struct request *member, void *arg)
{
	const struct member_answer *slot = arg;
	struct fanout *fan = slot->fan;

	fan->in_flight--;
	fan->fans->in_flight--;
	fan->answered++;
	if (fan->parent)
		print_answer(fan, member, slot->whose);
	request_release(member);
	if (!fan->parent) {
		release(fan);
	} else if (fan->answered == fan->count) {
		list_push(&fan->fans->complete, &fan->link);
		post(fan->fans);
	} else if (fan->begun < fan->count) {
		post(fan->fans);
	}
}

static void begin_member(struct fanout *fan)
{
	struct fan_member *whose = &fan->members[fan->begun++];
	struct request *member = request_internal(fan->fans->cse, OP_NONE);
	struct member_answer *slot = arena_alloc(&member->arena, sizeof(*slot));

	*slot = (struct member_answer){fan, whose};
	memcpy(member->param, fan->param, sizeof(member->param));
	request_set(member, PARAM_to, whose->target.to);
	request_set(member, PARAM_groupRequestTargetMembers, whose->target.only);
	request_set(member, PARAM_requestIdentifier,
		    arena_printf(&member->arena, "%.*s-%zu", STR_ARG(fan->param[PARAM_requestIdentifier]), fan->begun));
	member->filter = fan->filter;
	member->content = fan->content;
	member->binding = fan->binding;
	member->peer = fan->peer;
	member->fan = fan;
	member->is_own = false;
	member->from = (struct str){0};
	member->reply = member_answered;
	member->arg = slot;
	member->step = 0;
	fan->in_flight++;
	fan->fans->in_flight++;
	dispatch(member);
}

static bool may_begin(const struct fanout *fan)
{
	return fan->begun < fan->count && (fan->fans->in_flight < MOST_IN_FLIGHT || fan->in_flight == 0);
}

static void answer_complete(struct fans *fans)
{
	while (!list_empty(&fans->complete)) {
		struct fanout *fan = container_of(fans->complete.next, struct fanout, link);

		answer_parent(fan);
		release(fan);
	}
}

/* As many members as the slice and what is in flight allow. */
static unsigned begin_some(struct fanout *fan, unsigned most)
{
	unsigned count = 0;

	while (count < most && may_begin(fan)) {
		begin_member(fan);
		count++;
	}
	return count;
}

/* Each fan-out in turn, as far as the slice reaches; those that were served go behind those that were not. */
static void work(struct loop_task *task)
{
	struct fans *fans = container_of(task, struct fans, work);
	unsigned left = SLICE;
	struct list turns;

	fans->is_posted = false;
	list_init(&turns);
	list_splice(&turns, &fans->waiting);
	while (left > 0 && !list_empty(&turns)) {
		struct fanout *fan = container_of(turns.next, struct fanout, link);

		list_remove(&fan->link);
		left -= begin_some(fan, left);
		if (fan->begun == fan->count)
			continue;
		list_push(&fans->waiting, &fan->link);
		if (may_begin(fan))
			post(fans);
	}
	if (!list_empty(&turns)) {
		list_splice(&turns, &fans->waiting);
		list_splice(&fans->waiting, &turns);
		post(fans);
	}
	answer_complete(fans);
	/* Where there is one core only, the thread that makes others' changes durable would wait for this one's time
	 * slice. */
	if (fans->is_posted && !commit_is_idle(fans->cse->committer))
		sched_yield();
}

/* ---- the beginning ---- */

static struct str copy(struct fanout *fan, struct str s)
{
	return s.ptr ? arena_copy(&fan->arena, s) : s;
}

/* Everything but what is about this hop alone. */
static void copy_primitive(struct fanout *fan, const struct request *req)
{
	for (unsigned i = 0; i < PARAM_COUNT; i++)
		fan->param[i] = copy(fan, req->param[i]);
	fan->param[PARAM_responseType] = (struct str){0};
	fan->param[PARAM_resultPersistence] = (struct str){0};
	fan->content = copy(fan, req->content);
	fan->binding = req->binding;
	fan->peer = req->peer;
	fan->filter.count = req->filter.count;
	fan->filter.items = arena_alloc(&fan->arena, (req->filter.count + 1) * sizeof(*fan->filter.items));
	for (unsigned i = 0; i < req->filter.count; i++) {
		const struct filter_item *item = &req->filter.items[i];

		fan->filter.items[i] = (struct filter_item){item->tag, copy(fan, item->name), copy(fan, item->text)};
	}
}

static void copy_targets(struct fanout *fan, const struct fan_target *targets, size_t count)
{
	fan->members = arena_zalloc(&fan->arena, (count + 1) * sizeof(*fan->members));
	fan->count = count;
	for (size_t i = 0; i < count; i++)
		fan->members[i].target = (struct fan_target){copy(fan, targets[i].id), copy(fan, targets[i].to),
							     copy(fan, targets[i].only)};
}

/* TS-0004 7.4.14.2.4: the identifier of this CSE's own making, noted for the point it starts from. */
static enum rsc make_identifier(struct fanout *fan, struct request *req)
{
	enum { RANDOM = 16 };
	struct id_source source;
	char text[RANDOM];

	id_source_init(&source, id_seed());
	id_text(&source, text, RANDOM);
	fan->made_gid = true;
	fan->param[PARAM_groupRequestIdentifier] =
		arena_printf(&fan->arena, "%s/%.*s", req->cse->config.id, RANDOM, text);
	return group_request_note(req, fan->param[PARAM_groupRequestIdentifier], &fan->noted);
}

enum rsc fanout_start(struct request *req, const struct fan_target *targets, size_t count, bool is_nested)
{
	struct fans *fans = &req->cse->fans;
	struct fanout *fan = xzalloc(sizeof(*fan));
	enum rsc code = RSC_NONE;

	fan->fans = fans;
	list_init(&fan->link);
	list_init(&fan->noted);
	arena_init(&fan->arena);
	fan->deadline.fire = out_of_time;
	copy_primitive(fan, req);
	if (is_nested && !request_has(req, PARAM_groupRequestIdentifier))
		code = make_identifier(fan, req);
	if (code != RSC_NONE) {
		release(fan);
		return code;
	}
	if (req->fan)
		fan->maker = req->fan->made_gid ? req->fan : req->fan->maker;
	if (fan->maker)
		fan->maker->uses++;
	copy_targets(fan, targets, count);
	fan->parent = req;
	list_push(&fans->waiting, &fan->link);
	loop_timer_set(fans->cse->loop, &fan->deadline,
		       request_time_left(req, req->cse->config.fanout_timeout_s * 1000000));
	post(fans);
	return RSC_PENDING;
}

void fans_start(struct fans *fans, struct cse *cse)
{
	fans->cse = cse;
	fans->work.run = work;
	list_init(&fans->waiting);
	list_init(&fans->complete);
	list_init(&fans->remembered);
}

void fans_stop(struct fans *fans)
{
	group_requests_forget(&fans->remembered);
	map_finish(&fans->noted);
}
