/* describe: the forms in which `copse describe` prints a type that need a file of their own. */
#ifndef CSE_DESCRIBE_H
#define CSE_DESCRIBE_H

#include <stdio.h>

#include "schemas/schema.h"

/* A JSON Schema (draft 2020-12) of the representation of one type, as a RETRIEVE gives it, or when type is NULL of
 * every type and other root of a content. */
void describe_json_schema(const struct schema *schema, const struct type_def *type, FILE *out);

/* An XML Schema of the contents that have this type's namespace as XML: of the type, or, when it is NULL, of every type
 * and other root that is in the standard's own. */
void describe_xsd(const struct schema *schema, const struct type_def *type, FILE *out);

#endif
