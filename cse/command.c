/* command: reading a command line into a configuration, and opening what several commands need. */
#include "cse/command.h"

#include "cse/store/store.h"
#include "resources/registry.h"

#include <getopt.h>
#include <unistd.h>

int command_fail(int code, const char *message)
{
	fprintf(stderr, "copse: %s\n", message);
	return code;
}

/* What getopt found, before any of it is looked at: a file comes before the environment, --set behind it. */
struct command_line {
	const char *config_path;
	const char **sets;
	unsigned set_count;
	struct arguments *arguments;
};

static const struct option long_options[] = {
	{"config", required_argument, NULL, 'c'},
	{"set", required_argument, NULL, 's'},
	{"format", required_argument, NULL, 'f'},
	{"json-schema", no_argument, NULL, 'F'},
	{"xsd", no_argument, NULL, 'F'},
	{"config-markdown", no_argument, NULL, 'p'},
	{"config-sample", no_argument, NULL, 'p'},
	{"manual", no_argument, NULL, 'p'},
	{NULL, 0, NULL, 0},
};

static int take_option(struct command_line *line, unsigned takes, int letter, int index)
{
	if (letter == 'c' && !line->config_path)
		line->config_path = optarg;
	else if (letter == 's')
		line->sets[line->set_count++] = optarg;
	else if (letter == 'f' && (takes & TAKES_FORMAT))
		line->arguments->format = optarg;
	else if (letter == 'F' && (takes & TAKES_FORMAT))
		line->arguments->format = long_options[index].name;
	else if (letter == 'p' && (takes & TAKES_PRINTS))
		line->arguments->print = long_options[index].name;
	else
		return -1;
	return 0;
}

/* Returns the argument that is not understood, or NULL. */
static const char *read_line(int argc, char **argv, unsigned takes, struct command_line *line)
{
	int letter, index = 0;

	opterr = 0;
	optind = 1;
	while ((letter = getopt_long(argc, argv, "c:s:", long_options, &index)) != -1)
		if (take_option(line, takes, letter, index) < 0)
			return argv[optind - 1];
	if (optind < argc && (takes & TAKES_OPERAND))
		line->arguments->operand = argv[optind++];
	return optind < argc ? argv[optind] : NULL;
}

static int read_config(const struct command_line *line, struct config *config, char *message, size_t size)
{
	if (line->config_path && config_read_file(config, line->config_path, message, size) < 0)
		return -1;
	if (config_read_environment(config, environ, message, size) < 0)
		return -1;
	for (unsigned i = 0; i < line->set_count; i++)
		if (config_set(config, line->sets[i], message, size) < 0)
			return -1;
	return config_check(config, message, size);
}

int command_read(int argc, char **argv, unsigned takes, struct arguments *arguments, struct config *config)
{
	char message[MESSAGE_SIZE];
	struct command_line line = {.sets = xzalloc((size_t)argc * sizeof(*line.sets)), .arguments = arguments};
	const char *strange;
	int status = 0;

	*arguments = (struct arguments){0};
	config_init(config);
	strange = read_line(argc, argv, takes, &line);
	if (strange) {
		snprintf(message, sizeof(message), "%s: '%.60s' is not understood here; see copse --help", argv[0],
			 strange);
		status = -1;
	} else {
		status = read_config(&line, config, message, sizeof(message));
	}
	free(line.sets);
	if (status == 0)
		return 0;
	config_finish(config);
	return command_fail(EXIT_USAGE, message);
}

struct schema *command_schema(const struct config *config, char *message, size_t size)
{
	size_t count;
	const struct type_def *const *types = registry_types(&count);
	struct schema *schema = schema_create(types, count);

	if (schema_load_builtin(schema, message, size) == 0 &&
	    (!config->cse_schemas[0] || schema_load_directory(schema, config->cse_schemas, message, size) == 0))
		return schema;
	schema_destroy(schema);
	return NULL;
}

int command_store_path(const struct config *config, char *path, size_t path_size, char *message, size_t size)
{
	if (snprintf(path, path_size, "%s/copse.db", config->store_path) < (int)path_size)
		return 0;
	snprintf(message, size, "store.path: too long");
	return -1;
}

int command_store(const struct config *config, struct log *log, struct store **store, char *message, size_t size)
{
	const struct store_ops *ops = store_find(config->text[KEY_store_type]);
	char path[4096];

	if (!ops) {
		snprintf(message, size, "store.type: no store '%s' in this build", config->text[KEY_store_type]);
		return -1;
	}
	if (command_store_path(config, path, sizeof(path), message, size) < 0)
		return -1;
	return ops->open(path, log, store, message, size) < 0 ? -1 : 0;
}
