/* Random trees, policies and requests: every decision is the one of policy_oracle.c. */
#include "cse/core/cse.h"
#include "resources/registry.h"
#include "schemas/timestamp.h"
#include "tests/unit/policy_maker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <arpa/inet.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { OPERATIONS = 100000 /* judged */, AES = 5, START_S = 1767225600, SECOND_US = 1000000, CONTENT = 20000 };

struct fixture {
	struct clock clock;
	struct loop *loop;
	struct log log;
	struct schema *schema;
	struct store *store;
	struct cse *cse;
	struct model model;
	uint64_t random, number;
	unsigned permitted, refused;
	const char *from; /* the same originator and resource come often, so that a decision is remembered */
	int resource;
	int rsc;
	bool is_answered;
	char answer[CONTENT];
	struct strbuf content;
};

static unsigned below(struct fixture *f, unsigned n)
{
	return chance(&f->random, n);
}

#define ANY(f, array) ((array)[below((f), COUNT(array))])

/* ---- requests ---- */

static void take_answer(struct request *req, void *arg)
{
	struct fixture *f = arg;

	f->rsc = (int)req->answer.rsc;
	snprintf(f->answer, sizeof(f->answer), "%.*s", STR_ARG(req->answer.content));
	f->is_answered = true;
	request_release(req);
}

static void fill_peer(struct peer *peer, const struct model_request *from)
{
	peer->is_direct_loopback = from->is_loopback;
	peer->is_authenticated = from->is_authenticated;
	if (from->address && inet_pton(AF_INET, from->address, peer->address) == 1)
		peer->family = PEER_IPV4;
	else if (from->address && inet_pton(AF_INET6, from->address, peer->address) == 1)
		peer->family = peer_unmap(peer->address) ? PEER_IPV4 : PEER_IPV6;
}

static int ask(struct fixture *f, const struct model_request *from, int op, const char *to, int ty)
{
	struct request *req = request_create(f->cse);

	request_set(req, PARAM_operation, arena_printf(&req->arena, "%d", op));
	request_set(req, PARAM_to, arena_copy(&req->arena, str_of(to)));
	request_set(req, PARAM_from, arena_copy(&req->arena, str_of(from->from)));
	request_set(req, PARAM_requestIdentifier, STR("r"));
	if (from->roles)
		request_set(req, PARAM_roleIDs, str_of(from->roles));
	if (ty)
		request_set(req, PARAM_resourceType, arena_printf(&req->arena, "%d", ty));
	if (f->content.len)
		req->content = arena_copy(&req->arena, strbuf_str(&f->content));
	fill_peer(&req->peer, from);
	req->binding = "test";
	f->is_answered = false;
	cse_submit(f->cse, req, take_answer, f);
	for (int i = 0; i < 100 && !f->is_answered; i++)
		loop_round(f->loop, 0);
	assert_true(f->is_answered);
	strbuf_clear(&f->content);
	return f->rsc;
}

static struct model_request random_request(struct fixture *f)
{
	static const char *const froms[] = {"C0",
					    "C1",
					    "C2",
					    "C3",
					    "C4",
					    "Cxay",
					    "Cnobody",
					    "/id-mn",
					    "/id-mn/C1",
					    "/id-far/C1",
					    "//other.example/id/C1",
					    "//other.example/id",
					    "/id-in/C0",
					    "//sp.example/id-in/C2",
					    "CAdmin",
					    "guard@x.example"};
	static const char *const addresses[] = {NULL,	     "10.1.2.3",    "10.2.0.1",	   "192.0.2.1",
						"192.0.2.9", "2001:db8::5", "2001:db9::5", "2001:dba::5"};
	static const char *const roles[] = {NULL, NULL, "guard@x.example", "cook@x.example",
					    "cook@x.example+guard@x.example"};
	struct model_request request = {.roles = ANY(f, roles), .address = ANY(f, addresses)};

	if (below(f, 2) == 0)
		f->from = ANY(f, froms);
	snprintf(request.from, sizeof(request.from), "%s", f->from);
	request.is_authenticated = below(f, 5) == 0;
	request.is_loopback = below(f, 3) == 0;
	return request;
}

static struct model_request admin(void)
{
	return (struct model_request){.from = "CAdmin", .is_loopback = true};
}

/* ---- resources ---- */

static const char *path_of(const struct fixture *f, int resource)
{
	return resource < 0 ? "cse-in" : f->model.resource[resource].path;
}

