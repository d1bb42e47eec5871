/* websocket: opening, draining and closing the WebSocket server. */
#include "bindings/websocket/websocket.h"

#include "bindings/address.h"
#include "bindings/websocket/guest.h"
#include "bindings/websocket/registree.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- connections come ---- */

static bool is_crowded(const struct binding_state *state)
{
	return state->open_count >= state->settings.max_connections;
}

static const struct refusal too_many = {503, "too many connections"}, stopping = {503, "the CSE stops"};

/* As far as the peer is known by its handshake. */
static struct peer peer_of(const struct binding_state *state, const struct peer *peer, const struct head *head)
{
	struct peer seen = *peer;

	seen.is_direct_loopback = peer->is_direct_loopback && (state->config.trust_forwarded || head_is_direct(head));
	if (head->is_forwarded)
		seen.family = PEER_UNKNOWN; /* the address is the proxy's */
	return seen;
}

void websocket_receive(struct binding_state *state, int fd, const struct peer *peer, struct str bytes)
{
	struct handshake handshake = {0};
	struct peer seen;
	struct head head;
	size_t parsed;

	arena_reset(&state->reading);
	head_init(&head, state->config.max_headers);
	parsed = head_parse(&head, bytes.ptr, 0, bytes.len);
	if (head.is_done && !head.refusal.status)
		handshake_judge(&handshake, &head, &state->config, &state->reading);
	else
		handshake.refusal = head.refusal.status ? head.refusal : (struct refusal){400, "no whole request"};
	if (!handshake.refusal.status && state->is_draining)
		handshake.refusal = stopping;
	else if (!handshake.refusal.status && is_crowded(state))
		handshake.refusal = too_many;
	if (handshake.refusal.status) {
		guest_refuse(state, fd, &handshake.refusal);
		return;
	}
	/* What came with the handshake is of a client that could not know whether compression is agreed on. */
	if (state->deflating_count >= state->settings.max_deflating || bytes.len > parsed)
		handshake.deflate = (struct str){0};
	seen = peer_of(state, peer, &head);
	session_open(state, fd, &seen, &handshake, str_from(bytes, parsed));
}

static void accepted(struct listener *listener, int fd, const struct peer *peer)
{
	struct binding_state *state = container_of(listener, struct binding_state, listener);

	if (is_crowded(state))
		guest_refuse(state, fd, &too_many);
	else
		guest_open(state, fd, peer);
}

/* ---- rounds ---- */

/* What is touched meanwhile is looked at as well: a request may be answered at once. */
static void look_at_touched(struct binding_state *state)
{
	while (!list_empty(&state->touched))
		session_look(state->touched.next);
	while (!list_empty(&state->dead))
		session_free(state->dead.next);
}

static void end_of_round(struct loop_hook *hook)
{
	look_at_touched(container_of(hook, struct binding_state, end_of_round));
}

/* ---- the end ---- */

static void finish(struct binding_state *state)
{
	look_at_touched(state);
	loop_timer_cancel(state->loop, &state->drain);
	loop_remove_hook(state->loop, &state->end_of_round);
	registree_finish(state);
	library_close(&state->library);
	arena_finish(&state->reading);
	arena_finish(&state->writing);
	strbuf_finish(&state->inflated);
	free(state);
}

void websocket_connection_closed(struct binding_state *state)
{
	state->open_count--;
	if (state->drained && state->open_count == 0)
		loop_timer_set(state->loop, &state->drain, 0);
}

void websocket_request_ended(struct binding_state *state)
{
	state->waiting_count--;
	if (state->is_closed && state->waiting_count == 0)
		finish(state);
}

static void close_all(struct binding_state *state)
{
	while (!list_empty(&state->guests))
		guest_close(state->guests.next);
	while (!list_empty(&state->sessions))
		session_kill(session_of_link(state->sessions.next));
}

static void drain_ended(struct timer *timer)
{
	struct binding_state *state = container_of(timer, struct binding_state, drain);
	void (*drained)(void *arg) = state->drained;

	state->drained = NULL;
	close_all(state);
	drained(state->drained_arg); /* may close the binding */
}

static void websocket_drain(struct binding_state *state, void (*done)(void *arg), void *arg)
{
	state->is_draining = true;
	state->drained = done;
	state->drained_arg = arg;
	listener_close(&state->listener);
	while (!list_empty(&state->guests))
		guest_close(state->guests.next);
	list_each (item, &state->sessions)
		session_drain(session_of_link(item));
	loop_timer_set(state->loop, &state->drain,
		       state->open_count ? (int64_t)state->config.drain_timeout_ms * 1000 : 0);
}

