/* request: `copse request`: a client for people. Words become a request, the answer becomes a status line on standard
 * error, readable JSON on standard output and an exit code. */
#include "cse/caller.h"
#include "cse/command.h"

#include "cse/base/id.h"
#include "schemas/codec/codec.h"
#include "schemas/primitive.h"
#include "schemas/status.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>

enum { LARGEST_CONTENT = 64 << 20 };

/* What an operation is over HTTP (TS-0009 6.2.1), and which words go with it. */
struct verb {
	const char *name, *method;
	bool needs_type, takes_type, needs_content, takes_content;
	const char *query; /* always part of it */
	const char *root;  /* what attributes alone are put into if there is no TYPE */
	unsigned ty;
};

static const struct verb verbs[] = {
	{.name = "retrieve", .method = "GET"},
	{.name = "discover", .method = "GET", .query = "fu=1"},
	{.name = "delete", .method = "DELETE"},
	{.name = "create", .method = "POST", .needs_type = true, .takes_type = true, .takes_content = true},
	{.name = "update", .method = "PUT", .takes_type = true, .needs_content = true, .takes_content = true},
	{.name = "notify", .method = "POST", .needs_content = true, .takes_content = true, .root = "m2m:sgn"},
	{.name = "subscribe", .method = "POST", .takes_content = true, .root = "m2m:sub", .ty = TY_subscription},
};

/* A request being put together. */
struct ask {
	const struct config *config;
	const struct arguments *arguments;
	const struct verb *verb;
	const char *type, *content;
	struct schema *schema;
	struct arena arena;
	struct strbuf base, url, body;
	char request_id[24];
	struct caller_request request;
	char message[MESSAGE_SIZE];
};

__attribute__((format(printf, 2, 3))) static int fail(struct ask *ask, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(ask->message, sizeof(ask->message), format, args);
	va_end(args);
	return -1;
}

/* ---- the address ---- */

/* Where a server with this configuration listens, for a client on the same machine. */
static void add_own_address(struct strbuf *out, const struct config *config)
{
	struct str listen = str_of(config->http_listen);

	if (str_starts(listen, STR("0.0.0.0:")))
		strbuf_addf(out, "http://127.0.0.1%s", config->http_listen + strlen("0.0.0.0"));
	else if (str_starts(listen, STR("[::]:")))
		strbuf_addf(out, "http://[::1]%s", config->http_listen + strlen("[::]"));
	else
		strbuf_addf(out, "http://%s", config->http_listen);
	strbuf_addf(out, "%s", config->http_root);
}

static int set_base(struct ask *ask)
{
	struct str listen = str_of(ask->config->http_listen);

	if (ask->arguments->url)
		strbuf_addf(&ask->base, "%s", ask->arguments->url);
	else if (str_eq(str_from(listen, listen.len - 2), STR(":0")))
		return fail(ask, "request: http.listen has no port to send to; use --url");
	else
		add_own_address(&ask->base, ask->config);
	while (ask->base.len && ask->base.ptr[ask->base.len - 1] == '/')
		ask->base.len--;
	return 0;
}

/* TS-0009 6.2.2: a path may not begin with the slashes that mark SP-relative and absolute addresses. */
static void add_target(struct strbuf *out, const char *target)
{
	struct str rest = str_of(target);

	if (str_starts(rest, STR("//"))) {
		STRBUF_LIT(out, "/_/");
		rest = str_from(rest, 2);
	} else {
		strbuf_addf(out, str_starts(rest, STR("/")) ? "/~" : "/");
	}
	caller_escape(out, rest, true);
}

static void add_query(struct strbuf *url, const char *name, const char *value)
{
	strbuf_add_char(url, memchr(url->ptr, '?', url->len) ? '&' : '?');
	caller_escape(url, str_of(name), false);
	strbuf_add_char(url, '=');
	caller_escape(url, str_of(value), false);
}

