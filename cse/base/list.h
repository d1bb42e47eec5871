/* list: an intrusive doubly linked ring. */
#ifndef CSE_BASE_LIST_H
#define CSE_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *prev, *next;
};

#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

static inline void list_init(struct list *head)
{
	head->prev = head->next = head;
}

static inline bool list_empty(const struct list *head)
{
	return head->next == head;
}

static inline void list_insert_before(struct list *where, struct list *item)
{
	item->prev = where->prev;
	item->next = where;
	where->prev->next = item;
	where->prev = item;
}

/* Appends to the ring whose head is `head`. */
static inline void list_push(struct list *head, struct list *item)
{
	list_insert_before(head, item);
}

/* Unlinks; the item is then an empty ring of its own, so a second removal is harmless. */
static inline void list_remove(struct list *item)
{
	item->prev->next = item->next;
	item->next->prev = item->prev;
	list_init(item);
}

/* Moves every item of `from` to the end of `to`. */
static inline void list_splice(struct list *to, struct list *from)
{
	if (list_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	list_init(from);
}

/* The body may remove `item` (it is the iterator of type struct list *). */
#define list_each(item, head)                                                                                          \
	for (struct list *item = (head)->next, *item##_next = item->next; item != (head);                              \
	     item = item##_next, item##_next = item->next)

#endif
