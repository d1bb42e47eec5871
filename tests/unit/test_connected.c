/* Requests to entities over connections that these have opened: when they are used, and what is sent at once when one
 * is there. The binding is made up; nothing waits for time but where it says so. */
#include "cse/core/state.h"
#include "tests/fuzz/small_cse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ROUNDS = 30, HOPS_MOST = 20 };

/* A binding whose one entity is there or not. */
struct binding_state {
	bool is_there;
	uint64_t registration; /* that it reaches */
	struct hop *hops[HOPS_MOST];
	unsigned sent;
};

struct fixture {
	struct small_cse small;
	struct binding_state state;
};

static bool reaches(struct binding_state *state, uint64_t registration)
{
	return state->is_there && registration == state->registration;
}

static void take(struct binding_state *state, struct hop *hop)
{
	assert_int_equal(hop->registration, state->registration);
	assert_true(state->sent < HOPS_MOST);
	state->hops[state->sent++] = hop;
}

static void take_back(struct binding_state *state, struct hop *hop)
{
	(void)state;
	(void)hop;
}

static const struct binding made_up = {.name = "made-up", .send = take, .cancel = take_back, .reaches = reaches};

static void pass_rounds(struct fixture *f)
{
	for (int i = 0; i < ROUNDS; i++)
		loop_round(f->small.world.loop, 0);
}

static void answer(struct fixture *f, unsigned at)
{
	struct hop *hop = f->state.hops[at];

	hop->outcome = HOP_ANSWERED;
	hop->rsc = RSC_OK;
	hop->done(hop);
	pass_rounds(f);
}

static void run(struct fixture *f, const char *lines)
{
	small_cse_run(&f->small, str_of(lines));
	pass_rounds(f);
}

/* An AE without a point of access, a container of its own and a subscription for itself. */
static int set_up(void **test)
{
	struct fixture *f = xzalloc(sizeof(*f));
	struct cse *cse;

	small_cse_open(&f->small);
	cse = f->small.world.cse;
	run(f,
	    "op=1\tto=cse-in\tfr=Cw\tty=2\tpc={\"m2m:ae\":{\"rn\":\"w\",\"api\":\"Nw\",\"rr\":true,\"srv\":[\"3\"]}}\n"
	    "op=1\tto=cse-in/w\tfr=Cw\tty=3\tpc={\"m2m:cnt\":{\"rn\":\"c\"}}\n"
	    "op=1\tto=cse-in/w/c\tfr=Cw\tty=23\tpc={\"m2m:sub\":{\"rn\":\"s\",\"nu\":[\"cse-in/w\"],\"enc\":{\"net\":[3]}}}");
	f->state.registration = tree_by_id(&cse->tree, STR("Cw"))->key;
	cse_add_binding(cse, &made_up, &f->state);
	*test = f;
	return 0;
}

static int tear_down(void **test)
{
	struct fixture *f = *test;

	f->state.is_there = false;
	cse_remove_bindings(f->small.world.cse);
	small_cse_close(&f->small);
	free(f);
	return 0;
}

static const char create[] = "op=1\tto=cse-in/w/c\tfr=Cw\tty=4\tpc={\"m2m:cin\":{\"con\":\"1\"}}";

static void an_entity_without_a_point_of_access_is_sent_to_over_its_connection(void **test)
{
	struct fixture *f = *test;

	f->state.is_there = true;
	run(f, create);
	assert_int_equal(f->state.sent, 1);
	answer(f, 0);
	assert_int_equal(f->small.world.cse->notifier.counts.delivered, 1);
}

static void what_found_nobody_goes_out_at_once_when_somebody_has_come(void **test)
{
	struct fixture *f = *test;

	run(f, create);
	run(f, create);
	assert_int_equal(f->state.sent, 0);
	f->state.is_there = true;
	pass_rounds(f);
	assert_int_equal(f->state.sent, 0); /* nobody has said so, and no time has passed */
	cse_reached(f->small.world.cse, f->state.registration + 1);
	pass_rounds(f);
	assert_int_equal(f->state.sent, 0); /* it was somebody else */
	cse_reached(f->small.world.cse, f->state.registration);
	pass_rounds(f);
	assert_int_equal(f->state.sent, 1);
	answer(f, 0);
	assert_int_equal(f->state.sent, 2); /* the next one of its lane */
	answer(f, 1);
	assert_int_equal(f->small.world.cse->notifier.counts.delivered, 2);
}

static void a_message_that_was_not_answered_goes_out_again_with_its_identifier(void **test)
{
	struct fixture *f = *test;
	char first[40];

	f->state.is_there = true;
	run(f, create);
	snprintf(first, sizeof(first), "%.*s", STR_ARG(f->state.hops[0]->param[PARAM_requestIdentifier]));
	f->state.is_there = false;
	f->state.hops[0]->outcome = HOP_UNREACHABLE;
	f->state.hops[0]->done(f->state.hops[0]);
	pass_rounds(f);
	f->state.is_there = true;
	cse_reached(f->small.world.cse, f->state.registration);
	pass_rounds(f);
	assert_int_equal(f->state.sent, 2);
	assert_true(str_eq(f->state.hops[1]->param[PARAM_requestIdentifier], str_of(first)));
	answer(f, 1);
}

static void a_point_of_access_that_can_be_used_comes_first(void **test)
{
	struct fixture *f = *test;

	f->state.is_there = true;
	run(f, "op=3\tto=cse-in/w\tfr=Cw\tpc={\"m2m:ae\":{\"poa\":[\"sink://a\"]}}");
	run(f, create);
	assert_int_equal(f->state.sent, 0);
	run(f, "op=3\tto=cse-in/w\tfr=Cw\tpc={\"m2m:ae\":{\"poa\":[\"nobody://a\"]}}");
	run(f, create);
	assert_int_equal(f->state.sent, 1); /* none that can be */
	answer(f, 0);
}

static void an_entity_that_cannot_be_requested_is_not(void **test)
{
	struct fixture *f = *test;

	f->state.is_there = true;
	run(f, "op=3\tto=cse-in/w\tfr=Cw\tpc={\"m2m:ae\":{\"rr\":false}}");
	run(f, create);
	cse_reached(f->small.world.cse, f->state.registration);
	pass_rounds(f);
	assert_int_equal(f->state.sent, 0);
}

static void what_could_go_out_when_the_bindings_go_keeps_nothing_waiting(void **test)
{
	struct fixture *f = *test;

	run(f, create);
	f->state.is_there = true;
	cse_reached(f->small.world.cse, f->state.registration);
	cse_remove_bindings(f->small.world.cse);
	pass_rounds(f);
	assert_true(cse_is_idle(f->small.world.cse));
	assert_int_equal(f->state.sent, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(an_entity_without_a_point_of_access_is_sent_to_over_its_connection),
		TEST(what_found_nobody_goes_out_at_once_when_somebody_has_come),
		TEST(a_message_that_was_not_answered_goes_out_again_with_its_identifier),
		TEST(a_point_of_access_that_can_be_used_comes_first),
		TEST(an_entity_that_cannot_be_requested_is_not),
		TEST(what_could_go_out_when_the_bindings_go_keeps_nothing_waiting),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
