/* Variables, and the values of scenario files written out and held against what came. */
#include "schemas/codec/codec.h"
#include "schemas/timestamp.h"
#include "tests/scenario/node.h"

#include <ctype.h>
#include <fnmatch.h>

static const struct decode_limits limits = {.bytes = 1 << 24, .depth = 64, .tokens = 1 << 20};

void variables_set(struct variables *variables, struct str name, struct str json)
{
	struct variable *variable = arena_alloc(variables->arena, sizeof(*variable));

	*variable = (struct variable){variables->first, arena_copy(variables->arena, name),
				      arena_copy(variables->arena, json)};
	variables->first = variable;
}

static struct str time_of(struct variables *variables, struct str offset)
{
	char stamp[TIMESTAMP_SIZE];
	int64_t us = 0;

	if (offset.len && parse_span(offset, &us) != 0)
		return (struct str){0};
	timestamp_print(stamp, variables->now_us + us);
	return arena_printf(variables->arena, "\"%s\"", stamp);
}

/* A member of captured JSON, by a path of names. */
static struct str member_of(struct variables *variables, struct str json, struct str path)
{
	struct doc *doc = arena_zalloc(variables->arena, sizeof(*doc));
	struct decode_error error;

	if (json_decode(json, &limits, variables->arena, doc, &error) != 0)
		return (struct str){0};
	struct value v = doc_root(doc);

	while (path.len && !value_is_absent(v) && value_type(v) == VALUE_OBJECT)
		v = value_member(v, str_split(&path, '.'));
	return value_is_absent(v) || path.len ? (struct str){0} : value_text(v);
}

struct str variables_get(struct variables *variables, struct str expression)
{
	if (str_starts(expression, STR("now")) && (expression.len == 3 || strchr("+-", expression.ptr[3])))
		return time_of(variables, str_from(expression, 3));
	struct str path = expression, name = str_split(&path, '.');

	for (struct variable *variable = variables->first; variable; variable = variable->next)
		if (str_eq(variable->name, name))
			return path.len ? member_of(variables, variable->json, path) : variable->json;
	return (struct str){0};
}

/* How far the variable expression behind a `$` goes. */
static size_t expression_length(struct str text)
{
	size_t len = 0;

	if (str_starts(text, STR("now"))) {
		len = 3;
		if (len < text.len && strchr("+-", text.ptr[len]))
			while (++len < text.len && isalnum((unsigned char)text.ptr[len]))
				continue;
		return len;
	}
	while (len < text.len &&
	       (isalnum((unsigned char)text.ptr[len]) || text.ptr[len] == '_' ||
		(text.ptr[len] == '.' && len + 1 < text.len && isalpha((unsigned char)text.ptr[len + 1]))))
		len++;
	return len;
}

/* The characters of a JSON string, or the text of another value. */
static struct str characters(struct str json, struct arena *arena)
{
	struct doc *doc = arena_zalloc(arena, sizeof(*doc));
	struct decode_error error;

	if (json_decode(json, &limits, arena, doc, &error) != 0)
		return json;
	return value_string(doc_root(doc), arena);
}

/* A word with its variables filled in. false: an unknown one. */
static bool fill_word(struct str word, struct variables *variables, struct strbuf *out)
{
	for (size_t i = 0; i < word.len; i++) {
		if (word.ptr[i] != '$') {
			strbuf_add_char(out, word.ptr[i]);
			continue;
		}
		size_t len = expression_length(str_from(word, i + 1));
		struct str json = variables_get(variables, str_make(word.ptr + i + 1, len));

		if (!json.ptr)
			return false;
		strbuf_add_str(out, characters(json, variables->arena));
		i += len;
	}
	return true;
}

static const char *printed(struct arena *arena, const char *words, struct str text)
{
	return arena_cstr(arena, arena_join(arena, str_of(words), text, STR(" ")));
}

static const char *write_word(const struct node *node, struct variables *variables, struct strbuf *out)
{
	struct strbuf text = {0};
	bool known;

	if (node->text.ptr[0] == '$' && expression_length(str_from(node->text, 1)) == node->text.len - 1) {
		struct str json = variables_get(variables, str_from(node->text, 1));

		if (!json.ptr)
			return printed(variables->arena, "no such variable: ", node->text);
		strbuf_add_str(out, json);
		return NULL;
	}
	known = fill_word(node->text, variables, &text);
	strbuf_add_json(out, strbuf_str(&text));
	strbuf_finish(&text);
	return known ? NULL : printed(variables->arena, "no such variable in: ", node->text);
}

