/* catalog: which structural resources there are, by type and by label, in the order of their keys, which is the order
 * of their creation. Discovery goes by it. Maintained by the tree (tree_attach, tree_detach) and by adopt_text.
 *
 * A list keeps its place for a resource that leaves until half of it is vacant, so that a removal and its undo cost a
 * binary search, and nothing is moved. */
#ifndef CSE_CORE_CATALOG_H
#define CSE_CORE_CATALOG_H

#include "cse/base/map.h"
#include "cse/base/str.h"

struct resource;

struct catalog_entry {
	uint64_t key;
	struct resource *resource; /* NULL: vacant */
};

struct catalog_list {
	struct catalog_entry *entries; /* ascending keys */
	size_t count, cap, vacant;
};

/* A label and who has it. Lives while a resource refers to it. */
struct label {
	struct map_node by_text;
	struct catalog *catalog;
	size_t references;
	struct catalog_list resources;
	const struct resource *taken_by; /* while a resource takes its labels */
	struct str text;		 /* behind the struct; unescaped */
};

struct catalog_type {
	unsigned ty;
	struct catalog_list resources;
};

struct catalog {
	struct catalog_list all;
	struct catalog_list holders, labelled; /* that have had instances, and instances with labels */
	struct catalog_type *types;
	size_t type_count;
	struct map labels;
	uint64_t seed;
	int64_t newest_us;	/* greatest creation time of all */
	bool times_follow_keys; /* no resource is older than one with a smaller key: the clock never went back */
};

void catalog_init(struct catalog *catalog, uint64_t seed);
/* Every resource must have been taken out and have given back its labels. */
void catalog_finish(struct catalog *catalog);

void catalog_add(struct catalog *catalog, struct resource *resource);
void catalog_remove(struct catalog *catalog, struct resource *resource);

/* The resource has got instances, or the first one with labels. */
void catalog_note_instances(struct catalog *catalog, struct resource *resource);

/* Gives the resource these labels instead of those it had. json: the array as printed by this CSE; ptr NULL: none. */
void catalog_set_labels(struct catalog *catalog, struct resource *resource, struct str json);
/* For the end of a resource that is in the catalog no more. */
void catalog_drop_labels(struct resource *resource);

/* NULL: nobody has it. */
const struct label *catalog_label(const struct catalog *catalog, struct str text);
/* NULL: there is none of that type. */
const struct catalog_list *catalog_type(const struct catalog *catalog, unsigned ty);

/* The place of the first entry whose key is not below key (it may be vacant); list->count if there is none. */
size_t catalog_find(const struct catalog_list *list, uint64_t key);
/* The place of the first entry created at or after us. Only while times_follow_keys. */
size_t catalog_find_time(const struct catalog_list *list, int64_t us);

/* Is the resource in exactly the lists that it belongs in? */
bool catalog_has(const struct catalog *catalog, const struct resource *resource);

/* The next string of a JSON array as printed by this CSE, still escaped; rest begins as the array. False at the end. */
bool catalog_next_string(struct str *rest, struct str *raw);

#endif
