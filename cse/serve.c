/* serve: `copse run`. Puts schema, store, CSE and bindings together and serves until a signal asks to stop. */
#include "cse/command.h"

#include "cse/core/cse.h"
#include "cse/protocols.h"
#include "cse/supervisor.h"
#include "resources/registry.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

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
	struct protocols protocols;
	struct loop_fd signals;
	struct supervisor supervisor;
	struct loop_hook round_end;
	bool is_stopping;
	char message[MESSAGE_SIZE];
	struct strbuf points_of_access; /* in use by the CSE */
};

/* Once told to stop: ends the loop when the last connection is gone and everything is committed. */
static void at_round_end(struct loop_hook *hook)
{
	struct server *server = container_of(hook, struct server, round_end);

	if (server->is_stopping && server->protocols.draining == 0 && cse_is_idle(server->cse))
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

/* Every connection is a descriptor, and a name that is looked up takes two; the default limit is 1024. */
static void raise_descriptor_limit(struct server *server)
{
	struct rlimit limit;
	rlim_t wanted = protocols_descriptors(&server->protocols) + 200;

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
	protocols_set_limits(&server->protocols);
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
	int status;

	supervisor_reloading(&server->supervisor);
	status = command_reread(server->argc, server->argv, &(struct takes){0}, &arguments, &fresh, message,
				sizeof(message));
	if (status == 0) {
		struct protocols protocols = {.config = &fresh, .schema = server->schema};

		status = protocols_check(&protocols, message, sizeof(message));
		if (status == 0)
			take_configuration(server, &fresh);
		config_finish(&fresh);
	}
	if (status != 0)
		log_event(&server->log, LOG_ERROR, "configuration not taken, all stays as it is", "reason=\"%s\"",
			  message);
	supervisor_ready(&server->supervisor, protocols_address(&server->protocols));
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
	protocols_drain(&server->protocols);
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

/* pointOfAccess: what the operator says, else where this server is reached (TS-0020 6.2.1, TS-0010 6.6). */
static const char *points_of_access(struct server *server)
{
	const struct config *config = server->config;

	if (config->cse_points_of_access[0])
		return config->cse_points_of_access;
	protocols_add_points_of_access(&server->protocols, &server->points_of_access);
	strbuf_add_char(&server->points_of_access, '\0');
	return server->points_of_access.ptr;
}

static int open_cse(struct server *server)
{
	struct cse_config config;

	command_cse_config(server->config, points_of_access(server), &config);
	return cse_open(&config, server->loop, &server->clock, &server->log, server->schema, server->store,
			&server->cse, server->message, sizeof(server->message));
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
	server->protocols.schema = server->schema;
	if (open_cse(server) < 0 ||
	    protocols_open(&server->protocols, server->cse, server->loop, server->message, sizeof(server->message)) < 0)
		return -1;
	server->round_end.run = at_round_end;
	loop_add_hook(server->loop, &server->round_end);
	return 0;
}

static void close_server(struct server *server)
{
	if (server->cse)
		cse_remove_bindings(server->cse);
	protocols_close(&server->protocols);
	if (server->cse)
		cse_close(server->cse);
	if (server->store)
		server->store->ops->close(server->store);
	schema_destroy(server->schema);
	supervisor_close(&server->supervisor);
	loop_destroy(server->loop);
	if (server->signals.fd > 0)
		close(server->signals.fd);
	strbuf_finish(&server->points_of_access);
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
	const char *address = protocols_address(&server->protocols);
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
	struct server server = {.config = &config, .argc = argc, .argv = argv, .protocols = {.config = &config}};
	int code = command_read(argc, argv, &(struct takes){0}, &arguments, &config);

	if (code != 0)
		return code;
	if (open_server(&server) == 0) {
		print_welcome(&server);
		log_event(&server.log, LOG_INFO, "serving", "version=%s address=%s resources=%zu", PACKAGE_VERSION,
			  protocols_address(&server.protocols), cse_resource_count(server.cse));
		supervisor_ready(&server.supervisor, protocols_address(&server.protocols));
		loop_run(server.loop);
		log_event(&server.log, LOG_INFO, "stopped", "resources=%zu", cse_resource_count(server.cse));
	} else {
		code = command_fail(EXIT_USAGE, server.message);
	}
	close_server(&server);
	config_finish(&config);
	return code;
}
