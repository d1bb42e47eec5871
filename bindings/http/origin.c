/* origin: finding origins, and whose turn it is. */
#include "bindings/http/origin.h"

#include "cse/base/error.h"
#include "cse/base/id.h"

#include <stdlib.h>

/* So few at once that a host which swallows packets does not hold up the others. */
enum { DIALS_MAX = 4 };

void origins_init(struct origins *origins, unsigned most)
{
	*origins = (struct origins){.seed = id_seed(), .most = most};
	list_init(&origins->hungry);
}

void origins_finish(struct origins *origins)
{
	ASSERT(origins->by_url.count == 0);
	map_finish(&origins->by_url);
}

static struct origin *make(struct origins *origins, const struct route *route, uint64_t hash)
{
	struct origin *origin = xzalloc(sizeof(*origin) + route->origin.len + 1);

	origin->origins = origins;
	origin->is_tls = route->is_tls;
	memcpy(origin->text, route->origin.ptr, route->origin.len);
	origin->url = str_make(origin->text, route->origin.len);
	list_init(&origin->idle);
	list_init(&origin->waiting);
	list_init(&origin->again);
	list_init(&origin->hungry);
	map_add(&origins->by_url, &origin->node, hash);
	return origin;
}

struct origin *origin_join(struct origins *origins, const struct route *route)
{
	uint64_t hash = str_hash(route->origin, origins->seed);
	struct map_node *node = map_first(&origins->by_url, hash);
	struct origin *origin;

	while (node && !str_eq(container_of(node, struct origin, node)->url, route->origin))
		node = map_next(node);
	origin = node ? container_of(node, struct origin, node) : make(origins, route, hash);
	origin->users++;
	return origin;
}

void origin_leave(struct origin *origin)
{
	if (--origin->users)
		return;
	map_remove(&origin->origins->by_url, &origin->node);
	list_remove(&origin->hungry);
	free(origin);
}

void origin_settle(struct origin *origin)
{
	bool is_waiting = !list_empty(&origin->again) || !list_empty(&origin->waiting);
	bool is_hungry = is_waiting && origin->dialing_count < DIALS_MAX && origin->open_count < origin->origins->most;

	if (is_hungry == !list_empty(&origin->hungry))
		return;
	if (is_hungry)
		list_push(&origin->origins->hungry, &origin->hungry);
	else
		list_remove(&origin->hungry);
}

void origin_was_fed(struct origin *origin)
{
	list_remove(&origin->hungry);
	origin_settle(origin);
}

bool origin_is_in_the_way(const struct origin *origin)
{
	const struct list *hungry = &origin->origins->hungry;

	return !list_empty(hungry) && (hungry->next != &origin->hungry || hungry->prev != &origin->hungry);
}
