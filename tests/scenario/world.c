/* Opening and closing the CSE that a scenario runs against. */
#include "tests/scenario/world.h"

#include "bindings/registry.h"
#include "cse/core/state.h"
#include "resources/registry.h"

#include <dirent.h>
#include <unistd.h>

static const struct cse_config defaults = {
	.id = "/id-in",
	.name = "cse-in",
	.type = CSE_IN,
	.sp_id = "sp.example.com",
	.admin = "CAdmin",
	.releases = "2a,3,4,5",
	.ae_originators = "C*,S*",
	.fanout_timeout_s = 30,
	.base_create = "accessControlPolicy",
	.points_of_access = "http://127.0.0.1:8080",
	.decode = {.bytes = 1 << 20, .depth = 32, .tokens = 20000},
	.max_requests = 100,
	.notify_timeout_s = 10,
	.poll_timeout_s = 60,
	.result_persistence_s = 3600,
	.most_deferrals = 1000,
	.notify_max_age_s = 86400,
	.notify_retry_longest_s = 60,
	.notify_most_queued = 1000,
	.notify_most_in_flight = 100,
	.batch_duration_s = 60,
	.cache_bytes = 1 << 20,
	.expiration_default_s = 400 * 86400,
	.expiration_max_s = 3660 * 86400LL,
	.expiration_grace_s = 3600,
};

enum setting_kind { SETTING_TEXT, SETTING_SECONDS, SETTING_U64, SETTING_TYPE, SETTING_BOOL };

static const struct {
	const char *key;
	enum setting_kind kind;
	size_t offset;
} settings[] = {
	{"cse.id", SETTING_TEXT, offsetof(struct cse_config, id)},
	{"cse.name", SETTING_TEXT, offsetof(struct cse_config, name)},
	{"cse.type", SETTING_TYPE, offsetof(struct cse_config, type)},
	{"cse.sp-id", SETTING_TEXT, offsetof(struct cse_config, sp_id)},
	{"cse.admin", SETTING_TEXT, offsetof(struct cse_config, admin)},
	{"cse.admin-from-anywhere", SETTING_BOOL, offsetof(struct cse_config, admin_from_anywhere)},
	{"cse.releases", SETTING_TEXT, offsetof(struct cse_config, releases)},
	{"cse.ae-originators", SETTING_TEXT, offsetof(struct cse_config, ae_originators)},
	{"limits.aes", SETTING_U64, offsetof(struct cse_config, most_aes)},
	{"limits.originator-children", SETTING_U64, offsetof(struct cse_config, most_children)},
	{"limits.originator-groups", SETTING_U64, offsetof(struct cse_config, most_groups)},
	{"limits.originator-bytes", SETTING_U64, offsetof(struct cse_config, most_bytes)},
	{"limits.discovery-results", SETTING_U64, offsetof(struct cse_config, discovery_results)},
	{"limits.discovery-cost", SETTING_U64, offsetof(struct cse_config, discovery_cost)},
	{"notify.timeout", SETTING_SECONDS, offsetof(struct cse_config, notify_timeout_s)},
	{"notify.max-age", SETTING_SECONDS, offsetof(struct cse_config, notify_max_age_s)},
	{"notify.retry-longest", SETTING_SECONDS, offsetof(struct cse_config, notify_retry_longest_s)},
	{"notify.max-queue", SETTING_U64, offsetof(struct cse_config, notify_most_queued)},
	{"notify.max-in-flight", SETTING_U64, offsetof(struct cse_config, notify_most_in_flight)},
	{"notify.batch-duration", SETTING_SECONDS, offsetof(struct cse_config, batch_duration_s)},
	{"notify.unverified", SETTING_BOOL, offsetof(struct cse_config, notify_unverified)},
	{"group.timeout", SETTING_SECONDS, offsetof(struct cse_config, fanout_timeout_s)},
	{"access.strict", SETTING_BOOL, offsetof(struct cse_config, strict)},
	{"access.base-create", SETTING_TEXT, offsetof(struct cse_config, base_create)},
	{"registration.require-subscription", SETTING_BOOL, offsetof(struct cse_config, require_subscription)},
	{"cse.points-of-access", SETTING_TEXT, offsetof(struct cse_config, points_of_access)},
	{"expiration.default", SETTING_SECONDS, offsetof(struct cse_config, expiration_default_s)},
	{"expiration.max", SETTING_SECONDS, offsetof(struct cse_config, expiration_max_s)},
	{"expiration.grace", SETTING_SECONDS, offsetof(struct cse_config, expiration_grace_s)},
	{"container.default-mni", SETTING_U64, offsetof(struct cse_config, default_mni)},
	{"container.default-mbs", SETTING_U64, offsetof(struct cse_config, default_mbs)},
	{"container.default-mia", SETTING_U64, offsetof(struct cse_config, default_mia)},
};

