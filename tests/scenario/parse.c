/* Reading scenario files: lines into statements, statements into structs. */
#include "tests/scenario/scenario.h"

#include <ctype.h>
#include <stdarg.h>

struct parser {
	const char *path;
	struct arena *arena;
	struct scenario **next_scenario, *scenario;
	struct statement **next_statement, **behind_group; /* behind_group: NULL outside `together` */
	unsigned line;
	bool failed;
};

static void complain(struct parser *parser, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void complain(struct parser *parser, const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "%s:%u: ", parser->path, parser->line);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	parser->failed = true;
}

/* ---- expectations ---- */

static struct item **parse_capture(struct cursor *cursor, struct item *item, enum item_kind kind)
{
	cursor_word(cursor);
	item->kind = kind;
	item->name = str_from(cursor_word(cursor), 1);
	return &item->next;
}

static struct item **parse_item(struct cursor *cursor, struct item **last)
{
	static const struct {
		const char *word;
		enum item_kind kind;
	} words[] = {{"content", ITEM_CONTENT},
		     {"location", ITEM_LOCATION},
		     {"etag", ITEM_ETAG},
		     {"status", ITEM_STATUS},
		     {"value", ITEM_VALUE}};
	struct item *item = arena_zalloc(cursor->arena, sizeof(*item));
	struct str word = cursor_peek(cursor);

	*last = item;
	item->kind = ITEM_VALUE;
	if (str_starts(word, STR("@"))) {
		item->kind = ITEM_PARAMETER;
		item->name = str_from(cursor_word(cursor), 1);
		item->node = node_parse(cursor);
		return &item->next;
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (str_eq(word, str_of(words[i].word))) {
			cursor_word(cursor);
			item->kind = words[i].kind;
			if (item->kind == ITEM_ETAG && str_eq(cursor_peek(cursor), STR("as")))
				return parse_capture(cursor, item, ITEM_CAPTURE_ETAG);
			item->node = node_parse(cursor);
			return &item->next;
		}
	}
	if (str_eq(word, STR("no-content")) || str_eq(word, STR("complete"))) {
		item->kind = word.ptr[0] == 'n' ? ITEM_NO_CONTENT : ITEM_COMPLETE;
		cursor_word(cursor);
	} else if (str_eq(word, STR("partial"))) {
		item->kind = ITEM_PARTIAL;
		cursor_word(cursor);
		if (str_eq(cursor_peek(cursor), STR("as")))
			return parse_capture(cursor, item, ITEM_PARTIAL);
	} else if (str_eq(word, STR("dbg")) || str_eq(word, STR("header"))) {
		item->kind = word.ptr[0] == 'd' ? ITEM_DBG : ITEM_HEADER;
		cursor_word(cursor);
		item->name = cursor_word(cursor);
		item->node = node_parse(cursor);
	} else if (str_eq(word, STR("as"))) {
		return parse_capture(cursor, item, ITEM_CAPTURE);
	} else if (word.len && islower((unsigned char)word.ptr[0])) {
		item->kind = ITEM_ROOT;
		item->name = cursor_word(cursor);
	} else {
		item->node = node_parse(cursor);
	}
	return &item->next;
}

static void parse_items(struct cursor *cursor, struct item **last)
{
	while (!cursor_at_end(cursor))
		last = parse_item(cursor, last);
}

static void parse_expectation(struct cursor *cursor, struct expectation *expect)
{
	int64_t rsc;

	if (str_to_i64(cursor_word(cursor), &rsc) != 0)
		cursor_fail(cursor, "a response status code is missing behind `expect`");
	else
		expect->rsc = (unsigned)rsc;
	parse_items(cursor, &expect->items);
}

/* ---- requests ---- */

static struct option *new_option(struct cursor *cursor, struct statement *statement, enum option_kind kind,
				 struct str name)
{
	struct option **last = &statement->options, *option = arena_zalloc(cursor->arena, sizeof(*option));

	while (*last)
		last = &(*last)->next;
	*last = option;
	option->kind = kind;
	option->name = name;
	return option;
}

