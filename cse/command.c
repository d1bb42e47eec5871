/* command: reading a command line into a configuration, and opening what several commands need. */
#include "cse/command.h"

#include "cse/store/store.h"
#include "cse/supervisor.h"
#include "resources/registry.h"

#include <errno.h>
#include <getopt.h>
#include <unistd.h>

int command_fail(int code, const char *message)
{
	fprintf(stderr, "%scopse: %s\n", supervisor_reads_levels() ? "<3>" : "", message);
	return code;
}

/* What getopt found, before any of it is looked at: a file comes before the environment, --set behind it. */
struct command_line {
	const char *config_path;
	const char **sets;
	unsigned set_count;
	struct arguments *arguments;
};

static const struct argument {
	const char *name;
	unsigned taker;
	const char *word, *help;
	size_t offset; /* in struct arguments */
} arguments_known[] = {
#define ARGUMENT(name_, taker_, word_, help_) {#name_, taker_, word_, help_, offsetof(struct arguments, name_)},
#include "cse/arguments.def"
#undef ARGUMENT
};

enum { KNOWN_COUNT = sizeof(arguments_known) / sizeof(arguments_known[0]), NAME_SIZE = 40 };

static void option_name(const struct argument *argument, char *out)
{
	snprintf(out, NAME_SIZE, "%s", argument->name);
	for (char *c = out; *c; c++)
		*c = *c == '_' ? '-' : *c;
}

/* The rows of arguments.def for getopt, and the two that every command takes. */
struct option_table {
	char names[KNOWN_COUNT][NAME_SIZE];
	struct option options[KNOWN_COUNT + 3];
};

static void make_table(struct option_table *table)
{
	*table = (struct option_table){0};
	for (int i = 0; i < KNOWN_COUNT; i++) {
		option_name(&arguments_known[i], table->names[i]);
		table->options[i] = (struct option){
			.name = table->names[i], .has_arg = arguments_known[i].word ? required_argument : no_argument};
	}
	table->options[KNOWN_COUNT] = (struct option){"config", required_argument, NULL, 'c'};
	table->options[KNOWN_COUNT + 1] = (struct option){"set", required_argument, NULL, 's'};
}

/* One of arguments.def. */
static int take_argument(struct arguments *arguments, unsigned takes, const struct argument *argument)
{
	if (!(takes & argument->taker))
		return -1;
	*(const char **)((char *)arguments + argument->offset) = optarg ? optarg : argument->name;
	return 0;
}

static int take_option(struct command_line *line, unsigned takes, int letter, int index)
{
	if (letter == 0)
		return take_argument(line->arguments, takes, &arguments_known[index]);
	if (letter == 'c' && !line->config_path)
		line->config_path = optarg;
	else if (letter == 's')
		line->sets[line->set_count++] = optarg;
	else
		return -1;
	return 0;
}

/* Returns the argument that is not understood, or NULL. */
static const char *read_line(int argc, char **argv, const struct takes *takes, struct command_line *line)
{
	struct option_table table;
	int letter, index = 0;

	make_table(&table);
	opterr = 0;
	optind = 1;
	while ((letter = getopt_long(argc, argv, "c:s:", table.options, &index)) != -1)
		if (take_option(line, takes->flags, letter, index) < 0)
			return argv[optind - 1];
	while (optind < argc && line->arguments->operand_count < takes->most_operands)
		line->arguments->operand[line->arguments->operand_count++] = argv[optind++];
	return optind < argc ? argv[optind] : NULL;
}

void command_print_arguments(FILE *out, const char *line_format)
{
	char left[120], name[NAME_SIZE];

	for (int i = 0; i < KNOWN_COUNT; i++) {
		const struct argument *argument = &arguments_known[i];

		option_name(argument, name);
		snprintf(left, sizeof(left), "--%s%s%s", name, argument->word ? " " : "",
			 argument->word ? argument->word : "");
		fprintf(out, line_format, left, argument->help);
	}
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

int command_reread(int argc, char **argv, const struct takes *takes, struct arguments *arguments, struct config *config,
		   char *message, size_t size)
{
	struct command_line line = {.sets = xzalloc((size_t)argc * sizeof(*line.sets)), .arguments = arguments};
	const char *strange;
	int status = -1;

	*arguments = (struct arguments){0};
	config_init(config);
	strange = read_line(argc, argv, takes, &line);
	if (strange)
		snprintf(message, size, "%s: '%.60s' is not understood here; see copse --help", argv[0], strange);
	else if (arguments->operand_count < takes->least_operands)
		snprintf(message, size, "%s: what? a word is missing; see copse --help", argv[0]);
	else
		status = read_config(&line, config, message, size);
	free(line.sets);
	if (status < 0)
		config_finish(config);
	return status;
}

int command_read(int argc, char **argv, const struct takes *takes, struct arguments *arguments, struct config *config)
{
	char message[MESSAGE_SIZE];

	if (command_reread(argc, argv, takes, arguments, config, message, sizeof(message)) == 0)
		return 0;
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

const struct store_files *command_store_files(const struct config *config, char *message, size_t size)
{
	const struct store_ops *ops = store_find(config->text[KEY_store_type]);

	if (ops && ops->files)
		return ops->files;
	snprintf(message, size, "store.type %s keeps nothing in files", config->text[KEY_store_type]);
	return NULL;
}

int command_store_code(int error)
{
	return error == -EEXIST || error == -ENOENT || error == ERROR_BUSY ? EXIT_USAGE : EXIT_FAULT;
}

const struct type_def *command_type(const struct schema *schema, const char *name)
{
	const struct type_def *type;

	for (size_t i = 0; (type = schema_type_at(schema, i)) != NULL; i++)
		if (strcmp(name, type->name) == 0 || strcmp(name, type->short_name) == 0)
			return type;
	return schema_type_by_root(schema, str_of(name));
}
