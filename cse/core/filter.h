/* filter: Filter Criteria, decoded and held against resources. TS-0004 6.3.5.8 and 7.3.3.17, TS-0001 table 8.1.2-2.
 *
 * Conditions of one tag are alternatives; the two ends of an interval (createdAfter and createdBefore, and so on) are
 * one criterion; criteria are joined by filterOperation. Each name of an attribute is a tag of its own. */
#ifndef CSE_CORE_FILTER_H
#define CSE_CORE_FILTER_H

#include "cse/core/instances.h"
#include "cse/core/request.h"
#include "cse/core/tree.h"

enum criterion_kind {
	BY_NOTHING, /* not a matching condition */
	BY_CREATION,
	BY_MODIFICATION,
	BY_STATE_TAG,
	BY_EXPIRATION,
	BY_SIZE,
	BY_LABEL,
	BY_LABELS_QUERY,
	BY_TYPE,
	BY_CONTENT_TYPE,
	BY_ATTRIBUTE,
	BY_OPERATIONS,
};

/* Whose attributes a criterion looks at. */
enum relation { OF_ITSELF, OF_A_CHILD, OF_THE_PARENT };

struct labels_query; /* filter_labels.c */

struct criterion {
	enum criterion_kind kind;
	enum relation relation;
	struct str name;	      /* BY_ATTRIBUTE: without its prefix */
	int64_t low, high;	      /* of an interval: low <= value < high */
	struct str *texts;	      /* the alternatives */
	unsigned *types;	      /* BY_TYPE */
	const struct label **labels;  /* BY_LABEL: NULL for one that no resource of the tree has */
	struct labels_query *queries; /* BY_LABELS_QUERY */
	unsigned count;
};

struct query {
	struct criterion *criteria;
	unsigned count;
	bool is_any;	    /* filterOperation OR */
	bool is_discovery;  /* filterUsage discovery */
	bool has_wildcards; /* `*` in attribute values means something */
	uint64_t limit;	    /* UINT64_MAX: none */
	uint64_t level;
	uint64_t offset; /* 0: absent */
	struct str relative_path;
};

/* A resource or instance that conditions are held against. */
struct candidate {
	struct resource *resource; /* itself, or the parent of the instance */
	const struct type_def *type;
	uint64_t instance;    /* key; 0: a resource */
	struct instance body; /* of the instance, once is_read; valid until the next one is read */
	bool is_read;
};

/* What a look at many candidates may cost and has for memory. */
struct effort {
	struct request *req;
	struct arena work; /* dropped with every candidate */
	int64_t left;	   /* below 0: used up */
	int error;	   /* of the store */
};

/* Recv-1.0: fills req->query from req->filter; RSC_NONE or a refusal. */
enum rsc filter_decode(struct request *req);
bool filter_matches(struct effort *effort, const struct query *query, struct candidate *candidate);
/* Can the instances below this parent match at all, as far as it shows without reading them? */
bool filter_may_match_instances(struct effort *effort, const struct query *query, struct resource *parent,
				const struct type_def *type);
/* Can a resource of this type match at all? */
bool filter_may_match_type(struct effort *effort, const struct query *query, const struct type_def *type);
/* Are all criteria to be met? Then each of them narrows the search. */
bool filter_is_narrow(const struct query *query);
/* Reads the instance unless that is done. False: it cannot be read (effort->error). */
bool candidate_read(struct effort *effort, struct candidate *candidate);

/* Does text match pattern, in which `*` stands for any run of characters? */
bool matches_wildcards(struct str pattern, struct str text);
/* Does the JSON value equal text, numbers as numbers, booleans also as 0 and 1, of a list any element? */
bool json_matches(struct str json, struct str text, bool wildcards, struct arena *work);

/* Expressions over labels, TS-0004 7.3.3.17.16. NULL, or what is wrong with it. */
const char *labels_query_parse(struct labels_query *query, struct str text, struct arena *arena);
bool labels_query_matches(const struct labels_query *query, const struct str *labels, unsigned count);
struct labels_query *labels_queries(struct arena *arena, unsigned count);
struct labels_query *labels_query_at(struct labels_query *queries, unsigned index);

#endif
