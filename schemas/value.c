/* value: reading a document's tokens. */
#include "schemas/value.h"

struct value doc_root(const struct doc *doc)
{
	return (struct value){doc, 0};
}

static struct str raw_text(const struct doc *doc, const struct token *token)
{
	return str_make(doc->text.ptr + token->start, token->len);
}

struct str value_text(struct value v)
{
	const struct token *token = value_token(v);
	size_t quote = token->type == VALUE_STRING;

	return str_make(v.doc->text.ptr + token->start - quote, token->len + 2 * quote);
}

/* ---- escapes ---- */

static unsigned hex4(const char *p)
{
	unsigned value = 0;

	for (int i = 0; i < 4; i++) {
		unsigned c = (unsigned char)p[i];

		value = value << 4 | (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return value;
}

static char *put_utf8(char *out, unsigned code)
{
	if (code < 0x80) {
		*out++ = (char)code;
	} else if (code < 0x800) {
		*out++ = (char)(0xc0 | code >> 6);
		*out++ = (char)(0x80 | (code & 0x3f));
	} else if (code < 0x10000) {
		*out++ = (char)(0xe0 | code >> 12);
		*out++ = (char)(0x80 | (code >> 6 & 0x3f));
		*out++ = (char)(0x80 | (code & 0x3f));
	} else {
		*out++ = (char)(0xf0 | code >> 18);
		*out++ = (char)(0x80 | (code >> 12 & 0x3f));
		*out++ = (char)(0x80 | (code >> 6 & 0x3f));
		*out++ = (char)(0x80 | (code & 0x3f));
	}
	return out;
}

/* p stands behind "\u"; surrogates come in pairs, the scanner has seen to it. */
static const char *unescape_code(const char *p, char **out)
{
	unsigned code = hex4(p);

	p += 4;
	if (code >= 0xd800 && code < 0xdc00) {
		code = 0x10000 + ((code - 0xd800) << 10) + (hex4(p + 2) - 0xdc00);
		p += 6;
	}
	*out = put_utf8(*out, code);
	return p;
}

static char unescape_char(char c)
{
	switch (c) {
	case 'b':
		return '\b';
	case 'f':
		return '\f';
	case 'n':
		return '\n';
	case 'r':
		return '\r';
	case 't':
		return '\t';
	default:
		return c;
	}
}

struct str value_unescape(struct str raw, struct arena *arena)
{
	char *start = arena_alloc(arena, raw.len + 1), *out = start;
	const char *p = raw.ptr, *end = raw.ptr + raw.len;

	while (p < end) {
		if (*p != '\\') {
			*out++ = *p++;
		} else if (p[1] == 'u') {
			p = unescape_code(p + 2, &out);
		} else {
			*out++ = unescape_char(p[1]);
			p += 2;
		}
	}
	return str_make(start, (size_t)(out - start));
}

struct str value_string(struct value v, struct arena *arena)
{
	const struct token *token = value_token(v);
	struct str raw = raw_text(v.doc, token);

	return token->escaped ? value_unescape(raw, arena) : raw;
}

/* ---- numbers ---- */

int value_i64(struct value v, int64_t *out)
{
	return value_token(v)->integer ? str_to_i64(raw_text(v.doc, value_token(v)), out) : -1;
}

int value_u64(struct value v, uint64_t *out)
{
	return value_token(v)->integer ? str_to_u64(raw_text(v.doc, value_token(v)), out) : -1;
}

/* ---- walking ---- */

struct value value_first(struct value parent)
{
	const struct token *token = value_token(parent);

	if (token->count == 0)
		return (struct value){NULL, 0};
	return (struct value){parent.doc, parent.token + 1 + (token->type == VALUE_OBJECT)};
}

struct value value_next(struct value parent, struct value v)
{
	uint32_t next = value_token(v)->next;

	if (next >= value_token(parent)->next)
		return (struct value){NULL, 0};
	return (struct value){parent.doc, next + (value_token(parent)->type == VALUE_OBJECT)};
}

struct str value_name(struct value v)
{
	return raw_text(v.doc, &v.doc->tokens[v.token - 1]);
}

bool value_name_is_escaped(struct value v)
{
	return v.doc->tokens[v.token - 1].escaped;
}

struct value value_member(struct value object, struct str name)
{
	struct value v = {NULL, 0};

	if (value_type(object) == VALUE_OBJECT)
		v = value_first(object);
	while (!value_is_absent(v) && !str_eq(value_name(v), name))
		v = value_next(object, v);
	return v;
}
