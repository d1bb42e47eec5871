/* outbound: a hop becomes an HTTP request, the answer to it becomes what came of the hop (TS-0009 clause 6). */
#ifndef BINDINGS_HTTP_OUTBOUND_H
#define BINDINGS_HTTP_OUTBOUND_H

#include "bindings/http/reply.h"
#include "bindings/http/route.h"
#include "bindings/transcoder.h"
#include "cse/core/binding.h"

/* Puts head and content of the request into out, whose former contents are dropped. cse_id: this CSE's. 0, or -1 and
 * why it cannot be sent. */
WARN_UNUSED int outbound_write(struct strbuf *out, const struct hop *hop, const struct route *route, struct str cse_id,
			       struct transcoder *transcoder, const char **why);

/* Fills outcome, rsc, answer and reason of hop; answer is a view of the reply's, whose body may change for it. */
void outbound_judge(struct reply *reply, struct hop *hop, struct transcoder *transcoder,
		    const struct decode_limits *limits);

/* The hop ends without an answer. */
void outbound_fail(struct hop *hop, enum hop_outcome outcome, const char *why);

#endif
