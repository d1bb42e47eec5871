/* node: values as scenario files write them. Relaxed JSON with variables for requests, and the same with a few words
 * more as a pattern that a value of a response is held against; README.md shows the forms. */
#ifndef TESTS_SCENARIO_NODE_H
#define TESTS_SCENARIO_NODE_H

#include "cse/base/arena.h"
#include "cse/base/strbuf.h"
#include "schemas/value.h"

enum node_kind {
	NODE_LITERAL, /* a number, true, false or null: the bytes as written */
	NODE_STRING,  /* with its quotes */
	NODE_WORD, /* a bare word: a string, $variables in it are filled in; or the value of the one variable it is */
	NODE_RAW,  /* raw '...': exact bytes */
	NODE_OBJECT,
	NODE_ARRAY,
	NODE_ANY,      /* patterns only: * */
	NODE_ABSENT,   /* patterns only: !name in an object */
	NODE_OPERATOR, /* patterns only: `like`, `not`, `has` ...; the operand is first */
};

struct node {
	enum node_kind kind;
	struct str name; /* of an object's member */
	struct str text;
	struct node *first, *next;
};

/* Where a statement is being read. */
struct cursor {
	struct str rest;
	struct arena *arena;
	char error[160]; /* the first fault; empty: none */
};

void cursor_fail(struct cursor *cursor, const char *format, ...) __attribute__((format(printf, 2, 3)));
void cursor_skip_blanks(struct cursor *cursor);
bool cursor_at_end(struct cursor *cursor);
/* The next run of bytes up to a blank or an opening bracket or quote; empty at the end. */
struct str cursor_word(struct cursor *cursor);
/* The next word without taking it. */
struct str cursor_peek(struct cursor *cursor);

/* Never NULL; on a fault cursor->error is set. */
struct node *node_parse(struct cursor *cursor);

/* Values that a scenario has captured, as JSON, and the time. */
struct variable {
	struct variable *next;
	struct str name, json;
};

struct variables {
	struct variable *first;
	struct arena *arena;
	int64_t now_us;
};

void variables_set(struct variables *variables, struct str name, struct str json);
/* The JSON of `name`, `name.member` or `now+1h`; ptr NULL if there is none. */
struct str variables_get(struct variables *variables, struct str expression);

/* Appends the node as JSON. NULL, or what is wrong. */
const char *node_write(const struct node *node, struct variables *variables, struct strbuf *out);
/* The characters of a word or string. */
struct str node_text(const struct node *node, struct variables *variables);

/* How a value is held against a pattern. */
struct matching {
	struct variables *variables;
	bool exact; /* an object must have no further members */
	char failure[600];
};

/* path: for the message. v may be absent. */
bool node_match(struct matching *matching, const struct node *pattern, struct value v, const char *path);

/* "90s", "-365d", "2h", "10m", "500ms" in microseconds; -1 if it is none of them. */
int parse_span(struct str text, int64_t *us);

#endif