static int apply_setting(struct world *world, enum setting_kind kind, void *at, struct str value)
{
	int64_t span;
	uint64_t number;

	switch (kind) {
	case SETTING_TEXT:
		*(const char **)at = arena_cstr(&world->arena, value);
		return 0;
	case SETTING_SECONDS:
		if (parse_span(value, &span) != 0)
			return -1;
		*(int64_t *)at = span / 1000000;
		return 0;
	case SETTING_U64:
		if (str_to_u64(value, &number) != 0)
			return -1;
		*(uint64_t *)at = number;
		return 0;
	case SETTING_BOOL:
		*(bool *)at = str_eq(value, STR("yes"));
		return 0;
	case SETTING_TYPE:
		*(enum cse_type *)at = str_eq(value, STR("IN")) ? CSE_IN : str_eq(value, STR("MN")) ? CSE_MN : CSE_ASN;
		return 0;
	}
	return -1;
}

static int configure(struct world *world, const struct scenario *scenario)
{
	world->config = defaults;
	world->config.virtuals = registry_virtuals();
	for (const struct assignment *line = scenario->assignments; line; line = line->next) {
		int status = -1;

		for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
			if (str_eq(line->key, str_of(settings[i].key)))
				status = apply_setting(world, settings[i].kind,
						       (char *)&world->config + settings[i].offset, line->value);
		if (status != 0) {
			snprintf(world->message, sizeof(world->message), "config %.*s: not understood",
				 STR_ARG(line->key));
			return -1;
		}
	}
	return 0;
}

static void bear(struct world *world)
{
	const struct decode_limits *most = &world->strain.decode;
	struct decode_limits *limits = &world->config.decode;

	if (most->bytes)
		limits->bytes = most->bytes;
	if (most->depth)
		limits->depth = most->depth;
	if (most->tokens)
		limits->tokens = most->tokens;
	if (world->strain.without_cache)
		world->config.cache_bytes = 0;
}

static bool wants_failing_store(const struct scenario *scenario)
{
	for (const struct statement *statement = scenario->statements; statement; statement = statement->next)
		if (statement->kind == STATEMENT_STORE_FAILS)
			return true;
	return false;
}

/* As an operator would: the broker of this run says truly who sends, and pings would come too soon on a virtual clock.
 */
static int set_options(struct world *world)
{
	const char *const assignments[] = {
		arena_printf(&world->arena, "mqtt.trusted=%s", world->wanted.listen ? world->wanted.listen : "").ptr,
		"mqtt.admin=yes",
		"websocket.ping=0",
	};

	config_init(&world->options);
	for (size_t i = 0; i < sizeof(assignments) / sizeof(assignments[0]); i++)
		if (config_set(&world->options, assignments[i], world->message, sizeof(world->message)) < 0)
			return -1;
	return 0;
}

static int open_binding(struct world *world)
{
	struct setting section[KEY_COUNT + 1];
	const struct binding_config config = {
		.schema = world->schema,
		.listen = world->wanted.listen ? world->wanted.listen : "127.0.0.1:0",
		.root = "",
		.cors_origins = "",
		.max_body = 1 << 20,
		.max_headers = 16384,
		.max_connections = 100,
		.header_timeout_ms = 10000,
		.body_timeout_ms = 30000,
		.idle_timeout_ms = 60000,
		.drain_timeout_ms = 5000,
		.networks = "",
		.most_outgoing = 10,
		.max_answer = 1 << 16,
		.settings = section,
	};

	config_section(&world->options, world->wanted.name, section);
	world->binding = binding_find(world->wanted.name);
	if (!world->binding) {
		snprintf(world->message, sizeof(world->message), "there is no binding %s", world->wanted.name);
		return -1;
	}
	return world->binding->open(world->cse, world->loop, &config, &world->binding_state, world->message,
				    sizeof(world->message));
}

static int open_store(struct world *world)
{
	char path[100];
	const struct store_ops *ops = store_find(world->directory[0] ? "sqlite" : "memory");

	if (!ops) {
		snprintf(world->message, sizeof(world->message), "there is no such store");
		return -1;
	}
	snprintf(path, sizeof(path), "%s/store.db", world->directory);
	if (ops->open(path, &world->log, &world->store, world->message, sizeof(world->message)) != 0)
		return -1;
	if (world->may_fail) {
		world->inner = world->store;
		world->store = store_faulty_create(world->inner);
		store_faulty_set(world->store, world->strain.passing, world->strain.failures, ERROR_IO);
	}
	return 0;
}

static int open_once(struct world *world)
{
	if (open_store(world) != 0)
		return -1;
	if (cse_open(&world->config, world->loop, &world->clock, &world->log, world->schema, world->store, &world->cse,
		     world->message, sizeof(world->message)) != 0)
		return -1;
	cse_add_binding(world->cse, &binding_sink, (struct binding_state *)(void *)&world->sink);
	if (world->wanted.name && open_binding(world) < 0)
		return -1;
	world_settle(world);
	return 0;
}

static void close_all(struct world *world)
{
	if (world->cse) {
		world_settle(world);
		cse_remove_bindings(world->cse);
	}
	if (world->binding_state)
		world->binding->close(world->binding_state);
	if (world->cse)
		cse_close(world->cse);
	if (world->store) {
		if (world->is_strained)
			store_faulty_left(world->store, &world->strain.passing, &world->strain.failures);
		world->store->ops->close(world->store);
	}
	world->binding_state = NULL;
	world->cse = NULL;
	world->store = NULL;
}

