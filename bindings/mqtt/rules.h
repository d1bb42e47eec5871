/* rules: devices that know nothing of oneM2M. A rule makes of every message on some topics a <contentInstance> in a
 * container. */
#ifndef BINDINGS_MQTT_RULES_H
#define BINDINGS_MQTT_RULES_H

#include "cse/base/arena.h"
#include "cse/base/error.h"
#include "cse/core/request.h"

struct rule {
	const char *filter;	 /* topics, with the wild cards + and # */
	struct str target;	 /* address of the container; $1, $2 ... stand for what the wild cards matched */
	struct str originator;	 /* whose request it is */
	struct str content_info; /* contentInfo of the instances; empty: none */
	bool is_binary;		 /* contentInfo says that content is base64 (TS-0004 6.3.5.5) */
	int64_t quiet_until_us;	 /* nothing is logged of it before */
	unsigned unlogged;
};

struct rules {
	struct rule *items;
	size_t count;
};

/* text: rules with commas between, each "FILTER TARGET ORIGINATOR [CONTENTINFO]"; they live in the arena. 0, or -1 and
 * what is wrong. */
WARN_UNUSED int rules_parse(struct rules *rules, struct str text, struct arena *arena, char *message, size_t size);
/* The first that is for the topic; NULL: none is. */
struct rule *rules_find(const struct rules *rules, struct str topic);
/* Makes req the CREATE that the rule says, but for the Request Identifier. NULL, or why there is none. */
const char *rule_apply(const struct rule *rule, const struct schema *schema, struct str topic, struct str payload,
		       struct request *req);

#endif
