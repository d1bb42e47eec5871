/* serve: `copse run`. Puts schema, store, CSE and bindings together and serves until a signal asks to stop. */
#include "cse/command.h"

#include "cse/core/binding.h"
#include "cse/core/cse.h"
#include "cse/supervisor.h"
#include "resources/registry.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define BINDING(name, key) extern const struct binding binding_##name;
#include "bindings/registry.def"

static const struct binding *const bindings[] = {
#define BINDING(name, key) &binding_##name,
#include "bindings/registry.def"
};

enum { BINDING_COUNT = sizeof(bindings) / sizeof(bindings[0]) };

struct server {
	struct config *config;
	int argc; /* the command line, read again on SIGHUP */
	char **argv;
	struct log log;
	struct clock clock;
	struct loop *loop;
	struct schema *schema;
	struct store *store;
	struct cse *cse;
	struct binding_state *open[BINDING_COUNT];
	struct setting settings[KEY_COUNT + 1]; /* of the binding that is being told its configuration */
	struct loop_fd signals;
	struct supervisor supervisor;
	struct loop_hook round_end;
	unsigned draining; /* bindings that still have connections */
	bool is_stopping;
	char message[MESSAGE_SIZE];
	char own_address[4096];
};

static void drained(void *arg)
{
	struct server *server = arg;
	server->draining--;
}

/* Once told to stop: ends the loop when the last connection is gone and everything is committed. */
static void at_round_end(struct loop_hook *hook)
{
	struct server *server = container_of(hook, struct server, round_end);

	if (server->is_stopping && server->draining == 0 && cse_is_idle(server->cse))
		loop_stop(server->loop);
}

/* ---- configuration ---- */

void command_cse_config(const struct config *config, const char *points_of_access, struct cse_config *out)
{
	*out = (struct cse_config){
		.virtuals = registry_virtuals(),
		.id = config->cse_id,
		.name = config->cse_name,
		.type = (enum cse_type)(CSE_IN + config->cse_type),
		.sp_id = config->cse_sp_id,
		.admin = config->cse_admin,
		.admin_from_anywhere = config->cse_admin_from == 1,
		.releases = config->cse_releases,
		.ae_originators = config->cse_ae_originators,
		.base_create = config->access_base_create,
		.most_aes = config->limits_aes,
		.most_children = config->limits_originator_children,
		.most_groups = config->limits_originator_groups,
		.most_bytes = config->limits_originator_bytes,
		.discovery_results = config->limits_discovery_results,
		.discovery_cost = config->limits_discovery_cost,
		.fanout_timeout_s = (int64_t)config->group_timeout,
		.notify_timeout_s = (int64_t)config->notify_timeout,
		.notify_unverified = !config->notify_verify,
		.notify_max_age_s = (int64_t)config->notify_max_age,
		.notify_most_queued = config->notify_max_queue,
		.notify_retry_longest_s = (int64_t)config->notify_retry_longest,
		.notify_most_in_flight = config->notify_max_in_flight,
		.poll_timeout_s = (int64_t)config->requests_poll_timeout,
		.result_persistence_s = (int64_t)config->requests_result_persistence,
		.most_deferrals = config->requests_max_kept,
		.batch_duration_s = (int64_t)config->notify_batch_duration,
		.strict = config->access_strict,
		.require_subscription = config->registration_require_subscription,
		.points_of_access = points_of_access,
		.decode = {.bytes = config->http_max_body,
			   .depth = (unsigned)config->limits_nesting,
			   .tokens = (unsigned)config->limits_tokens},
		.max_requests = (unsigned)config->limits_requests,
		.cache_bytes = config->store_cache_size,
		.expiration_default_s = (int64_t)config->expiration_default,
		.expiration_max_s = (int64_t)config->expiration_max,
		.expiration_grace_s = (int64_t)config->expiration_grace,
		.default_mni = config->container_default_mni,
		.default_mbs = config->container_default_mbs,
		.default_mia = config->container_default_mia,
	};
}

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
	for (size_t i = 0; i < BINDING_COUNT; i++) {
		const char *listen = listen_of(config, i);

		if (listen[0] && (bindings[i]->is_relayed || !is_loopback(listen)))
			return true;
	}
	return false;
}

