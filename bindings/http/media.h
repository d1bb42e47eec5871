/* media: Content-Type and Accept (RFC 7231 3.1.1, 5.3.2; TS-0009 6.4.2, 6.4.3). */
#ifndef BINDINGS_HTTP_MEDIA_H
#define BINDINGS_HTTP_MEDIA_H

#include "cse/base/str.h"
#include "schemas/schema.h"

struct media_def {
	struct str text;
	unsigned operations; /* OP_BITs whose content may have it */
	bool is_vendor;	     /* application/vnd.onem2m-... */
	bool in_answers;
};

/* What Content-Type says. */
struct content_type {
	const struct media_def *media; /* NULL: a type that is not understood */
	struct str type;	       /* as received, without parameters */
	struct str resource_type;      /* the parameter that tells a CREATE from a NOTIFY; ptr NULL: none */
};

/* 0, or -1 if it is malformed (also: a parameter twice, a character set other than UTF-8). */
int media_parse(struct str text, struct content_type *type);

/* The type of answers that `accept` likes best; among equals a vendor type if prefer_vendor, else the first row.
 * NULL if it takes none of them. Empty takes all; unreadable ranges are skipped. */
const struct media_def *media_choose(struct str accept, bool prefer_vendor);

/* What answers have if nothing else is asked for. */
const struct media_def *media_default(void);

#endif