/* name=value, ?condition=value, header Name: value, no-name. false: none of them. */
static bool parse_option(struct cursor *cursor, struct statement *statement)
{
	struct str word = cursor_peek(cursor), name = word;
	const char *equals = word.len ? memchr(word.ptr, '=', word.len) : NULL;

	if (str_eq(word, STR("header"))) {
		cursor_word(cursor);
		name = cursor_word(cursor);
		if (!name.len || name.ptr[name.len - 1] != ':')
			cursor_fail(cursor, "a header's name ends with a colon");
		else
			new_option(cursor, statement, OPTION_HEADER, str_make(name.ptr, name.len - 1))->value =
				node_parse(cursor);
		return true;
	}
	if (equals) {
		bool condition = word.ptr[0] == '?';

		name = str_make(word.ptr + condition, (size_t)(equals - word.ptr) - condition);
		cursor->rest = str_from(cursor->rest, (size_t)(equals - word.ptr) + 1);
		new_option(cursor, statement, condition ? OPTION_CONDITION : OPTION_PARAMETER, name)->value =
			node_parse(cursor);
		return true;
	}
	if (str_starts(word, STR("no-"))) {
		cursor_word(cursor);
		new_option(cursor, statement, OPTION_ABSENT, str_from(word, 3));
		return true;
	}
	return false;
}

static void parse_request(struct cursor *cursor, struct statement *statement)
{
	statement->to = node_parse(cursor);
	while (!cursor_at_end(cursor)) {
		struct str word = cursor_peek(cursor);

		if (str_eq(word, STR("expect"))) {
			cursor_word(cursor);
			parse_expectation(cursor, &statement->expect);
		} else if (str_eq(word, STR("content")) || str_eq(word, STR("raw"))) {
			if (word.ptr[0] == 'c')
				cursor_word(cursor);
			statement->body = node_parse(cursor);
			statement->body_is_whole = true;
		} else if (word.len == 0) {
			statement->body = node_parse(cursor);
		} else if (!parse_option(cursor, statement)) {
			if (statement->type.ptr)
				cursor_fail(cursor, "not understood: %.*s", STR_ARG(word));
			statement->type = cursor_word(cursor);
		}
	}
	if (statement->body && !statement->body_is_whole && !statement->type.ptr)
		cursor_fail(cursor, "a content needs a type before it");
	if (statement->kind == STATEMENT_REQUEST && !statement->expect.rsc)
		cursor_fail(cursor, "`expect` is missing");
}

/* ---- statements ---- */

static void parse_statement(struct cursor *cursor, struct statement *statement);

static void parse_span_of(struct cursor *cursor, struct statement *statement)
{
	if (parse_span(cursor_word(cursor), &statement->number) != 0)
		cursor_fail(cursor, "a time like 90s, 2h or -365d is missing");
}

static void parse_let(struct cursor *cursor, struct statement *statement)
{
	statement->name = str_from(cursor_word(cursor), 1);
	if (!str_eq(cursor_word(cursor), STR("=")))
		cursor_fail(cursor, "let $x = value");
	statement->value = node_parse(cursor);
}

static void parse_repeat(struct cursor *cursor, struct statement *statement)
{
	if (str_to_i64(cursor_word(cursor), &statement->number) != 0)
		cursor_fail(cursor, "repeat needs a number");
	statement->inner = arena_zalloc(cursor->arena, sizeof(*statement));
	statement->inner->line = statement->line;
	statement->inner->text = statement->text;
	parse_statement(cursor, statement->inner);
}

static void parse_rest(struct cursor *cursor, struct statement *statement)
{
	switch (statement->kind) {
	case STATEMENT_AS:
	case STATEMENT_PEER:
		statement->name = cursor_word(cursor);
		break;
	case STATEMENT_ADVANCE:
	case STATEMENT_STEP_CLOCK:
		parse_span_of(cursor, statement);
		break;
	case STATEMENT_LET:
		parse_let(cursor, statement);
		break;
	case STATEMENT_REPEAT:
		parse_repeat(cursor, statement);
		break;
	case STATEMENT_RESTART:
		if (str_starts(cursor_peek(cursor), STR("after=")) &&
		    parse_span(str_from(cursor_word(cursor), 6), &statement->number) != 0)
			cursor_fail(cursor, "restart after=60s");
		break;
	case STATEMENT_STORE_FAILS:
		if (str_to_i64(cursor_word(cursor), &statement->number) != 0)
			cursor_fail(cursor, "store-fails needs the number of calls until then");
		break;
	case STATEMENT_REQUEST:
	case STATEMENT_REFUSALS:
		parse_request(cursor, statement);
		break;
	case STATEMENT_SINK:
		statement->to = node_parse(cursor);
		statement->name = cursor_word(cursor);
		break;
	case STATEMENT_NOTIFIED:
		statement->to = node_parse(cursor);
		parse_items(cursor, &statement->expect.items);
		break;
	case STATEMENT_SILENCE:
		statement->to = node_parse(cursor);
		break;
	case STATEMENT_TOGETHER:
	case STATEMENT_PATIENT:
		break;
	}
}

