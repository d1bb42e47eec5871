/* backup: `copse backup` and `copse restore`. */
#include "cse/command.h"

#include "cse/base/clock.h"
#include "cse/base/strbuf.h"
#include "cse/store/store_files.h"

#include <inttypes.h>

/* Configuration, the store's files and its path. 0, or the exit code with the message printed and nothing to finish. */
struct opened {
	struct config config;
	struct arguments arguments;
	const struct store_files *files;
	char path[4096];
	char message[MESSAGE_SIZE];
};

static int prepare(int argc, char **argv, const struct takes *takes, struct opened *opened)
{
	int code = command_read(argc, argv, takes, &opened->arguments, &opened->config);

	if (code != 0)
		return code;
	opened->files = command_store_files(&opened->config, opened->message, sizeof(opened->message));
	if (opened->files && command_store_path(&opened->config, opened->path, sizeof(opened->path), opened->message,
						sizeof(opened->message)) == 0)
		return 0;
	config_finish(&opened->config);
	return command_fail(EXIT_USAGE, opened->message);
}

/* Prints what came of it; the exit code. */
static int conclude(struct opened *opened, int error)
{
	int code = error ? command_fail(command_store_code(error), opened->message) : 0;

	config_finish(&opened->config);
	return code;
}

int command_backup(int argc, char **argv)
{
	const struct takes takes = {.least_operands = 1, .most_operands = 1};
	struct opened opened;
	int code = prepare(argc, argv, &takes, &opened), error;

	if (code != 0)
		return code;
	error = opened.files->backup(opened.path, opened.arguments.operand[0], opened.message, sizeof(opened.message));
	if (!error)
		printf("%s is in %s, checked and on disk\n", opened.path, opened.arguments.operand[0]);
	return conclude(&opened, error);
}

/* "copse.db.before-restore-20300101T120000Z" */
static void name_aside(const char *path, char *out, size_t size)
{
	struct clock clock;
	struct tm parts;
	char stamp[40];
	time_t now;

	clock_init_real(&clock);
	now = (time_t)(clock_wall_us(&clock) / 1000000);
	gmtime_r(&now, &parts);
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &parts);
	snprintf(out, size, "%s.before-restore-%s", path, stamp);
}

static int restore(struct opened *opened)
{
	const char *source = opened->arguments.operand[0];
	bool discards = opened->arguments.discard, kept;
	struct store_facts facts;
	char aside[5000];
	int error = opened->files->inspect(source, &facts, opened->message, sizeof(opened->message));

	name_aside(opened->path, aside, sizeof(aside));
	if (!error)
		error = opened->files->restore(opened->path, source, discards ? NULL : aside, &kept, opened->message,
					       sizeof(opened->message));
	if (error)
		return error;
	printf("%s is now what %s holds: %" PRIu64 " resources, %" PRIu64 " instances\n", opened->path, source,
	       facts.resources, facts.instances);
	if (kept)
		printf("what was there is kept as %s\n", aside);
	return 0;
}

int command_restore(int argc, char **argv)
{
	const struct takes takes = {.flags = TAKES_DISCARD, .least_operands = 1, .most_operands = 1};
	struct opened opened;
	int code = prepare(argc, argv, &takes, &opened);

	return code ? code : conclude(&opened, restore(&opened));
}
