/* front: what the connections of one HTTP server share, and the client. It is the binding_state behind binding_http. */
#ifndef BINDINGS_HTTP_FRONT_H
#define BINDINGS_HTTP_FRONT_H

#include "bindings/http/client.h"
#include "bindings/http/input.h"
#include "bindings/http/response.h"
#include "bindings/listener.h"
#include "cse/core/binding.h"

struct binding_state {
	struct cse *cse;
	struct loop *loop;
	struct binding_config config;
	struct listener listener;
	struct client client;

	struct list connections; /* open ones */
	unsigned open_count;
	unsigned waiting_count; /* requests the CSE has not answered; their connections may be gone */
	struct list resumed;	/* connections with unread input that go on in the next round */
	struct timer resume;
	struct list dead; /* freed at the end of the round */
	struct loop_hook reaper;

	struct input_pool inputs;
	struct strbuf batch; /* answers of the connection that is being read */
	struct strbuf aside; /* an answer of any other connection */
	struct strbuf location;
	struct response_maker maker;

	bool is_draining, is_closed;
	struct timer drain;
	void (*drained)(void *arg);
	void *drained_arg;
};

/* A connection has closed / a request of a closed connection was answered. May free the front. */
void front_connection_closed(struct binding_state *front);
void front_request_ended(struct binding_state *front);
/* Whose request got an answer without the CSE, and why. */
void front_log_refusal(const struct binding_state *front, int fd, unsigned status, const char *why);

#endif
