/* kind_text: the kinds of data whose values are texts, and the rule that each puts on its characters. */
#ifndef SCHEMAS_KIND_TEXT_H
#define SCHEMAS_KIND_TEXT_H

#include "schemas/schema.h"

/* NULL, or what is wrong with the characters of a value of this kind. base is one of those for which kind_is_text
 * holds. */
const char *kind_text_problem(enum base_kind base, struct str text);

bool kind_is_text(enum base_kind base);

/* Has a URL ("scheme://user@host") a user or a password? false for what is no URL. */
bool url_has_credentials(struct str url);

#endif