static const char *write_group(const struct node *node, struct variables *variables, struct strbuf *out)
{
	bool is_object = node->kind == NODE_OBJECT;

	strbuf_add_char(out, is_object ? '{' : '[');
	for (const struct node *member = node->first; member; member = member->next) {
		if (member != node->first)
			strbuf_add_char(out, ',');
		if (is_object)
			strbuf_addf(out, "\"%.*s\":", STR_ARG(member->name));
		const char *fault = node_write(member, variables, out);

		if (fault)
			return fault;
	}
	strbuf_add_char(out, is_object ? '}' : ']');
	return NULL;
}

const char *node_write(const struct node *node, struct variables *variables, struct strbuf *out)
{
	switch (node->kind) {
	case NODE_LITERAL:
	case NODE_STRING:
	case NODE_RAW:
		strbuf_add_str(out, node->text);
		return NULL;
	case NODE_WORD:
		return write_word(node, variables, out);
	case NODE_OBJECT:
	case NODE_ARRAY:
		return write_group(node, variables, out);
	default:
		return "a pattern cannot be sent";
	}
}

struct str node_text(const struct node *node, struct variables *variables)
{
	struct strbuf text = {0};
	struct str result = {0};

	if (node->kind == NODE_WORD) {
		if (fill_word(node->text, variables, &text))
			result = arena_copy(variables->arena, strbuf_str(&text));
		strbuf_finish(&text);
		return result;
	}
	return node->kind == NODE_STRING ? characters(node->text, variables->arena) : node->text;
}

static bool mismatch(struct matching *matching, const char *path, const char *expected, struct str want, struct value v)
{
	struct str came = value_is_absent(v) ? STR("nothing") : value_text(v);

	snprintf(matching->failure, sizeof(matching->failure), "%s: expected %s%.*s, came %.*s", path, expected,
		 want.len > 200 ? 200 : (int)want.len, want.ptr, came.len > 200 ? 200 : (int)came.len, came.ptr);
	return false;
}

/* The pattern's own value, decoded; absent on a fault. */
static struct value own_value(struct matching *matching, const struct node *pattern)
{
	struct arena *arena = matching->variables->arena;
	struct doc *doc = arena_zalloc(arena, sizeof(*doc));
	struct decode_error error;
	struct strbuf text = {0};
	const char *fault = node_write(pattern, matching->variables, &text);
	int status = fault ? -1 : json_decode(arena_copy(arena, strbuf_str(&text)), &limits, arena, doc, &error);

	strbuf_finish(&text);
	return status == 0 ? doc_root(doc) : (struct value){0};
}

static bool match_scalar(struct matching *matching, const struct node *pattern, struct value v, const char *path)
{
	struct arena *arena = matching->variables->arena;
	struct value own = own_value(matching, pattern);

	if (value_is_absent(own))
		return mismatch(matching, path, "(a faulty pattern) ", pattern->text, v);
	if (value_is_absent(v) || value_type(own) != value_type(v))
		return mismatch(matching, path, "", value_text(own), v);
	if (!str_eq(value_string(own, arena), value_string(v, arena)))
		return mismatch(matching, path, "", value_text(own), v);
	return true;
}

static bool match_object(struct matching *matching, const struct node *pattern, struct value v, const char *path)
{
	size_t matched = 0;

	if (value_is_absent(v) || value_type(v) != VALUE_OBJECT)
		return mismatch(matching, path, "an object", STR(""), v);
	for (const struct node *member = pattern->first; member; member = member->next) {
		struct value value = value_member(v, member->name);
		struct str name = arena_printf(matching->variables->arena, "%s%s%.*s", path, path[0] ? "." : "",
					       STR_ARG(member->name));

		if (!node_match(matching, member, value, arena_cstr(matching->variables->arena, name)))
			return false;
		matched += member->kind != NODE_ABSENT;
	}
	if (matching->exact && matched != value_token(v)->count)
		return mismatch(matching, path, "no further members", STR(""), v);
	return true;
}

