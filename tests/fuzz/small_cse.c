/* small_cse: see small_cse.h. */
#include "tests/fuzz/small_cse.h"

#include "resources/registry.h"
#include "tests/fuzz/fuzz.h"
#include "tests/scenario/coverage.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The tree that is there at the beginning. */
static const char tree[] =
	"op=1\tto=cse-in\tty=1\tpc={\"m2m:acp\":{\"rn\":\"tp\",\"pv\":{\"acr\":[{\"acor\":[\"all\"],\"acop\":63}]},"
	"\"pvs\":{\"acr\":[{\"acor\":[\"CAdmin\"],\"acop\":63}]}}}\n"
	"op=1\tto=cse-in\tfr=Ct\tty=2\tpc={\"m2m:ae\":{\"rn\":\"ta\",\"api\":\"Nx\",\"rr\":true,\"srv\":[\"3\"],"
	"\"poa\":[\"sink://a\"]}}\n"
	"op=1\tto=cse-in\tty=3\tpc={\"m2m:cnt\":{\"rn\":\"tc\",\"mni\":3,\"lbl\":[\"a\",\"color:red\"],"
	"\"acpi\":[\"cse-in/tp\"]}}\n"
	"op=1\tto=cse-in/tc\tty=4\tpc={\"m2m:cin\":{\"rn\":\"ti\",\"con\":\"1\",\"cnf\":\"text/plain:0\",\"lbl\":[\"b\"]}}\n"
	"op=1\tto=cse-in/tc\tty=3\tpc={\"m2m:cnt\":{\"rn\":\"td\"}}\n"
	"op=1\tto=cse-in/tc/td\tty=4\tpc={\"m2m:cin\":{\"con\":\"2\"}}\n"
	"op=1\tto=cse-in\tty=9\tpc={\"m2m:grp\":{\"rn\":\"tg\",\"mt\":3,\"mnm\":9,\"mid\":[\"cse-in/tc\",\"cse-in/tc/td\"]}}\n"
	"op=1\tto=cse-in\tty=14\tpc={\"m2m:nod\":{\"rn\":\"tn\",\"ni\":\"n1\"}}\n"
	"op=1\tto=cse-in/tc\tty=23\tpc={\"m2m:sub\":{\"rn\":\"ts\",\"nu\":[\"sink://a\"],\"enc\":{\"net\":[1,2,3,4]},"
	"\"nct\":1}}\n"
	"op=1\tto=cse-in/tc/ts\tty=18\tpc={\"m2m:sch\":{\"rn\":\"notificationSchedule\",\"se\":{\"sce\":[\"* * * * * * *\"]}}}\n"
	"op=1\tto=cse-in\tfr=Cq\tty=2\tpc={\"m2m:ae\":{\"rn\":\"tk\",\"api\":\"Nx\",\"rr\":false,\"srv\":[\"3\"],"
	"\"acpi\":[\"cse-in/tp\"]}}\n"
	"op=1\tto=cse-in/tk\tfr=Cq\tty=15\tpc={\"m2m:pch\":{\"rn\":\"tq\"}}\n";

enum { RESOURCES_OF_TREE = 11 }; /* and the CSEBase; instances do not count */

