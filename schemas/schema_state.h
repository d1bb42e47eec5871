/* schema_state: what a schema consists of, for the files that build it and look things up in it. */
#ifndef SCHEMAS_SCHEMA_STATE_H
#define SCHEMAS_SCHEMA_STATE_H

#include "schemas/index.h"
#include "schemas/schema.h"

enum { PLAIN_TYPES = 128 };

/* Rows with the index of their short names. */
struct row_set {
	const void *owner; /* struct type_def or struct complex_def */
	struct index by_short;
};

/* A name that a specialization file brought: number ATTR_BUILTIN_COUNT + its place. */
struct loaded_name {
	struct str long_name, short_name;
};

struct schema {
	const struct type_def **types;
	size_t type_count;
	const struct type_def *plain[PLAIN_TYPES]; /* by number */
	struct index by_root;			   /* "m2m:cnt" -> place in types */
	struct index by_short;			   /* "mni" -> name */
	struct row_set *sets;			   /* open addressing by owner */
	size_t set_mask, set_count;
	struct loaded_name *names;
	size_t name_count;
	struct arena arena; /* names and types that were loaded */
};

/* Adds a type that stays where it is, with its index and root name. */
void schema_add_type(struct schema *schema, const struct type_def *type);
/* Numbers a name; a second one with the same long form gives a further number. */
unsigned schema_add_name(struct schema *schema, struct str long_name, struct str short_name);

#endif
