/* verify: `copse verify`. First the file as a database, then what is in it as a CSE: loaded as a server would load it,
 * and compared with itself. */
#include "cse/command.h"

#include "cse/core/cse.h"
#include "cse/store/store.h"

#include <inttypes.h>
#include <unistd.h>

struct verification {
	const struct config *config;
	const struct store_files *files;
	char path[4096];
	struct store *store;
	struct schema *schema;
	struct loop *loop;
	struct clock clock;
	struct log log;
	struct cse *cse;
	struct store_facts facts;
	char message[MESSAGE_SIZE];
};

static int verify_file(struct verification *v)
{
	const struct store_facts *facts = &v->facts;
	int error = v->files->inspect(v->path, &v->facts, v->message, sizeof(v->message));

	if (error)
		return error;
	printf("file       %s\n", v->path);
	printf("format     %u%s\n", facts->format,
	       facts->is_current ? "" : ", an older one: the next start changes it");
	printf("pages      %" PRIu64 " of %" PRIu64 " bytes, each one read and sound\n", facts->pages,
	       facts->page_size);
	printf("rows       %" PRIu64 " resources, %" PRIu64 " instances\n", facts->resources, facts->instances);
	return 0;
}

/* Loads the store into a CSE that never serves. */
static int load(struct verification *v)
{
	struct cse_config config;
	int error;

	v->schema = command_schema(v->config, v->message, sizeof(v->message));
	if (!v->schema)
		return ERROR_FORMAT;
	error = v->files->open_readonly(v->path, &v->log, &v->store, v->message, sizeof(v->message));
	if (error)
		return error;
	command_cse_config(v->config, "", &config);
	clock_init_real(&v->clock);
	v->loop = loop_create(&v->clock);
	return cse_open(&config, v->loop, &v->clock, &v->log, v->schema, v->store, &v->cse, v->message,
			sizeof(v->message));
}

static int verify_resources(struct verification *v)
{
	const char *fault;
	int error = load(v);

	if (error)
		return error;
	fault = cse_check(v->cse);
	/* Loading makes a CSEBase where there is none. */
	if (!fault && cse_resource_count(v->cse) != v->facts.resources)
		fault = "it has no CSEBase";
	if (fault) {
		snprintf(v->message, sizeof(v->message), "%.300s: %s", v->path, fault);
		return ERROR_CORRUPT;
	}
	printf("resources  %zu, loaded; parents, indexes, counters and every instance agree\n",
	       cse_resource_count(v->cse));
	return 0;
}

static void finish(struct verification *v)
{
	cse_close(v->cse);
	if (v->store)
		v->store->ops->close(v->store);
	if (v->loop)
		loop_destroy(v->loop);
	schema_destroy(v->schema);
}

static int verify(struct verification *v)
{
	int error = verify_file(v), code;

	if (!error && v->facts.is_current)
		error = verify_resources(v);
	else if (!error)
		puts("resources  not looked at: a store of an older format is loaded by `copse run` only");
	code = error ? command_fail(command_store_code(error), v->message) : 0;
	finish(v);
	return code;
}

int command_verify(int argc, char **argv)
{
	const struct takes takes = {.most_operands = 1};
	struct config config;
	struct arguments arguments;
	struct verification v = {.config = &config, .log = {.level = LOG_ERROR, .out = stderr}};
	int code = command_read(argc, argv, &takes, &arguments, &config);

	if (code != 0)
		return code;
	v.files = command_store_files(&config, v.message, sizeof(v.message));
	if (!v.files || (!arguments.operand[0] &&
			 command_store_path(&config, v.path, sizeof(v.path), v.message, sizeof(v.message)) < 0))
		code = command_fail(EXIT_USAGE, v.message);
	if (arguments.operand[0])
		snprintf(v.path, sizeof(v.path), "%s", arguments.operand[0]);
	if (code == 0)
		code = verify(&v);
	config_finish(&config);
	return code;
}
