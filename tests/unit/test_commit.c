/* Group commit: batches, answers that wait for them, and COMMIT failing under them. */
#include "cse/core/cse.h"
#include "resources/registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { MOST_ANSWERS = 128 };

struct fixture {
	struct clock clock;
	struct log log;
	struct loop *loop;
	struct schema *schema;
	struct store *store, *inner;
	struct cse *cse;
	char directory[64], path[80];
	unsigned sent, answered;
	int rsc[MOST_ANSWERS]; /* by the order of sending */
	char content[MOST_ANSWERS][600];
};

static void open_all(struct fixture *f)
{
	const struct cse_config config = {
		.virtuals = registry_virtuals(),
		.id = "/id-in",
		.name = "cse-in",
		.type = CSE_IN,
		.sp_id = "copse.example",
		.admin = "CAdmin",
		.releases = "3",
		.ae_originators = "C*",
		.base_create = "",
		.points_of_access = "http://127.0.0.1:8080",
		.decode = {.bytes = 1 << 20, .depth = 32, .tokens = 10000},
		.max_requests = 1000,
		.cache_bytes = 1 << 20,
		.expiration_default_s = 3600,
		.expiration_max_s = 3600,
	};
	char message[300];

	assert_int_equal(store_find("sqlite")->open(f->path, &f->log, &f->inner, message, sizeof(message)), 0);
	f->store = store_faulty_create(f->inner);
	assert_int_equal(cse_open(&config, f->loop, &f->clock, &f->log, f->schema, f->store, &f->cse, message, sizeof(message)),
			 0);
}

static void close_all(struct fixture *f)
{
	cse_close(f->cse);
	f->store->ops->close(f->store);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	const struct type_def *const *types;
	char message[300];
	size_t count;

	*state = f;
	snprintf(f->directory, sizeof(f->directory), "/tmp/copse-commit-XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	snprintf(f->path, sizeof(f->path), "%s/copse.db", f->directory);
	clock_init_real(&f->clock);
	f->log = (struct log){.level = LOG_ERROR, .out = fopen("/dev/null", "w")};
	f->loop = loop_create(&f->clock);
	types = registry_types(&count);
	f->schema = schema_create(types, count);
	assert_int_equal(schema_load_builtin(f->schema, message, sizeof(message)), 0);
	open_all(f);
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	char command[100];

	close_all(f);
	schema_destroy(f->schema);
	loop_destroy(f->loop);
	fclose(f->log.out);
	snprintf(command, sizeof(command), "rm -r %s", f->directory);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

static void take_answer(struct request *req, void *arg)
{
	struct fixture *f = req->answer.rsc ? arg : NULL;
	unsigned index = (unsigned)strtoul(req->param[PARAM_requestIdentifier].ptr, NULL, 10);

	f->rsc[index] = (int)req->answer.rsc;
	snprintf(f->content[index], sizeof(f->content[index]), "%.*s", STR_ARG(req->answer.content));
	f->answered++;
	request_release(req);
}

/* Gives the CSE a request; the number under which its answer is kept. */
static unsigned submit(struct fixture *f, const char *op, const char *to, const char *ty, const char *content)
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
	req->content = content ? arena_copy(&req->arena, str_of(content)) : (struct str){0};
	req->peer.is_direct_loopback = true;
	req->binding = "test";
	cse_submit(f->cse, req, take_answer, f);
	return index;
}

static void settle(struct fixture *f)
{
	for (int i = 0; i < 1000 && f->answered < f->sent; i++)
		loop_round(f->loop, 10);
	assert_int_equal(f->answered, f->sent);
}

static unsigned create(struct fixture *f, const char *parent, const char *name)
{
	char content[100];

	snprintf(content, sizeof(content), "{\"m2m:cnt\":{\"rn\":\"%s\"}}", name);
	return submit(f, "1", parent, "3", content);
}

static unsigned add(struct fixture *f, const char *parent, const char *text)
{
	char content[100];

	snprintf(content, sizeof(content), "{\"m2m:cin\":{\"con\":\"%s\"}}", text);
	return submit(f, "1", parent, "4", content);
}

static unsigned retrieve(struct fixture *f, const char *to)
{
	return submit(f, "2", to, NULL, NULL);
}

static int ask(struct fixture *f, unsigned index)
{
	settle(f);
	return f->rsc[index];
}

static void an_answer_waits_for_its_batch(void **state)
{
	struct fixture *f = *state;
	unsigned made = create(f, "cse-in", "a"), seen = retrieve(f, "cse-in/a"), missing = retrieve(f, "cse-in/b");

	assert_int_equal(f->answered, 0);
	settle(f);
	assert_int_equal(f->rsc[made], RSC_CREATED);
	assert_int_equal(f->rsc[seen], RSC_OK);
	assert_int_equal(f->rsc[missing], RSC_NOT_FOUND);
}

static void a_failed_commit_answers_5000_and_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	size_t before = cse_resource_count(f->cse);
	unsigned made[20];

	assert_int_equal(ask(f, create(f, "cse-in", "kept")), RSC_CREATED);
	store_faulty_set(f->store, 2, 1, ERROR_FULL); /* begin and one apply pass */
	for (unsigned i = 0; i < 20; i++)
		made[i] = i % 2 ? add(f, "cse-in/kept", "x") : create(f, "cse-in", (char[]){(char)('a' + (int)i), '\0'});
	settle(f);
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(f->rsc[made[i]], RSC_INTERNAL_SERVER_ERROR);
	assert_int_equal(cse_resource_count(f->cse), before + 1);
	assert_null(cse_check(f->cse));
	retrieve(f, "cse-in/kept");
	settle(f);
	assert_non_null(strstr(f->content[f->sent - 1], "\"st\":0,\"cni\":0,\"cbs\":0"));
	assert_int_equal(ask(f, add(f, "cse-in/kept", "again")), RSC_CREATED);
}