static int free_place(const struct fixture *f)
{
	for (int i = 0; i < MOST_RESOURCES; i++)
		if (!f->model.resource[i].exists)
			return i;
	return -1;
}

/* One that lives, of a type if that is given, or -1. */
static int random_resource(struct fixture *f, int ty)
{
	for (int tries = 0; tries < 40; tries++) {
		int i = tries || below(f, 2) ? (int)below(f, MOST_RESOURCES) : f->resource;

		if (f->model.resource[i].exists && (!ty || f->model.resource[i].ty == ty) &&
		    model_lives(&f->model, i)) {
			f->resource = i;
			return i;
		}
	}
	return -1;
}

static void remove_dead(struct fixture *f)
{
	for (int i = 0; i < MOST_RESOURCES; i++) {
		int up = f->model.resource[i].parent;

		if (f->model.resource[i].exists &&
		    (!model_lives(&f->model, i) || (up >= 0 && !f->model.resource[up].exists)))
			f->model.resource[i].exists = false;
	}
}

static void random_address(struct fixture *f, const struct model_resource *r, char out[5 * TEXT])
{
	static const char *const prefixes[] = {"", "/id-in/", "//sp.example/id-in/"};

	snprintf(out, 5 * TEXT, "%s%s", ANY(f, prefixes), below(f, 2) ? r->id : r->path);
}

static void random_links(struct fixture *f, struct model_resource *r)
{
	r->has_policies = below(f, 4) != 0;
	r->policies = 0;
	for (unsigned i = 1 + below(f, MOST_ITEMS); r->has_policies && i > 0; i--) {
		int policy = random_resource(f, TY_POLICY);

		if (policy >= 0)
			random_address(f, &f->model.resource[policy], r->policy[r->policies++]);
	}
	if (r->has_policies && r->policies == 0)
		snprintf(r->policy[r->policies++], 5 * TEXT, "/id-mn/elsewhere");
}

static void write_links(struct strbuf *out, const struct model_resource *r)
{
	for (int i = 0; i < r->policies; i++)
		strbuf_addf(out, "%s\"%s\"", i ? "," : "\"acpi\":[", r->policy[i]);
	STRBUF_LIT(out, "]");
}

static void random_members(struct fixture *f, struct model_resource *r)
{
	r->members = 1 + (int)below(f, MOST_MEMBERS);
	for (int i = 0; i < r->members; i++)
		snprintf(r->member[i], TEXT, "C%u", (below(f, AES) + (unsigned)i) % AES);
}

static void write_members(struct strbuf *out, const struct model_resource *r)
{
	for (int i = 0; i < r->members; i++)
		strbuf_addf(out, "%s\"%s\"", i ? "," : "\"mid\":[", r->member[i]);
	STRBUF_LIT(out, "]");
}

static void write_expiration(struct strbuf *out, const struct model_resource *r)
{
	char text[TIMESTAMP_SIZE];

	if (!r->expires_s)
		return;
	timestamp_print(text, r->expires_s * SECOND_US);
	strbuf_addf(out, ",\"et\":\"%s\"", text);
}

/* A group or policy below the CSEBase has one of few names, so that an address leads to one after the other. */
static bool choose_name(struct fixture *f, struct model_resource *r)
{
	if (r->ty == TY_GRP || (r->ty == TY_POLICY && r->parent < 0)) {
		snprintf(r->name, TEXT, "%c%u", r->ty == TY_GRP ? 'g' : 'p', below(f, r->ty == TY_GRP ? 3 : 8));
		if (below(f, 2))
			r->expires_s = f->model.now_s + 1 + below(f, 7200);
	} else {
		snprintf(r->name, TEXT, "n%llu", (unsigned long long)++f->number);
	}
	snprintf(r->path, sizeof(r->path), "%.180s/%.60s", path_of(f, r->parent), r->name);
	for (int i = 0; i < MOST_RESOURCES; i++)
		if (f->model.resource[i].exists && strcmp(f->model.resource[i].path, r->path) == 0)
			return false;
	return true;
}

