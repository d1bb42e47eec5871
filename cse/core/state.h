/* state: the inside of struct cse, for the files of core, and for the scenario tests, which look into it. */
#ifndef CSE_CORE_STATE_H
#define CSE_CORE_STATE_H

#include "cse/core/commit.h"
#include "cse/core/cse.h"
#include "cse/core/fanout.h"
#include "cse/core/gather.h"
#include "cse/core/hooks.h"
#include "cse/core/non_blocking.h"
#include "cse/core/notifier.h"
#include "cse/core/outgoing.h"
#include "cse/core/watch.h"

struct cse {
	struct cse_config config;
	struct loop *loop;
	struct clock *clock;
	struct log *log;
	struct schema *schema;
	struct store *store;
	struct committer *committer;

	struct tree tree;
	struct policies policies;
	uint64_t last_key; /* the newest key given to a resource or instance */
	struct instance_cache cache;
	struct list dirty_instances;
	uint64_t changes_since_snapshot;

	struct references references;
	struct fans fans;
	struct outgoings outgoings;
	struct notifier notifier;
	struct watches watches;
	struct list gatherings;
	struct list held;      /* blocking requests whose time is later: non_blocking.c */
	size_t deferral_count; /* resources that stand for a non-blocking request */
	struct map deferrals;  /* requests acknowledged and not performed yet: non_blocking.c */
	struct map blocks;     /* resources whose UPDATE is held back: blocking.c */
	struct expiry_heap expiries;
	struct sweeper {
		struct timer timer;
		struct cse *cse;
		int64_t last_wall_us, last_mono_us;
		int64_t jump_us;	    /* how far ahead the wall clock jumped and is not yet believed */
		int64_t believe_at_mono_us; /* when it will be */
		int64_t note_at_mono_us;    /* when the store is next told that the CSE lives */
		int64_t alive_us;	    /* when it last was, by the store; 0: unknown */
	} sweeper;

	struct list free_requests; /* at most KEPT_REQUESTS, see request.c */
	unsigned free_count;
	unsigned requests_in_work;
	struct map pending;    /* (originator, request identifier) of requests in work */
	struct strbuf scratch; /* for one function's use at a time */
	char fault[200];       /* of cse_check */
};

/* TS-0004 6.3.4.2.6 */
enum response_type {
	RESPONSE_NON_BLOCKING_SYNCH = 1,
	RESPONSE_NON_BLOCKING_ASYNCH = 2,
	RESPONSE_BLOCKING = 3,
	RESPONSE_FLEX_BLOCKING = 4,
	RESPONSE_NONE = 5,
};

/* The procedure, one step after the other; steps[] in dispatcher.c names them. */
enum rsc check_validity(struct request *req);	   /* Recv-1.0, TS-0004 7.3.2.1 */
enum rsc check_response_type(struct request *req); /* Recv-2.0 */
enum rsc check_hosting(struct request *req);	   /* Recv-6.1, 7.3.2.8 */
enum rsc check_existence(struct request *req);	   /* Recv-6.2, 7.3.3.1 */
enum rsc check_group_request(struct request *req); /* Recv-6.2.1, 7.3.3.2 */
enum rsc check_operation(struct request *req);
enum rsc follow_virtual(struct request *req);
enum rsc check_authorization(struct request *req); /* Recv-6.3, 7.3.3.15 */
enum rsc check_precondition(struct request *req);
enum rsc check_representation(struct request *req); /* Recv-6.4, 7.3.3.3, 7.3.3.4 */
enum rsc hold_back(struct request *req);	    /* 7.5.1.2.19 */
enum rsc perform(struct request *req);		    /* Recv-6.5 */

enum rsc perform_create(struct request *req);
enum rsc perform_retrieve(struct request *req);
enum rsc perform_update(struct request *req);
enum rsc perform_delete(struct request *req);
enum rsc perform_notify(struct request *req);
/* Recv-6.4 of a NOTIFY. */
enum rsc check_notification(struct request *req);

