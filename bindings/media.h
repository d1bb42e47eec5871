/* media: Content-Type and Accept (RFC 7231 3.1.1, 5.3.2; TS-0009 6.4.2, 6.4.3). */
#ifndef BINDINGS_MEDIA_H
#define BINDINGS_MEDIA_H

#include "cse/base/str.h"
#include "schemas/codec/codec.h"

struct media_def {
	struct str text;
	const struct codec *codec;
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

/* The type of answers that the fields Accept (as one list) like best; among equals the one that is like the type of
 * the request (NULL: it has none): first in its serialization, then in being a vendor's. NULL if they take none. Empty
 * fields take all; unreadable ranges are skipped. */
const struct media_def *media_choose(const struct str *accept, unsigned count, const struct media_def *like);

/* What content of a serialization is sent as. */
const struct media_def *media_of_codec(const struct codec *codec);

#endif
