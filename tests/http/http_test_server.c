/* http_test_server: the HTTP binding over the fake core, for test_http_raw.py. Options are key=value; it prints its
 * address, serves until SIGTERM, drains, and then fails if a request was never released. */
#include "tests/http/fake_core.h"
#include "tests/unit/tables.h"

#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

extern const struct binding binding_http;

struct server {
	struct loop_fd signals;
	struct loop *loop;
	const struct binding *binding;
	struct binding_state *state;
};

static void drained(void *arg)
{
	struct server *server = arg;

	server->binding->close(server->state);
	loop_stop(server->loop);
}

static void signalled(struct loop_fd *watch, uint32_t events)
{
	struct server *server = container_of(watch, struct server, signals);

	(void)events;
	loop_unwatch(server->loop, watch);
	server->binding->drain(server->state, drained, server);
}

static void set_option(struct binding_config *config, const char *option)
{
	struct str value = str_of(option), key = str_split(&value, '=');
	uint64_t number = 0;

	(void)!str_to_u64(value, &number);
	if (str_eq(key, STR("root")))
		config->root = value.ptr;
	else if (str_eq(key, STR("cors")))
		config->cors_origins = value.ptr;
	else if (str_eq(key, STR("max_body")))
		config->max_body = number;
	else if (str_eq(key, STR("max_headers")))
		config->max_headers = number;
	else if (str_eq(key, STR("max_connections")))
		config->max_connections = (unsigned)number;
	else if (str_eq(key, STR("header_timeout_ms")))
		config->header_timeout_ms = (unsigned)number;
	else if (str_eq(key, STR("body_timeout_ms")))
		config->body_timeout_ms = (unsigned)number;
	else if (str_eq(key, STR("idle_timeout_ms")))
		config->idle_timeout_ms = (unsigned)number;
	else if (str_eq(key, STR("drain_timeout_ms")))
		config->drain_timeout_ms = (unsigned)number;
	else if (str_eq(key, STR("trust_forwarded")))
		config->trust_forwarded = number != 0;
}

static int watch_signals(struct server *server)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	server->signals =
		(struct loop_fd){.ready = signalled, .fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC)};
	return loop_watch(server->loop, &server->signals, EPOLLIN);
}

static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		(void)!setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int main(int argc, char **argv)
{
	struct binding_config config = {
		.listen = "127.0.0.1:0",
		.root = "",
		.cors_origins = "",
		.max_body = 100000,
		.max_headers = 8192,
		.max_connections = 20000,
		.header_timeout_ms = 30000,
		.body_timeout_ms = 30000,
		.idle_timeout_ms = 60000,
		.drain_timeout_ms = 5000,
	};
	struct log log = {.level = LOG_WARN, .format = LOG_TEXT, .out = stderr};
	struct server server = {.binding = &binding_http};
	struct schema *schema = schema_create(test_types, test_type_count);
	char message[200];
	struct clock clock;
	struct cse *cse;

	raise_descriptor_limit();
	for (int i = 1; i < argc; i++)
		set_option(&config, argv[i]);
	clock_init_real(&clock);
	server.loop = loop_create(&clock);
	cse = fake_core_create(server.loop, &log, schema);
	config.schema = schema;
	if (watch_signals(&server) < 0 ||
	    server.binding->open(cse, server.loop, &config, &server.state, message, sizeof(message)) < 0) {
		fprintf(stderr, "%s\n", message);
		return 1;
	}
	printf("%s\n", server.binding->address(server.state));
	fflush(stdout);
	loop_run(server.loop);
	while (!fake_core_is_idle(cse))
		loop_round(server.loop, 100);
	fake_core_destroy(cse);
	close(server.signals.fd);
	loop_destroy(server.loop);
	schema_destroy(schema);
	return 0;
}
