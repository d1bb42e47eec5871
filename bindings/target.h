/* target: the request target (TS-0009 6.2.2): its path becomes To, its query becomes parameters and filter criteria. */
#ifndef BINDINGS_TARGET_H
#define BINDINGS_TARGET_H

#include "cse/base/strbuf.h"
#include "cse/core/request.h"

/* Fills To, query parameters and filter criteria of req from the target as received. root is the prefix to strip ("" or
 * "/x"). What is wrong becomes req->refused. */
void target_map(struct request *req, struct str target, struct str root, const struct schema *schema);

/* Does it name no resource: "/", or the root, whatever its query? Behind a proxy the root may be the only path there
 * is.
 */
bool target_is_bare(struct str target, struct str root);

/* Adds the path under which a client gets the resource with the given To: the reverse of the mapping above. A
 * CSE-relative one is given in the SP-relative form of this CSE. */
void target_add_path(struct strbuf *out, struct str root, struct str cse_id, struct str to);

/* Adds "?" and the parameters (param[PARAM_COUNT]) that travel in a query, if there are any. The attribute that To
 * names behind a `#` is one of them. */
void target_add_query(struct strbuf *out, const struct str *param);

/* Decodes percent escapes into to, which has room for in.len bytes. Returns the length, or -1 on a bad escape. */
ptrdiff_t target_decode(char *to, struct str in);

/* Adds text with all escaped but unreserved characters and those of also (RFC 3986 2.3). */
void target_add_escaped(struct strbuf *out, struct str text, const char *also);

#endif
