/* route: URLs that requests are sent to, taken apart once and remembered. */
#ifndef BINDINGS_HTTP_ROUTE_H
#define BINDINGS_HTTP_ROUTE_H

#include "cse/base/list.h"
#include "cse/base/map.h"
#include "cse/base/str.h"

#include <curl/curl.h>

/* Views are of text, and end with a NUL. */
struct route {
	struct map_node node;
	struct list link; /* in by_use */
	struct str url;
	struct str origin; /* "https://example.org:8443": what connections are made to */
	struct str host;   /* as in Host: without the scheme's own port */
	struct str target; /* path and query; at least "/" */
	struct str path;   /* without a slash at its end: "" or "/x" */
	bool is_tls;
	char text[];
};

struct routes {
	struct map by_url;
	struct list by_use; /* longest unused first */
	uint64_t seed;
	CURLU *parser;
};

void routes_init(struct routes *routes);
void routes_finish(struct routes *routes);

/* Valid until the next call. NULL if the URL is no http or https URL that can be used, and *why says so. */
const struct route *routes_find(struct routes *routes, struct str url, const char **why);

#endif
