/* coap: the CoAP server. It is the binding_state behind binding_coap. */
#ifndef BINDINGS_COAP_COAP_H
#define BINDINGS_COAP_COAP_H

#include "bindings/coap/server.h"

struct binding_state {
	struct binding_config config;
	struct server server;
	bool is_closed;
	struct timer drain;
	void (*drained)(void *arg);
	void *drained_arg;
};

#endif
