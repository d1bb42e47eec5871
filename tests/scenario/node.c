/* Reading and writing the values of scenario files. */
#include "tests/scenario/node.h"

#include "schemas/codec/codec.h"
#include "schemas/timestamp.h"

#include <ctype.h>
#include <stdarg.h>

void cursor_fail(struct cursor *cursor, const char *format, ...)
{
	va_list arguments;

	if (cursor->error[0])
		return;
	va_start(arguments, format);
	vsnprintf(cursor->error, sizeof(cursor->error), format, arguments);
	va_end(arguments);
	cursor->rest.len = 0;
}

void cursor_skip_blanks(struct cursor *cursor)
{
	while (cursor->rest.len && isspace((unsigned char)cursor->rest.ptr[0]))
		cursor->rest = str_from(cursor->rest, 1);
}

bool cursor_at_end(struct cursor *cursor)
{
	cursor_skip_blanks(cursor);
	return cursor->rest.len == 0;
}

struct str cursor_peek(struct cursor *cursor)
{
	size_t len = 0;

	cursor_skip_blanks(cursor);
	while (len < cursor->rest.len && !isspace((unsigned char)cursor->rest.ptr[len]) &&
	       !strchr("{[\"'", cursor->rest.ptr[len]))
		len++;
	return str_make(cursor->rest.ptr, len);
}

struct str cursor_word(struct cursor *cursor)
{
	struct str word = cursor_peek(cursor);

	cursor->rest = str_from(cursor->rest, word.len);
	return word;
}

static struct node *new_node(struct cursor *cursor, enum node_kind kind, struct str text)
{
	struct node *node = arena_zalloc(cursor->arena, sizeof(*node));

	node->kind = kind;
	node->text = text;
	return node;
}

static char peek_char(const struct cursor *cursor)
{
	return cursor->rest.len ? cursor->rest.ptr[0] : '\0';
}

static struct node *parse_string(struct cursor *cursor)
{
	size_t len = 1;

	while (len < cursor->rest.len && cursor->rest.ptr[len] != '"')
		len += cursor->rest.ptr[len] == '\\' ? 2 : 1;
	if (len >= cursor->rest.len)
		cursor_fail(cursor, "a string does not end");
	struct node *node = new_node(cursor, NODE_STRING, str_make(cursor->rest.ptr, len + 1));

	cursor->rest = str_from(cursor->rest, len + 1);
	return node;
}

/* raw '...', where \xNN stands for one byte. */
static struct node *parse_raw(struct cursor *cursor)
{
	char *bytes = arena_alloc(cursor->arena, cursor->rest.len + 1);
	size_t len = 0, i = 1;

	while (i < cursor->rest.len && cursor->rest.ptr[i] != '\'') {
		unsigned byte;

		if (cursor->rest.len - i >= 4 && sscanf(cursor->rest.ptr + i, "\\x%2x", &byte) == 1) {
			bytes[len++] = (char)byte;
			i += 4;
		} else {
			bytes[len++] = cursor->rest.ptr[i++];
		}
	}
	if (i >= cursor->rest.len)
		cursor_fail(cursor, "raw bytes do not end");
	cursor->rest = str_from(cursor->rest, i + 1);
	return new_node(cursor, NODE_RAW, str_make(bytes, len));
}

/* A member's name ends with a colon and a blank, so that it may have a colon in it. */
static struct str parse_name(struct cursor *cursor)
{
	size_t len = 0;

	cursor_skip_blanks(cursor);
	if (peek_char(cursor) == '"') {
		struct str quoted = parse_string(cursor)->text;

		if (peek_char(cursor) != ':')
			cursor_fail(cursor, "a name needs a colon behind it");
		cursor->rest = str_from(cursor->rest, 1);
		return str_make(quoted.ptr + 1, quoted.len - 2);
	}
	while (len + 1 < cursor->rest.len &&
	       !(cursor->rest.ptr[len] == ':' && isspace((unsigned char)cursor->rest.ptr[len + 1])))
		len++;
	if (len == 0 || len + 1 >= cursor->rest.len) {
		cursor_fail(cursor, "a name needs a colon and a blank behind it");
		return STR("");
	}
	struct str name = str_make(cursor->rest.ptr, len);

	cursor->rest = str_from(cursor->rest, len + 1);
	return name;
}

static struct node *parse_member(struct cursor *cursor)
{
	cursor_skip_blanks(cursor);
	if (peek_char(cursor) == '!') {
		size_t len = 1;

		while (len < cursor->rest.len && !strchr(" \t\n,}", cursor->rest.ptr[len]))
			len++;
		struct node *absent = new_node(cursor, NODE_ABSENT, STR(""));

		absent->name = str_make(cursor->rest.ptr + 1, len - 1);
		cursor->rest = str_from(cursor->rest, len);
		return absent;
	}
	struct str name = parse_name(cursor);
	struct node *member = node_parse(cursor);

