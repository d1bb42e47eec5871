/* index: a hash table of names. The names are the tables' own, so nothing guards against chosen collisions. */
#include "schemas/index.h"

#include "cse/base/error.h"

static uint64_t head_of(struct str name)
{
	uint64_t head = 0;

	if (name.len >= sizeof(head)) {
		memcpy(&head, name.ptr, sizeof(head));
		return head;
	}
	for (size_t i = 0; i < name.len; i++)
		head |= (uint64_t)(unsigned char)name.ptr[i] << 8 * i;
	return head;
}

static uint32_t hash_of(uint64_t head, size_t len)
{
	return (uint32_t)((head + len) * 0x9e3779b97f4a7c15u >> 32);
}

/* The slot of the name, or the free one where it would go. */
static struct index_slot *slot_of(const struct index *index, struct str name)
{
	uint64_t head = head_of(name);
	uint32_t at = hash_of(head, name.len);

	for (;; at++) {
		struct index_slot *slot = &index->slots[at & index->mask];

		if (!slot->name.ptr)
			return slot;
		if (slot->head == head && slot->name.len == name.len &&
		    (name.len <= sizeof(head) || str_eq(slot->name, name)))
			return slot;
	}
}

static void put(struct index *index, struct str name, int value)
{
	struct index_slot *slot = slot_of(index, name);

	if (slot->name.ptr)
		return;
	*slot = (struct index_slot){head_of(name), name, value};
	index->count++;
}

static void grow(struct index *index)
{
	struct index old = *index;

	index->mask = old.slots ? old.mask * 2 + 1 : 15;
	index->count = 0;
	index->slots = xzalloc(((size_t)index->mask + 1) * sizeof(*index->slots));
	for (uint32_t i = 0; old.slots && i <= old.mask; i++)
		if (old.slots[i].name.ptr)
			put(index, old.slots[i].name, old.slots[i].value);
	free(old.slots);
}

void index_finish(struct index *index)
{
	free(index->slots);
	*index = (struct index){0};
}

void index_add(struct index *index, struct str name, int value)
{
	if (!index->slots || index->count * 2 > index->mask)
		grow(index);
	put(index, name, value);
}

int index_find(const struct index *index, struct str name)
{
	const struct index_slot *slot;

	if (!index->slots)
		return -1;
	slot = slot_of(index, name);
	return slot->name.ptr ? slot->value : -1;
}
