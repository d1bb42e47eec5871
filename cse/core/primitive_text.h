/* primitive_text: primitives as JSON (TS-0004 8.4.3), where this CSE carries one within another. */
#ifndef CSE_CORE_PRIMITIVE_TEXT_H
#define CSE_CORE_PRIMITIVE_TEXT_H

#include "cse/core/request.h"

/* One parameter's value from its text: a number or boolean bare, the members of a list joined by `+` as an array. */
void print_parameter_value(struct strbuf *out, struct kind kind, struct str text);
/* `"fr":"Ca"`, with a comma before it unless it is the first member. */
void print_parameter(struct strbuf *out, enum parameter parameter, struct str text);
/* A request primitive. */
void print_request_primitive(struct strbuf *out, const struct schema *schema, const struct str param[PARAM_COUNT],
			     struct str content);
/* The answer of a request as a response primitive to whoever made it (empty: nobody knows); release: NULL-pointer text
 * for none, but what could not be read gets one (TS-0004 table 6.4.2-1): the first served, as which an absent one is
 * treated. */
void print_response_primitive(struct strbuf *out, const struct request *req, struct str to, struct str release);

#endif
