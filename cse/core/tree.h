/* tree: the structural resources of a CSE in memory, with their indexes. Instances are not in here (instances.h). */
#ifndef CSE_CORE_TREE_H
#define CSE_CORE_TREE_H

#include "cse/base/list.h"
#include "cse/base/map.h"
#include "cse/core/catalog.h"
#include "cse/core/expiry.h"
#include "cse/core/instances.h"
#include "cse/core/policy_set.h"
#include "cse/core/quota.h"
#include "schemas/schema.h"

/* One resource. Its attributes are the members of a JSON object as text, without the computed ones and without braces:
 * a RETRIEVE splices these bytes. */
struct resource {
	struct map_node by_id, by_name, by_key;
	struct list siblings; /* in parent->children, by key */
	struct list children;
	struct list watchers;	 /* its subscriptions, by `watching` */
	struct list watching;	 /* of a subscription: in parent->watchers */
	struct resource *parent; /* NULL: the CSEBase */
	const struct type_def *type;
	uint64_t key;			 /* of its row in the store */
	struct str id, name, originator; /* resourceID, resourceName, who created it */
	struct str text;
	int64_t created_us, modified_us;
	uint64_t state_tag; /* stateTag, of the types that have it */
	uint64_t batch;	    /* newest batch that changed it or its list of children */
	struct expiry expiry;
	struct instances *instances; /* NULL: none yet */
	struct label **labels;	     /* those of the attribute, once each */
	unsigned label_count;
	bool is_cataloged, is_holder, is_labelled_holder; /* by the catalog */
	struct policy_set *policies;			  /* accessControlPolicyIDs; NULL: not set */
	struct quota *quota;				  /* what it counts for; NULL: outside the tree, or nobody's */
	void *state;					  /* what the type's hooks keep, hooks->state_size bytes */
};

struct tree {
	struct map by_id, by_name, by_key;
	struct catalog catalog;
	struct quotas quotas;
	struct resource *root;
	uint64_t seed;
	size_t count;
};

void tree_init(struct tree *tree);
/* Destroys every resource. */
void tree_finish(struct tree *tree);

/* A resource outside the tree. id, name and originator are copied into one block with it. */
struct resource *resource_create(const struct type_def *type, uint64_t key, struct str id, struct str name,
				 struct str originator);
void resource_destroy(struct resource *resource);
/* Replaces the attribute text by a copy. */
void resource_set_text(struct resource *resource, struct str text);

/* Puts a resource below its parent (NULL: as the root) and into the indexes; takes it out again. */
void tree_attach(struct tree *tree, struct resource *parent, struct resource *resource);
void tree_detach(struct tree *tree, struct resource *resource);

struct resource *tree_by_id(const struct tree *tree, struct str id);
struct resource *tree_by_key(const struct tree *tree, uint64_t key);
struct resource *tree_child(const struct tree *tree, const struct resource *parent, struct str name);

/* Depth first below and including top, children before their parent; NULL at the end. Start with previous NULL. */
struct resource *tree_next_postorder(struct resource *top, struct resource *previous);

/* An attribute's JSON text among the members of an object that this CSE has printed, without its braces; or ptr NULL.
 */
struct str text_attribute(struct str text, struct str short_name);
/* An attribute's JSON text in the resource, or ptr NULL. Computed attributes are not found here. */
struct str resource_attribute(const struct resource *resource, struct str short_name);

#endif
