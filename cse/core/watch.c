/* watch: watches by the key of their resource. */
#include "cse/core/watch.h"

#include "cse/core/state.h"

static void tell(struct timer *timer)
{
	struct watches *watches = container_of(timer, struct watches, timer);
	struct list changed;

	list_init(&changed);
	list_splice(&changed, &watches->changed);
	while (!list_empty(&changed)) {
		struct watch *watch = container_of(changed.next, struct watch, soon);

		list_remove(&watch->soon);
		watch->changed(watch);
	}
}

void watches_init(struct watches *watches, struct loop *loop)
{
	*watches = (struct watches){.loop = loop, .timer.fire = tell};
	list_init(&watches->changed);
}

void watches_finish(struct watches *watches)
{
	ASSERT(watches->by_key.count == 0);
	loop_timer_cancel(watches->loop, &watches->timer);
	map_finish(&watches->by_key);
}

bool watch_begin(struct watch *watch, struct cse *cse, struct str to)
{
	struct target target = {0};

	if (cse_find(cse, to, &target) != FOUND_HERE || !target.resource)
		return false;
	watch->cse = cse;
	list_init(&watch->soon);
	map_add(&cse->watches.by_key, &watch->node, target.resource->key);
	return true;
}

void watch_end(struct watch *watch)
{
	if (!watch->cse)
		return;
	list_remove(&watch->soon);
	map_remove(&watch->cse->watches.by_key, &watch->node);
	watch->cse = NULL;
}

void watch_note(struct cse *cse, const struct resource *resource)
{
	struct watches *watches = &cse->watches;

	for (struct map_node *node = map_first(&watches->by_key, resource->key); node; node = map_next(node)) {
		struct watch *watch = container_of(node, struct watch, node);

		if (list_empty(&watch->soon))
			list_push(&watches->changed, &watch->soon);
		if (!watches->timer.is_set)
			loop_timer_set(watches->loop, &watches->timer, 0);
	}
}
