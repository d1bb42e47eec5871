/* draft: a representation in the making: JSON text per attribute row of a type. */
#ifndef CSE_CORE_DRAFT_H
#define CSE_CORE_DRAFT_H

#include "cse/base/arena.h"
#include "schemas/codec/codec.h"
#include "schemas/validate.h"

struct draft {
	const struct schema *schema;
	const struct type_def *type;
	struct arena *arena;
	struct str *text; /* attr_count of them; ptr NULL: absent */
};

/* Empty; or from attributes (nulls are left out). */
void draft_init(struct draft *draft, const struct schema *schema, const struct type_def *type, struct arena *arena);
void draft_take(struct draft *draft, const struct attrs *attrs);
/* Gives rows that are absent the value their table names. */
void draft_take_defaults(struct draft *draft);

/* ptr NULL removes. json must live as long as the arena. An attribute the type has no row for is left out. */
void draft_set(struct draft *draft, unsigned name, struct str json);
void draft_set_string(struct draft *draft, unsigned name, struct str text);
void draft_set_u64(struct draft *draft, unsigned name, uint64_t value);
void draft_set_timestamp(struct draft *draft, unsigned name, int64_t wall_us);

struct str draft_get(const struct draft *draft, unsigned name);
bool draft_has(const struct draft *draft, unsigned name);
/* The number in a row that validation has found to be one; fallback if absent. */
uint64_t draft_get_u64(const struct draft *draft, unsigned name, uint64_t fallback);
bool draft_get_bool(const struct draft *draft, unsigned name, bool fallback);
/* The characters of a string attribute; ptr NULL if absent. */
struct str draft_get_string(const struct draft *draft, unsigned name);

/* All rows that are set and not computed, in order: `"rn":"x","ty":3,...`, in the arena. */
struct str draft_print(const struct draft *draft);

#endif