static void write_resource(struct fixture *f, const struct model_resource *r)
{
	struct strbuf *out = &f->content;

	strbuf_addf(out, "{\"m2m:%s\":{\"rn\":\"%s\"",
		    r->ty == TY_POLICY ? "acp"
		    : r->ty == TY_CNT  ? "cnt"
				       : "grp",
		    r->name);
	write_expiration(out, r);
	if (r->has_policies) {
		strbuf_add_char(out, ',');
		write_links(out, r);
	}
	strbuf_add_char(out, ',');
	if (r->ty == TY_POLICY) {
		write_rules(out, "pv", &r->privileges);
		strbuf_add_char(out, ',');
		write_rules(out, "pvs", &r->self);
	} else if (r->ty == TY_GRP) {
		strbuf_addf(out, "\"mt\":2,\"mnm\":%d,", AES);
		write_members(out, r);
	} else {
		STRBUF_LIT(out, "\"lbl\":[\"x\"]");
	}
	STRBUF_LIT(out, "}}");
}

static void keep_id(struct fixture *f, struct model_resource *r)
{
	const char *id = strstr(f->answer, "\"ri\":\"");

	assert_non_null(id);
	snprintf(r->id, sizeof(r->id), "%.*s", (int)strcspn(id + 6, "\""), id + 6);
}

/* The identifier under which the CSE keeps a local originator. */
static const char *stem_of(const char *from)
{
	if (strncmp(from, "//sp.example/", 13) == 0)
		from += 12;
	return strncmp(from, "/id-in/", 7) == 0 ? from + 7 : from;
}

/* Did it happen? A group is refused otherwise if its members may not be seen. */
static bool judge(struct fixture *f, const char *what, const struct model_request *request, const char *to,
		  bool expected)
{
	if ((f->rsc != RSC_ORIGINATOR_HAS_NO_PRIVILEGE) != expected)
		fail_msg("%s %s as %s: %s, but came %d %s", what, to, request->from, expected ? "permitted" : "refused",
			 f->rsc, f->answer);
	expected ? f->permitted++ : f->refused++;
	if (expected && !rsc_is_success((enum rsc)f->rsc) && f->rsc != RSC_RECEIVER_HAS_NO_PRIVILEGE)
		fail_msg("%s %s as %s: came %d %s", what, to, request->from, f->rsc, f->answer);
	return rsc_is_success((enum rsc)f->rsc);
}

/* ---- operations ---- */

static void try_create(struct fixture *f)
{
	static const int types[] = {TY_POLICY, TY_POLICY, TY_CNT, TY_CNT, TY_CNT, TY_GRP};
	struct model_request request = below(f, 3) ? random_request(f) : admin();
	struct model_resource r = {.exists = true, .ty = ANY(f, types), .parent = -1};
	int place = free_place(f);
	bool expected;

	loop_round(f->loop, 0); /* a name is free again when what had it has been swept */
	if (below(f, 3) && r.ty != TY_GRP)
		r.parent = random_resource(f, r.ty == TY_CNT && below(f, 2) ? TY_CNT : TY_AE_);
	if (place < 0 || !choose_name(f, &r) || strlen(r.path) > 150)
		return;
	if (r.ty != TY_POLICY)
		random_links(f, &r);
	make_rules(&f->random, &r.privileges, 0);
	make_rules(&f->random, &r.self, 1);
	random_members(f, &r);
	snprintf(r.creator, sizeof(r.creator), "%.60s", stem_of(request.from));
	request.privilege = 1;
	request.child_ty = r.ty;
	expected = model_allows(&f->model, r.parent, &request, false);
	write_resource(f, &r);
	ask(f, &request, 1, path_of(f, r.parent), r.ty);
	if (!judge(f, "create below", &request, path_of(f, r.parent), expected))
		return;
	keep_id(f, &r);
	f->model.resource[place] = r;
}

static void try_add_instance(struct fixture *f)
{
	struct model_request request = random_request(f);
	int parent = random_resource(f, TY_CNT);

	if (parent < 0)
		return;
	request.privilege = 1;
	request.child_ty = TY_CIN;
	STRBUF_LIT(&f->content, "{\"m2m:cin\":{\"con\":\"x\"}}");
	ask(f, &request, 1, path_of(f, parent), TY_CIN);
	judge(f, "add to", &request, path_of(f, parent), model_allows(&f->model, parent, &request, false));
}

static void try_retrieve(struct fixture *f)
{
	struct model_request request = random_request(f);
	int resource = random_resource(f, 0);

	if (resource < 0)
		return;
	request.privilege = 2;
	ask(f, &request, 2, below(f, 2) ? path_of(f, resource) : f->model.resource[resource].id, 0);
	judge(f, "retrieve", &request, path_of(f, resource), model_allows(&f->model, resource, &request, false));
}