/* For maps by originator and request identifier. */
uint64_t request_hash(const struct cse *cse, struct str from, struct str identifier);
/* Runs the steps from req->step on and finishes the request. */
void dispatch(struct request *req);
/* Back to the state before the first step, keeping the primitive, and through the procedure again. */
void dispatch_again(struct request *req);
/* The end of a parked request: with the code that req_fail has returned, or a success that is in its answer. */
void dispatch_end(struct request *req, enum rsc code);
/* The content of an answer that req_fail has made. */
void print_refusal(struct request *req);
/* Calls reply with what is in req->answer. */
void request_answer(struct request *req);
/* A request of the CSE itself (expiration, snapshot): whoever makes it fills its change list and ends it by
 * commit_finish. */
struct request *request_internal(struct cse *cse, enum operation op);

/* address.c */
const struct virtual_hooks *virtual_find(const struct cse *cse, const char *long_name);
const char *operation_name(enum operation op);

/* non_blocking.c: what is held ends. */
void held_stop(struct cse *cse);

/* retrieve.c */
enum rsc check_instance_access(struct request *req);

/* create.c: expirationTime within the bounds of the parent and the CSE; `default_us` if none is asked for. */
enum rsc settle_expiration(struct request *req, struct draft *draft, int64_t parent_us, int64_t default_us,
			   int64_t *et_us);
int64_t default_expiration(const struct request *req);
/* A resource that the CSE makes on its own; the draft holds what is special to it, the row is the caller's to put. */
struct resource *create_locally(struct request *req, struct resource *parent, struct draft *draft, int64_t et_us);
/* Replaces the attributes of a resource and what is derived from them. */
void adopt_text(struct cse *cse, struct resource *resource, struct str text);

/* blocking.c: does an UPDATE at or below this resource wait for consent? */
bool is_held_back(const struct cse *cse, const struct resource *top);

/* delete.c: removes a resource and all below it, with change and undo records; who has subscribed is told. */
void remove_subtree(struct request *req, struct resource *resource);

/* discovery.c: what lies below the target, TS-0004 7.3.3.14. */
enum rsc answer_discovery(struct request *req);
/* Result content 4, 5, 6 and 8 of RETRIEVE and DELETE. */
bool lists_children(const struct request *req);
enum rsc answer_children(struct request *req);
/* Do the instances below parent keep themselves from this request (disableRetrieval)? */
bool hides_instances(struct request *req, struct resource *parent);
/* Does the target meet the conditions of a request that is not about its children? TS-0001 10.1.3 to 10.1.5. */
enum rsc check_conditions(struct request *req);

/* row.c: a resource as a row of the store, and back (outside the tree; NULL if it cannot be read). */
void put_resource(struct request *req, const struct resource *resource);
struct resource *resource_from_row(struct cse *cse, uint64_t key, struct str text, struct arena *arena);

/* load.c, base.c, snapshot.c */
#define META_ALIVE "alive"
WARN_UNUSED int load_store(struct cse *cse, char *message, size_t size);
/* Makes the CSEBase of a new store, or brings the one there up to the configuration. */
WARN_UNUSED int settle_base(struct cse *cse, char *message, size_t size);
void snapshot_add(struct request *req);
/* The changed chunks of one key list. */
void snapshot_put_series(struct request *req, struct instances *set);
bool snapshot_is_due(const struct cse *cse);

/* sweeper.c */
void sweeper_start(struct cse *cse);
void sweeper_stop(struct cse *cse);
void sweeper_put_time(struct request *req);
void sweeper_was_alive(struct cse *cse, int64_t alive_us);

/* result_content.c. Representations are JSON in the request's arena: {"m2m:cnt":{...}}, attributes alone without the
 * root. */
bool result_content_allowed(enum operation op, unsigned rcn);
bool result_content_is_of_discovery(unsigned rcn);
/* The attributes as shown, as members of an object without its braces. */
void print_members(struct cse *cse, const struct resource *resource, struct strbuf *out);
/* cse-in/ae/name: of something named so below parent (NULL: the CSEBase itself). */
struct str structured_address(struct request *req, const struct resource *parent, struct str name);
struct str present_resource(struct request *req, const struct resource *resource);
struct str present_attributes(struct request *req, const struct resource *resource);
struct str present_instance(struct request *req, const struct type_def *type, const struct instance *instance);
/* The first member's value of a JSON object this CSE has printed. */
struct value first_member(struct request *req, struct str json);
enum rsc answer_created(struct request *req, const struct resource *parent, struct str representation, struct str name);
enum rsc answer_updated(struct request *req, const struct resource *resource, struct str before);
void answer_etag_resource(struct request *req, const struct resource *resource);

#endif