static void what_stood_on_a_failed_batch_is_performed_anew(void **state)
{
	struct fixture *f = *state;
	unsigned parent, child, seen, other;

	store_faulty_set(f->store, 2, 1, ERROR_IO); /* the COMMIT of the first batch */
	parent = create(f, "cse-in", "p");
	loop_round(f->loop, 0); /* it is in flight now, or has failed already */
	child = create(f, "cse-in/p", "c");
	seen = retrieve(f, "cse-in/p");
	other = create(f, "cse-in", "q");
	settle(f);
	assert_int_equal(f->rsc[parent], RSC_INTERNAL_SERVER_ERROR);
	assert_int_equal(f->rsc[child], RSC_NOT_FOUND);
	assert_int_equal(f->rsc[seen], RSC_NOT_FOUND);
	assert_int_equal(f->rsc[other], RSC_CREATED);
	assert_null(cse_check(f->cse));
}

static void a_deleted_tree_comes_back_when_its_commit_fails(void **state)
{
	struct fixture *f = *state;
	unsigned index;

	create(f, "cse-in", "t");
	settle(f);
	create(f, "cse-in/t", "u");
	add(f, "cse-in/t", "one");
	add(f, "cse-in/t", "two");
	settle(f);
	store_faulty_set(f->store, 1, 1, ERROR_IO);
	assert_int_equal(ask(f, submit(f, "4", "cse-in/t", NULL, NULL)), RSC_INTERNAL_SERVER_ERROR);
	assert_null(cse_check(f->cse));
	assert_int_equal(ask(f, retrieve(f, "cse-in/t/u")), RSC_OK);
	index = retrieve(f, "cse-in/t/la");
	assert_int_equal(ask(f, index), RSC_OK);
	assert_non_null(strstr(f->content[index], "\"con\":\"two\""));
	close_all(f);
	open_all(f);
	assert_null(cse_check(f->cse));
	assert_int_equal(ask(f, retrieve(f, "cse-in/t/la")), RSC_OK);
	assert_int_equal(ask(f, submit(f, "4", "cse-in/t", NULL, NULL)), RSC_DELETED);
	close_all(f);
	open_all(f);
	assert_int_equal(ask(f, retrieve(f, "cse-in/t")), RSC_NOT_FOUND);
}

static void an_update_and_an_eviction_come_back_when_their_commit_fails(void **state)
{
	struct fixture *f = *state;
	unsigned index;

	create(f, "cse-in", "r");
	add(f, "cse-in/r", "1");
	add(f, "cse-in/r", "2");
	add(f, "cse-in/r", "3");
	settle(f);
	store_faulty_set(f->store, 2, 1, ERROR_FULL);
	assert_int_equal(ask(f, submit(f, "3", "cse-in/r", NULL, "{\"m2m:cnt\":{\"mni\":1}}")), RSC_INTERNAL_SERVER_ERROR);
	index = retrieve(f, "cse-in/r");
	settle(f);
	assert_null(strstr(f->content[index], "mni"));
	assert_non_null(strstr(f->content[index], "\"st\":3,\"cni\":3,\"cbs\":3"));
	assert_null(cse_check(f->cse));
	assert_int_equal(ask(f, submit(f, "3", "cse-in/r", NULL, "{\"m2m:cnt\":{\"mni\":1}}")), RSC_UPDATED);
	close_all(f);
	open_all(f);
	index = retrieve(f, "cse-in/r");
	settle(f);
	assert_non_null(strstr(f->content[index], "\"st\":4,\"cni\":1,\"cbs\":1"));
}

static void counters_survive_deletes_and_restarts(void **state)
{
	struct fixture *f = *state;
	unsigned index;

	create(f, "cse-in", "s");
	for (unsigned i = 0; i < 5; i++)
		add(f, "cse-in/s", "12345");
	settle(f);
	submit(f, "4", "cse-in/s/la", NULL, NULL);
	submit(f, "4", "cse-in/s/ol", NULL, NULL);
	settle(f);
	for (unsigned i = 0; i < 3; i++) {
		close_all(f);
		open_all(f);
		index = retrieve(f, "cse-in/s");
		settle(f);
		assert_non_null(strstr(f->content[index], "\"st\":5,\"cni\":3,\"cbs\":15"));
		assert_null(cse_check(f->cse));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_answer_waits_for_its_batch, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_failed_commit_answers_5000_and_leaves_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_stood_on_a_failed_batch_is_performed_anew, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_deleted_tree_comes_back_when_its_commit_fails, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_update_and_an_eviction_come_back_when_their_commit_fails, set_up, tear_down),
		cmocka_unit_test_setup_teardown(counters_survive_deletes_and_restarts, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("commit", tests, NULL, NULL);
}
