/* hooks: what core calls upwards for what a resource type does beyond its table. Every member may be NULL.
 * Hooks work on memory and on the request's change list; they answer RSC_NONE to go on, or a code by req_fail. */
#ifndef CSE_CORE_HOOKS_H
#define CSE_CORE_HOOKS_H

#include "cse/core/binding.h"
#include "cse/core/commit.h"
#include "cse/core/draft.h"
#include "cse/core/instances.h"
#include "cse/core/references.h"
#include "cse/core/request.h"
#include "cse/core/tree.h"

/* Writes computed attributes: `"cni":3` with a comma before it. */
struct presenter {
	struct strbuf *out;
	const struct schema *schema;
};
void present_u64(struct presenter *presenter, unsigned name, uint64_t value);
void present_json(struct presenter *presenter, unsigned name, struct str json);

struct type_hooks {
	size_t state_size; /* of resource->state, cleared at first */

	/* Recv-6.3 of a CREATE of this type, instead of the rights on the parent (registrations). */
	enum rsc (*authorize_create)(struct request *req, const struct resource *parent);
	/* Recv-6.5 of a CREATE of this type: completes or refuses the draft, before names and identifiers are given. */
	enum rsc (*create)(struct request *req, struct resource *parent, struct draft *draft);
	/* The resourceID of a new resource; ptr NULL: generated. May be called with a draft that lacks one. */
	struct str (*choose_id)(struct request *req, struct draft *draft);
	/* Recv-6.5 of an UPDATE: draft holds the representation with the request's changes in it. */
	enum rsc (*update)(struct request *req, struct resource *resource, struct draft *draft);
	/* May the originator's RETRIEVE or DELETE of an instance below this resource go on? */
	enum rsc (*access_instance)(struct request *req, struct resource *resource);
	/* An instance is to be created below: checks it, sets what follows from the parent (et, st), makes room. */
	enum rsc (*admit_instance)(struct request *req, struct resource *resource, struct draft *draft,
				   struct instance_head *head);
	/* Is this resource, with all that is below it, out of discovery? */
	bool (*hides_subtree)(const struct resource *resource);
	/* The oldest instance may be too old: removes what is; sets the time of the next look. */
	enum rsc (*sweep_instances)(struct request *req, struct resource *resource);

	/* A policy: its rules, as of the last attach. */
	const struct policy *(*policy)(const struct resource *resource);
	/* A group: is this identifier (as the group lists it, or another form of it) among its members? */
	bool (*has_member)(struct cse *cse, const struct resource *resource, struct str id);

	/* A subscription: what it asks for, as of the last attach. */
	const struct subscription *(*subscription)(const struct resource *resource);
	/* A schedule: the next point in time, from wall_us on, that lies in one of its windows; INT64_MAX: never. */
	int64_t (*opens)(const struct resource *resource, int64_t wall_us);

	/* A <request>: the request that it stands for. */
	struct deferral *(*deferral)(const struct resource *resource);
	/* A polling channel: what waits in it, and who polls. */
	struct channel *(*channel)(const struct resource *resource);

	/* Recv-6.3 of whatever is done to such a resource, after its rights have been looked at. */
	enum rsc (*authorize_more)(struct request *req, const struct resource *resource);
	/* Recv-6.5 of a DELETE of such a resource. */
	enum rsc (*may_remove)(struct request *req, const struct resource *resource);
	/* Recv-6.3 of a NOTIFY to such a resource, instead of the right to it. */
	enum rsc (*authorize_notify)(struct request *req, const struct resource *resource);
	/* What a NOTIFY does; NULL: 4005. */
	enum rsc (*notify)(struct request *req);

	/* What the CSE keeps with the row of the resource and does not show: members of a JSON object, each with a
	 * comma before it; and back, from that object, after attach. */
	void (*print_hidden)(struct cse *cse, const struct resource *resource, struct strbuf *out);
	void (*read_hidden)(struct cse *cse, const struct resource *resource, struct value hidden, struct arena *arena);

	/* Of a holder (references.h): identifiers have become references; then, when something that they name is gone,
	 * the representation is to be without it. */
	void (*resolve)(struct cse *cse, struct resource *resource);
	void (*forget)(struct request *req, struct resource *resource);

