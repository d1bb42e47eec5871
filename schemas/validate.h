/* validate: a representation held against its type's rows. TS-0004 7.3.3.3 and 7.3.3.4. */
#ifndef SCHEMAS_VALIDATE_H
#define SCHEMAS_VALIDATE_H

#include "schemas/schema.h"
#include "schemas/status.h"

/* What is wrong and where, for m2m:dbg: "maxNrOfInstances (mni): must be a non-negative integer". Bounded; input quoted
 * in it is cut and escaped. */
struct problem {
	char text[240];
};

/* The attributes of a representation by row: value[i] belongs to type->attrs[i], absent if not there. A null is a
 * value. */
struct attrs {
	const struct type_def *type;
	struct value *value; /* attr_count of them */
};

/* object: the JSON object of attributes (the value of the root member). On RSC_NONE *out is filled (memory from the
 * arena). create: unknown name, NP present, M absent, wrong kind, constraint, empty list, null (but creator) ->
 * RSC_BAD_REQUEST. update: unknown name, NP present, wrong kind ..., null on multiplicity 1 but et -> RSC_BAD_REQUEST;
 * null elsewhere deletes. */
enum rsc validate_create(const struct schema *schema, const struct type_def *type, struct value object,
			 struct arena *arena, struct attrs *out, struct problem *problem);
enum rsc validate_update(const struct schema *schema, const struct type_def *type, struct value object,
			 struct arena *arena, struct attrs *out, struct problem *problem);
/* A stored or sent representation: every ONE present, every name known, kinds right. For tests, verify and load. */
enum rsc validate_stored(const struct schema *schema, const struct type_def *type, struct value object,
			 struct arena *arena, struct attrs *out, struct problem *problem);
/* One value against a kind (parameters, complex values). NULL, or what is wrong (arena or static). */
const char *validate_kind(const struct schema *schema, struct kind kind, const struct constraint *constraint,
			  struct value v, struct arena *arena);
/* A bare text against a scalar kind (a header or query value, no JSON quotes). NULL, or what is wrong. */
const char *validate_text(struct kind kind, const struct constraint *constraint, struct str text);

/* The value of an attribute in attrs by its number; absent if not there or no such row. */
struct value attrs_get(const struct attrs *attrs, unsigned name);

#endif
