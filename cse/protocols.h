/* protocols: the bindings of this build, and what the configuration says to each. */
#ifndef CSE_PROTOCOLS_H
#define CSE_PROTOCOLS_H

#include "cse/config.h"
#include "cse/core/binding.h"

enum {
#define BINDING(name, key) PROTOCOL_##name,
#include "bindings/registry.def"
	PROTOCOL_COUNT
};

/* Zeroed but for config and schema, which live longer. */
struct protocols {
	const struct config *config;
	const struct schema *schema;
	struct binding_state *open[PROTOCOL_COUNT];
	struct setting settings[KEY_COUNT + 1]; /* of the one that is being told its configuration */
	unsigned draining;			/* those that still have connections */
};

/* Is there a fault in what the configuration says of them? Opens nothing. 0, or -1 and a message that names the key. */
WARN_UNUSED int protocols_check(struct protocols *protocols, char *message, size_t size);

/* How many descriptors their connections may take at once, those to other hosts included. */
size_t protocols_descriptors(struct protocols *protocols);

/* Adds the URLs under which others reach the CSE, comma separated. */
void protocols_add_points_of_access(struct protocols *protocols, struct strbuf *out);

/* Opens what is wanted and says so to the CSE and its log. 0, or -1 and a message; protocols_close either way. */
WARN_UNUSED int protocols_open(struct protocols *protocols, struct cse *cse, struct loop *loop, char *message,
			       size_t size);
void protocols_close(struct protocols *protocols);

/* Numbers and times of config have changed. */
void protocols_set_limits(struct protocols *protocols);

/* They stop accepting; protocols->draining is 0 once all connections have ended. */
void protocols_drain(struct protocols *protocols);

/* The address that is shown to people: the first one's. */
const char *protocols_address(const struct protocols *protocols);

#endif
