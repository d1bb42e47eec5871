/* binding: what core calls upwards to talk a protocol, and what a binding calls downwards. */
#ifndef CSE_CORE_BINDING_H
#define CSE_CORE_BINDING_H

#include "cse/base/log.h"
#include "cse/base/loop.h"
#include "cse/base/setting.h"
#include "cse/base/strbuf.h"
#include "cse/core/request.h"
#include "schemas/codec/codec.h"

struct binding_state;

/* What came of a hop. */
enum hop_outcome {
	HOP_ANSWERED,	 /* rsc (and answer) are the peer's */
	HOP_UNREACHABLE, /* no answer of the peer's: another point of access may be tried */
	HOP_LATE,	 /* sent, but there was no answer in time */
};

/* One request primitive on its way to one point of access. Filled and owned by core; a binding has it from send until
 * it calls done, exactly once, on the CSE's thread and never from within send or cancel. All texts stay valid until
 * then. */
struct hop {
	struct list link; /* the binding's, between send and done */
	struct str url;	  /* of the point of access, or of a target that is a URL; without `ct`; empty: see reaches */
	/* As in struct request; ptr NULL: absent. PARAM_to is absent where the URL itself is the target. */
	struct str param[PARAM_COUNT];
	struct str entity;	  /* the AE-ID or CSE-ID of whom it is for; empty: whoever is at the URL */
	uint64_t registration;	  /* key of that entity's registration; 0: whoever is at the URL */
	struct str content;	  /* canonical JSON of the Content parameter; empty: none */
	struct str serialization; /* "json", "xml" or "cbor": what the receiver wants */
	int64_t timeout_us;	  /* from send to the whole answer */
	void (*done)(struct hop *hop);

	/* Filled before done, valid during it. */
	enum hop_outcome outcome;
	enum rsc rsc;
	struct str answer; /* canonical JSON of the answer's Content parameter; empty: none */
	char reason[160];  /* why there is no answer, for logs and explanations; no contents, no credentials */
	void *of_binding;  /* the binding's, while it has the hop */
};

/* What a binding is started with. Strings outlive the binding. */
struct binding_config {
	const char *listen;	  /* host:port, [host]:port; port 0 picks a free one */
	const char *http_listen;  /* where HTTP is served, whose connections may be taken over */
	const char *root;	  /* path prefix ("" or "/x") */
	const char *cors_origins; /* comma separated allow-list; "" allows none */
	size_t max_body;	  /* bytes */
	size_t max_headers;	  /* bytes of request line and headers */
	unsigned max_connections;
	unsigned header_timeout_ms, body_timeout_ms, idle_timeout_ms, drain_timeout_ms;
	bool trust_forwarded;	     /* treat forwarding headers as harmless for the admin rule */
	const struct schema *schema; /* names of attributes in queries, and what serializations go by */
	/* Where it may connect to: comma separated networks (192.0.2.0/24, 2001:db8::/32); "" allows all but the
	 * link-local, metadata, unspecified and multicast addresses where is_public is set. */
	const char *networks;
	bool is_public;		       /* others than this machine can reach the CSE */
	unsigned most_outgoing;	       /* connections to other hosts at once */
	unsigned most_outgoing_to_one; /* of them to one host and port */
	unsigned outgoing_idle_ms;     /* how long one of them is kept without use */
	size_t max_answer;	       /* bytes of an answer's body; a larger one counts as none */
	const char *ca_file;	       /* certificates of authorities that peers are believed by; "" for the system's */
	const struct setting *settings; /* the section of the binding's name; valid during the call */
};

