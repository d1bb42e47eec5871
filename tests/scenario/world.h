/* world: one CSE on a virtual clock with a store of its own, and a binding on the same loop if asked for. */
#ifndef TESTS_SCENARIO_WORLD_H
#define TESTS_SCENARIO_WORLD_H

#include "cse/config.h"
#include "cse/core/binding.h"
#include "cse/core/cse.h"
#include "tests/scenario/scenario.h"
#include "tests/scenario/sink.h"

/* What a run has to bear beside its scenario (torture.c). */
struct strain {
	unsigned passing, failures;  /* for the store: store_faulty_set; over restarts too */
	struct decode_limits decode; /* 0: as ever */
	bool without_cache;	     /* every instance is read from the store */
};

/* The binding that is opened beside the CSE. */
struct world_binding {
	const char *name;   /* NULL: none */
	const char *listen; /* NULL: a free port of loopback */
};

struct world {
	struct clock clock;
	struct loop *loop;
	struct log log;
	struct schema *schema; /* shared, not owned */
	struct cse_config config;
	struct config options;	     /* of the binding */
	struct store *store, *inner; /* inner: what a failing store wraps */
	struct cse *cse;
	struct world_binding wanted;
	const struct binding *binding;
	struct binding_state *binding_state; /* NULL: not opened */
	struct arena arena;		     /* strings of the configuration */
	char directory[64];		     /* of the database; empty: the store is in memory */
	char message[300];		     /* what could not be opened */
	FILE *silence;			     /* where expected errors are logged */
	bool is_patient;		     /* time passes while an answer is waited for */
	struct sink sink;		     /* targets of notifications */
	void *client;			     /* of a transport that stays connected; NULL: none */
	void (*end_client)(struct world *world);
	bool may_fail; /* the store is wrapped so that it can be made to fail */
	bool is_strained;
	struct strain strain;
};

enum { WORLD_START_S = 1767225600 }; /* 2026-01-01T00:00:00Z, where every scenario begins */

/* strain: NULL: none. wanted lives as long as the world. 0, or -1 and world->message; world_finish either way. */
int world_init(struct world *world, struct schema *schema, const struct scenario *scenario, bool sqlite,
	       struct world_binding wanted, const struct strain *strain, FILE *log);
void world_finish(struct world *world);
/* Closes everything down to the store and opens it again after down_us. 0, or -1 and world->message. */
int world_restart(struct world *world, int64_t down_us);
/* The same at once, and nothing that is written while closing reaches the store: as if the process were killed. */
int world_crash(struct world *world);
/* Lets no store call fail, and lets them again: around what is no part of the scenario. */
void world_rest(struct world *world);
void world_strain(struct world *world);
/* Failures of the store that are still to come. */
unsigned world_failures_left(struct world *world);
/* Lets everything happen that is due, but for what waits for a target that hangs. */
void world_settle(struct world *world);
void world_advance(struct world *world, int64_t us);
/* Does what is waited for come only as time passes? */
bool world_may_wait(struct world *world);
/* In a round of waiting for an answer: behind a target that hangs, time goes by. */
void world_pass_time(struct world *world, int round);

#endif