static const char *const targets[] = {
	"cse-in",
	"cse-in/tc",
	"cse-in/tc/td",
	"cse-in/tc/la",
	"cse-in/tc/ol",
	"cse-in/tc/ti",
	"cse-in/tc/ts",
	"cse-in/tc/ts/notificationSchedule",
	"cse-in/tg",
	"cse-in/tg/fopt",
	"cse-in/tg/fopt/la",
	"cse-in/ta",
	"/id-in/cse-in",
	"//sp.example.com/id-in/cse-in/tc",
	"cse-in/tn",
	"cse-in/tp",
	"-/tc",
	"cse-in/x",
	"/id-in/Ct",
	"cse-in/tc/td/la",
	"cse-in/tk",
	"cse-in/tk/tq",
	"cse-in/tk/tq/pcu",
};
static const char *const originators[] = {"CAdmin", "Ct", "Cb", "C", "S", "/id-in", "/id-in/Ct", "cse-in/ta", "Cq"};
static const char *const contents[] = {
	"{\"m2m:cnt\":{}}",
	"{\"m2m:cin\":{\"con\":\"x\"}}",
	"{\"m2m:cnt\":{\"mni\":1}}",
	"{\"m2m:cnt\":{\"mbs\":2,\"lbl\":[\"x\"]}}",
	"{\"m2m:cnt\":{\"acpi\":null,\"lbl\":null}}",
	"{\"m2m:ae\":{\"api\":\"Nx\",\"rr\":false,\"srv\":[\"3\"]}}",
	"{\"m2m:grp\":{\"mt\":0,\"mnm\":5,\"mid\":[\"cse-in/tc\",\"cse-in/ta\",\"cse-in/tg\"]}}",
	"{\"m2m:sub\":{\"nu\":[\"sink://a\"],\"bn\":{\"num\":2,\"dur\":\"PT9S\"}}}",
	"{\"m2m:sub\":{\"nu\":[\"cse-in/ta\"],\"enc\":{\"net\":[5]}}}",
	"{\"m2m:atrl\":[\"lbl\",\"mni\"]}",
	"{\"m2m:sgn\":{\"nev\":{\"net\":1},\"sur\":\"cse-in/tc/ts\"}}",
	"{\"m2m:sub\":{\"nu\":[\"cse-in/tk\"],\"enc\":{\"net\":[1,2,3,4,5]}}}",
	"{\"m2m:sub\":{\"nu\":[\"sink://a\"],\"enc\":{\"net\":[7]}}}",
	"{\"m2m:sub\":{\"nu\":[\"cse-in/tk\",\"sink://a\"],\"exc\":2,\"su\":\"cse-in/tk\"}}",
};

/* A request, its answer and what it was made of. */
struct companion {
	struct list link; /* in under_way */
	struct str line;
	struct exchange exchange;
	struct reply reply;
	struct flight flight;
	bool is_waited_for;
};

/* ---- one request ---- */

static struct str pick(const char *const *list, size_t count, struct str value)
{
	if (value.len == 1 && (unsigned char)value.ptr[0] >= 0x80)
		return str_of(list[(unsigned char)value.ptr[0] % count]);
	return value;
}

static void set_parameter(struct exchange *exchange, enum parameter parameter, struct str value)
{
	if (parameter == PARAM_to)
		value = pick(targets, COUNT(targets), value);
	else if (parameter == PARAM_from)
		value = pick(originators, COUNT(originators), value);
	/* What is not UTF-8, no binding lets in. */
	if (parameter != PARAM_COUNT && str_is_utf8(value))
		exchange->param[parameter] = value;
}

static void add_condition(struct exchange *exchange, struct str name, struct str value)
{
	if (exchange->condition_count < MAX_CONDITIONS && str_is_utf8(name) && str_is_utf8(value))
		exchange->conditions[exchange->condition_count++] =
			(struct filter_item){condition_find(name), name, value};
}

/* What answers the request that was fetched last. */
static void set_answer(struct small_cse *small, struct exchange *exchange, struct str code)
{
	exchange->param[PARAM_operation] = STR("5");
	exchange->content = arena_printf(&small->arena, "{\"m2m:rsp\":{\"rsc\":%.*s,\"rqi\":%.*s}}", STR_ARG(code),
					 STR_ARG(small->fetched));
}