struct binding {
	const char *name;
	bool is_relayed; /* listen says where it connects to, and requests come from whoever reaches that */
	/* Is it to be opened? NULL: where listen says something. */
	bool (*is_wanted)(const struct binding_config *config);
	/* Is there a fault in its settings? Opens nothing. 0, or a negative error and a sentence that begins with the
	 * key. NULL: none that their rows do not show. */
	int (*check)(const struct binding_config *config, char *message, size_t size);
	/* Adds the URLs under which others reach the CSE by it, comma separated. NULL: none. */
	void (*add_points_of_access)(const struct binding_config *config, struct strbuf *out);
	/* How many descriptors its connections may take at once. NULL: a few. */
	size_t (*descriptors)(const struct binding_config *config);
	/* 0, or a negative error and a sentence ("http.listen 127.0.0.1:8080: address already in use"). */
	int (*open)(struct cse *cse, struct loop *loop, const struct binding_config *config,
		    struct binding_state **state, char *message, size_t size);
	/* Stops accepting; connections end after their current answer; done is called once none is left or
	 * drain_timeout passed. */
	void (*drain)(struct binding_state *state, void (*done)(void *arg), void *arg);
	void (*close)(struct binding_state *state);
	/* Takes the numbers of connections and the timeouts from config; the rest of it stays as it was opened. NULL:
	 * it has none of them. */
	void (*set_limits)(struct binding_state *state, const struct binding_config *config);
	/* The address it listens on, for people and tests ("http://127.0.0.1:8080"). */
	const char *(*address)(struct binding_state *state);

	/* The URL schemes it sends to, NULL-terminated; NULL: none. A binding that sends nothing has no send and no
	 * cancel. */
	const char *const *schemes;
	void (*send)(struct binding_state *state, struct hop *hop);
	/* The hop is taken back: done will not be called. */
	void (*cancel)(struct binding_state *state, struct hop *hop);

	/* For connections that entities open and that requests to them go out over. Is there one of this registration
	 * now? Then hops without a URL may be sent to it. NULL: there are no such connections. */
	bool (*reaches)(struct binding_state *state, uint64_t registration);

	/* Does it take over connections of HTTP whose header field Upgrade says this? adopt then gets the descriptor,
	 * whatever becomes of it, with what was received of the request and behind it: bytes, valid during the call. */
	bool (*adopts)(struct binding_state *state, struct str protocol);
	void (*adopt)(struct binding_state *state, int fd, const struct peer *peer, struct str bytes);
};

/* registry.def rows: BINDING(name, key) -> extern const struct binding binding_<name>. */

/* Hands a filled request over. reply may be called before this returns. */
void cse_submit(struct cse *cse, struct request *req, void (*reply)(struct request *req, void *arg), void *arg);

/* From now on hops go out through it; until cse_remove_bindings. */
void cse_add_binding(struct cse *cse, const struct binding *binding, struct binding_state *state);
/* Before the bindings are closed: what is under way is taken back. */
void cse_remove_bindings(struct cse *cse);

/* Is there a binding that takes over connections for this protocol? If so, it is given one. */
bool cse_adopts(const struct cse *cse, struct str protocol);
void cse_hand_over(struct cse *cse, struct str protocol, int fd, const struct peer *peer, struct str bytes);

/* For an answered request: the key of the registration that it speaks for, and the entity's AE-ID or CSE-ID, in the
 * arena of the request: its originator's, or that which it has made. 0: it was refused, or its originator is not
 * registered here. Keys are never given twice. */
uint64_t cse_registration(struct request *req, struct str *entity);
/* Does this registration still exist? */
bool cse_is_registered(const struct cse *cse, uint64_t registration);
/* The entity of a registration can be reached now: what could not be delivered to it is sent at once. */
void cse_reached(struct cse *cse, uint64_t registration);

struct log *cse_log(struct cse *cse);
/* Limits for decoding, and the CSE's identity for Content-Location ("/id-in"). */
const struct decode_limits *cse_decode_limits(const struct cse *cse);
struct str cse_id(const struct cse *cse);
/* Without the leading "//". */
struct str cse_sp_id(const struct cse *cse);
struct clock *cse_clock(struct cse *cse);

#endif