static void make_url(struct ask *ask)
{
	const struct arguments *arguments = ask->arguments;

	strbuf_add_str(&ask->url, strbuf_str(&ask->base));
	add_target(&ask->url, arguments->operand[1]);
	if (ask->verb->query)
		strbuf_addf(&ask->url, "?%s", ask->verb->query);
	if (arguments->rcn)
		add_query(&ask->url, parameter_defs[PARAM_resultContent].short_name, arguments->rcn);
	for (unsigned i = 2; i < arguments->operand_count; i++) {
		struct str value = str_of(arguments->operand[i]);
		struct str name = str_split(&value, '=');

		if (ask->content != arguments->operand[i] && value.ptr)
			add_query(&ask->url, arena_cstr(&ask->arena, name), value.ptr);
	}
	strbuf_add_char(&ask->url, '\0');
}

/* ---- the content ---- */

static int read_stream(struct ask *ask, FILE *file, const char *name)
{
	size_t len;

	do {
		strbuf_reserve(&ask->body, 65536);
		len = fread(ask->body.ptr + ask->body.len, 1, 65536, file);
		ask->body.len += len;
	} while (len > 0 && ask->body.len <= LARGEST_CONTENT);
	if (ferror(file))
		return fail(ask, "request: %.200s: %s", name, strerror(errno));
	return 0;
}

static int read_content(struct ask *ask)
{
	const char *content = ask->content;
	FILE *file;
	int status;

	if (!content || content[0] == '{') {
		strbuf_addf(&ask->body, "%s", content ? content : "{}");
		return 0;
	}
	if (content[0] == '-')
		return read_stream(ask, stdin, "standard input");
	file = fopen(content + 1, "re");
	if (!file)
		return fail(ask, "request: %.200s: %s", content + 1, strerror(errno));
	status = read_stream(ask, file, content + 1);
	fclose(file);
	return status;
}

/* {"m2m:cnt": {...}}: the name of a resource has a colon, that of an attribute has none. */
static bool has_root(const struct doc *doc)
{
	struct value member = value_first(doc_root(doc));

	return !value_is_absent(member) && memchr(value_name(member).ptr, ':', value_name(member).len);
}

static int find_root(struct ask *ask, struct str *root, unsigned *ty)
{
	const struct type_def *type = ask->type ? command_type(ask->schema, ask->type) : NULL;

	if (ask->type && !type)
		return fail(ask, "request: no resource type '%.60s'; copse describe lists them", ask->type);
	*ty = type && ask->verb->needs_type ? type->ty : ask->verb->ty;
	*root = str_of(ask->verb->root);
	if (type)
		*root = arena_printf(&ask->arena, "%s:%s", type->space, type->short_name);
	return 0;
}

/* Where notifications go, and what about if the content does not say. */
static void add_listener(const struct doc *doc, struct strbuf *out, const char *listener)
{
	struct str criteria = name_short(NULL, ATTR_eventNotificationCriteria);
	bool is_empty = value_token(doc_root(doc))->count == 0;

	strbuf_addf(out, "\"%.*s\":[\"%s\"]", STR_ARG(name_short(NULL, ATTR_notificationURI)), listener);
	if (value_is_absent(value_member(doc_root(doc), criteria)))
		strbuf_addf(out, ",\"%.*s\":{\"%.*s\":[1,2,3,4]}", STR_ARG(criteria),
			    STR_ARG(name_short(NULL, ATTR_notificationEventType)));
	strbuf_addf(out, is_empty ? "" : ",");
}

/* Puts attributes alone into their root. listener: what a subscription notifies, or NULL. */
static int wrap(struct ask *ask, const struct doc *doc, struct str root, const char *listener)
{
	struct str inside = value_text(doc_root(doc));
	struct strbuf whole = {0};

	if (has_root(doc))
		return listener ? fail(ask, "request: subscribe takes attributes alone") : 0;
	if (!root.ptr)
		return fail(ask, "request: name the TYPE, or give the content with its root: {\"m2m:cnt\": {...}}");
	strbuf_addf(&whole, "{\"%.*s\":{", STR_ARG(root));
	if (listener)
		add_listener(doc, &whole, listener);
	strbuf_add_str(&whole, str_from(inside, 1));
	strbuf_add_char(&whole, '}');
	strbuf_finish(&ask->body);
	ask->body = whole;
	return 0;
}

