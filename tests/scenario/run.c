/* Carrying out a scenario's statements. */
#include "tests/scenario/run.h"

#include "tests/scenario/seeds.h"
#include "tests/scenario/torture.h"

#include <arpa/inet.h>

#include <stdarg.h>

static void note_failure(struct run *run, const struct statement *statement, const char *format, va_list arguments)
{
	char text[3000];

	vsnprintf(text, sizeof(text), format, arguments);
	if (!run->torture && skips_take(run->skips, run->transport->name, run->path, run->scenario->title, text))
		return;
	strbuf_addf(&run->failure, "%s:%u: %.*s\n   %s\n", run->path, statement->line, STR_ARG(statement->text), text);
}

bool run_fail(struct run *run, const struct statement *statement, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	note_failure(run, statement, format, arguments);
	va_end(arguments);
	return false;
}

bool run_break(struct run *run, const struct statement *statement, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	note_failure(run, statement, format, arguments);
	va_end(arguments);
	run->is_broken = true;
	return false;
}

struct str run_next_identifier(struct run *run)
{
	return arena_printf(&run->arena, "req-%u", ++run->requests);
}

struct str run_root_name(struct run *run, const struct statement *statement)
{
	struct str type = statement->type;

	if (!type.ptr || memchr(type.ptr, ':', type.len))
		return type;
	return arena_join(&run->arena, STR("m2m:"), type, STR(""));
}

/* ---- the request ---- */

static bool write_content(struct run *run, const struct statement *statement, struct exchange *exchange)
{
	struct strbuf text = {0};
	const char *fault;

	if (!statement->body)
		return true;
	if (!statement->body_is_whole)
		strbuf_addf(&text, "{\"%.*s\":", STR_ARG(run_root_name(run, statement)));
	fault = node_write(statement->body, &run->variables, &text);
	if (!statement->body_is_whole)
		strbuf_add_char(&text, '}');
	exchange->content = arena_copy(&run->arena, strbuf_str(&text));
	strbuf_finish(&text);
	return fault ? run_fail(run, statement, "%s", fault) : true;
}

static bool set_parameter(struct run *run, const struct statement *statement, const struct option *option,
			  struct exchange *exchange)
{
	struct str name = str_eq(option->name, STR("from")) ? STR("fr") : option->name;
	enum parameter parameter = parameter_find(name);
	struct str text = option->kind == OPTION_ABSENT ? (struct str){0} : node_text(option->value, &run->variables);

	if (option->kind != OPTION_ABSENT && !text.ptr)
		return run_fail(run, statement, "%.*s: no such variable", STR_ARG(option->name));
	if (str_eq(name, STR("if-match"))) {
		exchange->accept_etag =
			str_eq(text, STR("*")) ? text : arena_printf(&run->arena, "\"%.*s\"", STR_ARG(text));
		return true;
	}
	if (str_eq(name, STR("rtu"))) {
		exchange->response_targets = text;
		return true;
	}
	if (parameter == PARAM_COUNT)
		return run_fail(run, statement, "%.*s is no parameter", STR_ARG(option->name));
	exchange->param[parameter] = text;
	return true;
}

static bool apply_option(struct run *run, const struct statement *statement, const struct option *option,
			 struct exchange *exchange)
{
	struct str text;

	if (option->kind == OPTION_PARAMETER || option->kind == OPTION_ABSENT)
		return set_parameter(run, statement, option, exchange);
	text = node_text(option->value, &run->variables);
	if (!text.ptr)
		return run_fail(run, statement, "%.*s: no such variable", STR_ARG(option->name));
	if (option->kind == OPTION_HEADER && exchange->header_count < MAX_HEADERS)
		exchange->headers[exchange->header_count++] = (struct header){option->name, text};
	else if (option->kind == OPTION_CONDITION && exchange->condition_count < MAX_CONDITIONS)
		exchange->conditions[exchange->condition_count++] =
			(struct filter_item){condition_find(option->name), option->name, text};
	return true;
}

