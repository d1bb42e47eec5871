/* coap: the CoAP server, its connections and the client. It is the binding_state behind binding_coap. */
#ifndef BINDINGS_COAP_COAP_H
#define BINDINGS_COAP_COAP_H

#include "bindings/coap/server.h"
#include "bindings/coap/tcp.h"
#include "bindings/listener.h"

struct binding_state {
	struct binding_config config;
	struct server server;
	struct streams streams; /* that peers have made */
	struct listener listener;
	bool is_closed;
	struct timer drain;
	void (*drained)(void *arg);
	void *drained_arg;
};

#endif
