/* store: keeping resources. One interface for memory, SQLite and what comes later; the contract is tests/store.
 *
 * The CSE's tree in memory is the truth for reads; the store makes it durable and gives it back at start. Everything is
 * written through change lists; a batch of change lists becomes one transaction.
 *
 * Three sorts of rows. A resource row holds a structural resource whole; all of them are read at start. An instance row
 * holds one contentInstance (or the like) under an integer key that only grows; instance rows are read one by one, on
 * demand, and nothing is read per instance at start: the key lists of their parents are stored as snapshot chunks
 * (series.h). A note row holds one notification for one target until it is delivered; at start all of them are handed
 * out without their texts, which are read on demand. */
#ifndef CSE_STORE_STORE_H
#define CSE_STORE_STORE_H

#include "cse/base/error.h"
#include "cse/base/list.h"
#include "cse/base/log.h"
#include "cse/base/strbuf.h"
#include "cse/store/series.h"
#include "cse/store/store_files.h"

struct store;

/* Keys are given out by the caller, from one counter for resources, instances and notes, and none is ever given twice.
 * load hands out under this name of meta, in decimal, a key that no key used so far exceeds: go on from there. It is
 * durable (the store reserves 10,000 keys at a time, in the transaction that first uses one of them) and survives the
 * deletion of every row. Names of meta that begin with "store." are the store's own. */
#define STORE_HIGH_WATER "store.high-water"

/* head.size and head.flags of a deleted or evicted instance are those it was added with. */
enum change_kind {
	CHANGE_PUT_RESOURCE,	/* key, parent, text: insert or replace a resource row */
	CHANGE_DELETE_RESOURCE, /* key */
	CHANGE_ADD_INSTANCE,	/* key, parent, name (ptr NULL: none chosen), head, text */
	CHANGE_DELETE_INSTANCE, /* key, parent, head.size: gone with this transaction, row and all */
	/* key, parent, head.size: for a load as above, but the row may linger and be deleted in a later batch, in key
	 * order: for retention and expiration. With INSTANCE_OWN_EXPIRY in head.flags and its head.et_us, due_instances
	 * no longer hands it out; otherwise it may while the row lingers. */
	CHANGE_EVICT_INSTANCE,
	/* parent: all its instance rows are gone with this transaction, physically in slices later. Put before it, in
	 * the same transaction, what series_each_dirty gives: the slices find the rows by the stored chunks. */
	CHANGE_PURGE_PARENT,
	/* parent, number (also CHUNK_ALL and CHUNK_HEADER), text: one chunk of a snapshot; empty text deletes it. */
	CHANGE_PUT_CHUNK,
	/* key: the chunks stored are complete up to and including this instance key. They may have been put in several
	 * transactions (those of one series in one), and may hold later keys as well. */
	CHANGE_SNAPSHOT,
	CHANGE_PUT_META, /* name, text (ptr NULL: forget it) */
	/* key (above that of every note before), parent (key of the subscription, which need not exist any more), name
	 * (the target), head.ct_us, head.flags (the caller's), text. */
	CHANGE_ADD_NOTE,
	/* key, last: the notes with these keys and those in between are gone. Not all of them need to exist. */
	CHANGE_DROP_NOTES,
};

/* The fixed part of an instance, readable without its text. */
struct instance_head {
	int64_t ct_us, et_us; /* creation and expiration time, wall clock; et_us INT64_MAX: never */
	uint64_t st;	      /* stateTag of the parent after this instance */
	uint32_t size;	      /* contentSize */
	uint32_t flags;	      /* INSTANCE_NAMED ... */
};

enum { INSTANCE_NAMED = 1, INSTANCE_OWN_EXPIRY = 2, INSTANCE_LABELLED = 4 };

struct change {
	struct list link;
	enum change_kind kind;
	uint64_t key, parent, last;
	uint32_t number;
	struct instance_head head;
	struct str name, text; /* owned by whoever made the change, alive until the batch is committed or failed */
};

/* What is handed out while loading. Called in this order: meta, resources (parents before children is NOT promised),
 * chunks (by parent and number, CHUNK_HEADER last), gone keys, tail instances in key order, notes in key order. A
 * non-zero return stops the load and is returned. A member that is NULL leaves its rows out. Views are valid during the
 * call.
 *
 * A series is right again when its chunks are loaded, its gone keys are removed (not all of them are in it), and its
 * tail is appended (keys not above series.last are in it already). Nothing else has to be applied again. */
