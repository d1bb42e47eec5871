/* topic: the topics of requests and responses (TS-0010 6.4), identifiers as levels of them, and MQTT URIs (6.6). */
#ifndef BINDINGS_MQTT_TOPIC_H
#define BINDINGS_MQTT_TOPIC_H

#include "cse/base/arena.h"
#include "cse/base/error.h"
#include "cse/base/strbuf.h"

enum { TOPIC_MAX = 1000 }; /* bytes of a topic that is read or written */

enum topic_kind { TOPIC_REQUEST, TOPIC_RESPONSE, TOPIC_REGISTRATION, TOPIC_REGISTRATION_RESPONSE, TOPIC_KINDS };

/* "/oneM2M/req/Ca/id-in/json"; the levels are views. type is empty if it is missing. */
struct topic {
	enum topic_kind kind;
	struct str originator, receiver, type;
};

/* This CSE's identifiers: what names on topics are relative to. */
struct topic_home {
	struct str cse_id; /* "/id-in" */
	struct str sp_id;  /* without the leading "//" */
};

/* prefix: the path of the point of access, without slashes around it; "" for none. False: no topic of the standard's.
 */
bool topic_parse(struct str prefix, struct str text, struct topic *topic);
void topic_add(struct strbuf *out, struct str prefix, const struct topic *topic);
/* Does any level of text make it a topic of the standard's, under whatever prefix? */
bool topic_is_standard(struct str text);

/* An AE-ID or CSE-ID as a level: "/id-in/Ca" is "id-in:Ca", "//sp/id-in" is ":sp:id-in". */
void topic_add_level(struct strbuf *out, struct str id);
/* The reverse, in the arena. What stands alone and begins with C or S is an AE-ID-Stem (TS-0001 table 7.2-1), else a
 * CSE-ID. */
struct str topic_id(struct str level, struct arena *arena);
/* Does the level stand for the identifier, in any of the forms that both may have? */
bool topic_names(struct str level, struct str id, const struct topic_home *home);

/* Where an MQTT URI leads. */
struct place {
	char host[256];
	uint16_t port;
	struct str path; /* without slashes around it, percent-decoded; "" for none */
};

/* "mqtt://host:port/path" or "host:port"; path goes to the arena. 0, or -1 and *why. */
WARN_UNUSED int place_parse(struct str url, struct place *place, struct arena *arena, const char **why);
/* The same broker? */
bool place_is_of_same_broker(const struct place *a, const struct place *b);
/* The same broker and path? */
bool place_eq(const struct place *a, const struct place *b);

/* Can a message be published to it: UTF-8 without control characters and wild cards, and neither empty nor too long,
 * nor of more levels than brokers take? */
bool topic_is_publishable(struct str text);

#endif