bool run_prepare(struct run *run, const struct statement *statement, struct exchange *exchange)
{
	const struct type_def *type =
		statement->type.ptr ? schema_type_by_root(run->world.schema, run_root_name(run, statement)) : NULL;

	memset(exchange, 0, sizeof(*exchange));
	run->variables.now_us = clock_wall_us(&run->world.clock);
	exchange->op = statement->op;
	exchange->peer = run->peer;
	exchange->param[PARAM_operation] = arena_printf(&run->arena, "%d", (int)statement->op);
	exchange->param[PARAM_to] = node_text(statement->to, &run->variables);
	exchange->param[PARAM_requestIdentifier] = run_next_identifier(run);
	exchange->param[PARAM_releaseVersionIndicator] = STR("3");
	exchange->param[PARAM_from] = run->originator;
	if (!exchange->param[PARAM_to].ptr)
		return run_fail(run, statement, "no such variable in %.*s", STR_ARG(statement->to->text));
	if (type && statement->op == OP_CREATE)
		exchange->param[PARAM_resourceType] = arena_printf(&run->arena, "%u", type->ty);
	if (!write_content(run, statement, exchange))
		return false;
	for (const struct option *option = statement->options; option; option = option->next)
		if (!apply_option(run, statement, option, exchange))
			return false;
	return true;
}

static void print_exchange(const struct run *run, const struct exchange *exchange, const struct reply *reply)
{
	if (!run->trace)
		return;
	fprintf(run->trace, "# > op %d to %.*s from %.*s: %.*s\n# < %d (HTTP %u) %.*s\n", (int)exchange->op,
		STR_ARG(exchange->param[PARAM_to]), STR_ARG(exchange->param[PARAM_from]), STR_ARG(exchange->content),
		reply->rsc, reply->status, STR_ARG(reply->content));
}

static bool check_memory(struct run *run, const struct statement *statement)
{
	world_rest(&run->world); /* the check reads instances */
	const char *fault = cse_check(run->world.cse);

	world_strain(&run->world);
	return fault ? run_break(run, statement, "cse_check: %s", fault) : true;
}

/* What is done with every answer. */
static bool take_reply(struct run *run, const struct statement *statement, const struct exchange *exchange,
		       const struct reply *reply)
{
	const char *fault;

	print_exchange(run, exchange, reply);
	if (reply->rsc > 0 && reply->rsc < 10000)
		run->coverage->codes[reply->rsc] = true;
	if (rsc_is_success((enum rsc)reply->rsc)) {
		coverage_note(run->coverage, exchange->content);
		coverage_note(run->coverage, reply->content);
	}
	coverage_note_cells(run->coverage, exchange, reply);
	fault = inspect_reply(run->world.schema, exchange, reply, &run->arena);
	if (fault)
		return run_break(run, statement, "code %d: %s", reply->rsc, fault);
	return check_memory(run, statement) && (!run->torture || torture_judges(run, statement, exchange, reply));
}

bool run_exchange(struct run *run, const struct statement *statement, const struct exchange *exchange,
		  struct reply *reply)
{
	const char *fault;

	memset(reply, 0, sizeof(*reply));
	if (run->seeds)
		seeds_note_request(run->seeds, run->seed_name, exchange, false);
	if (run->torture)
		torture_begins(run, true);
	fault = run->transport->perform(run->transport, &run->world, exchange, &run->arena, reply);
	if (fault)
		return run_break(run, statement, "%s", fault);
	return take_reply(run, statement, exchange, reply);
}

static bool run_request(struct run *run, const struct statement *statement)
{
	struct exchange exchange;
	struct reply reply;

	if (!run_prepare(run, statement, &exchange))
		return false;
	return run_exchange(run, statement, &exchange, &reply) && run_expect(run, statement, &reply);
}

/* ---- requests that are under way at the same time ---- */

struct companion {
	struct companion *next;
	const struct statement *statement;
	struct exchange exchange;
	struct reply reply;
	struct flight flight;
};

static bool prepare_companion(struct run *run, const struct statement *statement, struct companion ***last)
{
	struct companion *companion;

	if (statement->kind == STATEMENT_REPEAT) {
		for (int64_t i = 1; i <= statement->number; i++) {
			variables_set(&run->variables, STR("n"), arena_printf(&run->arena, "%lld", (long long)i));
			if (!prepare_companion(run, statement->inner, last))
				return false;
		}
		return true;
	}
	if (statement->kind != STATEMENT_REQUEST)
		return run_fail(run, statement, "only requests go together");
	companion = arena_zalloc(&run->arena, sizeof(*companion));
	companion->statement = statement;
	**last = companion;
	*last = &companion->next;
	return run_prepare(run, statement, &companion->exchange);
}

