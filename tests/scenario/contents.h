/* contents: what the transports that carry contents by themselves share. */
#ifndef TESTS_SCENARIO_CONTENTS_H
#define TESTS_SCENARIO_CONTENTS_H

#include "tests/scenario/transport.h"

bool contents_has_header(const struct exchange *exchange, struct str name);
/* The names of an attribute list in the content, as `a+b`; ptr NULL: it is none. */
struct str contents_attribute_list(const struct exchange *exchange, struct arena *arena);
/* The exchange's content as the transport carries it. NULL, or why it cannot. */
const char *contents_encode(const struct transport *transport, const struct world *world,
			    const struct exchange *exchange, struct arena *arena, struct str *content);
/* Makes JSON of the reply's content, which came as codec (NULL: as something else). NULL, or what is wrong. */
const char *contents_decode(const struct transport *transport, const struct world *world,
			    const struct exchange *exchange, const struct codec *codec, struct arena *arena,
			    struct reply *reply);

#endif
