/* coap: opening, draining and closing the CoAP binding. */
#include "bindings/coap/coap.h"

#include "bindings/address.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- the end ---- */

static void finish(struct binding_state *front)
{
	loop_timer_cancel(front->server.loop, &front->drain);
	server_finish(&front->server);
	free(front);
}

static void drain_ended(struct timer *timer)
{
	struct binding_state *front = container_of(timer, struct binding_state, drain);
	void (*drained)(void *arg) = front->drained;

	front->drained = NULL;
	drained(front->drained_arg); /* may close the front */
}

static void server_went_idle(struct server *server)
{
	struct binding_state *front = container_of(server, struct binding_state, server);

	if (front->drained && server_is_idle(server))
		loop_timer_set(server->loop, &front->drain, 0);
	if (front->is_closed && server->waiting_count == 0)
		finish(front);
}

static void coap_drain(struct binding_state *front, void (*done)(void *arg), void *arg)
{
	front->drained = done;
	front->drained_arg = arg;
	server_drain(&front->server);
	loop_timer_set(front->server.loop, &front->drain,
		       server_is_idle(&front->server) ? 0 : (int64_t)front->config.drain_timeout_ms * 1000);
}

/* Requests still at the CSE keep the front until they are answered. */
static void coap_close(struct binding_state *front)
{
	if (!front)
		return;
	front->drained = NULL;
	sender_close(&front->sender);
	server_stop(&front->server);
	front->is_closed = true;
	if (front->server.waiting_count == 0)
		finish(front);
}

/* ---- the beginning ---- */

static void read_settings(struct binding_state *front, const struct setting *section)
{
	front->server.acknowledge_after_us = (int64_t)setting_number(section, "acknowledge_after") * 1000000;
}

static int coap_open(struct cse *cse, struct loop *loop, const struct binding_config *config,
		     struct binding_state **state, char *message, size_t size)
{
	struct addrinfo *infos;
	struct binding_state *front;
	int error = address_resolve("coap.listen", config->listen, SOCK_DGRAM, &infos, message, size);

	if (error < 0)
		return error;
	front = xzalloc(sizeof(*front));
	front->config = *config;
	front->drain.fire = drain_ended;
	error = sender_open(&front->sender, cse, loop, config, message, size);
	if (error < 0) {
		freeaddrinfo(infos);
		free(front);
		return error;
	}
	error = server_open(&front->server, cse, loop, &front->config, infos);
	freeaddrinfo(infos);
	if (error < 0) {
		snprintf(message, size, "coap.listen %s: %s", config->listen, error_text(error));
		sender_close(&front->sender);
		free(front);
		return error;
	}
	front->server.idle = server_went_idle;
	read_settings(front, config->settings);
	*state = front;
	return 0;
}

static void coap_set_limits(struct binding_state *front, const struct binding_config *config)
{
	front->config.max_connections = config->max_connections;
	front->config.header_timeout_ms = config->header_timeout_ms;
	front->config.body_timeout_ms = config->body_timeout_ms;
	front->config.idle_timeout_ms = config->idle_timeout_ms;
	front->config.drain_timeout_ms = config->drain_timeout_ms;
	read_settings(front, config->settings);
	server_set_limits(&front->server);
}

static void coap_add_points_of_access(const struct binding_config *config, struct strbuf *out)
{
	address_add_point(out, "coap", config->listen, "");
	address_add_point(out, "coap+tcp", config->listen, "");
}

static size_t coap_descriptors(const struct binding_config *config)
{
	return tcps_most(config);
}

static const char *coap_address(struct binding_state *front)
{
	return front->server.address;
}

/* ---- hops ---- */

static void coap_send_hop(struct binding_state *front, struct hop *hop)
{
	sender_send(&front->sender, hop);
}

static void coap_cancel_hop(struct binding_state *front, struct hop *hop)
{
	sender_cancel(&front->sender, hop);
}

static const char *const schemes[] = {"coap", "coap+tcp", NULL};

extern const struct binding binding_coap;
const struct binding binding_coap = {
	.name = "coap",
	.descriptors = coap_descriptors,
	.add_points_of_access = coap_add_points_of_access,
	.open = coap_open,
	.drain = coap_drain,
	.close = coap_close,
	.set_limits = coap_set_limits,
	.address = coap_address,
	.schemes = schemes,
	.send = coap_send_hop,
	.cancel = coap_cancel_hop,
};
