/* dial: libcurl makes connections on our loop: names, TCP, TLS with verification. What is sent over them is not its
 * business.
 *
 * A plain connection's descriptor is handed over, and libcurl forgets it. One with TLS stays libcurl's. */
#ifndef BINDINGS_HTTP_DIAL_H
#define BINDINGS_HTTP_DIAL_H

#include "bindings/guard.h"
#include "cse/base/loop.h"
#include "cse/base/str.h"

#include <curl/curl.h>
#include <sys/types.h>

struct dialing;

/* One of libcurl's sets of connections. It searches them from end to end whenever TLS sends or receives, so there are
 * several. */
struct dialer {
	CURLM *multi; /* NULL: not used so far */
	struct timer timer;
	struct dialing *dialing;
};

enum { DIALERS = 8, SPARE_HANDLES = 16 };

struct dialing {
	struct loop *loop;
	struct guard guard;
	const char *ca_file;
	struct dialer dialers[DIALERS];
	unsigned next; /* dialer */
	CURL *spare[SPARE_HANDLES];
	unsigned spare_count;
	int handed_over; /* a descriptor that is not libcurl's to close; -1: none */
};

/* One connection; lives in its owner's struct. */
struct dial {
	struct dialing *dialing;
	struct dialer *dialer;
	CURL *easy; /* NULL: libcurl has nothing to do with it (any more) */
	bool is_tls;
	bool is_refused; /* an address was, by the guard */
	/* Called once, never from within dial_begin: fd is connected and non-blocking; or it is -1, and why says why.
	 * A descriptor without TLS is then the owner's. */
	void (*done)(struct dial *dial, int fd, const char *why);
};

/* networks, is_public: as of guard.h. ca_file: certificates of authorities; "" for the system's. 0, or a negative error
 * and a sentence. */
WARN_UNUSED int dialing_open(struct dialing *dialing, struct loop *loop, const char *networks, bool is_public,
			     const char *ca_file, char *message, size_t size);
/* Every dial was ended. */
void dialing_close(struct dialing *dialing);

/* Begins to connect to url ("https://host:port"), which is copied. dial->done is set; timeout_ms: when libcurl gives
 * up. */
void dial_begin(struct dialing *dialing, struct dial *dial, const char *url, bool is_tls, int64_t timeout_ms);
/* Gives up, or closes a connection with TLS, whose descriptor is no longer watched. Harmless if there is nothing to
 * end. */
void dial_end(struct dial *dial);

/* With TLS: bytes, 0 for the end of what the peer sends, -EAGAIN, or another negative error. What dial_send did not
 * take must be offered again at the same address. */
ssize_t dial_send(struct dial *dial, struct str bytes);
ssize_t dial_receive(struct dial *dial, char *bytes, size_t room);

#endif
