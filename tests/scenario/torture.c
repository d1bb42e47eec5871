/* Scenarios with a failing store and with limits that are too small for them. */
#include "tests/scenario/torture.h"

#include "cse/core/state.h"

#include <stdlib.h>

enum { ALL_PASS = UINT32_MAX, MOST_NEEDS = 64, PAUSE_US = 2000000 /* after which what has failed is tried again */ };

/* Of a scenario that makes thousands of calls, most of them alike, about so many fail. */
enum { MOST_CALLS = 300 };

/* Sizes of contents, each once. */
struct needs {
	size_t value[MOST_NEEDS];
	unsigned count;
};

struct torture_facts {
	int *codes; /* of the answers, in order */
	unsigned count, cap;
	unsigned calls; /* of the store that may fail */
	struct needs bytes, depth, tokens;
};

/* ---- the tree as text ---- */

static void print_instances(struct cse *cse, const struct resource *resource, bool with_bodies, struct strbuf *out)
{
	const struct instances *set = resource->instances;
	struct instance instance;

	if (!set || set->series.count == 0)
		return;
	strbuf_addf(out, " bytes %llu\n", (unsigned long long)set->bytes);
	for (uint64_t key = instances_oldest(resource); key; key = series_after(&set->series, key)) {
		strbuf_addf(out, "  %llu", (unsigned long long)key);
		if (with_bodies && instances_read(cse, resource, key, &instance) == 0)
			strbuf_addf(out, " %.*s", STR_ARG(instance.text));
		strbuf_add_char(out, '\n');
	}
}

static void print_tree(struct cse *cse, bool with_bodies, struct strbuf *out)
{
	const struct resource *resource = tree_next_postorder(cse->tree.root, NULL);

	strbuf_clear(out);
	for (; resource; resource = tree_next_postorder(cse->tree.root, (struct resource *)(uintptr_t)resource)) {
		strbuf_addf(out, "%.*s %.*s below %llu from %.*s at %lld %lld st %llu {%.*s}\n", STR_ARG(resource->id),
			    STR_ARG(resource->name), (unsigned long long)(resource->parent ? resource->parent->key : 0),
			    STR_ARG(resource->originator), (long long)resource->created_us,
			    (long long)resource->modified_us, (unsigned long long)resource->state_tag,
			    STR_ARG(resource->text));
		print_instances(cse, resource, with_bodies, out);
	}
}

static void keep_tree(struct run *run, bool with_bodies, struct strbuf *out)
{
	world_rest(&run->world);
	print_tree(run->world.cse, with_bodies, out);
	world_strain(&run->world);
}

/* The lines from which on two texts differ. */
static bool same_tree(struct run *run, const struct statement *statement, const struct strbuf *before,
		      const struct strbuf *after, const char *what)
{
	struct str was = strbuf_str(before), is = strbuf_str(after);

	if (str_eq(was, is))
		return true;
	while (was.len && is.len) {
		struct str a = str_split(&was, '\n'), b = str_split(&is, '\n');

		if (!str_eq(a, b))
			return run_break(run, statement, "%s\n   was: %.*s\n   is:  %.*s", what, STR_ARG(a),
					 STR_ARG(b));
	}
	return run_break(run, statement, "%s\n   was: %.*s\n   is:  %.*s", what, STR_ARG(was), STR_ARG(is));
}

/* ---- what the first run keeps ---- */

static bool decodes(struct str content, size_t bytes, size_t depth, size_t tokens)
{
	const struct decode_limits limits = {.bytes = bytes, .depth = (unsigned)depth, .tokens = (unsigned)tokens};
	struct arena arena;
	struct doc doc;
	struct decode_error error;
	bool ok;

	arena_init(&arena);
	ok = json_decode(content, &limits, &arena, &doc, &error) == 0;
	arena_finish(&arena);
	return ok;
}

enum { DEEPEST = 64, MOST_TOKENS = 1 << 20 };

