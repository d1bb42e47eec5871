/* registree: whose a connection is, and requests to them. TS-0020 5.2: the registree opens it, and both sides send
 * requests over it.
 *
 * A connection is an entity's once a request on it has made its registration, or was performed for it as its
 * originator: so much as a request over HTTP is believed. From then on it stays that entity's, unless another one
 * registers on it; requests of others are judged by what they say. An entity has one connection: the newest. */
#ifndef BINDINGS_WEBSOCKET_REGISTREE_H
#define BINDINGS_WEBSOCKET_REGISTREE_H

#include "bindings/websocket/session.h"

/* X-M2M-Origin of the handshake: From of requests that have none. Nothing is sent to the entity for it. */
void registree_take_hint(struct session *session, struct str name);
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
