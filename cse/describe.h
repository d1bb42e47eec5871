/* describe: the forms in which `copse describe` prints a type that need a file of their own. */
#ifndef CSE_DESCRIBE_H
#define CSE_DESCRIBE_H

#include <stdio.h>

#include "schemas/schema.h"

/* A JSON Schema (draft 2020-12) of the representation of one type, or of all when type is NULL, as a RETRIEVE gives it.
 */
void describe_json_schema(const struct schema *schema, const struct type_def *type, FILE *out);

#endif
