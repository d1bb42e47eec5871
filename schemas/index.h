/* index: from a name to a small number, for many look-ups of short names: open addressing, the first eight bytes in the
 * slot. */
#ifndef SCHEMAS_INDEX_H
#define SCHEMAS_INDEX_H

#include "cse/base/str.h"

struct index_slot {
	uint64_t head; /* first bytes, padded with zeros */
	struct str name;
	int value;
};

/* {0} is a valid empty one. */
struct index {
	struct index_slot *slots;
	uint32_t mask, count;
};

void index_finish(struct index *index);
/* The name must stay where it is. A name that is there already keeps its number. */
void index_add(struct index *index, struct str name, int value);
/* -1 if it is not there. */
int index_find(const struct index *index, struct str name);

#endif