static void parse_statement(struct cursor *cursor, struct statement *statement)
{
	static const struct {
		const char *word;
		enum statement_kind kind;
		enum operation op;
	} verbs[] = {
		{"create", STATEMENT_REQUEST, OP_CREATE},
		{"retrieve", STATEMENT_REQUEST, OP_RETRIEVE},
		{"update", STATEMENT_REQUEST, OP_UPDATE},
		{"delete", STATEMENT_REQUEST, OP_DELETE},
		{"notify", STATEMENT_REQUEST, OP_NOTIFY},
		{"as", STATEMENT_AS, OP_NONE},
		{"peer", STATEMENT_PEER, OP_NONE},
		{"advance", STATEMENT_ADVANCE, OP_NONE},
		{"restart", STATEMENT_RESTART, OP_NONE},
		{"step-clock", STATEMENT_STEP_CLOCK, OP_NONE},
		{"let", STATEMENT_LET, OP_NONE},
		{"repeat", STATEMENT_REPEAT, OP_NONE},
		{"refusals", STATEMENT_REFUSALS, OP_CREATE},
		{"store-fails", STATEMENT_STORE_FAILS, OP_NONE},
		{"together", STATEMENT_TOGETHER, OP_NONE},
		{"sink", STATEMENT_SINK, OP_NONE},
		{"notified", STATEMENT_NOTIFIED, OP_NOTIFY},
		{"patient", STATEMENT_PATIENT, OP_NONE},
		{"silence", STATEMENT_SILENCE, OP_NONE},
	};
	struct str verb = cursor_word(cursor);

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (str_eq(verb, str_of(verbs[i].word))) {
			statement->kind = verbs[i].kind;
			statement->op = verbs[i].op;
			parse_rest(cursor, statement);
			if (!cursor_at_end(cursor))
				cursor_fail(cursor, "not understood: %.*s", STR_ARG(cursor->rest));
			return;
		}
	}
	cursor_fail(cursor, "no such statement: %.*s", STR_ARG(verb));
}

/* ---- files ---- */

static void open_scenario(struct parser *parser, struct str title)
{
	struct scenario *scenario = arena_zalloc(parser->arena, sizeof(*scenario));

	scenario->title = title;
	scenario->line = parser->line;
	scenario->where = ON_ALL;
	*parser->next_scenario = parser->scenario = scenario;
	parser->next_scenario = &scenario->next;
	parser->next_statement = &scenario->statements;
	if (parser->behind_group)
		complain(parser, "`together` without `end`");
	parser->behind_group = NULL;
}

/* `only http`: leaves the other transports (or stores) out. */
static void parse_only(struct parser *parser, struct cursor *cursor)
{
	static const struct {
		const char *word;
		unsigned kept, kind;
	} words[] = {
		{"core", ON_CORE, ON_TRANSPORTS},	    {"http", ON_HTTP, ON_TRANSPORTS},
		{"coap", ON_COAP, ON_TRANSPORTS},	    {"mqtt", ON_MQTT, ON_TRANSPORTS},
		{"memory", ON_MEMORY, ON_STORES},	    {"sqlite", ON_SQLITE, ON_STORES},
		{"websocket", ON_WEBSOCKET, ON_TRANSPORTS},
	};
	unsigned kept = 0, kinds = 0;

	while (!cursor_at_end(cursor)) {
		struct str word = cursor_word(cursor);
		bool known = false;

		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
			if (str_eq(word, str_of(words[i].word))) {
				kept |= words[i].kept;
				kinds |= words[i].kind;
				known = true;
			}
		}
		if (!known)
			cursor_fail(cursor, "only core, http, coap, mqtt, websocket, memory or sqlite");
	}
	parser->scenario->where &= kept | ~kinds;
}

