/* http_test_client: the sending half of the HTTP binding, steered by lines on standard input, for test_http_client.py.
 * Options are key=value. Fields of a line are separated by tabs:
 *
 *   send ID URL TIMEOUT_MS [KEY=VALUE]...   KEY: a parameter's long name, content, serialization; %XX in values;
 *                                           repeat=N sends it N times more from within done, before `done` is printed;
 *                                           cancels=ID2 cancels that one from within done
 *   cancel ID
 *   advance MS                              the clock is virtual unless clock=real
 *   sync                                    prints sync
 *
 * For each hop that ends it prints: done ID OUTCOME RSC REASON ANSWER. At the end of input the rest is cancelled. */
#include "tests/http/fake_core.h"
#include "tests/unit/tables.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

extern const struct binding binding_http;

struct client {
	struct loop_fd input;
	struct strbuf line;
	struct loop *loop;
	struct clock clock;
	const struct binding *binding;
	struct binding_state *state;
	struct list jobs;
};

struct job {
	struct list link;
	struct client *client;
	struct arena arena;
	struct hop hop;
	char *id;
	struct str cancels;
	uint64_t repeat;
};

static struct job *find(struct client *client, struct str id)
{
	list_each (item, &client->jobs) {
		struct job *job = container_of(item, struct job, link);

		if (str_eq(str_of(job->id), id))
			return job;
	}
	return NULL;
}

static void destroy(struct job *job)
{
	list_remove(&job->link);
	arena_finish(&job->arena);
	free(job);
}

static void cancel(struct client *client, struct str id)
{
	struct job *job = find(client, id);

	if (!job)
		return;
	client->binding->cancel(client->state, &job->hop);
	destroy(job);
}

static void done(struct hop *hop)
{
	static const char *const outcomes[] = {"answered", "unreachable", "late"};
	struct job *job = container_of(hop, struct job, hop);
	struct client *client = job->client;

	if (job->repeat && hop->outcome == HOP_ANSWERED) {
		job->repeat--;
		client->binding->send(client->state, hop);
		return;
	}
	if (job->cancels.ptr)
		cancel(client, job->cancels);
	printf("done\t%s\t%s\t%d\t%s\t%" STR_FMT "\n", job->id, outcomes[hop->outcome], (int)hop->rsc, hop->reason,
	       STR_ARG(hop->answer));
	fflush(stdout);
	destroy(job);
}

static int hex(char c)
{
	return c >= 'a' ? c - 'a' + 10 : c - '0';
}

static struct str decode(struct arena *arena, struct str text)
{
	char *to = arena_alloc(arena, text.len + 1);
	size_t len = 0;

	for (size_t i = 0; i < text.len; i++) {
		to[len++] = text.ptr[i];
		if (text.ptr[i] != '%')
			continue;
		to[len - 1] = (char)(hex(text.ptr[i + 1]) << 4 | hex(text.ptr[i + 2]));
		i += 2;
	}
	return str_make(to, len);
}

static void set(struct job *job, struct str key, struct str value)
{
	if (str_eq(key, STR("content")))
		job->hop.content = value;
	else if (str_eq(key, STR("serialization")))
		job->hop.serialization = value;
	else if (str_eq(key, STR("cancels")))
		job->cancels = value;
	else if (str_eq(key, STR("repeat")))
		(void)!str_to_u64(value, &job->repeat);
	for (unsigned i = 0; i < PARAM_COUNT; i++)
		if (str_eq(key, str_of(parameter_defs[i].name)))
			job->hop.param[i] = value;
}

static void start(struct client *client, struct str rest)
{
	struct job *job = xzalloc(sizeof(*job));
	uint64_t timeout_ms = 0;

	job->client = client;
	arena_init(&job->arena);
	list_push(&client->jobs, &job->link);
	job->id = arena_cstr(&job->arena, str_split(&rest, '\t'));
	job->hop.url = decode(&job->arena, str_split(&rest, '\t'));
	(void)!str_to_u64(str_split(&rest, '\t'), &timeout_ms);
	job->hop.timeout_us = (int64_t)timeout_ms * 1000;
	job->hop.serialization = STR("json");
	job->hop.param[PARAM_operation] = STR("5");
	job->hop.done = done;
	while (rest.ptr) {
		struct str value = str_split(&rest, '\t'), key = str_split(&value, '=');

		set(job, key, decode(&job->arena, value));
	}
	client->binding->send(client->state, &job->hop);
}

