/* caller: the sending side of `copse request`: one HTTP request and its answer, a listener for notifications, and JSON
 * as people read it. */
#ifndef CSE_CALLER_H
#define CSE_CALLER_H

#include "cse/base/error.h"
#include "cse/base/strbuf.h"

#include <stdio.h>

struct caller_request {
	const char *method, *url;
	/* Header fields; NULL: left out. */
	const char *from, *request_id, *release;
	unsigned ty;	    /* of a CREATE; 0: none */
	struct str content; /* ptr NULL: none */
	long timeout_s;
};

struct caller_answer {
	long status;	    /* of HTTP */
	unsigned rsc;	    /* 0: the answer has none */
	char location[512]; /* Content-Location; "": none */
	struct strbuf content;
};

/* Sends it and waits for the answer, whose content is the caller's to finish. 0, or -1 and a sentence. */
WARN_UNUSED int caller_send(const struct caller_request *request, struct caller_answer *answer, char *message,
			    size_t size);
/* Appends text with what a URL's query does not take escaped; '/' stays if is_path. */
void caller_escape(struct strbuf *out, struct str text, bool is_path);

/* Takes notifications on a thread of its own, answers each with 2000 and prints it to standard output. */
struct caller_listener;

/* where: "host:port". most: after so many notifications (verifications not counted) the process gets a SIGTERM; 0:
 * never. NULL and a sentence on a fault. */
struct caller_listener *caller_listen(const char *where, uint64_t most, char *message, size_t size);
/* "http://127.0.0.1:4711" */
const char *caller_listener_url(const struct caller_listener *listener);
void caller_listener_close(struct caller_listener *listener);

/* Prints JSON indented, with a line end behind it. What is no JSON comes out in some form, never as control bytes. */
void pretty_print(struct str json, FILE *out);

#endif
