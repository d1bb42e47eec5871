/* registree: whose a connection is, and requests to them. TS-0020 5.2: the registree opens it, and both sides send
 * requests over it.
 *
 * A connection is an entity's once a request on it has made its registration, or was performed for it as its
 * originator: so much as a request over HTTP is believed. Between two nodes there is one, so that it is the connection
 * of all entities that use it. An entity has one: the newest that it has used. */
#ifndef BINDINGS_WEBSOCKET_REGISTREE_H
#define BINDINGS_WEBSOCKET_REGISTREE_H

#include "bindings/websocket/session.h"

/* X-M2M-Origin of the handshake: From of requests that have none. Nothing is sent to the entity for it. */
void registree_take_hint(struct session *session, struct str name);
/* From of a request that has none; NULL: unknown. It is not that of a registration that is gone. */
const char *registree_name(struct session *session);
/* A request of this connection was answered: it may say whose the connection is. */
void registree_learn(struct session *session, struct request *req);
/* The connection has ended; what was sent over it and not answered was not delivered. */
void registree_leave(struct session *session);
/* NULL: it has none. */
struct session *registree_session(const struct binding_state *state, uint64_t registration);

/* As of struct binding. */
void registree_send(struct binding_state *state, struct hop *hop);
void registree_cancel(struct binding_state *state, struct hop *hop);
/* Requests to the entity that waited for it to read go out. */
void registree_go_on(struct session *session);
/* A response primitive that a client has sent; root lives as long as the call. */
void registree_answered(struct session *session, struct value root);
/* Hops that have come to nothing are told so, at the end. */
void registree_finish(struct binding_state *state);
void registree_init(struct binding_state *state);

#endif
