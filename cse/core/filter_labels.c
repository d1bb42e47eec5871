/* labelsQuery: key, NT key, key EQ value, key:value, key NE value, key IN (a, b), key NI (a, b). TS-0004 7.3.3.17.16.
 */
#include "cse/core/filter.h"

enum labels_operator { LABELS_HAS, LABELS_NT, LABELS_EQ, LABELS_NE, LABELS_IN, LABELS_NI };

struct labels_query {
	enum labels_operator op;
	struct str key;
	struct str *values;
	unsigned count;
};

struct labels_query *labels_queries(struct arena *arena, unsigned count)
{
	return arena_zalloc(arena, count * sizeof(struct labels_query));
}

struct labels_query *labels_query_at(struct labels_query *queries, unsigned index)
{
	return &queries[index];
}

static struct str trim(struct str s)
{
	while (s.len && s.ptr[0] == ' ')
		s = str_from(s, 1);
	while (s.len && s.ptr[s.len - 1] == ' ')
		s.len--;
	return s;
}

static struct str next_word(struct str *rest)
{
	struct str s = trim(*rest), word = str_split(&s, ' ');

	*rest = s.ptr ? trim(s) : str_make("", 0);
	return word;
}

static const char *parse_set(struct labels_query *query, struct str rest, struct arena *arena)
{
	unsigned most = 1;

	if (rest.len < 2 || rest.ptr[0] != '(' || rest.ptr[rest.len - 1] != ')')
		return "IN and NI need values in parentheses";
	rest = str_make(rest.ptr + 1, rest.len - 2);
	for (size_t i = 0; i < rest.len; i++)
		most += rest.ptr[i] == ',';
	query->values = arena_alloc(arena, most * sizeof(struct str));
	while (rest.ptr) {
		struct str value = trim(str_split(&rest, ','));

		if (value.len == 0)
			return "has an empty value";
		query->values[query->count++] = value;
	}
	return NULL;
}

static const char *parse_value(struct labels_query *query, struct str rest, struct arena *arena)
{
	if (rest.len == 0 || memchr(rest.ptr, ' ', rest.len))
		return "EQ and NE need one value";
	query->values = arena_alloc(arena, sizeof(struct str));
	query->values[query->count++] = rest;
	return NULL;
}

static const char *parse_operator(struct labels_query *query, struct str word, struct str rest, struct arena *arena)
{
	static const struct {
		const char *word;
		enum labels_operator op;
		const char *(*parse)(struct labels_query *query, struct str rest, struct arena *arena);
	} operators[] = {
		{"EQ", LABELS_EQ, parse_value},
		{"NE", LABELS_NE, parse_value},
		{"IN", LABELS_IN, parse_set},
		{"NI", LABELS_NI, parse_set},
	};

	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
		if (!str_eq(word, str_of(operators[i].word)))
			continue;
		query->op = operators[i].op;
		return operators[i].parse(query, rest, arena);
	}
	return "takes a key, or EQ, NE, IN or NI behind it, or NT before it";
}

static const char *parse_key(struct labels_query *query, struct str word, struct arena *arena)
{
	const char *colon = memchr(word.ptr, ':', word.len);

	query->key = word;
	if (!colon)
		return NULL;
	query->key.len = (size_t)(colon - word.ptr);
	query->op = LABELS_EQ;
	return parse_value(query, str_from(word, query->key.len + 1), arena);
}

const char *labels_query_parse(struct labels_query *query, struct str text, struct arena *arena)
{
	struct str rest = text, word = next_word(&rest);

	*query = (struct labels_query){.op = LABELS_HAS};
	if (word.len == 0)
		return "is empty";
	if (str_eq(word, STR("NT")) && rest.len) {
		query->op = LABELS_NT;
		query->key = next_word(&rest);
		return rest.len ? "NT takes one key" : NULL;
	}
	if (rest.len == 0)
		return parse_key(query, word, arena);
	query->key = word;
	word = next_word(&rest);
	/* the values may follow without a blank: IN(a,b) */
	if (word.len > 3 && word.ptr[2] == '(') {
		rest = str_make(word.ptr + 2, (size_t)(text.ptr + text.len - (word.ptr + 2)));
		word.len = 2;
	}
	return parse_operator(query, word, trim(rest), arena);
}

static bool lists(const struct labels_query *query, struct str value)
{
	for (unsigned i = 0; i < query->count; i++)
		if (str_eq(query->values[i], value))
			return true;
	return false;
}

bool labels_query_matches(const struct labels_query *query, const struct str *labels, unsigned count)
{
	bool has_key = false, has_pair = false, has_value = false;

	for (unsigned i = 0; i < count; i++) {
		struct str value = labels[i], key = str_split(&value, ':');

		if (!str_eq(key, query->key))
			continue;
		has_key = true;
		has_pair = has_pair || value.ptr;
		has_value = has_value || (value.ptr && lists(query, value));
	}
	switch (query->op) {
	case LABELS_HAS:
		return has_key;
	case LABELS_NT:
		return !has_key;
	case LABELS_EQ:
	case LABELS_IN:
		return has_value;
	case LABELS_NE:
	case LABELS_NI:
		return has_pair && !has_value;
	}
	return false;
}
