/* registree: see registree.h. */
#include "bindings/websocket/registree.h"

#include "bindings/primitive.h"
#include "cse/base/id.h"

#include <stdio.h>
#include <stdlib.h>

/* A registration and the connection of its entity. */
struct bond {
	struct map_node node; /* in state->by_registration */
	struct list of_session;
	struct session *session;
	uint64_t registration;
};

/* A hop on its way over a connection. */
struct errand {
	struct map_node node; /* in state->errands, while its answer may come */
	struct list of_session;
	struct list parked; /* it is not sent yet */
	bool is_sent;
	struct list failed; /* in state->failed: done is to be called */
	struct timer timer;
	struct hop *hop;
	struct session *session; /* NULL: it is over */
	bool was_cut;		 /* its connection ended, or is another's now */
};

/* ---- whose it is ---- */

struct session *registree_session(const struct binding_state *state, uint64_t registration)
{
	struct map_node *node = map_first(&state->by_registration, registration);

	return node ? container_of(node, struct bond, node)->session : NULL;
}

static void unbind(struct bond *bond)
{
	map_remove(&bond->session->state->by_registration, &bond->node);
	list_remove(&bond->of_session);
	free(bond);
}

static void bind_to(struct session *session, uint64_t registration)
{
	struct bond *bond = xzalloc(sizeof(*bond));

	bond->session = session;
	bond->registration = registration;
	list_push(&session->bonds, &bond->of_session);
	map_add(&session->state->by_registration, &bond->node, registration);
	session->is_superseded = false;
}

/* Registrations go without a word. Two bonds are looked at for each new one, so that those to nothing do not grow. */
static void look_over(struct session *session)
{
	for (int i = 0; i < 2 && !list_empty(&session->bonds); i++) {
		struct bond *bond = container_of(session->bonds.next, struct bond, of_session);

		list_remove(&bond->of_session);
		list_push(&session->bonds, &bond->of_session);
		if (!cse_is_registered(session->state->cse, bond->registration))
			unbind(bond);
	}
}

static void take_name(struct session *session, struct str name)
{
	free(session->entity);
	session->entity = xmalloc(name.len + 1);
	snprintf(session->entity, name.len + 1, "%.*s", STR_ARG(name));
}

void registree_take_hint(struct session *session, struct str name)
{
	if (str_is_utf8(name))
		take_name(session, name);
}

const char *registree_name(struct session *session)
{
	if (session->named && !cse_is_registered(session->state->cse, session->named)) {
		free(session->entity);
		session->entity = NULL;
		session->named = 0;
	}
	return session->entity;
}

/* ---- hops that fail ---- */

static void tell(struct timer *timer)
{
	struct binding_state *state = container_of(timer, struct binding_state, failing);

	while (!list_empty(&state->failed)) {
		struct errand *errand = container_of(state->failed.next, struct errand, failed);
		struct hop *hop = errand->hop;
		/* Where it has come back meanwhile, it is tried there at once. */
		uint64_t back = errand->was_cut ? hop->registration : 0;

		list_remove(&errand->failed);
		free(errand);
		hop->done(hop);
		if (registree_session(state, back))
			cse_reached(state->cse, back);
	}
}

/* done is never called from within send. */
static void fail_later(struct binding_state *state, struct errand *errand, const char *reason)
{
	errand->hop->outcome = HOP_UNREACHABLE;
	snprintf(errand->hop->reason, sizeof(errand->hop->reason), "%s", reason);
	list_push(&state->failed, &errand->failed);
	if (!state->failing.is_set)
		loop_timer_set(state->loop, &state->failing, 0);
}

/* Its answer is not waited for any more. */
static void take_off(struct errand *errand)
{
	struct binding_state *state = errand->session->state;

	if (errand->is_sent)
		map_remove(&state->errands, &errand->node);
	list_remove(&errand->parked);
	list_remove(&errand->of_session);
	loop_timer_cancel(state->loop, &errand->timer);
	session_touch(errand->session); /* it may be idle now */
	errand->session = NULL;
}

/* What is for a registration, or for any (0), cannot be answered over this connection any more. */
static void cut(struct session *session, uint64_t registration)
{
	list_each (item, &session->errands) {
		struct errand *errand = container_of(item, struct errand, of_session);

		if (registration && errand->hop->registration != registration)
			continue;
		take_off(errand);
		errand->was_cut = true;
		fail_later(session->state, errand, "the connection ended before the answer");
	}
}

void registree_leave(struct session *session)
{
	while (!list_empty(&session->bonds))
		unbind(container_of(session->bonds.next, struct bond, of_session));
	cut(session, 0);
}

/* ---- whose it becomes ---- */

static bool registers(const struct request *req)
{
	return req->op == OP_CREATE && req->type && req->type->flags & REGISTRATION;
}

/* What is to be answered over the older one still is. */
static void leave(struct session *older, uint64_t registration)
{
	struct bond *bond = container_of(map_first(&older->state->by_registration, registration), struct bond, node);

	cut(older, registration);
	unbind(bond);
	older->is_superseded = list_empty(&older->bonds);
	session_touch(older);
}

static bool is_ending(const struct session *session)
{
	return session->stream.close_code != CLOSE_NONE || session->stream.phase != STREAM_OPEN;
}

