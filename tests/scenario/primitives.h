/* primitives: exchanges of a scenario as whole primitives (TS-0004 8.3 to 8.5), for the protocols that carry these. */
#ifndef TESTS_SCENARIO_PRIMITIVES_H
#define TESTS_SCENARIO_PRIMITIVES_H

#include "tests/scenario/transport.h"

/* The request primitive, in the transport's serialization and the arena. NULL, or why there is none. */
const char *primitives_write(const struct transport *transport, const struct world *world,
			     const struct exchange *exchange, struct arena *arena, struct str *payload);
/* Takes the response primitive apart. NULL, or what is wrong. */
const char *primitives_read(const struct transport *transport, const struct world *world,
			    const struct exchange *exchange, struct str payload, struct arena *arena,
			    struct reply *reply);

#endif
