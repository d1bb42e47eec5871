/* transport: how a request of a scenario reaches the CSE, and what came back. */
#ifndef TESTS_SCENARIO_TRANSPORT_H
#define TESTS_SCENARIO_TRANSPORT_H

#include "tests/scenario/world.h"

enum { MAX_CONDITIONS = 16, MAX_HEADERS = 48 };

struct header {
	struct str name, value;
};

struct exchange {
	enum operation op;
	struct str param[PARAM_COUNT]; /* ptr NULL: absent */
	struct filter_item conditions[MAX_CONDITIONS];
	unsigned condition_count;
	struct str content; /* JSON, unless there is a header Content-Type; empty: none */
	struct str accept_etag;
	struct str response_targets; /* as request.h has them */
	struct header headers[MAX_HEADERS];
	unsigned header_count;
	struct peer peer;
};

/* Everything in the arena given. */
struct reply {
	int rsc;
	struct str content, location, etag;
	struct str offset; /* of a partial content; ptr NULL: complete */
	unsigned status;   /* HTTP; 0 over core */
	struct header headers[MAX_HEADERS];
	unsigned header_count;
};

struct transport {
	const char *name;
	const char *binding; /* NULL: none is needed */
	bool is_http;
	bool needs_broker;	   /* world_binding.listen is then its address, with a path of the world's own */
	bool asks;		   /* by Accept, for answers in its serialization */
	const struct codec *codec; /* what contents travel in; NULL: they do not travel */
	/* NULL, or why there is no answer. */
	const char *(*perform)(const struct transport *transport, struct world *world, const struct exchange *exchange,
			       struct arena *arena, struct reply *reply);
	/* Before the first statement, which may let time pass; NULL: nothing is to be done. NULL, or what is wrong. */
	const char *(*meet)(struct world *world);
	bool is_whole; /* carries primitives and nothing beside them: no location, no entity tag, no header */
};

extern const struct transport transport_core, transport_http, transport_http_xml, transport_http_cbor;
#ifdef WITH_COAP
extern const struct transport transport_coap, transport_coap_xml, transport_coap_cbor;
#endif
#ifdef WITH_MQTT
extern const struct transport transport_mqtt, transport_mqtt_xml, transport_mqtt_cbor;
#endif
#ifdef WITH_WEBSOCKET
extern const struct transport transport_websocket, transport_websocket_xml, transport_websocket_cbor;
#endif

/* Over core only: a request that is under way while others are submitted. */
struct flight {
	struct arena *arena;
	struct reply *reply;
	bool done;
};

/* NULL, or why it could not be submitted. The answer is in *reply once flight->done. */
const char *core_submit(struct world *world, const struct exchange *exchange, struct arena *arena, struct reply *reply,
			struct flight *flight);
/* false: no answer in a long time. */
bool core_wait(struct world *world, const struct flight *flight);

/* A socket that is connected to the world's binding; -1: it cannot be. */
int transport_connect(struct world *world);
/* Sends it all, piece by piece: the binding reads in the same thread. */
bool transport_send(struct world *world, int fd, struct str bytes);

/* A header of the reply; ptr NULL: not there. */
struct str reply_header(const struct reply *reply, struct str name);

#endif
