/* Targets that are kept in memory. */
#include "tests/scenario/sink.h"

#include <stdio.h>
#include <stdlib.h>

struct manner {
	struct list link;
	struct str url;
	enum { ANSWERS, HANGS, REFUSES } what;
	enum rsc rsc;
};

/* A hop that hangs, until its time is up. */
struct hang {
	struct list link;
	struct timer timer;
	struct sink *sink;
	struct hop *hop;
};

static struct str keep(struct str s)
{
	char *copy = xmalloc(s.len + 1);

	memcpy(copy, s.ptr, s.len);
	return str_make(copy, s.len);
}

static struct manner *find_manner(const struct sink *sink, struct str url)
{
	list_each (item, (struct list *)(uintptr_t)&sink->manners)
		if (str_eq(container_of(item, struct manner, link)->url, url))
			return container_of(item, struct manner, link);
	return NULL;
}

int sink_set(struct sink *sink, struct str url, struct str text)
{
	bool hangs = str_eq(text, STR("hangs")), refuses = str_eq(text, STR("refuses"));
	struct manner *manner = find_manner(sink, url);
	int64_t code = RSC_NONE;

	if (!hangs && !refuses && (str_to_i64(text, &code) != 0 || !status_find((int)code)))
		return -1;
	if (!manner) {
		manner = xzalloc(sizeof(*manner));
		manner->url = keep(url);
		list_push(&sink->manners, &manner->link);
	}
	manner->what = hangs ? HANGS : refuses ? REFUSES : ANSWERS;
	manner->rsc = (enum rsc)code;
	return 0;
}

/* ---- hops ---- */

static void note_message(struct sink *sink, const struct hop *hop)
{
	struct sink_message *message = xzalloc(sizeof(*message));

	arena_init(&message->arena);
	message->url = arena_copy(&message->arena, hop->url);
	message->content = arena_copy(&message->arena, hop->content);
	message->serialization = arena_copy(&message->arena, hop->serialization);
	for (unsigned i = 0; i < PARAM_COUNT; i++)
		if (hop->param[i].ptr)
			message->param[i] = arena_copy(&message->arena, hop->param[i]);
	list_push(&sink->messages, &message->link);
}

static void give_up(struct timer *timer)
{
	struct hang *hang = container_of(timer, struct hang, timer);
	struct hop *hop = hang->hop;

	list_remove(&hang->link);
	hang->sink->hanging_count--;
	free(hang);
	hop->of_binding = NULL;
	hop->outcome = HOP_LATE;
	snprintf(hop->reason, sizeof(hop->reason), "no answer in time");
	hop->done(hop);
}

static void hang(struct sink *sink, struct hop *hop)
{
	struct hang *hang = xzalloc(sizeof(*hang));

	hang->sink = sink;
	hang->hop = hop;
	hang->timer.fire = give_up;
	hop->of_binding = hang;
	list_push(&sink->hanging, &hang->link);
	sink->hanging_count++;
	loop_timer_set(sink->loop, &hang->timer, hop->timeout_us);
}

static void answer(struct sink *sink, struct hop *hop)
{
	const struct manner *manner = find_manner(sink, hop->url);

	if (manner && manner->what == HANGS) {
		note_message(sink, hop);
		hang(sink, hop);
		return;
	}
	if (manner && manner->what == REFUSES) {
		hop->outcome = HOP_UNREACHABLE;
		snprintf(hop->reason, sizeof(hop->reason), "connection refused");
	} else {
		note_message(sink, hop);
		hop->outcome = HOP_ANSWERED;
		hop->rsc = manner ? manner->rsc : RSC_OK;
	}
	hop->done(hop);
}

static void answer_all(struct loop_task *task)
{
	struct sink *sink = container_of(task, struct sink, task);
	struct list now;

	sink->is_posted = false;
	list_init(&now);
	list_splice(&now, &sink->hops);
	while (!list_empty(&now)) {
		struct hop *hop = container_of(now.next, struct hop, link);

		list_remove(&hop->link);
		answer(sink, hop);
	}
}

static void sink_send(struct binding_state *state, struct hop *hop)
{
	struct sink *sink = (struct sink *)(void *)state;

	list_init(&hop->link);
	list_push(&sink->hops, &hop->link);
	hop->of_binding = NULL;
	if (sink->is_posted)
		return;
	sink->is_posted = true;
	loop_post(sink->loop, &sink->task);
}

static void sink_cancel(struct binding_state *state, struct hop *hop)
{
	struct sink *sink = (struct sink *)(void *)state;
	struct hang *hang = hop->of_binding;

	list_remove(&hop->link);
	if (!hang)
		return;
	list_remove(&hang->link);
	loop_timer_cancel(sink->loop, &hang->timer);
	sink->hanging_count--;
	free(hang);
}

const struct binding binding_sink = {
	.name = "sink",
	.schemes = (const char *const[]){"sink", NULL},
	.send = sink_send,
	.cancel = sink_cancel,
};

/* ---- messages ---- */

struct sink_message *sink_take(struct sink *sink, struct str url)
{
	list_each (item, &sink->messages) {
		struct sink_message *message = container_of(item, struct sink_message, link);

		if (!str_eq(message->url, url))
			continue;
		list_remove(&message->link);
		return message;
	}
	return NULL;
}

void sink_message_destroy(struct sink_message *message)
{
	arena_finish(&message->arena);
	free(message);
}

void sink_init(struct sink *sink, struct loop *loop)
{
	*sink = (struct sink){.loop = loop, .task = {.run = answer_all}};
	list_init(&sink->messages);
	list_init(&sink->hops);
	list_init(&sink->hanging);
	list_init(&sink->manners);
}

void sink_finish(struct sink *sink)
{
	list_each (item, &sink->messages)
		sink_message_destroy(container_of(item, struct sink_message, link));
	list_each (item, &sink->manners) {
		struct manner *manner = container_of(item, struct manner, link);

		free((void *)(uintptr_t)manner->url.ptr);
		free(manner);
	}
}