	/* resource->state from the attribute text: after load, create, update and their undo. */
	void (*attach)(struct cse *cse, struct resource *resource);
	/* resource->state is about to be freed: what attach took is given back. */
	void (*finish)(struct resource *resource);
	/* The attributes marked COMPUTED. */
	void (*present)(struct cse *cse, const struct resource *resource, struct presenter *presenter);
};

/* What stands behind a fixed child name. Rows VIRTUAL(la, latest) name it; found by long name in registry.def's list.
 */
struct virtual_hooks {
	const char *long_name;
	unsigned operations; /* OP_BITs; others answer 4005 */
	/* Turns the target into the one meant (an instance). RSC_NONE or a refusal. */
	enum rsc (*redirect)(struct request *req, struct target *target);
	/* Does what is asked instead of the target's own procedure (Recv-6.3 to 6.5 are then the hooks'). */
	enum rsc (*authorize)(struct request *req);
	enum rsc (*perform)(struct request *req);
	bool takes_suffix; /* further path segments go to struct target's suffix */
};

/* What a right is for: the bits of accessControlOperations, TS-0004 6.3.4.2.29. */
enum privilege {
	PRIVILEGE_CREATE = 1,
	PRIVILEGE_RETRIEVE = 2,
	PRIVILEGE_UPDATE = 4,
	PRIVILEGE_DELETE = 8,
	PRIVILEGE_NOTIFY = 16,
	PRIVILEGE_DISCOVERY = 32,
};

/* ---- what hooks may ask of core ---- */

/* Is the request from the admin of this CSE? */
bool is_admin(const struct request *req);
const struct cse_config *cse_config(const struct cse *cse);
const struct schema *cse_schema(const struct cse *cse);
/* Where an identifier of any form (TS-0001 9.3.1, without a fragment) leads. */
enum found {
	FOUND_NOTHING,
	FOUND_HERE,
	FOUND_ELSEWHERE,
	FOUND_ERROR
}; /* ELSEWHERE: on another CSE; ERROR: of the store */
enum found cse_find(struct cse *cse, struct str id, struct target *target);
/* May req->from do this to resource? (authorize.c) */
bool may(const struct request *req, const struct resource *resource, enum privilege privilege);
enum privilege privilege_of(enum operation op);
/* The same by the policies of a set alone, for a resource of type target (membersAccessControlPolicyIDs). */
bool may_by_set(const struct request *req, struct policy_set *set, const struct type_def *target,
		enum privilege privilege);
/* For policy_set_take: every attribute that lists policies may have its set. */
struct policies *cse_policies(struct cse *cse);
/* The CSE's own change of a resource: the representation as it is, and the changed one, with undo and row. */
enum rsc resource_draft(struct request *req, const struct resource *resource, struct draft *draft);
void resource_amend(struct request *req, struct resource *resource, struct draft *draft);
/* The same without a trace in lastModifiedTime and stateTag: counters that the CSE keeps in attributes. */
void resource_rewrite(struct request *req, struct resource *resource, struct draft *draft);
/* The row of a resource whose hidden part has changed. */
void resource_store(struct request *req, struct resource *resource);
/* Asks the targets of a subscription with this resourceID (ptr NULL: a new one) whether they want it. RSC_NONE: all
 * have said yes; RSC_PENDING: the request goes through the procedure again when they have. */
enum rsc verify_targets(struct request *req, struct str id, const struct str *targets, unsigned count);
/* The resourceID that the targets were told of; ptr NULL: nobody was asked. */
struct str verified_id(const struct request *req);
/* Sends a NOTIFY on to the entity that the target is the registration of; RSC_PENDING. */
enum rsc notify_forward(struct request *req);
/* The value of m2m:sgn in the content, which need not be valid yet; absent: none. */
struct value notification_of(const struct request *req);
/* The type of the instances below parent. */
const struct type_def *instance_type(const struct cse *cse, const struct resource *parent);
/* Is there a resource with this identifier? */
bool cse_has_id(const struct cse *cse, struct str id);
/* A number never given before: for identifiers. */
uint64_t cse_next_key(struct cse *cse);
/* The wall clock as far as expiration is concerned: it stands still while a jump ahead is waited out. */
int64_t cse_expiry_now(struct cse *cse);
bool instance_is_expired(const struct request *req, const struct instance *instance);

#endif