static bool match_array(struct matching *matching, const struct node *pattern, struct value v, const char *path)
{
	if (value_is_absent(v) || value_type(v) != VALUE_ARRAY)
		return mismatch(matching, path, "an array", STR(""), v);
	struct value element = value_first(v);
	unsigned i = 0;

	for (const struct node *item = pattern->first; item; item = item->next, i++) {
		struct str name = arena_printf(matching->variables->arena, "%s[%u]", path, i);

		if (!node_match(matching, item, element, arena_cstr(matching->variables->arena, name)))
			return false;
		element = value_next(v, element);
	}
	if (!value_is_absent(element))
		return mismatch(matching, path, "no further elements", STR(""), v);
	return true;
}

/* Every item of the pattern is somewhere in the array; whole: and nothing else is. */
static bool match_has(struct matching *matching, const struct node *operand, struct value v, const char *path,
		      bool whole)
{
	size_t items = 0;

	if (value_is_absent(v) || value_type(v) != VALUE_ARRAY)
		return mismatch(matching, path, "an array", STR(""), v);
	for (const struct node *item = operand->first; item; item = item->next, items++) {
		struct value element = value_first(v);

		while (!value_is_absent(element) && !node_match(matching, item, element, path))
			element = value_next(v, element);
		if (value_is_absent(element))
			return mismatch(matching, path, "an element ", item->text, v);
	}
	if (whole && items != value_token(v)->count)
		return mismatch(matching, path, "no further elements", STR(""), v);
	return true;
}

static int compare(struct matching *matching, struct value own, struct value v)
{
	struct str a = value_string(v, matching->variables->arena), b = value_string(own, matching->variables->arena);
	int64_t left, right;

	if (str_to_i64(a, &left) == 0 && str_to_i64(b, &right) == 0)
		return left < right ? -1 : left > right;
	int order = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);

	return order ? order : (a.len < b.len ? -1 : a.len > b.len);
}

static bool match_operator(struct matching *matching, const struct node *pattern, struct value v, const char *path)
{
	const struct node *operand = pattern->first;
	struct arena *arena = matching->variables->arena;

	if (str_eq(pattern->text, STR("has")) || str_eq(pattern->text, STR("any-order")))
		return match_has(matching, operand, v, path, pattern->text.ptr[0] == 'a');
	if (str_eq(pattern->text, STR("not"))) {
		if (value_is_absent(v) || node_match(matching, operand, v, path))
			return mismatch(matching, path, "something other than ", operand->text, v);
		return true;
	}
	struct value own = own_value(matching, operand);

	if (value_is_absent(own) || value_is_absent(v))
		return mismatch(matching, path, "a value to compare with ", operand->text, v);
	bool holds;

	if (str_eq(pattern->text, STR("like")))
		holds = fnmatch(arena_cstr(arena, value_string(own, arena)), arena_cstr(arena, value_string(v, arena)),
				0) == 0;
	else if (pattern->text.ptr[0] == 'a')
		holds = compare(matching, own, v) > 0;
	else
		holds = compare(matching, own, v) < 0;
	if (!holds)
		return mismatch(matching, path, printed(arena, "", pattern->text), operand->text, v);
	return true;
}

bool node_match(struct matching *matching, const struct node *pattern, struct value v, const char *path)
{
	switch (pattern->kind) {
	case NODE_ANY:
		return value_is_absent(v) ? mismatch(matching, path, "any value", STR(""), v) : true;
	case NODE_ABSENT:
		return value_is_absent(v) ? true : mismatch(matching, path, "it to be absent", STR(""), v);
	case NODE_RAW:
		if (value_is_absent(v) || !str_eq(value_text(v), pattern->text))
			return mismatch(matching, path, "the bytes ", pattern->text, v);
		return true;
	case NODE_OBJECT:
		return match_object(matching, pattern, v, path);
	case NODE_ARRAY:
		return match_array(matching, pattern, v, path);
	case NODE_OPERATOR:
		return match_operator(matching, pattern, v, path);
	default:
		return match_scalar(matching, pattern, v, path);
	}
}
