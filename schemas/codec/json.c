/* json: the strict scanner. One pass over the text, without recursion: an open array or object keeps the index of the
 * one around it in its token's `next` until it is closed. UTF-8 is checked while strings are scanned. */
#include "schemas/codec/codec.h"

#include <endian.h>
#include <limits.h>

enum { NO_TOKEN = UINT32_MAX, FEW_NAMES = 32 };

/* What the text has to go on with. */
enum state { WANT_VALUE, WANT_ELEMENT_OR_END, WANT_NAME, WANT_NAME_OR_END, AFTER_VALUE, DONE, FAILED };

struct scanner {
	const unsigned char *p, *end;
	const char *start;
	struct token *tokens;
	uint32_t count, capacity;
	uint32_t open; /* innermost open array or object */
	unsigned depth;
	const struct decode_limits *limits;
	struct arena *arena;
	struct decode_error *error;
	int result;
};

static enum state stop(struct scanner *s, int result, const char *message)
{
	s->result = result;
	s->error->offset = (size_t)((const char *)s->p - s->start);
	snprintf(s->error->message, sizeof(s->error->message), "%s", message);
	return FAILED;
}

static enum state fail(struct scanner *s, const char *message)
{
	return stop(s, ERROR_FORMAT, message);
}

static void skip_space(struct scanner *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\r' || *s->p == '\t'))
		s->p++;
}

/* ---- tokens ---- */

static bool grow(struct scanner *s)
{
	uint32_t capacity = s->capacity * 2;
	struct token *tokens;

	if (capacity > s->limits->tokens)
		capacity = s->limits->tokens;
	if (capacity <= s->capacity) {
		stop(s, ERROR_LIMIT, "too many values");
		return false;
	}
	tokens = arena_alloc(s->arena, capacity * sizeof(*tokens));
	memcpy(tokens, s->tokens, s->count * sizeof(*tokens));
	s->tokens = tokens;
	s->capacity = capacity;
	return true;
}

/* A token that starts at p and, unless it is opened, is its own last one. */
static struct token *push(struct scanner *s, enum value_type type)
{
	struct token *token;

	if (s->count == s->capacity && !grow(s))
		return NULL;
	token = &s->tokens[s->count++];
	*token = (struct token){.start = (uint32_t)((const char *)s->p - s->start), .next = s->count, .type = type};
	return token;
}

static void end_token(struct scanner *s, struct token *token)
{
	token->len = (uint32_t)((const char *)s->p - s->start) - token->start;
}

/* ---- strings ---- */

static bool is_tail(unsigned c)
{
	return (c & 0xc0) == 0x80;
}

/* The byte behind the character of two to four bytes at p, or NULL. */
static const unsigned char *utf8_skip(const unsigned char *p, const unsigned char *end)
{
	size_t left = (size_t)(end - p);
	unsigned c = p[0];

	if (c < 0xc2 || c > 0xf4 || left < 2 || !is_tail(p[1]))
		return NULL;
	if (c < 0xe0)
		return p + 2;
	if (left < 3 || !is_tail(p[2]) || (c == 0xe0 && p[1] < 0xa0) || (c == 0xed && p[1] > 0x9f))
		return NULL;
	if (c < 0xf0)
		return p + 3;
	if (left < 4 || !is_tail(p[3]) || (c == 0xf0 && p[1] < 0x90) || (c == 0xf4 && p[1] > 0x8f))
		return NULL;
	return p + 4;
}

/* The four hexadecimal digits at p as a number, or -1. */
static int hex4(const unsigned char *p, const unsigned char *end)
{
	int value = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int c = p[i];

		if (c >= '0' && c <= '9')
			value = value << 4 | (c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			value = value << 4 | ((c | 0x20) - 'a' + 10);
		else
			return -1;
	}
	return value;
}