static bool run_together(struct run *run, const struct statement *statement)
{
	struct companion *first = NULL, **last = &first;
	bool ok = true;

	for (const struct statement *inner = statement->inner; inner; inner = inner->next)
		if (!prepare_companion(run, inner, &last))
			return false;
	if (run->torture)
		torture_begins(run, false);
	for (struct companion *c = first; c; c = c->next) {
		const char *fault = core_submit(&run->world, &c->exchange, &run->arena, &c->reply, &c->flight);

		if (run->seeds)
			seeds_note_request(run->seeds, run->seed_name, &c->exchange, true);
		if (fault)
			return run_break(run, c->statement, "%s", fault);
	}
	for (struct companion *c = first; c; c = c->next) {
		if (!core_wait(&run->world, &c->flight))
			return run_break(run, c->statement, "no answer");
		ok = take_reply(run, c->statement, &c->exchange, &c->reply) &&
		     run_expect(run, c->statement, &c->reply) && ok;
	}
	return ok;
}

/* ---- notifications ---- */

static bool check_message_parameter(struct run *run, const struct statement *statement, const struct item *item,
				    const struct sink_message *message)
{
	struct matching matching = {.variables = &run->variables};
	enum parameter parameter = parameter_find(item->name);
	struct str text = STR("");

	if (str_eq(item->name, STR("serialization")))
		text = message->serialization;
	else if (parameter == PARAM_COUNT)
		return run_fail(run, statement, "%.*s is no parameter", STR_ARG(item->name));
	else if (message->param[parameter].ptr)
		text = message->param[parameter];
	return run_expect_text(run, &matching, item->node, text, "parameter")
		       ? true
		       : run_fail(run, statement, "%.*s: %s, came \"%.*s\"", STR_ARG(item->name), matching.failure,
				  STR_ARG(text));
}

static bool check_message(struct run *run, const struct statement *statement, const struct sink_message *message)
{
	struct reply reply = {.content = arena_copy(&run->arena, message->content)};
	struct exchange exchange = {.op = OP_NOTIFY, .content = reply.content};
	const char *fault = inspect_notification(run->world.schema, &exchange, &run->arena);

	if (run->trace)
		fprintf(run->trace, "# ! %.*s %.*s\n", STR_ARG(message->url), STR_ARG(message->content));
	if (fault)
		return run_fail(run, statement, "%s: %.*s", fault, STR_ARG(message->content));
	coverage_note(run->coverage, reply.content);
	for (const struct item *item = statement->expect.items; item; item = item->next) {
		if (item->kind == ITEM_PARAMETER ? !check_message_parameter(run, statement, item, message)
						 : !run_expect_item(run, statement, item, &reply))
			return false;
	}
	return true;
}

static bool run_notified(struct run *run, const struct statement *statement)
{
	struct sink_message *message;
	bool ok;

	world_settle(&run->world);
	run->variables.now_us = clock_wall_us(&run->world.clock);
	message = sink_take(&run->world.sink, node_text(statement->to, &run->variables));
	if (!message)
		return run_fail(run, statement, "no message came");
	ok = check_message(run, statement, message);
	sink_message_destroy(message);
	return ok;
}

static bool run_silence(struct run *run, const struct statement *statement)
{
	struct sink_message *message;

	world_settle(&run->world);
	message = sink_take(&run->world.sink, node_text(statement->to, &run->variables));
	if (!message)
		return true;
	run_fail(run, statement, "a message came: %.*s", STR_ARG(message->content));
	sink_message_destroy(message);
	return false;
}

static bool run_sink(struct run *run, const struct statement *statement)
{
	struct str url = node_text(statement->to, &run->variables);

	if (run->seeds && str_eq(url, STR("sink://a")))
		seeds_note_setting(run->seeds, run->seed_name, "sink", statement->name);
	return sink_set(&run->world.sink, url, statement->name) == 0
		       ? true
		       : run_fail(run, statement, "a target answers with a code, `hangs` or `refuses`");
}

/* ---- other statements ---- */

static bool run_statement(struct run *run, const struct statement *statement);

static bool run_repeat(struct run *run, const struct statement *statement)
{
	for (int64_t i = 1; i <= statement->number; i++) {
		variables_set(&run->variables, STR("n"), arena_printf(&run->arena, "%lld", (long long)i));
		if (!run_statement(run, statement->inner))
			return false;
	}
	return true;
}

static bool run_let(struct run *run, const struct statement *statement)
{
	struct strbuf text = {0};
	const char *fault;

	run->variables.now_us = clock_wall_us(&run->world.clock);
	fault = node_write(statement->value, &run->variables, &text);
	variables_set(&run->variables, statement->name, strbuf_str(&text));
	strbuf_finish(&text);
	return fault ? run_fail(run, statement, "%s", fault) : true;
}

