/* value: a document in the canonical form, which is JSON text plus a flat list of tokens over it.
 * Every serialization is decoded into it and encoded from it; what is stored and answered are spans of its text,
 * so a value of any type comes back as the bytes that were received. */
#ifndef SCHEMAS_VALUE_H
#define SCHEMAS_VALUE_H

#include "cse/base/arena.h"
#include "cse/base/error.h"
#include "cse/base/strbuf.h"

enum value_type { VALUE_NULL, VALUE_FALSE, VALUE_TRUE, VALUE_NUMBER, VALUE_STRING, VALUE_ARRAY, VALUE_OBJECT };

/* A token's children follow it; in an object they alternate name, value. */
struct token {
	uint32_t start, len; /* in the text; of a string without its quotes, of an array or object with its brackets */
	uint32_t next;	     /* index behind this token and all below it */
	uint32_t count;	     /* elements of an array, members of an object */
	uint8_t type;	     /* enum value_type */
	bool escaped;	     /* a string with a backslash in it */
	bool integer;	     /* a number without fraction and exponent */
};

struct doc {
	struct str text;
	const struct token *tokens; /* tokens[0] is the document's one value */
	uint32_t count;
};

/* A value in a document. {0} is "absent". */
struct value {
	const struct doc *doc;
	uint32_t token;
};

static inline bool value_is_absent(struct value v)
{
	return v.doc == NULL;
}

static inline const struct token *value_token(struct value v)
{
	return &v.doc->tokens[v.token];
}

static inline enum value_type value_type(struct value v)
{
	return (enum value_type)value_token(v)->type;
}

struct value doc_root(const struct doc *doc);

/* The bytes of the value as received, a string with its quotes. */
struct str value_text(struct value v);
/* The characters of a string: a view if nothing is escaped, else unescaped into the arena. Of a non-string: its text.
 */
struct str value_string(struct value v, struct arena *arena);
/* The characters that raw, the bytes between the quotes of an escaped string, stands for. */
struct str value_unescape(struct str raw, struct arena *arena);
/* Integers: -1 if it is no integer token or does not fit. */
int value_i64(struct value v, int64_t *out);
int value_u64(struct value v, uint64_t *out);

/* Walking: the first element (or first member's VALUE) and the next one after v within parent; absent at the end. */
struct value value_first(struct value parent);
struct value value_next(struct value parent, struct value v);
/* The name of the object member whose value is v (raw bytes between the quotes). */
struct str value_name(struct value v);
/* Is there a backslash in those bytes? */
bool value_name_is_escaped(struct value v);
/* The member of an object whose raw name is this, or absent. */
struct value value_member(struct value object, struct str name);

#endif
