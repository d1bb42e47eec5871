/* Fan-out beside other requests, and what it leaves behind. Rounds of the loop are counted, no clock is looked at. */
#include "cse/core/cse.h"
#include "resources/registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MEMBERS = 1000, MOST_ANSWERS = 2 * MEMBERS };

struct fixture {
	struct clock clock;
	struct log log;
	struct loop *loop;
	struct schema *schema;
	struct store *store;
	struct cse *cse;
	unsigned sent, answered, round;
	unsigned round_of[MOST_ANSWERS]; /* in which each answer came */
	int rsc[MOST_ANSWERS];
	size_t members[MOST_ANSWERS]; /* answers in an aggregated one */
	size_t good[MOST_ANSWERS];    /* those with the code looked for */
	const char *looked_for;
};

static int set_up(void **state)
{
	static const struct cse_config config = {
		.id = "/id-in",
		.name = "cse-in",
		.type = CSE_IN,
		.sp_id = "copse.example",
		.admin = "CAdmin",
		.base_create = "",
		.releases = "3",
		.ae_originators = "C*",
		.points_of_access = "http://127.0.0.1:8080",
		.decode = {.bytes = 1 << 20, .depth = 32, .tokens = 10000},
		.max_requests = 10000,
		.cache_bytes = 1 << 20,
		.fanout_timeout_s = 10,
		.expiration_default_s = 3600,
		.expiration_max_s = 3600,
	};
	struct cse_config own = config;
	struct fixture *f = calloc(1, sizeof(*f));
	const struct type_def *const *types;
	char message[300];
	size_t count;

	*state = f;
	own.virtuals = registry_virtuals();
	clock_init_virtual(&f->clock, INT64_C(1800000000) * 1000000);
	f->log = (struct log){.level = LOG_ERROR, .out = stderr};
	f->loop = loop_create(&f->clock);
	types = registry_types(&count);
	f->schema = schema_create(types, count);
	assert_int_equal(store_find("memory")->open("", &f->log, &f->store, message, sizeof(message)), 0);
	assert_int_equal(
		cse_open(&own, f->loop, &f->clock, &f->log, f->schema, f->store, &f->cse, message, sizeof(message)), 0);
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	cse_close(f->cse);
	f->store->ops->close(f->store);
	schema_destroy(f->schema);
	loop_destroy(f->loop);
	free(f);
	return 0;
}

static size_t count_of(struct str text, const char *words)
{
	size_t count = 0, len = strlen(words);

	for (size_t i = 0; i + len <= text.len; i++)
		count += memcmp(text.ptr + i, words, len) == 0;
	return count;
}

static void take_answer(struct request *req, void *arg)
{
	struct fixture *f = arg;
	unsigned index = (unsigned)strtoul(req->param[PARAM_requestIdentifier].ptr, NULL, 10);

	f->rsc[index] = (int)req->answer.rsc;
	f->round_of[index] = f->round;
	f->members[index] = count_of(req->answer.content, "\"fr\":");
	f->good[index] = count_of(req->answer.content, f->looked_for ? f->looked_for : "\"rsc\":2");
	f->answered++;
	request_release(req);
}

static unsigned submit(struct fixture *f, const char *op, const char *to, const char *ty, struct str content)
{
	struct request *req = request_create(f->cse);
	unsigned index = f->sent++;

	assert_non_null(req);
	request_set(req, PARAM_operation, str_of(op));
	request_set(req, PARAM_to, str_of(to));
	request_set(req, PARAM_from, STR("CAdmin"));
	request_set(req, PARAM_requestIdentifier, arena_printf(&req->arena, "%u ", index));
	req->param[PARAM_requestIdentifier].len--;
	if (ty)
		request_set(req, PARAM_resourceType, str_of(ty));
	if (content.len)
		req->content = arena_copy(&req->arena, content);
	req->peer.is_direct_loopback = true;
	req->binding = "test";
	cse_submit(f->cse, req, take_answer, f);
	return index;
}

static void go_round(struct fixture *f)
{
	f->round++;
	loop_round(f->loop, 0);
}

static void settle(struct fixture *f)
{
	for (int i = 0; i < 10000 && f->answered < f->sent; i++)
		go_round(f);
	assert_int_equal(f->answered, f->sent);
	assert_null(cse_check(f->cse));
}

/* Containers c0 ... and the group g of them. */
static void make_group(struct fixture *f)
{
	struct strbuf text = {0}, group = {0};

	STRBUF_LIT(&group, "{\"m2m:grp\":{\"rn\":\"g\",\"mt\":3,\"mnm\":5000,\"mid\":[");
	for (unsigned i = 0; i < MEMBERS; i++) {
		strbuf_clear(&text);
		strbuf_addf(&text, "{\"m2m:cnt\":{\"rn\":\"c%u\"}}", i);
		submit(f, "1", "cse-in", "3", strbuf_str(&text));
		strbuf_addf(&group, "%s\"cse-in/c%u\"", i ? "," : "", i);
	}
	STRBUF_LIT(&group, "]}}");
	submit(f, "1", "cse-in", "9", strbuf_str(&group));
	settle(f);
	assert_int_equal(f->rsc[f->sent - 1], RSC_CREATED);
	strbuf_finish(&text);
	strbuf_finish(&group);
}

