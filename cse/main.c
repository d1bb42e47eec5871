/* copse: a oneM2M common services entity. The commands of the program. */
#include "cse/command.h"

#define CONFIGURED "[--config FILE] [--set SECTION.KEY=VALUE]..."

const struct command commands[] = {
	{"run", command_run, CONFIGURED, "Serve until SIGTERM or SIGINT."},
	{"check-config", command_check_config, CONFIGURED,
	 "Print the configuration as it would be used and where each value comes from, or the fault in it."},
	{"describe", command_describe, "[TYPE | all] [--format plain|markdown|json-schema|xsd | --json-schema | --xsd]",
	 "Print the resource types that are supported, or the attributes of one or of all."},
	{"describe", command_describe, "--config-sample | --config-markdown | --manual",
	 "Print a commented configuration file, the table of its keys, or the manual page."},
	{"dump", command_dump, CONFIGURED, "Print what is in the store as lines of JSON, while no server runs on it."},
	{"backup", command_backup, "FILE " CONFIGURED,
	 "Copy the store into a new FILE, while a server runs on it or none does; the copy is checked and on disk when "
	 "this ends."},
	{"restore", command_restore, "FILE [--discard] " CONFIGURED,
	 "Check FILE and put a copy of it in the place of the store, while no server runs on it; what was there is "
	 "kept under another name beside it."},
	{"verify", command_verify, "[FILE] " CONFIGURED,
	 "Check the store, or FILE, a backup: pages, format, and that the resources in it fit together. Changes "
	 "nothing, and a server may run meanwhile."},
	{"request", command_request, "retrieve|delete TARGET [NAME=VALUE]... [OPTION]...",
	 "Send a request to a server; NAME=VALUE is a parameter or a filter condition by its short name."},
	{"request", command_request, "discover TARGET [NAME=VALUE]... [OPTION]...",
	 "List the addresses of what lies below TARGET and meets the conditions."},
	{"request", command_request,
	 "create TARGET TYPE [CONTENT] | update TARGET [TYPE] CONTENT | notify TARGET CONTENT",
	 "CONTENT is JSON, @FILE, or - for standard input; with a TYPE, such as cnt or container, it may be the "
	 "attributes alone."},
	{"request", command_request, "subscribe TARGET [CONTENT] [--listen HOST:PORT] [--count N]",
	 "Subscribe to TARGET, print what is notified, and delete the subscription when told to stop (^C)."},
	{NULL, NULL, NULL, NULL},
};

static void print_help(FILE *out)
{
	fputs("copse " PACKAGE_VERSION ": a oneM2M common services entity (CSE)\n\nCommands:\n", out);
	for (const struct command *c = commands; c->name; c++)
		fprintf(out, "  copse %s %s\n      %s\n", c->name, c->arguments, c->help);
	fputs("  copse --help | --version\n\nOptions:\n", out);
	command_print_arguments(out, "  %s\n      %s\n");
	fputs("\n"
	      "Configuration: defaults, then FILE (INI), then the environment (COPSE_SECTION_KEY), then --set.\n"
	      "`copse describe --config-sample` prints every key with its meaning.\n"
	      "Exit code: 0; 1 for a fault while working; 2 if it could not start;\n"
	      "of copse request 4, 5 or 6 for an answer of that class.\n",
	      out);
}

void command_print_man(FILE *out)
{
	static const char intro[] =
		".SH CONFIGURATION\n"
		"Every key can stand in the file given by\n.B \\-\\-config\n"
		"(INI: a section in brackets, then key = value; comments begin with # or ;), in the environment as\n"
		".B COPSE_SECTION_KEY\n(upper case, _ for \\-) and after\n.BR \\-\\-set .\n"
		"The command line wins over the environment, that over the file, and that over the defaults.\n";

	fputs(".TH COPSE 1 \"\" \"copse " PACKAGE_VERSION "\"\n", out);
	fputs(".SH NAME\ncopse \\- a oneM2M common services entity\n.SH COMMANDS\n", out);
	for (const struct command *c = commands; c->name; c++)
		fprintf(out, ".TP\n.B copse %s\n%s\n.br\n%s\n", c->name, c->arguments, c->help);
	fputs(".SH OPTIONS\n", out);
	command_print_arguments(out, ".TP\n.B \"%s\"\n%s\n");
	fputs(intro, out);
	config_print_man(out);
	fputs(".SH EXIT STATUS\n0; 1 for a fault while working; 2 if it could not start; of copse request 4, 5 or 6 "
	      "for an answer of that class.\n",
	      out);
}

static bool asks_for_help(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return true;
	return argc == 2 && strcmp(argv[1], "help") == 0;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	if (asks_for_help(argc, argv)) {
		print_help(stdout);
		return 0;
	}
	if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
		puts("copse " PACKAGE_VERSION);
		return 0;
	}
	for (const struct command *c = commands; c->name; c++)
		if (strcmp(c->name, name) == 0)
			return c->run(argc - 1, argv + 1);
	if (*name)
		fprintf(stderr, "copse: unknown command '%.40s'; see copse --help\n", name);
	else
		fprintf(stderr, "copse: which command? see copse --help\n");
	return EXIT_USAGE;
}