static void try_retrieve_latest(struct fixture *f)
{
	struct model_request request = random_request(f);
	int parent = random_resource(f, TY_CNT);
	char to[5 * TEXT];

	if (parent < 0)
		return;
	snprintf(to, sizeof(to), "%.300s/la", path_of(f, parent));
	request.privilege = 2;
	if (ask(f, &request, 2, to, 0) == RSC_NOT_FOUND)
		return; /* there is none, which comes before rights: TS-0004 7.4.27.2.2 */
	judge(f, "retrieve", &request, to, model_allows(&f->model, parent, &request, false));
}

/* Something of its own for each type; a policy's rules change at the next request. */
static void write_change(struct fixture *f, struct model_resource *changed)
{
	static const char *const names[] = {[TY_POLICY] = "acp", [TY_AE_] = "ae", [TY_CNT] = "cnt", [TY_GRP] = "grp"};
	struct strbuf *out = &f->content;

	strbuf_addf(out, "{\"m2m:%s\":{", names[changed->ty]);
	if (changed->ty == TY_POLICY && below(f, 2)) {
		make_rules(&f->random, &changed->privileges, 0);
		write_rules(out, "pv", &changed->privileges);
	} else if (changed->ty == TY_POLICY) {
		make_rules(&f->random, &changed->self, 1);
		write_rules(out, "pvs", &changed->self);
	} else if (changed->ty == TY_GRP) {
		random_members(f, changed);
		write_members(out, changed);
	} else {
		STRBUF_LIT(out, "\"lbl\":[\"y\"]");
	}
	STRBUF_LIT(out, "}}");
}

static void try_update(struct fixture *f)
{
	struct model_request request = below(f, 3) ? random_request(f) : admin();
	struct model_resource changed;
	int resource = random_resource(f, below(f, 2) ? TY_POLICY : 0);
	bool expected;

	if (resource < 0)
		return;
	changed = f->model.resource[resource];
	request.privilege = 4;
	expected = model_allows(&f->model, resource, &request, false);
	write_change(f, &changed);
	ask(f, &request, 3, path_of(f, resource), 0);
	if (judge(f, "update", &request, path_of(f, resource), expected))
		f->model.resource[resource] = changed;
}

static void try_link(struct fixture *f)
{
	static const char *const names[] = {[TY_AE_] = "ae", [TY_CNT] = "cnt", [TY_GRP] = "grp"};
	static const int types[] = {TY_AE_, TY_CNT, TY_CNT, TY_GRP};
	struct model_request request = below(f, 3) ? random_request(f) : admin();
	int resource = random_resource(f, ANY(f, types));
	struct model_resource changed;
	bool expected;

	if (resource < 0)
		return;
	changed = f->model.resource[resource];
	random_links(f, &changed);
	request.privilege = 4;
	expected = model_allows(&f->model, resource, &request, true);
	strbuf_addf(&f->content, "{\"m2m:%s\":{", names[changed.ty]);
	if (changed.has_policies)
		write_links(&f->content, &changed);
	else
		STRBUF_LIT(&f->content, "\"acpi\":null");
	STRBUF_LIT(&f->content, "}}");
	ask(f, &request, 3, path_of(f, resource), 0);
	if (judge(f, "link", &request, path_of(f, resource), expected))
		f->model.resource[resource] = changed;
}

static void try_delete(struct fixture *f)
{
	struct model_request request = below(f, 3) ? random_request(f) : admin();
	int resource = random_resource(f, 0);
	bool expected;

	if (resource < 0 || f->model.resource[resource].ty == TY_AE_)
		return;
	request.privilege = 8;
	expected = model_allows(&f->model, resource, &request, false);
	ask(f, &request, 4, path_of(f, resource), 0);
	judge(f, "delete", &request, path_of(f, resource), expected);
	if (expected)
		f->model.resource[resource].exists = false;
	for (int depth = 0; expected && depth < 10; depth++)
		remove_dead(f);
}

static void pass_time(struct fixture *f)
{
	unsigned seconds = below(f, 2) ? below(f, 60) : below(f, 3600);

	clock_advance(&f->clock, seconds * (int64_t)SECOND_US);
	f->model.now_s += seconds;
	if (below(f, 2))
		loop_round(f->loop, 0); /* otherwise what has expired has not been swept when the next request comes */
	remove_dead(f);
}

/* ---- the test ---- */

