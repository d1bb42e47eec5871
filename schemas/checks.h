/* checks: rules over a value that no kind expresses; CHECK(rule) in a row names check_<rule>. Each returns NULL or what
 * is wrong. */
#ifndef SCHEMAS_CHECKS_H
#define SCHEMAS_CHECKS_H

#include "schemas/value.h"

/* App-ID: R, N or (to Release 3) r and something behind it. TS-0001 7.1.3, standard registration of App-IDs. */
const char *check_app_id(struct value v, struct arena *arena);
/* m2m:labels: key, or key:value with a key. TS-0004 6.3.3. */
const char *check_labels(struct value v, struct arena *arena);
/* m2m:eventCat: 2 to 4, or 100 to 999. TS-0004 6.3.3. */
const char *check_event_category(struct value v, struct arena *arena);
/* m2m:serializations: xml, json, cbor; their media types are accepted. TS-0004 6.3.3. */
const char *check_serializations(struct value v, struct arena *arena);
/* xs:anySimpleType: no object, no array. */
const char *check_simple(struct value v, struct arena *arena);
/* selfPrivileges: at least one rule. TS-0004 table 7.4.2.1-3. */
const char *check_self_privileges(struct value v, struct arena *arena);

#endif