struct store_visitor {
	int (*meta)(void *arg, struct str name, struct str text);
	int (*resource)(void *arg, uint64_t key, uint64_t parent, struct str text);
	int (*chunk)(void *arg, uint64_t parent, uint32_t number, struct str text);
	/* Instances deleted or evicted since the snapshot that may still stand in its chunks; the parent may be gone as
	 * well. */
	int (*gone)(void *arg, uint64_t key, uint64_t parent, uint32_t size);
	/* Instances above the snapshot's key that exist; deleted, evicted and purged ones are not handed out. */
	int (*tail)(void *arg, uint64_t key, uint64_t parent, const struct instance_head *head);
	/* subscription, target, ct_us, flags, size (bytes of its text): as added. It may call read_note. */
	int (*note)(void *arg, uint64_t key, uint64_t subscription, struct str target, int64_t ct_us, uint32_t flags,
		    size_t size);
};

/* All functions return 0 or a negative error (error.h); ERROR_FULL, ERROR_IO, ERROR_CORRUPT, ERROR_NEWER_FORMAT,
 * ERROR_BUSY matter. */
struct store_ops {
	const char *name;
	/* Does a commit wait for a device? Then the CSE commits on a thread of its own. */
	bool is_durable;

	/* path: of the database file; created if absent (for its owner alone), and so is its directory. message: a
	 * sentence for the operator, set on errors. One process at a time: ERROR_BUSY. A file that is refused is left
	 * as it is. */
	int (*open)(const char *path, struct log *log, struct store **store, char *message, size_t size);
	void (*close)(struct store *store);
	/* Once, before the first begin. */
	int (*load)(struct store *store, const struct store_visitor *visitor, void *arg);

	/* Committer side: one thread at a time. apply writes a change list into the open transaction. After an error of
	 * apply or commit nothing of the transaction remains (a rollback then does nothing) and the next begin starts
	 * afresh. */
	int (*begin)(struct store *store);
	int (*apply)(struct store *store, const struct list *changes);
	int (*commit)(struct store *store);
	void (*rollback)(struct store *store);
	/* Background work off the acknowledging path: deletes lingering rows, gives space back; one slice of about a
	 * millisecond. Returns 1 while there is more to do, 0, or an error. Between transactions, on the committer's
	 * thread. */
	int (*tidy)(struct store *store);

	/* Reader side: the owner of the tree, at any time, beside a running transaction. Sees what is committed.
	 * 1 found, 0 not there, or an error. body gets the text (replacing what was in it); NULL: the head is enough.
	 * Purged instances are not found; an evicted one may be while its row lingers: the caller checks its series. */
	int (*read_instance)(struct store *store, uint64_t key, uint64_t *parent, struct instance_head *head,
			     struct strbuf *body);
	/* The text of a note, replacing what was in text. 1, 0 or an error. */
	int (*read_note)(struct store *store, uint64_t key, struct strbuf *text);
	/* The key of the instance with a chosen name below parent. 1, 0 or an error. */
	int (*find_named)(struct store *store, uint64_t parent, struct str name, uint64_t *key);
	/* Instances with an expiration of their own (INSTANCE_OWN_EXPIRY) not later than until_us: calls back at most
	 * `most` of them, earliest first. A non-zero return stops and is returned. */
	int (*due_instances)(struct store *store, int64_t until_us, unsigned most,
			     int (*each)(void *arg, uint64_t key, uint64_t parent, int64_t et_us), void *arg);

	/* NULL: nothing is kept in files. */
	const struct store_files *files;
};

struct store {
	const struct store_ops *ops;
};

/* Rows of registry.def: STORE(name) -> extern const struct store_ops store_<name>. */
#define STORE(name) extern const struct store_ops store_##name;
#include "cse/store/registry.def"
#undef STORE
/* NULL: there is none of that name. */
const struct store_ops *store_find(const char *name);

/* For tests: wraps another store, which it closes, and lets calls fail: after `passing` more of begin, apply, commit,
 * load and reads have been passed on, the next `failures` of them return `error` (a failed apply or commit rolls back).
 * May be set while other threads call; failures 0: none. */
struct store *store_faulty_create(struct store *inner);
void store_faulty_set(struct store *faulty, unsigned passing, unsigned failures, int error);
/* What is left of the numbers set. */
void store_faulty_left(struct store *faulty, unsigned *passing, unsigned *failures);

#endif