static void set_field(struct small_cse *small, struct companion *companion, struct str field)
{
	struct exchange *exchange = &companion->exchange;
	struct str value = field, name = str_split(&value, '=');

	if (str_eq(field, STR("remote")))
		exchange->peer.is_direct_loopback = false;
	else if (str_eq(field, STR("later")))
		companion->is_waited_for = false;
	else if (str_starts(field, STR("!")) && parameter_find(str_from(field, 1)) != PARAM_COUNT)
		exchange->param[parameter_find(str_from(field, 1))] = (struct str){0};
	else if (!value.ptr)
		return;
	else if (str_starts(name, STR("?")))
		add_condition(exchange, str_from(name, 1), value);
	else if (str_eq(name, STR("pc")))
		exchange->content = pick(contents, COUNT(contents), value);
	else if (str_eq(name, STR("etag")))
		exchange->accept_etag = value;
	else if (str_eq(name, STR("rtu")) && str_is_utf8(value))
		exchange->response_targets = value;
	else if (str_eq(name, STR("fetched")))
		set_answer(small, exchange, value);
	else
		set_parameter(exchange, parameter_find(name), value);
}

static void wait_for(struct small_cse *small, const struct flight *flight)
{
	enum { ROUNDS_AT_ONCE = 20, ROUNDS_AT_MOST = 4000, STEP_US = 1000000 };

	for (int i = 0; i < ROUNDS_AT_MOST && !flight->done; i++) {
		if (i > ROUNDS_AT_ONCE)
			clock_advance(&small->world.clock, STEP_US);
		loop_round(small->world.loop, 0);
	}
}

/* The identifier of a request that a poll has fetched, the first of several. */
static void note_fetched(struct small_cse *small, struct str content)
{
	static const char name[] = "\"rqi\":";
	const char *at = content.ptr ? memmem(content.ptr, content.len, name, sizeof(name) - 1) : NULL;
	struct str rest;

	if (!at || !(str_starts(content, STR("{\"m2m:rqp\"")) || str_starts(content, STR("{\"m2m:agrp\""))))
		return;
	rest = str_from(content, (size_t)(at - content.ptr) + sizeof(name) - 1);
	small->fetched = str_split(&rest, ',');
}

static void take_reply(struct small_cse *small, struct companion *companion)
{
	const char *fault = NULL;

	list_remove(&companion->link);
	note_fetched(small, companion->reply.content);
	if (!small->has_jumped)
		fault = inspect_reply(small->world.schema, &companion->exchange, &companion->reply, &small->arena);
	if (fault)
		fuzz_give_up(fault, companion->line, "");
}

static void settle(struct small_cse *small)
{
	enum { ROUNDS = 3 };
	const char *fault;

	for (int i = 0; i < ROUNDS; i++)
		loop_round(small->world.loop, 0);
	list_each (item, &small->under_way)
		if (container_of(item, struct companion, link)->flight.done)
			take_reply(small, container_of(item, struct companion, link));
	world_rest(&small->world);
	fault = cse_check(small->world.cse);
	world_strain(&small->world);
	if (fault)
		fuzz_give_up("cse_check", STR(""), fault);
}

static void request(struct small_cse *small, struct str line)
{
	struct companion *companion = arena_zalloc(&small->arena, sizeof(*companion));
	struct exchange *exchange = &companion->exchange;
	struct str rest = line;
	const char *fault;
	int64_t op;

	companion->line = line;
	companion->is_waited_for = true;
	exchange->op = OP_RETRIEVE;
	exchange->peer.is_direct_loopback = true;
	exchange->param[PARAM_operation] = STR("2");
	exchange->param[PARAM_to] = STR("cse-in");
	exchange->param[PARAM_from] = STR("CAdmin");
	exchange->param[PARAM_requestIdentifier] = arena_printf(&small->arena, "r%u", ++small->requests);
	exchange->param[PARAM_releaseVersionIndicator] = STR("3");
	while (rest.ptr)
		set_field(small, companion, str_split(&rest, '\t'));
	if (str_to_i64(exchange->param[PARAM_operation], &op) == 0 && op >= OP_CREATE && op <= OP_NOTIFY)
		exchange->op = (enum operation)op;
	fault = core_submit(&small->world, exchange, &small->arena, &companion->reply, &companion->flight);
	if (!fault && companion->is_waited_for)
		wait_for(small, &companion->flight);
	if (!fault && companion->is_waited_for && !companion->flight.done)
		fault = "no answer";
	if (fault)
		fuzz_give_up(fault, line, "");
	list_push(&small->under_way, &companion->link);
	settle(small);
}

