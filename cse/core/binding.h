/* binding: what core calls upwards to talk a protocol, and what a binding calls downwards. */
#ifndef CSE_CORE_BINDING_H
#define CSE_CORE_BINDING_H

#include "cse/base/log.h"
#include "cse/base/loop.h"
#include "cse/core/request.h"
#include "schemas/codec/codec.h"

struct binding_state;

/* What a binding is started with. Strings outlive the binding. */
struct binding_config {
	const char *listen;	  /* host:port, [host]:port; port 0 picks a free one */
	const char *root;	  /* path prefix ("" or "/x") */
	const char *cors_origins; /* comma separated allow-list; "" allows none */
	size_t max_body;	  /* bytes */
	size_t max_headers;	  /* bytes of request line and headers */
	unsigned max_connections;
	unsigned header_timeout_ms, body_timeout_ms, idle_timeout_ms, drain_timeout_ms;
	bool trust_forwarded;	     /* treat forwarding headers as harmless for the admin rule */
	const struct schema *schema; /* names of attributes in queries; NULL: every name is taken for one */
};

struct binding {
	const char *name;
	/* 0, or a negative error and a sentence ("http.listen 127.0.0.1:8080: address already in use"). */
	int (*open)(struct cse *cse, struct loop *loop, const struct binding_config *config,
		    struct binding_state **state, char *message, size_t size);
	/* Stops accepting; connections end after their current answer; done is called once none is left or
	 * drain_timeout passed. */
	void (*drain)(struct binding_state *state, void (*done)(void *arg), void *arg);
	void (*close)(struct binding_state *state);
	/* The address it listens on, for people and tests ("http://127.0.0.1:8080"). */
	const char *(*address)(struct binding_state *state);
};

/* registry.def rows: BINDING(name) -> extern const struct binding binding_<name>. */

/* Hands a filled request over. reply may be called before this returns. */
void cse_submit(struct cse *cse, struct request *req, void (*reply)(struct request *req, void *arg), void *arg);

struct log *cse_log(struct cse *cse);
/* Limits for decoding, and the CSE's identity for Content-Location ("/id-in"). */
struct str cse_id(const struct cse *cse);
struct clock *cse_clock(struct cse *cse);

#endif