static void others_are_served_between_the_slices_of_a_fan_out(void **state)
{
	struct fixture *f = *state;
	unsigned fan, other[4], first;

	make_group(f);
	fan = submit(f, "2", "cse-in/g/fopt", NULL, (struct str){0});
	first = f->round;
	for (unsigned i = 0; i < 4; i++) {
		go_round(f);
		other[i] = submit(f, "1", "cse-in/c1", "4", STR("{\"m2m:cin\":{\"con\":\"x\"}}"));
		assert_true(f->answered < f->sent - 1); /* the fan-out is still at work */
	}
	settle(f);
	assert_int_equal(f->rsc[fan], RSC_OK);
	assert_int_equal(f->members[fan], MEMBERS);
	assert_true(f->round_of[fan] > first + MEMBERS / 100); /* of slices of fewer than 100 members */
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(f->rsc[other[i]], RSC_CREATED);
		assert_true(f->round_of[other[i]] <= first + i + 2);
		assert_true(f->round_of[other[i]] < f->round_of[fan]);
	}
}

static void two_fan_outs_go_on_side_by_side(void **state)
{
	struct fixture *f = *state;
	unsigned one, two;

	make_group(f);
	one = submit(f, "1", "cse-in/g/fopt", "4", STR("{\"m2m:cin\":{\"con\":\"x\"}}"));
	two = submit(f, "2", "cse-in/g/fopt", NULL, (struct str){0});
	settle(f);
	assert_int_equal(f->good[one], MEMBERS);
	assert_int_equal(f->members[two], MEMBERS);
	assert_true(f->round_of[two] - f->round_of[one] < 5 || f->round_of[one] - f->round_of[two] < 5);
}

static void a_fan_out_that_runs_out_of_time_answers_with_what_there_is(void **state)
{
	struct fixture *f = *state;
	unsigned fan;

	make_group(f);
	fan = submit(f, "2", "cse-in/g/fopt", NULL, (struct str){0});
	go_round(f);
	go_round(f);
	clock_advance(&f->clock, 11 * INT64_C(1000000));
	settle(f);
	assert_int_equal(f->rsc[fan], RSC_OK);
	assert_true(f->members[fan] > 0 && f->members[fan] < MEMBERS);
	assert_true(cse_is_idle(f->cse));
}

static void a_fan_out_of_delete_empties_the_group(void **state)
{
	struct fixture *f = *state;
	unsigned fan, group;

	make_group(f);
	fan = submit(f, "4", "cse-in/g/fopt", NULL, (struct str){0});
	settle(f);
	assert_int_equal(f->members[fan], MEMBERS);
	f->looked_for = "\"mid\":[]";
	group = submit(f, "2", "cse-in/g", NULL, (struct str){0});
	settle(f);
	assert_int_equal(f->good[group], 1);
	assert_int_equal(cse_resource_count(f->cse), 2);
}

/* A group that has itself, three times over, among thousands of members asks each once. */
static void a_loop_ends(void **state)
{
	struct fixture *f = *state;
	unsigned fan;

	make_group(f);
	submit(f, "1", "cse-in", "9",
	       STR("{\"m2m:grp\":{\"rn\":\"h\",\"mnm\":9,\"mid\":[\"cse-in/g/fopt\",\"cse-in/c1\"]}}"));
	settle(f);
	submit(f, "3", "cse-in/h", NULL,
	       STR("{\"m2m:grp\":{\"mid\":[\"cse-in/g/fopt\",\"cse-in/h/fopt\",\"cse-in/c1\"]}}"));
	settle(f);
	f->looked_for = "\"rsc\":4104";
	fan = submit(f, "2", "cse-in/h/fopt", NULL, (struct str){0});
	settle(f);
	assert_int_equal(f->members[fan], MEMBERS + 3);
	assert_int_equal(f->good[fan], 2); /* h itself, and c1 the second time */
}

/* The outer one answers while the inner one is at work, which then ends by itself. */
static void nested_fan_outs_that_run_out_of_time_leave_nothing_behind(void **state)
{
	struct fixture *f = *state;
	unsigned fan;

	make_group(f);
	submit(f, "1", "cse-in", "9", STR("{\"m2m:grp\":{\"rn\":\"h\",\"mnm\":9,\"mid\":[\"cse-in/g/fopt\"]}}"));
	submit(f, "1", "cse-in", "9", STR("{\"m2m:grp\":{\"rn\":\"k\",\"mnm\":9,\"mid\":[\"cse-in/h/fopt\"]}}"));
	settle(f);
	for (unsigned rounds = 0; rounds < 12; rounds++) {
		fan = submit(f, "1", "cse-in/k/fopt", "4", STR("{\"m2m:cin\":{\"con\":\"x\"}}"));
		clock_advance(&f->clock, 2 * INT64_C(1000000));
		for (unsigned i = 0; i < rounds; i++)
			go_round(f);
		clock_advance(&f->clock, 9 * INT64_C(1000000));
		settle(f);
		assert_int_equal(f->rsc[fan], RSC_GROUP_MEMBERS_NOT_RESPONDED);
		for (unsigned i = 0; i < 100 && !cse_is_idle(f->cse); i++) {
			clock_advance(&f->clock, 1000000);
			go_round(f);
		}
		assert_true(cse_is_idle(f->cse));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(others_are_served_between_the_slices_of_a_fan_out, set_up, tear_down),
		cmocka_unit_test_setup_teardown(two_fan_outs_go_on_side_by_side, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_fan_out_that_runs_out_of_time_answers_with_what_there_is, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_fan_out_of_delete_empties_the_group, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_loop_ends, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nested_fan_outs_that_run_out_of_time_leave_nothing_behind, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