/* ---- lines ---- */

static void pass_time(struct small_cse *small, struct str number, int64_t unit_us,
		      void (*pass)(struct clock *, int64_t))
{
	static const int64_t most = INT64_C(1000000000000);
	int64_t n;

	if (str_to_i64(number, &n) < 0 || n > most / unit_us * 1000 || n < -most / unit_us * 1000)
		return;
	if (pass == clock_advance && n < 0)
		return;
	small->has_jumped |= pass == clock_step_wall;
	pass(&small->world.clock, n * unit_us);
	settle(small);
}

/* Of the calls of the store, one. */
static void let_fail(struct small_cse *small, struct str number)
{
	enum { MOST = 100 };
	uint64_t n;

	if (str_to_u64(number, &n) < 0 || n > MOST)
		return;
	small->world.strain.passing = (unsigned)n;
	small->world.strain.failures = 1;
	world_strain(&small->world);
}

static void carry_out(struct small_cse *small, struct str line)
{
	struct str value = line, name = str_split(&value, '=');

	if (str_eq(name, STR("advance")))
		pass_time(small, value, 1000, clock_advance);
	else if (str_eq(name, STR("wall")))
		pass_time(small, value, 1000000, clock_step_wall);
	else if (str_eq(name, STR("fails")))
		let_fail(small, value);
	else if (str_eq(name, STR("sink")) && value.ptr)
		(void)!sink_set(&small->world.sink, STR("sink://a"), value);
	else
		request(small, line);
}

void small_cse_run(struct small_cse *small, struct str lines)
{
	for (unsigned i = 0; i < LINES_MAX && lines.ptr; i++)
		carry_out(small, str_split(&lines, '\n'));
}

/* ---- opening ---- */

static struct schema *shared_schema(void)
{
	static struct schema *schema;
	const struct type_def *const *types;
	char message[300];
	size_t count;

	if (schema)
		return schema;
	types = registry_types(&count);
	schema = schema_create(types, count);
	if (schema_load_builtin(schema, message, sizeof(message)) < 0)
		fuzz_give_up("schema", STR(""), message);
	return schema;
}

void small_cse_open(struct small_cse *small)
{
	static const struct scenario none;
	static const struct strain strain;

	small->requests = 0;
	small->has_jumped = false;
	small->fetched = STR("\"\"");
	list_init(&small->under_way);
	arena_init(&small->arena);
	if (world_init(&small->world, shared_schema(), &none, false, (struct world_binding){0}, &strain, NULL) != 0)
		fuzz_give_up("world", STR(""), small->world.message);
	small_cse_run(small, STR(tree));
	FUZZ_HOLDS(cse_resource_count(small->world.cse) == RESOURCES_OF_TREE);
}

/* What is under way has its end in a while of the CSE's time, without waiting for ours. */
void small_cse_close(struct small_cse *small)
{
	enum { ROUNDS_AT_MOST = 2000, ROUNDS_IDLE = 10, STEP_US = 5000000 };
	int idle = 0;

	world_rest(&small->world);
	for (int i = 0; i < ROUNDS_AT_MOST && idle < ROUNDS_IDLE; i++) {
		loop_round(small->world.loop, 0);
		idle = cse_is_idle(small->world.cse) ? idle + 1 : 0;
		if (idle == 0)
			clock_advance(&small->world.clock, STEP_US);
	}
	FUZZ_HOLDS(idle == ROUNDS_IDLE);
	settle(small);
	FUZZ_HOLDS(list_empty(&small->under_way));
	world_finish(&small->world);
	arena_finish(&small->arena);
}

struct small_cse *small_cse_shared(void)
{
	static struct small_cse small;

	if (!small.world.cse)
		small_cse_open(&small);
	return &small;
}