/* Valid until the next call. */
static struct binding_config binding_config_of(struct server *server, size_t binding)
{
	const struct config *config = server->config;

	config_section(config, bindings[binding]->name, server->settings);
	return (struct binding_config){
		.schema = server->schema,
		.listen = listen_of(config, binding),
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
		.settings = server->settings,
	};
}

static bool is_wanted(size_t binding, const struct binding_config *config)
{
	return bindings[binding]->is_wanted ? bindings[binding]->is_wanted(config) : config->listen[0] != '\0';
}

/* Every connection is a descriptor, and a name that is looked up takes two; the default limit is 1024. */
static void raise_descriptor_limit(struct server *server)
{
	struct rlimit limit;
	rlim_t wanted = server->config->outgoing_max_connections + 200;

	for (size_t i = 0; i < BINDING_COUNT; i++) {
		const struct binding_config config = binding_config_of(server, i);

		if (bindings[i]->descriptors && is_wanted(i, &config))
			wanted += bindings[i]->descriptors(&config);
	}
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted)
		return;
	limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur < wanted)
		log_event(&server->log, LOG_WARN, "fewer connections than the configuration allows", "descriptors=%llu",
			  (unsigned long long)limit.rlim_cur);
}

static void set_log(struct server *server)
{
	const struct config *config = server->config;

	server->log.level = (enum log_level)config->log_level;
	server->log.format = (enum log_format)config->log_format;
	server->log.has_priority = config->log_priority == 0 ? supervisor_reads_levels() : config->log_priority == 1;
}

/* What is live takes effect: the log, and what bounds the next requests and connections. */
static void apply_live(struct server *server)
{
	struct cse_config cse_config;

	set_log(server);
	raise_descriptor_limit(server);
	command_cse_config(server->config, "", &cse_config);
	cse_set_limits(server->cse, &cse_config);
	for (size_t i = 0; i < BINDING_COUNT; i++) {
		const struct binding_config binding_config = binding_config_of(server, i);

		if (server->open[i] && bindings[i]->set_limits)
			bindings[i]->set_limits(server->open[i], &binding_config);
	}
}

static void take_configuration(struct server *server, const struct config *fresh)
{
	struct strbuf taken = {0}, waiting = {0};

	config_take_live(server->config, fresh, &taken, &waiting);
	apply_live(server);
	log_event(&server->log, LOG_INFO, "configuration read again", "changed=\"%.*s\"", STR_ARG(strbuf_str(&taken)));
	if (waiting.len)
		log_event(&server->log, LOG_WARN, "changes that need a restart", "keys=\"%.*s\"",
			  STR_ARG(strbuf_str(&waiting)));
	strbuf_finish(&taken);
	strbuf_finish(&waiting);
}

/* SIGHUP: all of the configuration is read as at the start; a fault in it changes nothing. */
static void reload(struct server *server)
{
	struct arguments arguments;
	struct config fresh;
	char message[MESSAGE_SIZE];

	supervisor_reloading(&server->supervisor);
	if (command_reread(server->argc, server->argv, &(struct takes){0}, &arguments, &fresh, message,
			   sizeof(message)) == 0) {
		take_configuration(server, &fresh);
		config_finish(&fresh);
	} else {
		log_event(&server->log, LOG_ERROR, "configuration not taken, all stays as it is", "reason=\"%s\"",
			  message);
	}
	supervisor_ready(&server->supervisor, bindings[0]->address(server->open[0]));
}

/* ---- signals ---- */

