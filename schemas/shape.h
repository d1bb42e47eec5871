/* shape: what the tables say of one value in a document, given where it stands. It is how a codec walks: it starts with
 * what a document is, and asks for each member in turn. No codec knows more of the standard than this. */
#ifndef SCHEMAS_SHAPE_H
#define SCHEMAS_SHAPE_H

#include "schemas/schema.h"

struct shape {
	struct kind kind;
	const struct type_def *type; /* of a resource, whose kind has nothing to say; else NULL */
	uint8_t xml;		     /* enum xml_form */
	bool is_global;		     /* its name has a prefix, "m2m:cnt": a resource or a root of roots.def */
	bool may_be_empty;	     /* a list that may be empty */
};

/* A value that no table tells anything of; also a content, an object that has one root as its member. */
struct shape shape_any(void);
struct shape shape_complex(const struct complex_def *def);

/* A resource or another root by its name with prefix. false: there is none, *shape is that of any value. */
bool shape_root(const struct schema *schema, struct str name, struct shape *shape);
/* The root number index, "m2m:" and its short name, other than resources; NULL at the end. */
const char *shape_root_at(size_t index, struct shape *shape);

/* The shape of a member: its row's, or that of the root of this name (a resource within a resource is a list of
 * them), or of any value. */
struct shape shape_member(const struct schema *schema, const struct shape *in, struct str name);
/* Of an element of a list, or of an array where there should be none. */
struct shape shape_element(const struct shape *list);

/* The rows of a resource or complex type, in their order; none for others. */
const struct attr_def *shape_rows(const struct shape *in, size_t *count);
/* The row of a member, or -1. */
int shape_row(const struct schema *schema, const struct shape *in, struct str name);
struct shape shape_of_row(const struct schema *schema, const struct attr_def *row);

/* The row of `ch`, which a representation has beside its attributes: TS-0004 7.5.2. */
const struct attr_def *shape_child_reference(void);

#endif
