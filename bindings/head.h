/* head: request line and header fields of one request, read incrementally by libhttp-parser and judged by RFC 7230.
 * Where the library is more lenient than the RFC, this is not: what two parsers read differently can be smuggled. */
#ifndef BINDINGS_HEAD_H
#define BINDINGS_HEAD_H

#include "cse/base/arena.h"
#include "schemas/primitive.h"

#include <http_parser.h>

enum field {
#define FIELD(name, text, repeat) FIELD_##name,
#define HEADER(name, text) FIELD_##name,
#include "bindings/header.def"
#undef FIELD
#undef HEADER
	FIELD_COUNT
};

struct field_def {
	struct str text;
	enum field_repeat { ONCE, LIST, FORWARDING } repeat;
	enum parameter parameter; /* PARAM_COUNT: none */
};

extern const struct field_def field_defs[FIELD_COUNT];

/* A piece of the request; start counts from its first byte, so the request may move. */
struct span {
	uint32_t start, len;
};

/* Why a request is not gone on with: an HTTP status and a sentence. status 0: it is. */
struct refusal {
	unsigned status;
	const char *why;
};

enum { HEAD_FIELDS_MAX = 48 };

struct head {
	struct http_parser parser;
	const char *base; /* first byte of the request; set by the reader whenever it moves */
	size_t max_bytes;
	struct span target;
	struct span name, value; /* of the field being read */
	bool is_done, is_in_value;
	bool is_forwarded; /* a proxy left its mark */
	bool keeps_alive;
	bool is_chunked;
	bool expects_continue;
	uint64_t content_length;
	uint64_t seen, repeated; /* bit per enum field */
	struct refusal refusal;
	unsigned field_count; /* known ones, in the order received */
	struct {
		enum field field;
		struct span value;
	} fields[HEAD_FIELDS_MAX];
};

/* max_bytes bounds the request line (414) and the whole head (431). */
void head_init(struct head *head, size_t max_bytes);

/* Reads base[from .. to); returns how far it came. Then head->refusal.status is set, or head->is_done, or more is
 * needed. */
size_t head_parse(struct head *head, const char *base, size_t from, size_t to);

static inline struct str head_str(const struct head *head, struct span span)
{
	return str_make(head->base + span.start, span.len);
}

static inline bool head_has(const struct head *head, enum field field)
{
	return head->seen >> field & 1;
}

/* The value of the first such field; ptr NULL if there is none. */
struct str head_field(const struct head *head, enum field field);
/* All fields of one name as one comma separated list (RFC 7230 3.2.2); ptr NULL if there is none. */
struct str head_list(const struct head *head, enum field field, struct arena *arena);

/* Is a word among the items of such fields, in whatever case? */
bool head_lists(const struct head *head, enum field field, struct str word);

/* Does it come from its author without a proxy, and not through a name that a stranger could have pointed here? */
bool head_is_direct(const struct head *head);
/* Is a web origin in the comma separated allow-list, or "*" in it? */
bool origin_is_listed(const char *origins, struct str origin);

#endif