/* p stands behind "\u". */
static bool scan_code(struct scanner *s)
{
	int code = hex4(s->p, s->end), low;

	if (code < 0) {
		fail(s, "\\u without four hexadecimal digits");
		return false;
	}
	s->p += 4;
	if (code < 0xd800 || code > 0xdfff)
		return true;
	low = s->end - s->p >= 6 && s->p[0] == '\\' && s->p[1] == 'u' ? hex4(s->p + 2, s->end) : -1;
	if (code > 0xdbff || low < 0xdc00 || low > 0xdfff) {
		fail(s, "half of a surrogate pair");
		return false;
	}
	s->p += 6;
	return true;
}

/* p stands at the backslash. */
static bool scan_escape(struct scanner *s)
{
	static const char letters[] = "\"\\/bfnrt";

	if (s->end - s->p >= 2 && s->p[1] == 'u') {
		s->p += 2;
		return scan_code(s);
	}
	if (s->end - s->p < 2 || s->p[1] == 0 || !strchr(letters, s->p[1])) {
		fail(s, "unknown escape in a string");
		return false;
	}
	s->p += 2;
	return true;
}

#define EACH_BYTE(value) (0x0101010101010101ULL * (value))

/* Moves on to the next byte that is a quote, a backslash, a control character or not ASCII. */
static void skip_plain(struct scanner *s)
{
	while (s->end - s->p >= 8) {
		uint64_t word, quote, backslash, special;

		memcpy(&word, s->p, 8);
		word = le64toh(word);
		quote = word ^ EACH_BYTE('"');
		backslash = word ^ EACH_BYTE('\\');
		special = (quote - EACH_BYTE(1)) & ~quote;
		special |= (backslash - EACH_BYTE(1)) & ~backslash;
		special |= (word - EACH_BYTE(0x20)) | word;
		special &= EACH_BYTE(0x80);
		if (special) {
			s->p += __builtin_ctzll(special) >> 3;
			return;
		}
		s->p += 8;
	}
	while (s->p < s->end && *s->p >= 0x20 && *s->p < 0x80 && *s->p != '"' && *s->p != '\\')
		s->p++;
}

/* One character that skip_plain stopped at. */
static bool scan_special(struct scanner *s, struct token *token)
{
	const unsigned char *next;

	if (*s->p == '\\') {
		token->escaped = true;
		return scan_escape(s);
	}
	if (*s->p < 0x20) {
		fail(s, "control character in a string");
		return false;
	}
	next = utf8_skip(s->p, s->end);
	if (!next) {
		fail(s, "invalid UTF-8 in a string");
		return false;
	}
	s->p = next;
	return true;
}

static bool scan_string(struct scanner *s)
{
	struct token *token;

	s->p++;
	token = push(s, VALUE_STRING);
	if (!token)
		return false;
	for (;;) {
		skip_plain(s);
		if (s->p == s->end) {
			fail(s, "string without an end");
			return false;
		}
		if (*s->p == '"')
			break;
		if (!scan_special(s, token))
			return false;
	}
	end_token(s, token);
	s->p++;
	return true;
}

/* ---- numbers and words ---- */

static bool skip_digits(struct scanner *s)
{
	const unsigned char *first = s->p;

	while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
		s->p++;
	return s->p > first;
}

static bool skip_char(struct scanner *s, char a, char b)
{
	if (s->p == s->end || (*s->p != (unsigned char)a && *s->p != (unsigned char)b))
		return false;
	s->p++;
	return true;
}

static enum state scan_number(struct scanner *s)
{
	struct token *token = push(s, VALUE_NUMBER);