static void stop(struct server *server, unsigned signal_number)
{
	if (server->is_stopping) {
		log_event(&server->log, LOG_WARN, "second signal, leaving at once", "signal=%u", signal_number);
		_exit(EXIT_FAULT);
	}
	log_event(&server->log, LOG_INFO, "stopping", "signal=%u", signal_number);
	supervisor_stopping(&server->supervisor);
	server->is_stopping = true;
	cse_end_waiting(server->cse);
	for (size_t i = 0; i < BINDING_COUNT; i++)
		server->draining += server->open[i] != NULL;
	for (size_t i = 0; i < BINDING_COUNT; i++)
		if (server->open[i])
			bindings[i]->drain(server->open[i], drained, server);
}

static void on_signal(struct loop_fd *watch, uint32_t events)
{
	struct server *server = container_of(watch, struct server, signals);
	struct signalfd_siginfo info;

	(void)events;
	if (read(watch->fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGHUP)
		reload(server);
	else
		stop(server, info.ssi_signo);
}

/* Signals arrive as events of the loop. Blocked before any thread starts, so that every thread inherits it. */
static int watch_signals(struct server *server)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return -errno;
	server->signals = (struct loop_fd){.ready = on_signal, .fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)};
	if (server->signals.fd < 0)
		return -errno;
	return loop_watch(server->loop, &server->signals, EPOLLIN);
}

/* Adds scheme://listen and path, if that is an address others can use. */
static void add_own_address(struct server *server, const char *scheme, const char *listen, const char *path)
{
	size_t len = strlen(listen), used = strlen(server->own_address);

	if (len == 0 || strncmp(listen, "0.0.0.0:", 8) == 0 || strncmp(listen, "[::]:", 5) == 0 ||
	    strcmp(listen + len - 2, ":0") == 0)
		return;
	snprintf(server->own_address + used, sizeof(server->own_address) - used, "%s%s://%s%s", used ? "," : "", scheme,
		 listen, path);
}

/* TS-0010 6.6 */
static void add_brokers(struct server *server)
{
	struct str rest = str_of(server->config->mqtt_broker), item;

	while ((item = str_next_item(&rest)).ptr) {
		size_t used = strlen(server->own_address);

		snprintf(server->own_address + used, sizeof(server->own_address) - used, "%s%s%.*s", used ? "," : "",
			 str_starts(item, STR("mqtt://")) ? "" : "mqtt://", STR_ARG(item));
	}
}

/* pointOfAccess: what the operator says, else where this server is reached (TS-0020 6.2.1, TS-0010 6.6). */
static const char *points_of_access(struct server *server)
{
	const struct config *config = server->config;

	if (config->cse_points_of_access[0])
		return config->cse_points_of_access;
	add_own_address(server, "http", config->http_listen, config->http_root);
	add_own_address(server, "coap", config->coap_listen, "");
	add_own_address(server, "coap+tcp", config->coap_listen, "");
	add_own_address(server, "ws", config->websocket_listen, "");
	if (config->websocket_upgrade)
		add_own_address(server, "ws", config->http_listen, config->http_root);
	add_brokers(server);
	return server->own_address;
}

static int open_cse(struct server *server)
{
	struct cse_config config;

	command_cse_config(server->config, points_of_access(server), &config);
	return cse_open(&config, server->loop, &server->clock, &server->log, server->schema, server->store,
			&server->cse, server->message, sizeof(server->message));
}

/* What is asked for and not there is said, not passed over. */
static int refuse_left_out(struct server *server)
{
	const struct config *config = server->config;
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
		snprintf(server->message, sizeof(server->message), "%s.%s: this copse is built without the binding",
			 left_out[i].binding, left_out[i].key);
		return -1;
	}
	return 0;
}

static int open_bindings(struct server *server)
{
	if (refuse_left_out(server) < 0)
		return -1;
	for (size_t i = 0; i < BINDING_COUNT; i++) {
		const struct binding_config config = binding_config_of(server, i);

		if (!is_wanted(i, &config))
			continue;
		if (bindings[i]->open(server->cse, server->loop, &config, &server->open[i], server->message,
				      sizeof(server->message)) < 0)
			return -1;
		cse_add_binding(server->cse, bindings[i], server->open[i]);
		if (bindings[i]->address(server->open[i])[0])
			log_event(&server->log, LOG_INFO, "listening", "binding=%s address=%s", bindings[i]->name,
				  bindings[i]->address(server->open[i]));
	}
	return 0;
}

