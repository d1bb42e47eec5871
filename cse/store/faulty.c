/* A store for tests that passes calls on to another one and lets chosen ones fail. */
#include "cse/store/store.h"

#include <stdatomic.h>
#include <stdlib.h>

struct faulty_store {
	struct store store;
	struct store_ops ops; /* is_durable as the inner one's */
	struct store *inner;
	/* Calls to pass, then to fail: a 32-bit number each, in one word, as reader and committer count together. */
	atomic_uint_fast64_t left;
	atomic_int error;
};

static struct faulty_store *faulty_of(struct store *store)
{
	return container_of(store, struct faulty_store, store);
}

/* Counts a call: 0 if it passes. */
static int count_call(struct faulty_store *faulty)
{
	uint_fast64_t left = atomic_load(&faulty->left);
	uint_fast64_t next;

	do {
		if ((uint32_t)left == 0)
			return 0;
		next = left >> 32 ? left - (UINT64_C(1) << 32) : left - 1;
	} while (!atomic_compare_exchange_weak(&faulty->left, &left, next));
	return left >> 32 ? 0 : atomic_load(&faulty->error);
}

static void faulty_close(struct store *store)
{
	struct faulty_store *faulty = faulty_of(store);

	faulty->inner->ops->close(faulty->inner);
	free(faulty);
}

static int faulty_load(struct store *store, const struct store_visitor *visitor, void *arg)
{
	struct faulty_store *faulty = faulty_of(store);
	int error = count_call(faulty);

	return error ? error : faulty->inner->ops->load(faulty->inner, visitor, arg);
}

static int faulty_begin(struct store *store)
{
	struct faulty_store *faulty = faulty_of(store);
	int error = count_call(faulty);

	return error ? error : faulty->inner->ops->begin(faulty->inner);
}

static int faulty_apply(struct store *store, const struct list *changes)
{
	struct faulty_store *faulty = faulty_of(store);
	int error = count_call(faulty);

	if (!error)
		return faulty->inner->ops->apply(faulty->inner, changes);
	faulty->inner->ops->rollback(faulty->inner);
	return error;
}

static int faulty_commit(struct store *store)
{
	struct faulty_store *faulty = faulty_of(store);
	int error = count_call(faulty);

	if (!error)
		return faulty->inner->ops->commit(faulty->inner);
	faulty->inner->ops->rollback(faulty->inner);
	return error;
}

static void faulty_rollback(struct store *store)
{
	struct faulty_store *faulty = faulty_of(store);

	faulty->inner->ops->rollback(faulty->inner);
}

static int faulty_tidy(struct store *store)
{
	struct faulty_store *faulty = faulty_of(store);

	return faulty->inner->ops->tidy(faulty->inner);
}

static int faulty_read_instance(struct store *store, uint64_t key, uint64_t *parent, struct instance_head *head,
				struct strbuf *body)
{
	struct faulty_store *faulty = faulty_of(store);
	int error = count_call(faulty);

	return error ? error : faulty->inner->ops->read_instance(faulty->inner, key, parent, head, body);
}

static int faulty_read_note(struct store *store, uint64_t key, struct strbuf *text)
{
	struct faulty_store *faulty = faulty_of(store);
	int error = count_call(faulty);

	return error ? error : faulty->inner->ops->read_note(faulty->inner, key, text);
}

static int faulty_find_named(struct store *store, uint64_t parent, struct str name, uint64_t *key)
{
	struct faulty_store *faulty = faulty_of(store);
	int error = count_call(faulty);

	return error ? error : faulty->inner->ops->find_named(faulty->inner, parent, name, key);
}

static int faulty_due_instances(struct store *store, int64_t until_us, unsigned most,
				int (*each)(void *arg, uint64_t key, uint64_t parent, int64_t et_us), void *arg)
{
	struct faulty_store *faulty = faulty_of(store);
	int error = count_call(faulty);

	return error ? error : faulty->inner->ops->due_instances(faulty->inner, until_us, most, each, arg);
}

struct store *store_faulty_create(struct store *inner)
{
	struct faulty_store *faulty = xzalloc(sizeof(*faulty));

	faulty->ops = (struct store_ops){
		.name = "faulty",
		.is_durable = inner->ops->is_durable,
		.close = faulty_close,
		.load = faulty_load,
		.begin = faulty_begin,
		.apply = faulty_apply,
		.commit = faulty_commit,
		.rollback = faulty_rollback,
		.tidy = faulty_tidy,
		.read_instance = faulty_read_instance,
		.read_note = faulty_read_note,
		.find_named = faulty_find_named,
		.due_instances = faulty_due_instances,
	};
	faulty->store.ops = &faulty->ops;
	faulty->inner = inner;
	return &faulty->store;
}

void store_faulty_set(struct store *faulty, unsigned passing, unsigned failures, int error)
{
	atomic_store(&faulty_of(faulty)->error, error);
	atomic_store(&faulty_of(faulty)->left, (uint_fast64_t)passing << 32 | failures);
}

void store_faulty_left(struct store *faulty, unsigned *passing, unsigned *failures)
{
	uint_fast64_t left = atomic_load(&faulty_of(faulty)->left);

	*passing = (unsigned)(left >> 32);
	*failures = (unsigned)(uint32_t)left;
}
