/* request: a decoded request primitive, its memory, its position in the procedure and its answer.
 *
 * A binding takes one with request_create, fills the parameters and content, and gives it to cse_submit; from then on
 * it is the CSE's until reply is called, exactly once, on the CSE's thread. reply reads the answer, and request_release
 * gives it back. */
#ifndef CSE_CORE_REQUEST_H
#define CSE_CORE_REQUEST_H

#include "cse/base/arena.h"
#include "cse/base/list.h"
#include "cse/base/map.h"
#include "schemas/codec/codec.h"
#include "schemas/primitive.h"
#include "schemas/status.h"
#include "schemas/validate.h"

struct cse;
struct request;
struct resource;
struct query;
struct verified; /* verify.c */

enum peer_family { PEER_UNKNOWN, PEER_IPV4, PEER_IPV6 };
enum { PEER_ADDRESS_SIZE = 16 };

/* Who is at the other end of the binding's connection. */
struct peer {
	bool is_direct_loopback; /* loopback socket and no forwarding header: what the admin may come from */
	bool is_authenticated;	 /* by credentials that belong to From */
	bool is_no_admin;	 /* whatever From says */
	enum peer_family family; /* UNKNOWN: the address is not the originator's (a proxy's), or there is none */
	uint8_t address[PEER_ADDRESS_SIZE]; /* in network order; of IPv4 the first 4 bytes, never mapped into IPv6 */
};

/* Turns ::ffff:192.0.2.1 into 192.0.2.1; false: it is no such address. */
static inline bool peer_unmap(uint8_t address[PEER_ADDRESS_SIZE])
{
	static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};

	if (memcmp(address, prefix, sizeof(prefix)) != 0)
		return false;
	memmove(address, address + sizeof(prefix), PEER_ADDRESS_SIZE - sizeof(prefix));
	return true;
}

/* One condition of Filter Criteria; attribute conditions have tag FILTER_COUNT and the name as received ("mni",
 * "c.lbl"). */
struct filter_item {
	enum condition tag;
	struct str name, text;
};

struct filter {
	struct filter_item *items;
	unsigned count;
};

/* What a request is about, once resolved. */
struct target {
	struct resource *resource;	    /* the resource, or the parent of the instance or virtual one */
	const struct virtual_def *virtual_; /* set while `to` names a virtual resource */
	uint64_t instance;		    /* key of an instance below resource; 0: none */
	struct str attribute;		    /* `#mni` */
	struct str suffix; /* what follows a virtual resource that takes it: `la`, `x/y`; ptr NULL: nothing */
};

struct answer {
	enum rsc rsc;
	struct str content;	  /* JSON of the whole content ({"m2m:cnt":{...}}); empty: none */
	struct str location;	  /* structured address of the created resource, CSE-relative; empty: none */
	struct str etag;	  /* opaque, without quotes; empty: none */
	struct str dbg;		  /* why it failed, plain UTF-8 text; the content then is {"m2m:dbg": ...} */
	bool precondition_failed; /* If-Match did not hold */
	bool is_unwanted;	  /* noResponse: nothing is sent where the protocol needs no answer */
	bool is_partial;	  /* cnst 1 */
	uint64_t offset;	  /* cnot, when partial */
};

struct request {
	struct cse *cse;
	struct list link;
	struct arena arena;

	/* The primitive. Parameters as text, the members of a list joined by `+`; ptr NULL: absent. Numbers are decoded
	 * in Recv-1.0. Views must stay valid as long as the request: a binding copies into the arena what its own
	 * buffers lose. */
	struct str param[PARAM_COUNT];
	struct filter filter;
	/* notificationURI of Response Type, joined by `&` (TS-0009 6.4.11); ptr NULL: absent, empty: none */
	struct str response_targets;
	struct str content;	   /* of the Content parameter; empty: none. Recv-1.0 makes canonical JSON of it */
	const struct codec *codec; /* what it is serialized by until then; NULL: it is canonical JSON */
	const char *binding;	   /* "http", for the log */
	struct peer peer;
	struct str accept_etag; /* If-Match: list of etags as received; empty: no condition */
	/* A fault the binding saw (a bad media type, unreadable query): Recv-1.0 answers it. RSC_NONE: none. */
	enum rsc refused;
	const char *refused_why;

	void (*reply)(struct request *req, void *arg);
	void *arg;

	struct answer answer;

	/* ---- of core from here ---- */
	struct fanout *fan;	   /* a member's request: of which fan-out */
	bool is_noted;		   /* its Group Request Identifier is remembered */
	bool is_own;		   /* the CSE asks for itself */
	bool is_parked;		   /* it waits for something, and holds nothing of the tree */
	uint64_t deferred;	   /* key of the <request> that it is performed for; 0: none */
	bool wants_no_response;	   /* the response type is noResponse */
	bool is_consented;	   /* the subscriber of a blocking update has said yes */
	uint64_t held_key;	   /* of the resource whose UPDATE it is that is held back */
	struct verified *verified; /* notification targets that have been asked; NULL: none */
	struct map_node pending;   /* in cse->pending while is_registered */
	bool is_registered;
	enum operation op;
	unsigned ty, rcn;
	struct str from; /* bare stem for a local AE, /cse-id for a CSE */
	struct str path; /* what `to` says below this CSE */
	unsigned step;
	struct target target;
	struct doc doc;
	const struct type_def *type;
	struct attrs attrs;
	struct query *query; /* what filter says, decoded; NULL: nothing */
	struct list changes; /* struct change */
	struct list undo;    /* struct undo */
	uint64_t depends_on; /* number of the newest batch whose changes were seen */
	int64_t received_us; /* wall clock */
};

/* From the CSE's pool; arena empty, everything else cleared. NULL when the CSE's limit on requests in work is reached.
 */
struct request *request_create(struct cse *cse);
/* Gives it back; only before cse_submit or from reply on. */
void request_release(struct request *req);

static inline void request_set(struct request *req, enum parameter parameter, struct str text)
{
	req->param[parameter] = text;
}

static inline bool request_has(const struct request *req, enum parameter parameter)
{
	return req->param[parameter].ptr != NULL;
}

/* Sets code and explanation, and returns the code: `return req_fail(req, RSC_BAD_REQUEST, "%s: ...", name);`
 * The explanation is bounded and its bytes are made safe. */
enum rsc req_fail(struct request *req, enum rsc code, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
