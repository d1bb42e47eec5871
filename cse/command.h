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
int command_backup(int argc, char **argv);
int command_restore(int argc, char **argv);
int command_verify(int argc, char **argv);
int command_request(int argc, char **argv);

/* The manual page, in roff. */
void command_print_man(FILE *out);

enum {
	TAKES_FORMAT = 1,
	TAKES_PRINTS = 2,
	TAKES_DISCARD = 4,
	TAKES_CLIENT = 8,
};

enum { MOST_OPERANDS = 16 };

/* What a command line may hold beside the configuration: rows of arguments.def. */
struct arguments {
	unsigned operand_count;
	const char *operand[MOST_OPERANDS];		    /* the words that are no options; NULL behind the last */
#define ARGUMENT(name, taker, word, help) const char *name; /* what follows it, or its own name; NULL: not given */
#include "cse/arguments.def"
#undef ARGUMENT
};

/* What a command understands of it. */
struct takes {
	unsigned flags;				/* TAKES_ ... */
	unsigned least_operands, most_operands; /* words */
};

/* Reads --config, --set, the environment and what `takes` allows. On 0 the configuration is complete and has to be
 * finished by the caller; else the exit code is returned, the message printed and nothing to be finished. */
WARN_UNUSED int command_read(int argc, char **argv, const struct takes *takes, struct arguments *arguments,
			     struct config *config);
/* The same without printing: -1 and a message. */
WARN_UNUSED int command_reread(int argc, char **argv, const struct takes *takes, struct arguments *arguments,
			       struct config *config, char *message, size_t size);
/* One line for each row of arguments.def, as it is printed by --help / in the manual page. */
void command_print_arguments(FILE *out, const char *line_format);

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
/* What can be done with the files of the configured store, or NULL and a message. */
struct store_files;
const struct store_files *command_store_files(const struct config *config, char *message, size_t size);
/* EXIT_USAGE for an error that shows before anything was begun (there is no such file, or there is one, or it is in
 * use), else EXIT_FAULT. */
int command_store_code(int error);

/* The type of that name, short name or member name ("container", "cnt", "m2m:cnt"), or NULL. */
const struct type_def *command_type(const struct schema *schema, const char *name);

/* The part of the configuration that core works by (serve.c). Its texts are the configuration's. */
struct cse_config;
void command_cse_config(const struct config *config, const char *points_of_access, struct cse_config *out);

#endif