static int make_content(struct ask *ask, const char *listener)
{
	static const struct decode_limits limits = {.bytes = LARGEST_CONTENT, .depth = 200, .tokens = 10000000};
	struct decode_error error;
	struct str root = {0};
	struct doc doc;

	if (!ask->verb->takes_content)
		return 0;
	if (find_root(ask, &root, &ask->request.ty) < 0 || read_content(ask) < 0)
		return -1;
	if (json_decode(strbuf_str(&ask->body), &limits, &ask->arena, &doc, &error) < 0)
		return fail(ask, "request: content: %s at byte %zu", error.message, error.offset);
	if (value_type(doc_root(&doc)) != VALUE_OBJECT)
		return fail(ask, "request: content: is no object");
	if (wrap(ask, &doc, root, listener) < 0)
		return -1;
	ask->request.content = strbuf_str(&ask->body);
	return 0;
}

/* ---- words ---- */

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

/* Behind the target a word is content ({, @FILE, -), a parameter (NAME=VALUE) or the type. */
static int sort_words(struct ask *ask)
{
	const struct verb *verb = ask->verb;

	for (unsigned i = 2; i < ask->arguments->operand_count; i++) {
		const char *word = ask->arguments->operand[i];
		bool is_content = word[0] == '{' || word[0] == '@' || strcmp(word, "-") == 0;

		if (is_content && verb->takes_content && !ask->content)
			ask->content = word;
		else if (!is_content && !strchr(word, '=') && verb->takes_type && !ask->type)
			ask->type = word;
		else if (is_content || !strchr(word, '='))
			return fail(ask, "request %s: '%.60s' is not understood here; see copse --help", verb->name,
				    word);
	}
	if (verb->needs_type && !ask->type)
		return fail(ask, "request %s: of which TYPE? cnt, for example", verb->name);
	if (verb->needs_content && !ask->content)
		return fail(ask, "request %s: with which CONTENT? JSON, @FILE or -", verb->name);
	return 0;
}

static int number(struct ask *ask, const char *name, const char *text, uint64_t most, uint64_t *value)
{
	if (text && (str_to_u64(str_of(text), value) < 0 || *value < 1 || *value > most))
		return fail(ask, "request: --%s %.40s: must be a whole number from 1 to %llu", name, text,
			    (unsigned long long)most);
	return 0;
}

static int set_fields(struct ask *ask)
{
	const struct arguments *arguments = ask->arguments;
	struct id_source source;
	uint64_t timeout = 60;

	if (number(ask, "timeout", arguments->timeout, 86400, &timeout) < 0)
		return -1;
	id_source_init(&source, id_seed());
	id_text(&source, ask->request_id, sizeof(ask->request_id) - 1);
	ask->request = (struct caller_request){
		.method = ask->verb->method,
		.from = arguments->from ? arguments->from : ask->config->cse_admin,
		.request_id = arguments->rqi ? arguments->rqi : ask->request_id,
		.release = arguments->rvi ? arguments->rvi : "3",
		.timeout_s = (long)timeout,
	};
	return 0;
}

static int prepare(struct ask *ask)
{
	ask->verb = find_verb(ask->arguments->operand[0]);
	if (!ask->verb)
		return fail(ask,
			    "request: '%.40s' is none of retrieve, create, update, delete, discover, notify, subscribe",
			    ask->arguments->operand[0]);
	if (sort_words(ask) < 0 || set_base(ask) < 0 || set_fields(ask) < 0)
		return -1;
	ask->schema = command_schema(ask->config, ask->message, sizeof(ask->message));
	if (!ask->schema)
		return -1;
	make_url(ask);
	ask->request.url = ask->url.ptr;
	return 0;
}

/* ---- the answer ---- */

static int exit_code(const struct caller_answer *answer)
{
	if (answer->rsc == 0)
		return EXIT_FAULT;
	return answer->rsc < 4000 ? 0 : (int)(answer->rsc / 1000 % 10);
}

static void print_answer(const struct caller_answer *answer)
{
	const struct status_def *status = status_find((int)answer->rsc);

	fflush(stdout);
	if (answer->rsc)
		fprintf(stderr, "%u %s\n", answer->rsc, status ? status->name : "unknown");
	else
		fprintf(stderr, "HTTP %ld, and no response status code: is this a CSE?\n", answer->status);
	if (answer->content.len)
		pretty_print(strbuf_str(&answer->content), stdout);
}