/* Requests still at the CSE keep the state until they are answered. */
static void websocket_close(struct binding_state *state)
{
	if (!state)
		return;
	state->drained = NULL;
	state->is_closed = true;
	listener_close(&state->listener);
	close_all(state);
	if (state->waiting_count == 0)
		finish(state);
}

/* ---- the beginning ---- */

static void read_settings(struct websocket_settings *settings, const struct setting *section)
{
	*settings = (struct websocket_settings){
		.by_upgrade = setting_number(section, "upgrade"),
		.max_connections = (unsigned)setting_number(section, "max_connections"),
		.max_requests = (unsigned)setting_number(section, "max_requests"),
		.max_deflating = (unsigned)setting_number(section, "max_deflating"),
		.max_backlog = setting_number(section, "max_backlog"),
		.ping_ms = (unsigned)setting_number(section, "ping") * 1000,
		.idle_ms = (unsigned)setting_number(section, "idle_timeout") * 1000,
	};
}

/* On a port of its own, or without one by upgrade of HTTP's connections. */
static bool websocket_is_wanted(const struct binding_config *config)
{
	return config->listen[0] || setting_number(config->settings, "upgrade");
}

/* TS-0020 6.2.1 */
static void websocket_add_points_of_access(const struct binding_config *config, struct strbuf *out)
{
	address_add_point(out, "ws", config->listen, "");
	if (setting_number(config->settings, "upgrade"))
		address_add_point(out, "ws", config->http_listen, config->root);
}

static size_t websocket_descriptors(const struct binding_config *config)
{
	return setting_number(config->settings, "max_connections");
}

static int websocket_open(struct cse *cse, struct loop *loop, const struct binding_config *config,
			  struct binding_state **out, char *message, size_t size)
{
	struct binding_state *state = xzalloc(sizeof(*state));
	int error = 0;

	state->cse = cse;
	state->loop = loop;
	state->config = *config;
	read_settings(&state->settings, config->settings);
	state->listener.watch.fd = -1;
	state->listener.accepted = accepted;
	state->drain.fire = drain_ended;
	state->end_of_round.run = end_of_round;
	list_init(&state->guests);
	list_init(&state->sessions);
	list_init(&state->touched);
	list_init(&state->dead);
	registree_init(state);
	if (library_open(&state->library) < 0) {
		snprintf(message, size, "websocket: libwebsockets does not start");
		free(state);
		return ERROR_LIMIT;
	}
	if (config->listen[0])
		error = listener_open(&state->listener, loop, "ws", "websocket.listen", config->listen, message, size);
	if (error < 0) {
		library_close(&state->library);
		free(state);
		return error;
	}
	arena_init(&state->reading);
	arena_init(&state->writing);
	loop_add_hook(loop, &state->end_of_round);
	if (state->settings.by_upgrade)
		log_event(cse_log(cse), LOG_INFO, "taking over connections of HTTP", "binding=websocket");
	*out = state;
	return 0;
}

static void websocket_set_limits(struct binding_state *state, const struct binding_config *config)
{
	state->config.header_timeout_ms = config->header_timeout_ms;
	state->config.body_timeout_ms = config->body_timeout_ms;
	state->config.drain_timeout_ms = config->drain_timeout_ms;
	read_settings(&state->settings, config->settings);
}

static const char *websocket_address(struct binding_state *state)
{
	return state->listener.address;
}

static bool websocket_reaches(struct binding_state *state, uint64_t registration)
{
	return registree_session(state, registration) != NULL;
}

static bool websocket_adopts(struct binding_state *state, struct str protocol)
{
	return state->settings.by_upgrade && str_eq_nocase(protocol, STR("websocket"));
}

static const char *const schemes[] = {"ws", "wss", NULL};

extern const struct binding binding_websocket;
const struct binding binding_websocket = {
	.name = "websocket",
	.is_wanted = websocket_is_wanted,
	.descriptors = websocket_descriptors,
	.add_points_of_access = websocket_add_points_of_access,
	.open = websocket_open,
	.drain = websocket_drain,
	.close = websocket_close,
	.set_limits = websocket_set_limits,
	.address = websocket_address,
	.schemes = schemes,
	.send = registree_send,
	.cancel = registree_cancel,
	.reaches = websocket_reaches,
	.adopts = websocket_adopts,
	.adopt = websocket_receive,
};
