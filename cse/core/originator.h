/* originator: who asks, and the patterns that say who may: the identifiers of accessControlOriginators (TS-0003 7.1.3,
 * TS-0004 table 7.3.3.15-1). Knows nothing of resources. */
#ifndef CSE_CORE_ORIGINATOR_H
#define CSE_CORE_ORIGINATOR_H

#include "cse/base/str.h"

/* An AE-ID or CSE-ID taken apart, so that all forms of one entity give the same: `Cx` and `//sp/id-in/Cx` on /id-in of
 * sp. What stands alone in its domain is a CSE-ID or an AE-ID-Stem that the IN-CSE has assigned (S...): it is in cse.
 */
struct identity {
	struct str domain; /* M2M-SP-ID without its slashes */
	struct str cse;	   /* without its slash; ptr NULL: a domain and nothing else */
	struct str stem;   /* AE-ID-Stem; ptr NULL: none */
};

/* Where a CSE-relative or SP-relative identifier is at home. */
struct home {
	struct str domain, cse;
};

/* false: of no form that an AE-ID, a CSE-ID or a domain has. The views are those of text and home. */
bool identity_parse(const struct home *home, struct str text, struct identity *out);
/* Is id one of those that pattern stands for? `*` stands for any run of characters, but none in another segment. A
 * domain alone stands for everybody in it. */
bool identity_matches(const struct identity *pattern, const struct identity *id);
/* One segment. */
bool wildcard_matches(struct str pattern, struct str text);

#endif
