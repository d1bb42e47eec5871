/* mapping: an HTTP request becomes a request primitive, the answer becomes an HTTP response (TS-0009 clause 6). */
#ifndef BINDINGS_HTTP_MAPPING_H
#define BINDINGS_HTTP_MAPPING_H

#include "bindings/head.h"
#include "bindings/http/response.h"
#include "cse/core/binding.h"

/* Methods and header fields by name, for Allow and CORS. */
#define MAPPING_METHODS "GET, HEAD, POST, PUT, DELETE, OPTIONS"

/* Is this a method that stands for an operation? */
bool mapping_knows(unsigned method);

/* The protocol in which another binding is to go on with the connection (RFC 7230 6.7): one that a request for no
 * resource asks for. root is the path prefix. ptr NULL: none. */
struct str mapping_protocol(const struct head *head, struct str root, const struct cse *cse);

/* What an answer to this head needs to know; views point into the head. cors_origins is the allow-list. */
void mapping_exchange(const struct head *head, const char *cors_origins, struct exchange *exchange);

/* Fills req; everything it keeps is copied into its arena, and the exchange's views then point there. What is wrong
 * becomes req->refused. */
void mapping_request(const struct head *head, struct str body, const struct binding_config *config,
		     const struct peer *peer, struct request *req, struct exchange *exchange);

/* The response to an answered request. location_buf takes the bytes of Content-Location. */
struct response mapping_response(const struct request *req, const struct exchange *exchange, const char *root,
				 struct strbuf *location_buf);

/* Appends the header lines that answer a CORS preflight (Fetch standard 3.2.2). */
void mapping_add_preflight(struct strbuf *out);

#endif