static void register_all(struct fixture *f)
{
	for (int i = 0; i < AES; i++) {
		struct model_resource *r = &f->model.resource[i];
		struct model_request request = {.is_loopback = true};

		*r = (struct model_resource){.exists = true, .ty = TY_AE_, .parent = -1};
		snprintf(r->name, TEXT, "ae%d", i);
		snprintf(r->id, TEXT, "C%d", i);
		snprintf(r->creator, TEXT, "C%d", i);
		snprintf(r->path, sizeof(r->path), "cse-in/ae%d", i);
		snprintf(request.from, TEXT, "C%d", i);
		strbuf_addf(&f->content, "{\"m2m:ae\":{\"rn\":\"%s\",\"api\":\"N1\",\"rr\":false,\"srv\":[\"3\"]}}",
			    r->name);
		assert_int_equal(ask(f, &request, 1, "cse-in", TY_AE_), RSC_CREATED);
	}
}

static int set_up(void **state)
{
	static struct cse_config config = {
		.id = "/id-in",
		.name = "cse-in",
		.type = CSE_IN,
		.sp_id = "sp.example",
		.admin = "CAdmin",
		.releases = "3",
		.ae_originators = "C*",
		.base_create = "accessControlPolicy",
		.points_of_access = "",
		.decode = {.bytes = 1 << 20, .depth = 32, .tokens = 10000},
		.max_requests = 100,
		.cache_bytes = 1 << 20,
		.expiration_default_s = INT64_C(3153600000),
		.expiration_max_s = INT64_C(3153600000),
		.default_mni = 3,
	};
	struct fixture *f = calloc(1, sizeof(*f));
	const struct type_def *const *types;
	char message[300];
	size_t count;

	*state = f;
	config.virtuals = registry_virtuals();
	clock_init_virtual(&f->clock, START_S * (int64_t)SECOND_US);
	f->model.now_s = START_S;
	f->random = 20260101;
	f->from = "C0";
	f->log = (struct log){.level = LOG_ERROR, .out = stderr};
	f->loop = loop_create(&f->clock);
	types = registry_types(&count);
	f->schema = schema_create(types, count);
	assert_int_equal(schema_load_builtin(f->schema, message, sizeof(message)), 0);
	assert_int_equal(store_find("memory")->open("", &f->log, &f->store, message, sizeof(message)), 0);
	assert_int_equal(
		cse_open(&config, f->loop, &f->clock, &f->log, f->schema, f->store, &f->cse, message, sizeof(message)),
		0);
	register_all(f);
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	cse_close(f->cse);
	f->store->ops->close(f->store);
	schema_destroy(f->schema);
	loop_destroy(f->loop);
	strbuf_finish(&f->content);
	free(f);
	return 0;
}

static void every_decision_is_the_one_of_the_reference_algorithm(void **state)
{
	static void (*const operations[])(struct fixture * f) = {
		try_create,   try_create,   try_add_instance, try_add_instance, try_retrieve,	     try_retrieve,
		try_retrieve, try_retrieve, try_retrieve,     try_retrieve,	try_retrieve_latest, try_update,
		try_link,     try_delete,   pass_time,	      pass_time,
	};
	struct fixture *f = *state;

	while (f->permitted + f->refused < OPERATIONS)
		ANY(f, operations)(f);
	assert_null(cse_check(f->cse));
	print_message("# %u permitted, %u refused\n", f->permitted, f->refused);
	assert_true(f->permitted > OPERATIONS / 5 && f->refused > OPERATIONS / 5);
}

static void a_policy_that_would_take_long_to_judge_by_is_refused(void **state)
{
	struct fixture *f = *state;
	struct model_request request = admin();

	for (int count = 4000; count <= 6000; count += 2000) {
		strbuf_addf(&f->content, "{\"m2m:acp\":{\"pv\":{\"acr\":[{\"acop\":63,\"acor\":[\"x\"");
		for (int i = 0; i < count; i++)
			STRBUF_LIT(&f->content, ",\"x\"");
		STRBUF_LIT(&f->content, "]}]},\"pvs\":{\"acr\":[{\"acor\":[\"Ca\"],\"acop\":63}]}}}");
		assert_int_equal(ask(f, &request, 1, "cse-in", TY_POLICY),
				 count < 5000 ? RSC_CREATED : RSC_BAD_REQUEST);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_decision_is_the_one_of_the_reference_algorithm, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_policy_that_would_take_long_to_judge_by_is_refused, set_up,
						tear_down),
	};

	return cmocka_run_group_tests_name("policy model", tests, NULL, NULL);
}
