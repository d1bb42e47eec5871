/* Runs scenario files in every combination of transport and store and prints TAP. README.md says how. */
#include "resources/registry.h"
#include "tests/scenario/torture.h"

#include <dirent.h>
#include <unistd.h>

enum { PLACES_IN_TURN = 11 }; /* no divisor of the number of places */

struct options {
	bool verbose;
	bool no_coverage;
	bool keeps_going;
	unsigned stride;   /* of torture: every so many cases; 0: none */
	const char *seeds; /* a directory: each scenario is run once, and seeds are written */
	const char *title; /* only scenarios with this in their title */
	const char *transport;
	char directory[500]; /* of the scenarios */
	char **files;
	int file_count;
};

struct session {
	struct schema *schema;
	struct coverage coverage;
	struct skips skips;
	struct tap tap;
	struct tally tally;
	unsigned scenarios; /* tortured or left out */
	struct options options;
	struct arena arena;
};

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void run_one(struct session *session, const struct scenario_file *file, const struct scenario *scenario,
		    const struct transport *transport, bool sqlite)
{
	struct run run = {
		.path = file->path,
		.scenario = scenario,
		.transport = transport,
		.coverage = &session->coverage,
		.skips = &session->skips,
		.keeps_going = session->options.keeps_going,
		.trace = session->options.verbose ? stdout : NULL,
		.seeds = session->options.seeds,
	};
	bool ok;

	snprintf(run.seed_name, sizeof(run.seed_name), "%.40s-%u", base_name(file->path), scenario->line);
	ok = run_scenario(&run, session->schema, sqlite);

	strbuf_add_char(&run.failure, '\0');
	tap_point(&session->tap, ok, run.failure.ptr, "%s: %.*s [%s, %s]", base_name(file->path),
		  STR_ARG(scenario->title), transport->name, sqlite ? "sqlite" : "memory");
	run_finish(&run);
}

static void torture_one(struct session *session, const struct scenario_file *file, const struct scenario *scenario,
			const struct transport *transport, bool sqlite)
{
	struct run like = {
		.path = file->path,
		.scenario = scenario,
		.transport = transport,
		.coverage = &session->coverage,
		.trace = session->options.verbose ? stdout : NULL,
	};
	unsigned stride = session->options.stride, turn = session->scenarios;
	struct strbuf failure = {0};

	if (strchr(transport->name, '+') || (transport->binding && !transport->is_http))
		return; /* another serialization or protocol asks nothing else of the store */
	session->scenarios++;

	if (stride > 1 && turn % PLACES_IN_TURN) /* the cases are spread over the places as well */
		return;
	bool ok = torture_scenario(&like, session->schema, sqlite, stride, turn, &session->tally, &failure);

	strbuf_add_char(&failure, '\0');
	tap_point(&session->tap, ok, failure.ptr, "tortured: %s: %.*s [%s, %s]", base_name(file->path),
		  STR_ARG(scenario->title), transport->name, sqlite ? "sqlite" : "memory");
	strbuf_finish(&failure);
}

static const struct {
	const struct transport *transport;
	bool sqlite;
	unsigned needs;
} places[] = {
	{&transport_core, false, ON_CORE | ON_MEMORY},	    {&transport_core, true, ON_CORE | ON_SQLITE},
	{&transport_http, false, ON_HTTP | ON_MEMORY},	    {&transport_http, true, ON_HTTP | ON_SQLITE},
	{&transport_http_xml, false, ON_HTTP | ON_MEMORY},  {&transport_http_cbor, false, ON_HTTP | ON_MEMORY},
#ifdef WITH_COAP
	{&transport_coap, false, ON_COAP | ON_MEMORY},	    {&transport_coap_xml, false, ON_COAP | ON_MEMORY},
	{&transport_coap_cbor, false, ON_COAP | ON_MEMORY},
#endif
};

static void run_everywhere(struct session *session, const struct scenario_file *file, const struct scenario *scenario)
{
	if (session->options.title && !strstr(arena_cstr(&session->arena, scenario->title), session->options.title))
		return;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if ((scenario->where & places[i].needs) == places[i].needs && (i == 0 || !session->options.seeds) &&
		    (!session->options.transport || strcmp(places[i].transport->name, session->options.transport) == 0))
			(session->options.stride ? torture_one : run_one)(session, file, scenario, places[i].transport,
									  places[i].sqlite);
}

static int read_file(const char *path, struct strbuf *text)
{
	FILE *file = fopen(path, "re");
	size_t len;

	if (!file) {
		fprintf(stderr, "%s: %m\n", path);
		return -1;
	}
	do {
		len = fread(strbuf_reserve(text, 65536), 1, 65536, file);
		text->len += len;
	} while (len);
	fclose(file);
	return 0;
}