	member->name = name;
	return member;
}

static struct node *parse_group(struct cursor *cursor, char end)
{
	struct node *group = new_node(cursor, end == '}' ? NODE_OBJECT : NODE_ARRAY, STR("")), **last = &group->first;

	cursor->rest = str_from(cursor->rest, 1);
	cursor_skip_blanks(cursor);
	while (peek_char(cursor) != end && !cursor->error[0]) {
		*last = end == '}' ? parse_member(cursor) : node_parse(cursor);
		last = &(*last)->next;
		cursor_skip_blanks(cursor);
		if (peek_char(cursor) == ',')
			cursor->rest = str_from(cursor->rest, 1);
		else if (peek_char(cursor) != end)
			cursor_fail(cursor, "a comma or '%c' is missing before: %.*s", end, (int)cursor->rest.len,
				    cursor->rest.ptr);
		cursor_skip_blanks(cursor);
	}
	cursor->rest = str_from(cursor->rest, 1);
	return group;
}

static bool is_number(struct str word)
{
	static const struct decode_limits limits = {.bytes = 1000, .depth = 1, .tokens = 1};
	struct arena arena;
	struct doc doc;
	struct decode_error error;

	if (!word.len || !(isdigit((unsigned char)word.ptr[0]) || word.ptr[0] == '-'))
		return false;
	arena_init(&arena);
	bool valid = json_decode(word, &limits, &arena, &doc, &error) == 0;

	arena_finish(&arena);
	return valid;
}

static bool is_one_of(struct str word, const char *const *list)
{
	for (; *list; list++)
		if (str_eq(word, str_of(*list)))
			return true;
	return false;
}

/* A word is an operator only if a value follows it. */
static struct node *parse_operator(struct cursor *cursor, struct str word)
{
	static const char *const operators[] = {"like", "not", "has", "any-order", "above", "below", NULL};

	if (!is_one_of(word, operators))
		return NULL;
	cursor_skip_blanks(cursor);
	if (cursor->rest.len == 0 || strchr(",}]", cursor->rest.ptr[0]))
		return NULL;
	struct node *node = new_node(cursor, NODE_OPERATOR, word);

	node->first = node_parse(cursor);
	return node;
}

static struct node *parse_word(struct cursor *cursor)
{
	static const char *const literals[] = {"true", "false", "null", NULL};
	size_t len = 0;

	while (len < cursor->rest.len && !isspace((unsigned char)cursor->rest.ptr[len]) &&
	       !strchr(",}]{[\"", cursor->rest.ptr[len]) && cursor->rest.ptr[len] != '\'')
		len++;
	if (len == 0) {
		cursor_fail(cursor, "a value is missing");
		return new_node(cursor, NODE_ANY, STR(""));
	}
	struct str word = str_make(cursor->rest.ptr, len);

	cursor->rest = str_from(cursor->rest, len);
	if (str_eq(word, STR("*")))
		return new_node(cursor, NODE_ANY, word);
	if (str_eq(word, STR("raw"))) {
		cursor_skip_blanks(cursor);
		if (peek_char(cursor) == '\'')
			return parse_raw(cursor);
	}
	struct node *operation = parse_operator(cursor, word);

	if (operation)
		return operation;
	bool literal = is_one_of(word, literals) || is_number(word);

	return new_node(cursor, literal ? NODE_LITERAL : NODE_WORD, word);
}

struct node *node_parse(struct cursor *cursor)
{
	cursor_skip_blanks(cursor);
	switch (peek_char(cursor)) {
	case '{':
		return parse_group(cursor, '}');
	case '[':
		return parse_group(cursor, ']');
	case '"':
		return parse_string(cursor);
	default:
		return parse_word(cursor);
	}
}

int parse_span(struct str text, int64_t *us)
{
	static const struct {
		const char *unit;
		int64_t us;
	} units[] = {{"ms", 1000}, {"s", 1000000}, {"m", 60000000}, {"h", 3600000000}, {"d", 86400000000}};
	size_t digits = 0;
	int64_t number;

	if (text.len && text.ptr[0] == '+')
		text = str_from(text, 1);
	while (digits < text.len && (isdigit((unsigned char)text.ptr[digits]) || (digits == 0 && text.ptr[0] == '-')))
		digits++;
	if (str_to_i64(str_make(text.ptr, digits), &number) != 0)
		return -1;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (str_eq(str_from(text, digits), str_of(units[i].unit))) {
			*us = number * units[i].us;
			return 0;
		}
	}
	return -1;
}
