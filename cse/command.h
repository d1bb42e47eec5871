/* command: what the commands of the program share. Each returns the exit code: 0, EXIT_FAULT or EXIT_USAGE. */
#ifndef CSE_COMMAND_H
#define CSE_COMMAND_H

#include "cse/config.h"
#include "schemas/schema.h"

enum {
	EXIT_FAULT = 1, /* something went wrong while working */
	EXIT_USAGE = 2, /* it could not start: arguments, configuration, address in use, store not usable */
};

enum { MESSAGE_SIZE = 600 };

struct command {
	const char *name;
	int (*run)(int argc, char **argv); /* argv[0] is the command's name */
	const char *arguments, *help;
};

extern const struct command commands[]; /* ends with name NULL */

int command_run(int argc, char **argv);
int command_check_config(int argc, char **argv);
int command_describe(int argc, char **argv);
int command_dump(int argc, char **argv);

/* The manual page, in roff. */
void command_print_man(FILE *out);

/* What a command line may hold beside the configuration. */
struct arguments {
	const char *operand; /* the one word that is no option; NULL: none */
	const char *format;  /* --format, or the name of an option that is one: --xsd */
	const char *print;   /* name of the option that asks for a print of the configuration's table, or NULL */
};

enum {
	TAKES_OPERAND = 1,
	TAKES_FORMAT = 2,
	TAKES_PRINTS = 4, /* --config-markdown, --config-sample, --manual */
};

/* Reads --config, --set, the environment and what `takes` allows. On 0 the configuration is complete and has to be
 * finished by the caller; else the exit code is returned, the message printed and nothing to be finished. */
WARN_UNUSED int command_read(int argc, char **argv, unsigned takes, struct arguments *arguments, struct config *config);

/* Prints `copse: message` to standard error; returns code. */
int command_fail(int code, const char *message);

/* The types that are served with the specializations built in and the operator's. NULL and a message. */
struct schema *command_schema(const struct config *config, char *message, size_t size);

/* The file of the configured store / the store itself, opened and made if it is not there. 0, or -1 and a message. */
struct store;
struct log;
WARN_UNUSED int command_store_path(const struct config *config, char *path, size_t path_size, char *message,
				   size_t size);
WARN_UNUSED int command_store(const struct config *config, struct log *log, struct store **store, char *message,
			      size_t size);

#endif