static int run_file(struct session *session, const char *path)
{
	struct scenario_file file = {0};
	struct strbuf text = {0};
	int status = -1;

	if (read_file(path, &text) == 0) {
		struct str copy = arena_copy(&session->arena, strbuf_str(&text));

		status = scenario_parse(&file, arena_cstr(&session->arena, str_of(path)), copy, &session->arena);
	}
	strbuf_finish(&text);
	if (status != 0)
		return -1;
	for (const struct scenario *scenario = file.scenarios; scenario; scenario = scenario->next)
		run_everywhere(session, &file, scenario);
	return 0;
}

static int read_skips(struct session *session)
{
	struct strbuf text = {0};
	char path[600];
	int status;

	snprintf(path, sizeof(path), "%s/skips.txt", session->options.directory);
	status = read_file(path, &text);
	if (status == 0)
		status = skips_parse(&session->skips, arena_copy(&session->arena, strbuf_str(&text)), &session->arena);
	strbuf_finish(&text);
	return status;
}

static int is_scenario(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return dot && strcmp(dot, ".scn") == 0;
}

static int run_directory(struct session *session)
{
	struct dirent **entries;
	int count = scandir(session->options.directory, &entries, is_scenario, alphasort), status = 0;

	if (count <= 0) {
		fprintf(stderr, "%s: no scenarios\n", session->options.directory);
		return -1;
	}
	for (int i = 0; i < count; i++) {
		char path[800];

		snprintf(path, sizeof(path), "%s/%s", session->options.directory, entries[i]->d_name);
		if (run_file(session, path) != 0)
			status = -1;
		free(entries[i]);
	}
	free(entries);
	return status;
}

static int run_all(struct session *session)
{
	int status = 0;

	if (session->options.file_count == 0)
		status = run_directory(session);
	for (int i = 0; i < session->options.file_count; i++)
		if (run_file(session, session->options.files[i]) != 0)
			status = -1;
	if (session->options.file_count || session->options.no_coverage || session->options.title ||
	    session->options.stride)
		return status;
	if (!session->options.transport)
		coverage_report(&session->coverage, &session->tap, session->options.directory);
	skips_report(&session->skips, &session->tap, session->options.transport);
	return status;
}

static int read_options(struct options *options, int argc, char **argv)
{
	const char *source = getenv("top_srcdir");
	int option;

	snprintf(options->directory, sizeof(options->directory), "%s/tests/scenario", source ? source : ".");
	while ((option = getopt(argc, argv, "vcks:t:o:T:")) != -1) {
		if (option == 'v')
			options->verbose = true;
		else if (option == 'c')
			options->no_coverage = true;
		else if (option == 'k')
			options->keeps_going = true;
		else if (option == 'T')
			options->stride = (unsigned)strtoul(optarg, NULL, 10);
		else if (option == 's')
			options->seeds = optarg;
		else if (option == 't')
			options->title = optarg;
		else if (option == 'o')
			options->transport = optarg;
		else
			return -1;
	}
	options->files = argv + optind;
	options->file_count = argc - optind;
	return 0;
}

int main(int argc, char **argv)
{
	struct session session = {0};
	char message[300];
	size_t count;
	const struct type_def *const *types = registry_types(&count);

	if (read_options(&session.options, argc, argv) != 0) {
		fprintf(stderr,
			"usage: %s [-v] [-c] [-k] [-s DIRECTORY] [-t WORDS] [-o TRANSPORT] [-T STRIDE] [FILE ...]\n"
			"-v prints every request and answer, -k goes on after a failure, -c leaves the coverage out, "
			"-t picks titles, -o a transport, -s writes seeds for the fuzz targets, -T tortures: every STRIDEth case\n",
			argv[0]);
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0); /* of a run that dies, what went well before is seen */
	arena_init(&session.arena);
	session.schema = schema_create(types, count);
	if (schema_load_builtin(session.schema, message, sizeof(message)) != 0) {
		fprintf(stderr, "%s\n", message);
		return 2;
	}
	coverage_init(&session.coverage, session.schema);
	if (read_skips(&session) != 0)
		return 2;
	int status = run_all(&session);

	if (session.options.stride)
		printf("# %lu scenarios: %lu runs with a failing call of the store (in %lu not every call), %lu with a limit\n",
		       session.tally.scenarios, session.tally.calls, session.tally.thinned, session.tally.limits);
	printf("1..%u\n", session.tap.count);
	coverage_finish(&session.coverage);
	schema_destroy(session.schema);
	arena_finish(&session.arena);
	return status != 0 ? 2 : session.tap.failed != 0;
}