void registree_learn(struct session *session, struct request *req)
{
	struct binding_state *state = session->state;
	struct str entity = {0};
	uint64_t registration = is_ending(session) ? 0 : cse_registration(req, &entity);
	struct session *other = registration ? registree_session(state, registration) : NULL;

	if (!registration || other == session || (other && other->number > session->number))
		return;
	if (other)
		leave(other, registration);
	look_over(session);
	bind_to(session, registration);
	registree_name(session);
	if (!session->named || registers(req)) {
		take_name(session, entity);
		session->named = registration;
	}
	log_event(cse_log(state->cse), LOG_DEBUG, "websocket bound", "entity=%.*s", STR_ARG(entity));
	cse_reached(state->cse, registration);
}

/* ---- sending ---- */

static void too_late(struct timer *timer)
{
	struct errand *errand = container_of(timer, struct errand, timer);
	struct hop *hop = errand->hop;

	take_off(errand);
	free(errand);
	hop->outcome = HOP_LATE;
	snprintf(hop->reason, sizeof(hop->reason), "no answer over the connection in time");
	hop->done(hop);
}

static uint64_t errand_hash(const struct session *session, struct str identifier)
{
	return str_hash(identifier, session->state->seed ^ (uint64_t)(uintptr_t)session);
}

static struct errand *find(const struct session *session, struct str identifier)
{
	struct map_node *node = map_first(&session->state->errands, errand_hash(session, identifier));

	for (; node; node = map_next(node)) {
		struct errand *errand = container_of(node, struct errand, node);

		if (errand->session == session && str_eq(errand->hop->param[PARAM_requestIdentifier], identifier))
			return errand;
	}
	return NULL;
}

/* NULL, or why it cannot go out. */
static const char *post(struct session *session, const struct hop *hop)
{
	struct binding_state *state = session->state;
	struct parcel *parcel = parcel_create();
	struct decode_error error;
	int status;

	arena_reset(&state->writing);
	status = primitive_add_request(&parcel->bytes, hop, state->config.schema, session->subprotocol->codec,
				       &state->writing, &error);
	if (status == 0) {
		parcel_post(session, parcel);
		return NULL;
	}
	parcel_destroy(parcel);
	return "the serialization of the connection cannot carry the request";
}

static const char *no_connection(const struct hop *hop)
{
	return hop->registration ? "the entity has no connection"
				 : "a WebSocket is opened by the registree, and there is none at this URL";
}

static void send_now(struct errand *errand)
{
	struct session *session = errand->session;
	struct binding_state *state = session->state;
	const char *why = post(session, errand->hop);

	if (why) {
		take_off(errand);
		fail_later(state, errand, why);
		return;
	}
	errand->is_sent = true;
	map_add(&state->errands, &errand->node, errand_hash(session, errand->hop->param[PARAM_requestIdentifier]));
}

void registree_go_on(struct session *session)
{
	while (!list_empty(&session->parked) && !session_is_backed_up(session)) {
		struct errand *errand = container_of(session->parked.next, struct errand, parked);

		list_remove(&errand->parked);
		send_now(errand);
	}
}

void registree_send(struct binding_state *state, struct hop *hop)
{
	struct session *session = registree_session(state, hop->registration);
	struct errand *errand = xzalloc(sizeof(*errand));

	errand->hop = hop;
	errand->timer.fire = too_late;
	list_init(&errand->of_session);
	list_init(&errand->parked);
	list_init(&errand->failed);
	hop->of_binding = errand;
	if (!session) {
		fail_later(state, errand, no_connection(hop));
		return;
	}
	errand->session = session;
	list_push(&session->errands, &errand->of_session);
	loop_timer_set(state->loop, &errand->timer, hop->timeout_us);
	if (session_is_backed_up(session) || !list_empty(&session->parked))
		list_push(&session->parked, &errand->parked);
	else
		send_now(errand);
}

void registree_cancel(struct binding_state *state, struct hop *hop)
{
	struct errand *errand = hop->of_binding;

	(void)state;
	if (errand->session)
		take_off(errand);
	list_remove(&errand->failed);
	free(errand);
}

void registree_answered(struct session *session, struct value root)
{
	struct binding_state *state = session->state;
	struct str identifier = primitive_identifier(state->config.schema, root, &state->reading);
	struct errand *errand = identifier.ptr ? find(session, identifier) : NULL;
	struct hop *hop;

	if (!errand) {
		log_event(cse_log(state->cse), LOG_DEBUG, "websocket answer to nothing", "entity=%s",
			  session->entity ? session->entity : "-");
		return;
	}
	hop = errand->hop;
	take_off(errand);
	free(errand);
	primitive_answer(hop, state->config.schema, root);
	hop->done(hop);
}

/* ---- the beginning and the end ---- */

void registree_init(struct binding_state *state)
{
	list_init(&state->failed);
	state->failing.fire = tell;
	state->seed = id_seed();
}

void registree_finish(struct binding_state *state)
{
	loop_timer_cancel(state->loop, &state->failing);
	tell(&state->failing);
	map_finish(&state->by_registration);
	map_finish(&state->errands);
}
