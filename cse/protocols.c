/* protocols: see protocols.h. */
#include "cse/protocols.h"

#define BINDING(name, key) extern const struct binding binding_##name;
#include "bindings/registry.def"

static const struct binding *const bindings[] = {
#define BINDING(name, key) &binding_##name,
#include "bindings/registry.def"
};

/* ---- what the configuration says ---- */

/* Every binding has a section of its name with a key for where it is served; one that is nowhere is left out. */
static const char *listen_of(const struct config *config, size_t binding)
{
	const char *const listens[] = {
#define BINDING(name, key) config->name##_##key,
#include "bindings/registry.def"
	};

	return listens[binding];
}

/* "127.0.0.1:8080" */
static bool is_loopback(const char *listen)
{
	return strncmp(listen, "127.", 4) == 0 || strncmp(listen, "[::1]:", 6) == 0 ||
	       strncmp(listen, "localhost:", 10) == 0;
}

/* Do others than this machine reach it, by any binding? Who reaches a broker, wherever it is, cannot be known. */
static bool is_public(const struct config *config)
{
	for (size_t i = 0; i < PROTOCOL_COUNT; i++) {
		const char *listen = listen_of(config, i);

		if (listen[0] && (bindings[i]->is_relayed || !is_loopback(listen)))
			return true;
	}
	return false;
}

/* Valid until the next call. */
static struct binding_config config_of(struct protocols *protocols, size_t binding)
{
	const struct config *config = protocols->config;

	config_section(config, bindings[binding]->name, protocols->settings);
	return (struct binding_config){
		.schema = protocols->schema,
		.listen = listen_of(config, binding),
		.http_listen = config->http_listen,
		.root = config->http_root,
		.cors_origins = config->http_cors_origins,
		.max_body = config->http_max_body,
		.max_headers = config->http_max_headers,
		.max_connections = (unsigned)config->http_max_connections,
		.header_timeout_ms = (unsigned)config->http_header_timeout * 1000,
		.body_timeout_ms = (unsigned)config->http_body_timeout * 1000,
		.idle_timeout_ms = (unsigned)config->http_idle_timeout * 1000,
		.drain_timeout_ms = (unsigned)config->http_drain_timeout * 1000,
		.trust_forwarded = config->http_trust_forwarded,
		.networks = config->outgoing_networks,
		.is_public = is_public(config),
		.most_outgoing = (unsigned)config->outgoing_max_connections,
		.most_outgoing_to_one = (unsigned)config->outgoing_max_connections_per_host,
		.outgoing_idle_ms = (unsigned)config->outgoing_idle_timeout * 1000,
		.max_answer = config->outgoing_max_answer,
		.ca_file = config->outgoing_ca_file,
		.settings = protocols->settings,
	};
}

static bool is_wanted(size_t binding, const struct binding_config *config)
{
	return bindings[binding]->is_wanted ? bindings[binding]->is_wanted(config) : config->listen[0] != '\0';
}

/* What is asked for and not there is said, not passed over. */
static int refuse_left_out(const struct config *config, char *message, size_t size)
{
	const struct {
		const char *binding, *key, *value;
	} left_out[] = {
#define LEFT_OUT(name, key) {#name, #key, config->name##_##key},
#include "bindings/registry.def"
		{"", "", ""},
	};

	(void)config; /* of a build that has them all */
	for (size_t i = 0; i < sizeof(left_out) / sizeof(left_out[0]); i++) {
		if (!left_out[i].value[0])
			continue;
		snprintf(message, size, "%s.%s: this copse is built without the binding", left_out[i].binding,
			 left_out[i].key);
		return -1;
	}
	return 0;
}

int protocols_check(struct protocols *protocols, char *message, size_t size)
{
	if (refuse_left_out(protocols->config, message, size) < 0)
		return -1;
	for (size_t i = 0; i < PROTOCOL_COUNT; i++) {
		const struct binding_config config = config_of(protocols, i);

		if (bindings[i]->check && bindings[i]->check(&config, message, size) < 0)
			return -1;
	}
	return 0;
}

size_t protocols_descriptors(struct protocols *protocols)
{
	size_t sum = protocols->config->outgoing_max_connections;

	for (size_t i = 0; i < PROTOCOL_COUNT; i++) {
		const struct binding_config config = config_of(protocols, i);

		if (bindings[i]->descriptors && is_wanted(i, &config))
			sum += bindings[i]->descriptors(&config);
	}
	return sum;
}

void protocols_add_points_of_access(struct protocols *protocols, struct strbuf *out)
{
	for (size_t i = 0; i < PROTOCOL_COUNT; i++) {
		const struct binding_config config = config_of(protocols, i);

		if (bindings[i]->add_points_of_access && is_wanted(i, &config))
			bindings[i]->add_points_of_access(&config, out);
	}
}

/* ---- opening and closing ---- */

int protocols_open(struct protocols *protocols, struct cse *cse, struct loop *loop, char *message, size_t size)
{
	if (protocols_check(protocols, message, size) < 0)
		return -1;
	for (size_t i = 0; i < PROTOCOL_COUNT; i++) {
		const struct binding_config config = config_of(protocols, i);
		const char *address;

		if (!is_wanted(i, &config))
			continue;
		if (bindings[i]->open(cse, loop, &config, &protocols->open[i], message, size) < 0)
			return -1;
		cse_add_binding(cse, bindings[i], protocols->open[i]);
		address = bindings[i]->address(protocols->open[i]);
		if (address[0])
			log_event(cse_log(cse), LOG_INFO, "listening", "binding=%s address=%s", bindings[i]->name,
				  address);
	}
	return 0;
}

void protocols_close(struct protocols *protocols)
{
	for (size_t i = 0; i < PROTOCOL_COUNT; i++)
		if (protocols->open[i])
			bindings[i]->close(protocols->open[i]);
}

void protocols_set_limits(struct protocols *protocols)
{
	for (size_t i = 0; i < PROTOCOL_COUNT; i++) {
		const struct binding_config config = config_of(protocols, i);

		if (protocols->open[i] && bindings[i]->set_limits)
			bindings[i]->set_limits(protocols->open[i], &config);
	}
}

static void drained(void *arg)
{
	struct protocols *protocols = arg;
	protocols->draining--;
}

void protocols_drain(struct protocols *protocols)
{
	for (size_t i = 0; i < PROTOCOL_COUNT; i++)
		protocols->draining += protocols->open[i] != NULL;
	for (size_t i = 0; i < PROTOCOL_COUNT; i++)
		if (protocols->open[i])
			bindings[i]->drain(protocols->open[i], drained, protocols);
}

const char *protocols_address(const struct protocols *protocols)
{
	return bindings[0]->address(protocols->open[0]);
}
