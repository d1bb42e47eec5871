/* fuzz_query: the request target's way to an address and criteria, the criteria held against a small tree, and
 * expressions over labels. Each line is one request target. */
#include "tests/fuzz/fuzz.h"

#include "bindings/target.h"
#include "cse/core/filter.h"
#include "cse/core/state.h"
#include "tests/fuzz/small_cse.h"

/* The path that a client is shown for an address leads to the same address. */
static void check_way_back(struct cse *cse, const struct request *req)
{
	struct request *again = request_create(cse);
	struct str to = req->param[PARAM_to], own = cse_id(cse);
	struct strbuf path = {0};

	target_add_path(&path, STR("/x"), own, to);
	target_map(again, strbuf_str(&path), STR("/x"), NULL);
	if (!str_starts(to, STR("/")))
		to = arena_join(&again->arena, own, STR("/"), to);
	if (again->refused != RSC_NONE || !str_eq(again->param[PARAM_to], to))
		fuzz_give_up("the way back", strbuf_str(&path), again->refused_why);
	strbuf_finish(&path);
	request_release(again);
}

static void match_all(struct request *req)
{
	struct effort effort = {.req = req, .left = 100000};
	struct resource *root = req->cse->tree.root, *resource = NULL;

	arena_init(&effort.work);
	while ((resource = tree_next_postorder(root, resource)) != NULL) {
		struct candidate candidate = {.resource = resource, .type = resource->type};
		bool matches = filter_matches(&effort, req->query, &candidate);

		FUZZ_HOLDS(!matches || filter_may_match_type(&effort, req->query, resource->type));
		arena_reset(&effort.work);
	}
	arena_finish(&effort.work);
}

static void map_line(struct small_cse *small, struct str line)
{
	struct cse *cse = small->world.cse;
	struct request *req = request_create(cse);

	target_map(req, line, STR(""), small->world.schema);
	if (req->refused != RSC_NONE) {
		FUZZ_HOLDS(req->refused_why && str_is_utf8(str_of(req->refused_why)));
	} else {
		check_way_back(cse, req);
		req->from = STR("Ca");
		req->op = OP_RETRIEVE;
		req->received_us = clock_wall_us(cse_clock(cse));
		if (filter_decode(req) == RSC_NONE && req->query)
			match_all(req);
	}
	request_release(req);
}

static void read_labels(struct str line)
{
	static const struct str labels[] = {{"a", 1}, {"color:red", 9}, {"b:c:d", 5}, {":", 1}, {"", 0}};
	struct arena arena;
	struct labels_query *query;
	const char *wrong;

	arena_init(&arena);
	query = labels_queries(&arena, 1);
	wrong = labels_query_parse(query, line, &arena);
	FUZZ_HOLDS(!wrong || wrong[0]);
	if (!wrong)
		(void)!labels_query_matches(query, labels, sizeof(labels) / sizeof(labels[0]));
	arena_finish(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = str_make((const char *)data, size);

	while (rest.ptr) {
		struct str line = str_split(&rest, '\n');

		map_line(small_cse_shared(), line);
		read_labels(line);
	}
	return 0;
}