static void obey(struct client *client, struct str line)
{
	struct str rest = line, word = str_split(&rest, '\t');
	uint64_t ms;

	if (str_eq(word, STR("send"))) {
		start(client, rest);
	} else if (str_eq(word, STR("cancel"))) {
		cancel(client, rest);
	} else if (str_eq(word, STR("advance")) && str_to_u64(rest, &ms) == 0) {
		clock_advance(&client->clock, (int64_t)ms * 1000);
	} else if (str_eq(word, STR("sync"))) {
		puts("sync");
		fflush(stdout);
	}
}

static void readable(struct loop_fd *watch, uint32_t events)
{
	struct client *client = container_of(watch, struct client, input);
	ssize_t got = read(watch->fd, strbuf_reserve(&client->line, 65536), 65536);
	struct str rest;
	size_t left;

	(void)events;
	if (got <= 0) {
		loop_stop(client->loop);
		return;
	}
	client->line.len += (size_t)got;
	rest = strbuf_str(&client->line);
	while (rest.len && memchr(rest.ptr, '\n', rest.len))
		obey(client, str_split(&rest, '\n'));
	left = rest.ptr ? rest.len : 0;
	strbuf_consume(&client->line, client->line.len - left);
}

static void set_option(struct binding_config *config, struct client *client, const char *option)
{
	struct str value = str_of(option), key = str_split(&value, '=');
	uint64_t number = 0;

	(void)!str_to_u64(value, &number);
	if (str_eq(key, STR("most")))
		config->most_outgoing = (unsigned)number;
	else if (str_eq(key, STR("most_to_one")))
		config->most_outgoing_to_one = (unsigned)number;
	else if (str_eq(key, STR("idle_ms")))
		config->outgoing_idle_ms = (unsigned)number;
	else if (str_eq(key, STR("max_answer")))
		config->max_answer = number;
	else if (str_eq(key, STR("networks")))
		config->networks = value.ptr;
	else if (str_eq(key, STR("is_public")))
		config->is_public = number;
	else if (str_eq(key, STR("ca_file")))
		config->ca_file = value.ptr;
	else if (str_eq(key, STR("clock")))
		clock_init_real(&client->clock);
}

int main(int argc, char **argv)
{
	struct schema *schema = schema_create(test_types, test_type_count);
	struct binding_config config = {
		.listen = "127.0.0.1:0",
		.root = "",
		.cors_origins = "",
		.max_connections = 10,
		.networks = "",
		.most_outgoing = 1000,
		.most_outgoing_to_one = 1000,
		.outgoing_idle_ms = 30000,
		.max_answer = 65536,
		.ca_file = "",
	};
	struct log log = {.level = LOG_WARN, .format = LOG_TEXT, .out = stderr};
	struct client client = {.binding = &binding_http, .input = {readable, STDIN_FILENO}};
	char message[200];
	struct cse *cse;

	signal(SIGPIPE, SIG_IGN);
	list_init(&client.jobs);
	clock_init_virtual(&client.clock, 1000000);
	for (int i = 1; i < argc; i++)
		set_option(&config, &client, argv[i]);
	client.loop = loop_create(&client.clock);
	config.schema = schema;
	cse = fake_core_create(client.loop, &log, schema);
	if (loop_watch(client.loop, &client.input, EPOLLIN) < 0 ||
	    client.binding->open(cse, client.loop, &config, &client.state, message, sizeof(message)) < 0) {
		printf("%s\n", message);
		fake_core_destroy(cse);
		schema_destroy(schema);
		loop_destroy(client.loop);
		return 1;
	}
	puts("ready");
	fflush(stdout);
	loop_run(client.loop);
	while (!list_empty(&client.jobs))
		cancel(&client, str_of(container_of(client.jobs.next, struct job, link)->id));
	client.binding->close(client.state);
	fake_core_destroy(cse);
	schema_destroy(schema);
	loop_destroy(client.loop);
	strbuf_finish(&client.line);
	return 0;
}