/* The smallest limit under which the content is read. */
static size_t least(struct str content, bool of_depth)
{
	size_t low = 1, high = of_depth ? DEEPEST : MOST_TOKENS;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (decodes(content, SIZE_MAX, of_depth ? middle : DEEPEST, of_depth ? MOST_TOKENS : middle))
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static void need(struct needs *needs, size_t value)
{
	for (unsigned i = 0; i < needs->count; i++)
		if (needs->value[i] == value)
			return;
	if (needs->count < MOST_NEEDS)
		needs->value[needs->count++] = value;
}

static void keep_facts(struct torture_facts *facts, const struct exchange *exchange, int rsc)
{
	struct str content = exchange->content;

	if (facts->count == facts->cap) {
		facts->cap = facts->cap ? facts->cap * 2 : 64;
		facts->codes = xrealloc(facts->codes, facts->cap * sizeof(*facts->codes));
	}
	facts->codes[facts->count++] = rsc;
	if (!content.len || facts->bytes.count == MOST_NEEDS || !decodes(content, SIZE_MAX, DEEPEST, MOST_TOKENS))
		return;
	need(&facts->bytes, content.len);
	need(&facts->depth, least(content, true));
	need(&facts->tokens, least(content, false));
}

/* ---- judging ---- */

static bool judge_limits(struct run *run, const struct statement *statement, const struct exchange *exchange,
			 const struct reply *reply)
{
	const struct decode_limits *limits = &run->world.config.decode;

	/* An acknowledgement says only that the request came. */
	if (exchange->content.len && rsc_is_success((enum rsc)reply->rsc) && reply->rsc != RSC_ACCEPTED &&
	    !decodes(exchange->content, limits->bytes, limits->depth, limits->tokens))
		return run_break(run, statement, "content beyond a limit is answered %d", reply->rsc);
	return reply->rsc != RSC_INTERNAL_SERVER_ERROR ||
	       run_break(run, statement, "a limit is answered 5000: %.*s", STR_ARG(reply->content));
}

/* Its members answer for themselves, and what one has done stays when another, or the group, cannot do its part. */
static bool is_fan_out(const struct exchange *exchange)
{
	struct str rest = exchange->param[PARAM_to];

	while (rest.ptr)
		if (str_eq(str_split(&rest, '/'), STR("fopt")))
			return true;
	return false;
}

static bool judge_failure(struct run *run, const struct statement *statement, const struct exchange *exchange,
			  const struct reply *reply, int normal)
{
	struct torture *torture = run->torture;
	struct strbuf after = {0};
	bool ok;

	if (!torture->is_alone || reply->rsc == normal)
		return true;
	if (reply->rsc != RSC_INTERNAL_SERVER_ERROR)
		return run_break(run, statement, "the store fails, and instead of %d or 5000 comes %d %.*s", normal,
				 reply->rsc, STR_ARG(reply->content));
	if (torture->before.len == 0 || is_fan_out(exchange))
		return true;
	keep_tree(run, false, &after);
	ok = same_tree(run, statement, &torture->before, &after, "answered 5000, and something has changed");
	strbuf_finish(&after);
	return ok;
}

bool torture_judges(struct run *run, const struct statement *statement, const struct exchange *exchange,
		    const struct reply *reply)
{
	struct torture *torture = run->torture;
	const struct torture_facts *facts = torture->facts;
	unsigned index = torture->request++, left = world_failures_left(&run->world);
	int normal = index < facts->count ? facts->codes[index] : RSC_NONE;

	if (torture->is_first) {
		keep_facts(torture->facts, exchange, reply->rsc);
		return true;
	}
	if (torture->strain.decode.bytes || torture->strain.decode.depth || torture->strain.decode.tokens)
		return judge_limits(run, statement, exchange, reply);
	if (torture->left_before && !left)
		return judge_failure(run, statement, exchange, reply, normal);
	if (left && reply->rsc != normal)
		return run_break(run, statement, "before anything fails: %d instead of %d %.*s", reply->rsc, normal,
				 STR_ARG(reply->content));
	return reply->rsc != RSC_INTERNAL_SERVER_ERROR ||
	       run_break(run, statement, "5000 though the store works: %.*s", STR_ARG(reply->content));
}

/* Over HTTP requests and deliveries mix as they come. Over core deliveries come to their end before each request, and
 * what then changes is the request's. */
void torture_begins(struct run *run, bool is_alone)
{
	struct torture *torture = run->torture;
	bool settles = is_alone && !run->transport->binding && !run->world.sink.hanging_count;

	if (settles)
		world_settle(&run->world);
	strbuf_clear(&torture->before);
	torture->left_before = world_failures_left(&run->world);
	torture->is_alone = is_alone;
	if (settles && torture->left_before && !torture->is_first)
		keep_tree(run, false, &torture->before);
}

/* ---- cases ---- */

/* The last statement, for what is said about the end. */
static const struct statement *last_of(const struct scenario *scenario)
{
	const struct statement *statement = scenario->statements;

	while (statement && statement->next)
		statement = statement->next;
	return statement;
}

static bool survives_a_crash(struct run *run)
{
	const struct statement *last = last_of(run->scenario);
	struct strbuf before = {0}, after = {0};
	const char *fault;
	bool ok;

	run->torture->has_fallen = world_failures_left(&run->world) == 0;
	world_rest(&run->world);
	print_tree(run->world.cse, true, &before);
	ok = world_crash(&run->world) == 0 || run_break(run, last, "after a crash: %s", run->world.message);
	if (ok) {
		print_tree(run->world.cse, true, &after);
		ok = same_tree(run, last, &before, &after, "after a crash it is not what was acknowledged");
	}
	fault = ok ? cse_check(run->world.cse) : NULL;
	if (fault)
		ok = run_break(run, last, "cse_check after a crash: %s", fault);
	strbuf_finish(&before);
	strbuf_finish(&after);
	return ok;
}

/* Of a run in which nothing fails. */
static unsigned calls_made(struct world *world)
{
	unsigned passing, failures;

	store_faulty_left(world->store, &passing, &failures);
	return ALL_PASS - passing;
}

/* Runs the case in *torture. */
static bool run_case(const struct run *like, struct schema *schema, bool sqlite, struct torture *torture,
		     struct strbuf *failure)
{
	struct run run = *like;
	bool ok;

	run.torture = torture;
	ok = run_scenario(&run, schema, sqlite);
	if (ok && torture->is_first)
		torture->facts->calls = calls_made(&run.world);
	if (run.world.cse)
		world_advance(&run.world, PAUSE_US);
	if (ok && sqlite)
		ok = survives_a_crash(&run);
	if (!ok)
		strbuf_add_str(failure, strbuf_str(&run.failure));
	run_finish(&run);
	if (!sqlite)
		torture->has_fallen = run.world.strain.failures == 0;
	strbuf_finish(&torture->before);
	return ok;
}

struct cases {
	const struct run *like;
	struct schema *schema;
	bool sqlite, without_cache;
	unsigned stride, offset;
	struct torture_facts *facts;
	struct tally *tally;
	struct strbuf *failure;
};

static bool torture_calls(const struct cases *cases)
{
	bool has_fallen = true;
	unsigned stride = cases->stride * (cases->facts->calls / MOST_CALLS + 1);

	cases->tally->thinned += cases->facts->calls >= MOST_CALLS;

	for (unsigned n = cases->offset % stride; n < cases->facts->calls || has_fallen; n += stride) {
		struct torture torture = {
			.strain = {.passing = n, .failures = 1, .without_cache = cases->without_cache},
			.facts = cases->facts};

		if (!run_case(cases->like, cases->schema, cases->sqlite, &torture, cases->failure)) {
			strbuf_addf(cases->failure, "with %u calls of the store passing and one failing\n", n);
			return false;
		}
		has_fallen = torture.has_fallen;
		cases->tally->calls += has_fallen;
	}
	return true;
}

static bool torture_limit(const struct cases *cases, const struct needs *needs, struct decode_limits one,
			  const char *what)
{
	for (unsigned i = cases->offset % cases->stride; i < needs->count; i += cases->stride) {
		size_t most = needs->value[i] - 1;
		struct torture torture = {.strain.decode = {.bytes = one.bytes * most,
							    .depth = one.depth * (unsigned)most,
							    .tokens = one.tokens * (unsigned)most},
					  .facts = cases->facts};

		if (most == 0)
			continue;
		if (!run_case(cases->like, cases->schema, cases->sqlite, &torture, cases->failure)) {
			strbuf_addf(cases->failure, "with at most %zu %s\n", most, what);
			return false;
		}
		cases->tally->limits++;
	}
	return true;
}

static bool torture_limits(const struct cases *cases)
{
	const struct torture_facts *facts = cases->facts;

	return torture_limit(cases, &facts->bytes, (struct decode_limits){.bytes = 1}, "bytes of content") &&
	       torture_limit(cases, &facts->depth, (struct decode_limits){.depth = 1}, "levels of nesting") &&
	       torture_limit(cases, &facts->tokens, (struct decode_limits){.tokens = 1}, "names and values");
}

bool torture_scenario(const struct run *like, struct schema *schema, bool sqlite, unsigned stride, unsigned offset,
		      struct tally *tally, struct strbuf *failure)
{
	struct torture_facts facts = {0};
	struct cases cases = {like, schema, sqlite, !like->transport->binding, stride, offset, &facts, tally, failure};
	struct torture first = {
		.strain = {.passing = ALL_PASS, .failures = 1, .without_cache = cases.without_cache},
		.is_first = true,
		.facts = &facts,
	};
	bool ok = run_case(like, schema, sqlite, &first, failure);

	tally->scenarios++;
	if (!ok)
		STRBUF_LIT(failure, "with nothing failing\n");
	ok = ok && torture_calls(&cases);
	if (ok && !like->transport->binding && sqlite)
		ok = torture_limits(&cases);
	free(facts.codes);
	return ok;
}