/* 0, or -1 and server->message; whatever was opened is the server's either way. */
static int open_server(struct server *server)
{
	const struct config *config = server->config;
	int status;

	server->log.out = stderr;
	set_log(server);
	clock_init_real(&server->clock);
	server->loop = loop_create(&server->clock);
	supervisor_open(&server->supervisor, server->loop);
	status = watch_signals(server);
	if (status < 0) {
		snprintf(server->message, sizeof(server->message), "signals: %s", error_text(status));
		return -1;
	}
	raise_descriptor_limit(server);
	server->schema = command_schema(config, server->message, sizeof(server->message));
	if (!server->schema ||
	    command_store(config, &server->log, &server->store, server->message, sizeof(server->message)) < 0)
		return -1;
	if (open_cse(server) < 0 || open_bindings(server) < 0)
		return -1;
	server->round_end.run = at_round_end;
	loop_add_hook(server->loop, &server->round_end);
	return 0;
}

static void close_server(struct server *server)
{
	if (server->cse)
		cse_remove_bindings(server->cse);
	for (size_t i = 0; i < BINDING_COUNT; i++)
		if (server->open[i])
			bindings[i]->close(server->open[i]);
	if (server->cse)
		cse_close(server->cse);
	if (server->store)
		server->store->ops->close(server->store);
	schema_destroy(server->schema);
	supervisor_close(&server->supervisor);
	loop_destroy(server->loop);
	if (server->signals.fd > 0)
		close(server->signals.fd);
}

/* A release that is served, for the example: 3 where possible. */
static struct str example_release(const struct config *config)
{
	struct str rest = str_of(config->cse_releases), release = {0};
	while (rest.ptr && !str_eq(release, STR("3")))
		release = str_split(&rest, ',');
	return release;
}

static void print_welcome(const struct server *server)
{
	const struct config *config = server->config;
	const char *address = bindings[0]->address(server->open[0]);
	struct str release = example_release(config);

	printf("copse " PACKAGE_VERSION " serves %s%s\n", address, config->http_root);
	printf("  CSE-ID            %s (resource name %s)\n", config->cse_id, config->cse_name);
	printf("  admin originator  %s\n", *config->cse_admin ? config->cse_admin : "none");
	if (server->store->ops->is_durable)
		printf("  data              %s\n", config->store_path);
	else
		printf("  data              in memory, gone when it stops\n");
	if (*config->cse_admin)
		printf("Try:\n  curl -s -H 'X-M2M-Origin: %s' -H 'X-M2M-RI: 1' -H 'X-M2M-RVI: %.*s' %s%s/%s\n",
		       config->cse_admin, STR_ARG(release), address, config->http_root, config->cse_name);
	fflush(stdout);
}

int command_run(int argc, char **argv)
{
	struct config config;
	struct arguments arguments;
	struct server server = {.config = &config, .argc = argc, .argv = argv};
	int code = command_read(argc, argv, &(struct takes){0}, &arguments, &config);

	if (code != 0)
		return code;
	if (open_server(&server) == 0) {
		print_welcome(&server);
		log_event(&server.log, LOG_INFO, "serving", "version=%s address=%s resources=%zu", PACKAGE_VERSION,
			  bindings[0]->address(server.open[0]), cse_resource_count(server.cse));
		supervisor_ready(&server.supervisor, bindings[0]->address(server.open[0]));
		loop_run(server.loop);
		log_event(&server.log, LOG_INFO, "stopped", "resources=%zu", cse_resource_count(server.cse));
	} else {
		code = command_fail(EXIT_USAGE, server.message);
	}
	close_server(&server);
	config_finish(&config);
	return code;
}
