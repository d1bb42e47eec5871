/* scenario: what a scenario file says, read whole before anything runs. README.md shows the form. */
#ifndef TESTS_SCENARIO_SCENARIO_H
#define TESTS_SCENARIO_SCENARIO_H

#include "schemas/schema.h"
#include "tests/scenario/node.h"

enum item_kind {
	ITEM_ROOT,    /* name of the content's one member */
	ITEM_VALUE,   /* that member's value, as a subset */
	ITEM_CONTENT, /* the whole content, exactly */
	ITEM_NO_CONTENT,
	ITEM_DBG,	   /* words in m2m:dbg */
	ITEM_CAPTURE,	   /* as $x */
	ITEM_CAPTURE_ETAG, /* etag as $x */
	ITEM_LOCATION,
	ITEM_ETAG,
	ITEM_STATUS,	/* HTTP only, instead of the one that belongs to the code */
	ITEM_HEADER,	/* HTTP only */
	ITEM_PARTIAL,	/* content status 1; its offset may be captured */
	ITEM_COMPLETE,	/* no content status */
	ITEM_PARAMETER, /* of a message to a sink: name=value or name as $x */
};

struct item {
	struct item *next;
	enum item_kind kind;
	struct str name;
	struct node *node;
};

struct expectation {
	unsigned rsc;
	struct item *items;
};

enum option_kind { OPTION_PARAMETER, OPTION_ABSENT, OPTION_CONDITION, OPTION_HEADER };

struct option {
	struct option *next;
	enum option_kind kind;
	struct str name;
	struct node *value;
};

enum statement_kind {
	STATEMENT_AS,
	STATEMENT_PEER,
	STATEMENT_REQUEST,
	STATEMENT_ADVANCE,
	STATEMENT_STEP_CLOCK,
	STATEMENT_RESTART,
	STATEMENT_LET,
	STATEMENT_REPEAT,
	STATEMENT_STORE_FAILS,
	STATEMENT_TOGETHER, /* requests that are all submitted before the first is answered */
	STATEMENT_SINK,	    /* how a target of notifications answers */
	STATEMENT_NOTIFIED, /* the next message that a target got */
	STATEMENT_PATIENT,  /* time passes while an answer is waited for */
	STATEMENT_SILENCE,  /* a target got no further message */
	STATEMENT_REFUSALS, /* the negative tests that follow from a type's rows */
};

struct statement {
	struct statement *next;
	enum statement_kind kind;
	unsigned line;
	struct str text; /* as written, for messages */

	struct str name;	 /* of AS, PEER, LET */
	int64_t number;		 /* microseconds, repetitions, calls until the store fails */
	struct node *value;	 /* of LET */
	struct statement *inner; /* of REPEAT; the first of TOGETHER */

	/* of a request and of REFUSALS */
	enum operation op;
	struct node *to, *body; /* body NULL: no content */
	struct str type;	/* short name or a whole root name; ptr NULL: none */
	bool body_is_whole;	/* not below the type's root name */
	struct option *options;
	struct expectation expect;
};

enum {
	ON_CORE = 1,
	ON_HTTP = 2,
	ON_COAP = 4,
	ON_MQTT = 8,
	ON_WEBSOCKET = 16,
	ON_TRANSPORTS = ON_CORE | ON_HTTP | ON_COAP | ON_MQTT | ON_WEBSOCKET,
	ON_MEMORY = 32,
	ON_SQLITE = 64,
	ON_STORES = ON_MEMORY | ON_SQLITE,
	ON_ALL = ON_TRANSPORTS | ON_STORES,
};

struct assignment {
	struct assignment *next;
	struct str key, value;
};

struct scenario {
	struct scenario *next;
	struct str title;
	unsigned line, where; /* bits ON_... */
	struct assignment *assignments;
	struct statement *statements;
};

struct scenario_file {
	const char *path;
	struct scenario *scenarios;
};

/* 0, or -1 and a message on standard error. text outlives the result, which is in the arena. */
int scenario_parse(struct scenario_file *file, const char *path, struct str text, struct arena *arena);

#endif