static void parse_config(struct parser *parser, struct cursor *cursor)
{
	struct assignment *assignment = arena_zalloc(parser->arena, sizeof(*assignment));

	assignment->key = cursor_word(cursor);
	cursor_skip_blanks(cursor);
	assignment->value = cursor->rest;
	cursor->rest.len = 0;
	while (assignment->value.len && isspace((unsigned char)assignment->value.ptr[assignment->value.len - 1]))
		assignment->value.len--;
	if (str_eq(assignment->value, STR("\"\"")))
		assignment->value = STR("");
	assignment->next = parser->scenario->assignments;
	parser->scenario->assignments = assignment;
}

static void add_statement(struct parser *parser, struct cursor *cursor, struct str text)
{
	struct statement *statement = arena_zalloc(parser->arena, sizeof(*statement));

	statement->line = parser->line;
	statement->text = text;
	parse_statement(cursor, statement);
	*parser->next_statement = statement;
	parser->next_statement = &statement->next;
	if (statement->kind == STATEMENT_RESTART)
		parser->scenario->where &= ~(unsigned)ON_MEMORY;
	if (statement->kind == STATEMENT_TOGETHER) {
		parser->scenario->where &= ~(unsigned)ON_TRANSPORTS | ON_CORE;
		parser->behind_group = parser->next_statement;
		parser->next_statement = &statement->inner;
	}
}

static void end_group(struct parser *parser)
{
	if (!parser->behind_group)
		complain(parser, "`end` without `together`");
	else
		parser->next_statement = parser->behind_group;
	parser->behind_group = NULL;
}

static void take_statement(struct parser *parser, struct str text)
{
	struct cursor cursor = {.rest = text, .arena = parser->arena};
	struct str word = cursor_peek(&cursor);

	if (str_eq(word, STR("title"))) {
		cursor_word(&cursor);
		cursor_skip_blanks(&cursor);
		open_scenario(parser, cursor.rest);
		return;
	}
	if (!parser->scenario) {
		complain(parser, "a title comes first");
		return;
	}
	if (str_eq(word, STR("only"))) {
		cursor_word(&cursor);
		parse_only(parser, &cursor);
	} else if (str_eq(word, STR("config"))) {
		cursor_word(&cursor);
		parse_config(parser, &cursor);
	} else if (str_eq(word, STR("end"))) {
		end_group(parser);
	} else {
		add_statement(parser, &cursor, text);
	}
	if (cursor.error[0])
		complain(parser, "%s", cursor.error);
}

/* The line without its comment (a # at its start or behind a blank, outside quotes) and without blanks at its end. */
static struct str strip(struct str line)
{
	char quote = 0;
	size_t len = 0;

	for (; len < line.len; len++) {
		char c = line.ptr[len];

		if (quote == '"' && c == '\\')
			len++;
		else if (quote)
			quote = c == quote ? 0 : quote;
		else if (c == '"' || c == '\'')
			quote = c;
		else if (c == '#' && (len == 0 || isspace((unsigned char)line.ptr[len - 1])))
			break;
	}
	if (len > line.len)
		len = line.len;
	while (len && isspace((unsigned char)line.ptr[len - 1]))
		len--;
	return str_make(line.ptr, len);
}

/* An apostrophe in a title is no quote. */
static struct str strip_title(struct str line)
{
	for (size_t i = 1; i < line.len; i++)
		if (line.ptr[i] == '#' && isspace((unsigned char)line.ptr[i - 1]))
			line.len = i;
	while (line.len && isspace((unsigned char)line.ptr[line.len - 1]))
		line.len--;
	return line;
}

static void finish_statement(struct parser *parser, struct strbuf *pending)
{
	if (pending->len)
		take_statement(parser, arena_copy(parser->arena, strbuf_str(pending)));
	strbuf_clear(pending);
}

int scenario_parse(struct scenario_file *file, const char *path, struct str text, struct arena *arena)
{
	struct parser parser = {.path = path, .arena = arena, .next_scenario = &file->scenarios};
	struct strbuf pending = {0};
	unsigned number = 0;

	file->path = path;
	while (text.ptr && text.len) {
		struct str whole = str_split(&text, '\n');
		struct str line = str_starts(whole, STR("title")) ? strip_title(whole) : strip(whole);
		bool continues = line.len && isspace((unsigned char)line.ptr[0]);

		number++;
		if (line.len == 0)
			continue;
		if (!continues) {
			finish_statement(&parser, &pending);
			parser.line = number;
		}
		if (continues)
			strbuf_add_char(&pending, '\n');
		strbuf_add_str(&pending, line);
	}
	finish_statement(&parser, &pending);
	strbuf_finish(&pending);
	return parser.failed ? -1 : 0;
}
