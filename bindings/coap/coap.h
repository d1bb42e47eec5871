/* coap: the CoAP server and client. It is the binding_state behind binding_coap. */
#ifndef BINDINGS_COAP_COAP_H
#define BINDINGS_COAP_COAP_H

#include "bindings/coap/sender.h"
#include "bindings/coap/server.h"

struct binding_state {
	struct binding_config config;
	struct server server;
	struct sender sender;
	bool is_closed;
	struct timer drain;
	void (*drained)(void *arg);
	void *drained_arg;
};

#endif
