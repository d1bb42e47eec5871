/* policy_maker: random access control rules for the model, and the JSON that the CSE gets. */
#ifndef TESTS_UNIT_POLICY_MAKER_H
#define TESTS_UNIT_POLICY_MAKER_H

#include "cse/base/strbuf.h"
#include "tests/unit/policy_oracle.h"

enum { TY_POLICY = 1, TY_AE_ = 2, TY_CNT = 3, TY_CIN = 4, TY_GRP = 9 };

/* 0 to n - 1; the state goes on. */
unsigned chance(uint64_t *random, unsigned n);
/* From `least` rules on. */
void make_rules(uint64_t *random, struct model_rules *rules, unsigned least);
/* `"pv":{"acr":[...]}` */
void write_rules(struct strbuf *out, const char *name, const struct model_rules *rules);

#endif
