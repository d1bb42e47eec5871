/* commit: group commit. Changes are applied in memory at once and collected; what is queued goes into one transaction,
 * one fsync, and then releases the answers.
 *
 * A request that has changed something answers when its batch is durable; one that has only seen a change which is not
 * durable yet waits for that batch too. If COMMIT fails, the undo records of everything applied since run in reverse;
 * the failed batch's changes answer 5000, and every other request concerned is performed anew on what is then there. */
#ifndef CSE_CORE_COMMIT_H
#define CSE_CORE_COMMIT_H

#include "cse/base/loop.h"
#include "cse/core/request.h"
#include "cse/store/store.h"

struct resource;
struct instances;

/* Reverses one change of memory. Lives in the request's arena. */
struct undo {
	struct list link;
	/* The batch failed: put memory back. */
	void (*revert)(struct request *req, struct undo *undo);
	/* The batch is durable (NULL: nothing to do): free what was kept for revert. */
	void (*settle)(struct request *req, struct undo *undo);
};

struct committer;

/* 0, or the negative error with which no thread could be started; *out is to be destroyed either way. */
WARN_UNUSED int committer_create(struct cse *cse, struct loop *loop, struct store *store, struct committer **out);
/* Waits for the batch in flight. */
void committer_destroy(struct committer *committer);

/* The request is done: answer now, or when what it changed or saw is durable. */
void commit_finish(struct committer *committer, struct request *req);
/* The number of the batch that a change made now will belong to. */
uint64_t commit_open_batch(const struct committer *committer);
/* Notes that the request has seen what batch `number` changed. */
void commit_depend(struct request *req, uint64_t number);
/* The request depends on everything applied so far (refusals, absence). */
void commit_depend_on_all(struct committer *committer, struct request *req);
/* Is batch `number` on disk? */
bool commit_is_durable(const struct committer *committer, uint64_t number);
bool commit_is_idle(const struct committer *committer);
/* Is there something for the next batch? */
bool commit_has_open(const struct committer *committer);
/* Runs the loop until it is. */
void commit_wait(struct committer *committer);
/* Of the newest batch that was tried: 0 or a store error. */
int commit_last_error(const struct committer *committer);

/* A change for the store and an undo record, in the request's arena, appended to its lists. */
struct change *commit_change(struct request *req, enum change_kind kind);
void commit_undo(struct request *req, struct undo *undo);
/* Takes back what a request did that is refused halfway. */
void commit_revert(struct request *req);

#endif