/* A start that the store has failed is tried once more. */
static int open_all(struct world *world)
{
	unsigned failures = world->strain.failures;

	if (open_once(world) == 0)
		return 0;
	close_all(world);
	return world->is_strained && world->strain.failures < failures ? open_once(world) : -1;
}

/* Without a trace only what an operator must act on is shown, and not even that where the store fails on purpose. */
static int open_log(struct world *world, FILE *trace)
{
	world->log = (struct log){.level = trace ? LOG_DEBUG : LOG_ERROR, .out = trace ? trace : stderr};
	if (trace || !world->may_fail)
		return 0;
	world->silence = fopen("/dev/null", "we");
	if (!world->silence)
		return -1;
	world->log.out = world->silence;
	return 0;
}

int world_init(struct world *world, struct schema *schema, const struct scenario *scenario, bool sqlite,
	       struct world_binding wanted, const struct strain *strain, FILE *log)
{
	const char *base = getenv("TMPDIR");

	memset(world, 0, sizeof(*world));
	arena_init(&world->arena);
	clock_init_virtual(&world->clock, WORLD_START_S * (int64_t)1000000);
	world->loop = loop_create(&world->clock);
	sink_init(&world->sink, world->loop);
	world->schema = schema;
	world->wanted = wanted;
	world->is_strained = strain != NULL;
	if (strain)
		world->strain = *strain;
	world->may_fail = strain || wants_failing_store(scenario);
	if (open_log(world, log) != 0)
		return -1;
	if (configure(world, scenario) != 0 || set_options(world) != 0)
		return -1;
	bear(world);
	if (sqlite) {
		snprintf(world->directory, sizeof(world->directory), "%.40s/copse-scenario-XXXXXX",
			 base ? base : "/tmp");
		if (!mkdtemp(world->directory)) {
			snprintf(world->message, sizeof(world->message), "no temporary directory: %m");
			world->directory[0] = '\0';
			return -1;
		}
	}
	return open_all(world);
}

int world_restart(struct world *world, int64_t down_us)
{
	close_all(world);
	clock_advance(&world->clock, down_us);
	return open_all(world);
}

int world_crash(struct world *world)
{
	store_faulty_set(world->store, 0, UINT32_MAX, ERROR_IO);
	close_all(world);
	world->strain.failures = 0;
	return open_all(world);
}

void world_rest(struct world *world)
{
	if (!world->is_strained)
		return;
	store_faulty_left(world->store, &world->strain.passing, &world->strain.failures);
	store_faulty_set(world->store, 0, 0, 0);
}

void world_strain(struct world *world)
{
	if (world->is_strained)
		store_faulty_set(world->store, world->strain.passing, world->strain.failures, ERROR_IO);
}

unsigned world_failures_left(struct world *world)
{
	unsigned passing, failures;

	store_faulty_left(world->store, &passing, &failures);
	return failures;
}

static void remove_directory(const char *path)
{
	DIR *directory = opendir(path);
	const struct dirent *entry;

	while (directory && (entry = readdir(directory)) != NULL)
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(directory), entry->d_name, 0);
	if (directory)
		closedir(directory);
	rmdir(path);
}

void world_finish(struct world *world)
{
	if (world->client)
		world->end_client(world);
	close_all(world);
	sink_finish(&world->sink);
	if (world->loop)
		loop_destroy(world->loop);
	if (world->directory[0])
		remove_directory(world->directory);
	if (world->silence)
		fclose(world->silence);
	config_finish(&world->options);
	arena_finish(&world->arena);
}

void world_settle(struct world *world)
{
	enum { ROUNDS_AT_LEAST = 8, ROUNDS_AT_MOST = 3000, ROUNDS_OF_A_WAIT = 40 };
	unsigned quiet = 0; /* rounds in which the store has nothing to do: what then happens needs time to pass */

	for (int i = 0; i < ROUNDS_AT_MOST && (i < ROUNDS_AT_LEAST || !cse_is_idle(world->cse)); i++) {
		if (quiet > ROUNDS_OF_A_WAIT)
			break;
		loop_round(world->loop, i < ROUNDS_AT_LEAST ? 0 : 1);
		quiet = commit_is_idle(world->cse->committer) ? quiet + 1 : 0;
	}
}

bool world_may_wait(struct world *world)
{
	/* What the store has failed may leave something to be waited for. */
	return world->sink.hanging_count || world->is_patient || (world->is_strained && !world_failures_left(world));
}

void world_pass_time(struct world *world, int round)
{
	enum { ROUNDS_BEFORE = 200, STEP_US = 1000000 };

	if (world_may_wait(world) && round > ROUNDS_BEFORE && round % 8 == 0)
		clock_advance(&world->clock, STEP_US);
}

void world_advance(struct world *world, int64_t us)
{
	clock_advance(&world->clock, us);
	world_settle(world);
}