	if (!token)
		return FAILED;
	token->integer = true;
	skip_char(s, '-', '-');
	if (!skip_char(s, '0', '0') && !skip_digits(s))
		return fail(s, "a value was expected");
	if (skip_char(s, '.', '.')) {
		token->integer = false;
		if (!skip_digits(s))
			return fail(s, "number without a digit behind the point");
	}
	if (skip_char(s, 'e', 'E')) {
		token->integer = false;
		skip_char(s, '+', '-');
		if (!skip_digits(s))
			return fail(s, "number without an exponent behind the e");
	}
	if (s->p < s->end && *s->p >= '0' && *s->p <= '9')
		return fail(s, "number with a leading zero");
	end_token(s, token);
	return AFTER_VALUE;
}

static enum state scan_word(struct scanner *s, const char *word, enum value_type type)
{
	size_t len = strlen(word);
	struct token *token;

	if ((size_t)(s->end - s->p) < len || memcmp(s->p, word, len) != 0)
		return fail(s, "a value was expected");
	token = push(s, type);
	if (!token)
		return FAILED;
	s->p += len;
	end_token(s, token);
	return AFTER_VALUE;
}

/* ---- duplicate members ---- */

struct name {
	uint64_t head; /* first bytes */
	struct str text;
};

static struct name name_of(const struct scanner *s, const struct token *token)
{
	struct name name = {0, str_make(s->start + token->start, token->len)};

	if (token->escaped)
		name.text = value_unescape(name.text, s->arena);
	for (size_t i = 0; i < name.text.len && i < sizeof(name.head); i++)
		name.head |= (uint64_t)(unsigned char)name.text.ptr[i] << 8 * i;
	return name;
}

static bool same_name(const struct name *a, const struct name *b)
{
	return a->head == b->head && str_eq(a->text, b->text);
}

static int compare_names(const void *a, const void *b)
{
	const struct name *x = a, *y = b;

	if (x->head != y->head)
		return x->head < y->head ? -1 : 1;
	if (x->text.len != y->text.len)
		return x->text.len < y->text.len ? -1 : 1;
	return memcmp(x->text.ptr, y->text.ptr, x->text.len);
}

static bool is_among(const struct name *name, const struct name *names, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (same_name(name, &names[i]))
			return true;
	return false;
}

/* A name is compared with the ones before it only if one of them has the same bit in a filter. */
static bool any_same(const struct name *names, uint32_t count)
{
	uint64_t filter = 0;

	for (uint32_t i = 0; i < count; i++) {
		uint64_t bit = UINT64_C(1) << (names[i].head * UINT64_C(0x9e3779b97f4a7c15) >> 58);

		if (filter & bit && is_among(&names[i], names, i))
			return true;
		filter |= bit;
	}
	return false;
}

/* Sorts, so that an object of many members costs n log n whatever the names are. */
static bool any_same_of_many(struct name *names, uint32_t count)
{
	qsort(names, count, sizeof(*names), compare_names);
	for (uint32_t i = 1; i < count; i++)
		if (same_name(&names[i - 1], &names[i]))
			return true;
	return false;
}

static bool has_duplicates(struct scanner *s, const struct token *object)
{
	struct name few[FEW_NAMES], *names = few;
	const struct token *token = object + 1;

	if (object->count < 2)
		return false;
	if (object->count > FEW_NAMES)
		names = arena_alloc(s->arena, object->count * sizeof(*names));
	for (uint32_t i = 0; i < object->count; i++) {
		names[i] = name_of(s, token);
		token = &s->tokens[token[1].next];
	}
	return object->count > FEW_NAMES ? any_same_of_many(names, object->count) : any_same(names, object->count);
}

/* ---- arrays and objects ---- */

static enum state open_token(struct scanner *s, enum value_type type)
{
	struct token *token;

	if (s->depth == s->limits->depth)
		return stop(s, ERROR_LIMIT, "nested too deep");
	token = push(s, type);
	if (!token)
		return FAILED;
	token->next = s->open;
	s->open = s->count - 1;
	s->depth++;
	s->p++;
	return type == VALUE_OBJECT ? WANT_NAME_OR_END : WANT_ELEMENT_OR_END;
}

static enum state close_token(struct scanner *s)
{
	struct token *token = &s->tokens[s->open];

