/* response: one HTTP response as bytes. */
#ifndef BINDINGS_HTTP_RESPONSE_H
#define BINDINGS_HTTP_RESPONSE_H

#include "bindings/media.h"
#include "bindings/transcoder.h"
#include "cse/base/clock.h"
#include "cse/base/strbuf.h"
#include "schemas/status.h"

/* What an answer has to know about its request. Views live as long as the request. */
struct exchange {
	bool is_head; /* no body, whatever the answer */
	bool is_old;  /* HTTP/1.0 */
	bool keeps_alive;
	bool has_time;	    /* Originating Timestamp was given, so the answer has one */
	bool is_acceptable; /* Accept takes a type that is served */
	const struct media_def *media;
	struct str request_id, release; /* echoed; ptr NULL: not given */
	struct str web_origin;		/* an allowed one; ptr NULL: none */
	struct str if_none_match;
};

struct response {
	unsigned status;
	enum rsc rsc;
	struct str content;	   /* empty: none */
	struct str dbg;		   /* instead of content, if ptr is set */
	struct str etag, location; /* location is a path; empty: none */
	bool is_partial;
	uint64_t offset;
	const char *more_headers; /* whole lines; NULL: none */
};

/* The Date line, made once a second. */
struct response_date {
	int64_t second;
	char line[48];
};

/* What responses are made with. */
struct response_maker {
	struct transcoder transcoder;
	struct strbuf scratch;
	struct response_date date;
};

/* What stands for an HTTP status that the CSE has no part in. */
enum rsc response_rsc(unsigned status);

/* Appends it to out. Content that the exchange's media type cannot carry becomes a refusal (5207). */
void response_write(struct strbuf *out, struct response_maker *maker, const struct exchange *exchange,
		    const struct response *response, int64_t now_us);

#endif