static bool run_peer(struct run *run, const struct statement *statement)
{
	char text[INET6_ADDRSTRLEN] = "";
	struct peer *peer = &run->peer;

	*peer = (struct peer){.is_direct_loopback = str_eq(statement->name, STR("loopback")),
			      .is_authenticated = str_eq(statement->name, STR("authenticated"))};
	if (statement->name.len >= sizeof(text))
		return run_fail(run, statement, "peer: no address");
	memcpy(text, statement->name.ptr, statement->name.len);
	if (inet_pton(AF_INET, text, peer->address) == 1)
		peer->family = PEER_IPV4;
	else if (inet_pton(AF_INET6, text, peer->address) == 1)
		peer->family = peer_unmap(peer->address) ? PEER_IPV4 : PEER_IPV6;
	return true;
}

static void note_setting(struct run *run, const char *setting, int64_t number)
{
	if (run->seeds)
		seeds_note_setting(run->seeds, run->seed_name, setting,
				   arena_printf(&run->arena, "%lld", (long long)number));
}

static bool run_clock(struct run *run, const struct statement *statement)
{
	bool is_step = statement->kind == STATEMENT_STEP_CLOCK;

	if (is_step)
		note_setting(run, "wall", statement->number / 1000000);
	else
		note_setting(run, "advance", statement->number / 1000);
	world_settle(&run->world); /* what is due before */
	if (is_step)
		clock_step_wall(&run->world.clock, statement->number);
	else
		clock_advance(&run->world.clock, statement->number);
	world_settle(&run->world);
	return check_memory(run, statement);
}

static bool carry_out(struct run *run, const struct statement *statement)
{
	switch (statement->kind) {
	case STATEMENT_AS:
		run->originator =
			node_text(&(struct node){.kind = NODE_WORD, .text = statement->name}, &run->variables);
		return true;
	case STATEMENT_PEER:
		return run_peer(run, statement);
	case STATEMENT_REQUEST:
		return run_request(run, statement);
	case STATEMENT_ADVANCE:
	case STATEMENT_STEP_CLOCK:
		return run_clock(run, statement);
	case STATEMENT_RESTART:
		return world_restart(&run->world, statement->number) == 0
			       ? true
			       : run_break(run, statement, "%s", run->world.message);
	case STATEMENT_LET:
		return run_let(run, statement);
	case STATEMENT_REPEAT:
		return run_repeat(run, statement);
	case STATEMENT_STORE_FAILS:
		note_setting(run, "fails", statement->number - 1);
		if (!run->torture)
			store_faulty_set(run->world.store, (unsigned)statement->number - 1, 1, ERROR_IO);
		return true;
	case STATEMENT_TOGETHER:
		return run_together(run, statement);
	case STATEMENT_SINK:
		return run_sink(run, statement);
	case STATEMENT_NOTIFIED:
		return run_notified(run, statement);
	case STATEMENT_PATIENT:
		run->world.is_patient = true;
		return true;
	case STATEMENT_SILENCE:
		return run_silence(run, statement);
	case STATEMENT_REFUSALS:
		return run_refusals(run, statement);
	}
	return false;
}

/* Under torture an expectation that does not hold is no fault, and the scenario goes on. */
static bool run_statement(struct run *run, const struct statement *statement)
{
	bool ok = carry_out(run, statement);

	if (!run->torture || run->is_broken)
		return ok;
	strbuf_clear(&run->failure);
	return true;
}

bool run_scenario(struct run *run, struct schema *schema, bool sqlite)
{
	const char *fault;

	arena_init(&run->arena);
	run->variables = (struct variables){.arena = &run->arena};
	run->peer.is_direct_loopback = true;
	if (world_init(&run->world, schema, run->scenario, sqlite,
		       (struct world_binding){.name = run->transport->binding, .listen = run->listen},
		       run->torture ? &run->torture->strain : NULL, run->trace) != 0) {
		run->is_broken = true;
		strbuf_addf(&run->failure, "%s:%u: %s\n", run->path, run->scenario->line, run->world.message);
		return false;
	}
	fault = run->transport->meet ? run->transport->meet(&run->world) : NULL;
	if (fault)
		strbuf_addf(&run->failure, "%s:%u: %s\n", run->path, run->scenario->line, fault);
	for (const struct statement *statement = run->scenario->statements; statement && !fault;
	     statement = statement->next)
		if (!run_statement(run, statement) && run->failure.len && !run->keeps_going)
			return false;
	return run->failure.len == 0;
}

void run_finish(struct run *run)
{
	world_finish(&run->world);
	arena_finish(&run->arena);
	strbuf_finish(&run->failure);
}