	if (token->type == VALUE_OBJECT && has_duplicates(s, token))
		return fail(s, "an object has two members of the same name");
	s->p++;
	s->depth--;
	s->open = token->next;
	token->next = s->count;
	end_token(s, token);
	return AFTER_VALUE;
}

static enum state scan_value(struct scanner *s)
{
	switch (*s->p) {
	case '{':
		return open_token(s, VALUE_OBJECT);
	case '[':
		return open_token(s, VALUE_ARRAY);
	case '"':
		return scan_string(s) ? AFTER_VALUE : FAILED;
	case 't':
		return scan_word(s, "true", VALUE_TRUE);
	case 'f':
		return scan_word(s, "false", VALUE_FALSE);
	case 'n':
		return scan_word(s, "null", VALUE_NULL);
	default:
		return scan_number(s);
	}
}

static enum state scan_name(struct scanner *s)
{
	if (*s->p != '"')
		return fail(s, "a member's name in quotes was expected");
	if (!scan_string(s))
		return FAILED;
	skip_space(s);
	if (!skip_char(s, ':', ':'))
		return fail(s, "':' was expected");
	return WANT_VALUE;
}

static enum state scan_after_value(struct scanner *s)
{
	struct token *token = &s->tokens[s->open];
	bool is_object = token->type == VALUE_OBJECT;

	token->count++;
	if (*s->p == (is_object ? '}' : ']'))
		return close_token(s);
	if (*s->p != ',')
		return fail(s, is_object ? "',' or '}' was expected" : "',' or ']' was expected");
	s->p++;
	return is_object ? WANT_NAME : WANT_VALUE;
}

static enum state scan(struct scanner *s, enum state state)
{
	skip_space(s);
	if (state == AFTER_VALUE && s->open == NO_TOKEN)
		return s->p == s->end ? DONE : fail(s, "text behind the value");
	if (s->p == s->end)
		return fail(s, "the text ends too early");
	switch (state) {
	case WANT_ELEMENT_OR_END:
		return *s->p == ']' ? close_token(s) : scan_value(s);
	case WANT_NAME_OR_END:
		return *s->p == '}' ? close_token(s) : scan_name(s);
	case WANT_NAME:
		return scan_name(s);
	case AFTER_VALUE:
		return scan_after_value(s);
	default:
		return scan_value(s);
	}
}

int json_decode(struct str text, const struct decode_limits *limits, struct arena *arena, struct doc *doc,
		struct decode_error *error)
{
	if (!text.ptr)
		text = STR("");

	struct scanner s = {
		.p = (const unsigned char *)text.ptr,
		.end = (const unsigned char *)text.ptr + text.len,
		.start = text.ptr,
		.open = NO_TOKEN,
		.limits = limits,
		.arena = arena,
		.error = error,
	};
	enum state state = WANT_VALUE;
	size_t guess = text.len / 8 + 8;

	if (text.len > limits->bytes || text.len >= UINT32_MAX) {
		stop(&s, ERROR_LIMIT, "the text is too long");
		return s.result;
	}
	s.capacity = guess < limits->tokens ? (uint32_t)guess : limits->tokens;
	s.tokens = arena_alloc(arena, s.capacity * sizeof(*s.tokens));
	while (state < DONE)
		state = scan(&s, state);
	if (state == FAILED)
		return s.result;
	*doc = (struct doc){text, s.tokens, s.count};
	return 0;
}

struct value json_own(struct str text, struct arena *arena)
{
	static const struct decode_limits limits = {.bytes = SIZE_MAX, .depth = 255, .tokens = UINT32_MAX};
	struct doc *doc = arena_zalloc(arena, sizeof(*doc));
	struct decode_error error;

	if (!text.ptr || json_decode(text, &limits, arena, doc, &error) != 0)
		return (struct value){0};
	return doc_root(doc);
}