/* Sends ask->request; the exit code. */
static int send_and_print(struct ask *ask, struct caller_answer *answer)
{
	if (caller_send(&ask->request, answer, ask->message, sizeof(ask->message)) < 0)
		return command_fail(EXIT_FAULT, ask->message);
	print_answer(answer);
	return exit_code(answer);
}

/* ---- subscriptions ---- */

/* scheme://host:port of a URL. */
static struct str server_of(struct str url)
{
	const char *slashes = memmem(url.ptr, url.len, "://", 3);
	size_t start = slashes ? (size_t)(slashes - url.ptr) + 3 : 0;
	const char *path = memchr(url.ptr + start, '/', url.len - start);

	return path ? str_make(url.ptr, (size_t)(path - url.ptr)) : url;
}

/* The subscription goes again by the address that the CSE gave it, whose path has its root in front. */
static int unsubscribe(struct ask *ask, const char *location)
{
	struct strbuf url = {0};
	struct caller_answer answer;
	int code;

	strbuf_add_str(&url, server_of(strbuf_str(&ask->base)));
	strbuf_add(&url, location, strlen(location) + 1);
	ask->request.method = "DELETE";
	ask->request.url = url.ptr;
	ask->request.ty = 0;
	ask->request.content = (struct str){0};
	ask->request.request_id = ask->request_id;
	ask->request_id[0]++; /* another one than before */
	code = caller_send(&ask->request, &answer, ask->message, sizeof(ask->message));
	if (code < 0)
		code = command_fail(EXIT_FAULT, ask->message);
	else
		code = exit_code(&answer);
	fprintf(stderr, code ? "the subscription is still there: %s\n" : "unsubscribed %s\n", location);
	strbuf_finish(&answer.content);
	strbuf_finish(&url);
	return code;
}

static int subscribe(struct ask *ask, struct caller_listener *listener)
{
	struct caller_answer answer = {0};
	sigset_t ends;
	int code, number_of;

	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	if (make_content(ask, caller_listener_url(listener)) < 0)
		return command_fail(EXIT_USAGE, ask->message);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	code = send_and_print(ask, &answer);
	if (code == 0) {
		fprintf(stderr, "notifications come to %s; ^C ends it\n", caller_listener_url(listener));
		sigwait(&ends, &number_of);
		code = unsubscribe(ask, answer.location);
	}
	strbuf_finish(&answer.content);
	return code;
}

static int listen_and_subscribe(struct ask *ask)
{
	const struct arguments *arguments = ask->arguments;
	struct caller_listener *listener;
	uint64_t most = 0;
	int code;

	if (number(ask, "count", arguments->count, UINT64_MAX / 2, &most) < 0)
		return command_fail(EXIT_USAGE, ask->message);
	listener = caller_listen(arguments->listen ? arguments->listen : "127.0.0.1:0", most, ask->message,
				 sizeof(ask->message));
	if (!listener)
		return command_fail(EXIT_USAGE, ask->message);
	code = subscribe(ask, listener);
	caller_listener_close(listener);
	return code;
}

static int run(struct ask *ask)
{
	struct caller_answer answer = {0};
	int code;

	if (prepare(ask) < 0)
		return command_fail(EXIT_USAGE, ask->message);
	if (ask->verb->ty == TY_subscription)
		return listen_and_subscribe(ask);
	if (make_content(ask, NULL) < 0)
		return command_fail(EXIT_USAGE, ask->message);
	code = send_and_print(ask, &answer);
	strbuf_finish(&answer.content);
	return code;
}

int command_request(int argc, char **argv)
{
	const struct takes takes = {.flags = TAKES_CLIENT, .least_operands = 2, .most_operands = MOST_OPERANDS - 1};
	struct config config;
	struct arguments arguments;
	struct ask ask = {.config = &config, .arguments = &arguments};
	int code = command_read(argc, argv, &takes, &arguments, &config);

	if (code != 0)
		return code;
	arena_init(&ask.arena);
	code = run(&ask);
	schema_destroy(ask.schema);
	arena_finish(&ask.arena);
	strbuf_finish(&ask.base);
	strbuf_finish(&ask.url);
	strbuf_finish(&ask.body);
	config_finish(&config);
	return code;
}
