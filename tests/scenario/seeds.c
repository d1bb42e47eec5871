/* seeds: see seeds.h. */
#include "tests/scenario/seeds.h"

#include "bindings/target.h"

#include <stdio.h>

static void append(const char *directory, const char *folder, const char *name, struct str line)
{
	char path[1000];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s/%s", directory, folder, name);
	file = fopen(path, "ae");
	if (!file) {
		fprintf(stderr, "%s: %m\n", path);
		return;
	}
	fprintf(file, "%.*s\n", STR_ARG(line));
	fclose(file);
}

static bool is_default(enum parameter parameter, struct str value)
{
	return (parameter == PARAM_from && str_eq(value, STR("CAdmin"))) ||
	       (parameter == PARAM_releaseVersionIndicator && str_eq(value, STR("3"))) ||
	       (parameter == PARAM_requestIdentifier && value.ptr);
}

/* The line of tests/fuzz/small_cse.h. */
static void note_line(const char *directory, const char *name, const struct exchange *exchange, bool goes_on)
{
	struct strbuf line = {0};

	for (unsigned i = 0; i < PARAM_COUNT; i++) {
		struct str value = exchange->param[i];

		if (!value.ptr &&
		    (i == PARAM_from || i == PARAM_releaseVersionIndicator || i == PARAM_requestIdentifier))
			strbuf_addf(&line, "\t!%s", parameter_defs[i].short_name);
		else if (value.ptr && !is_default((enum parameter)i, value))
			strbuf_addf(&line, "\t%s=%.*s", parameter_defs[i].short_name, STR_ARG(value));
	}
	for (unsigned i = 0; i < exchange->condition_count; i++)
		strbuf_addf(&line, "\t?%.*s=%.*s", STR_ARG(exchange->conditions[i].name),
			    STR_ARG(exchange->conditions[i].text));
	if (exchange->accept_etag.ptr)
		strbuf_addf(&line, "\tetag=%.*s", STR_ARG(exchange->accept_etag));
	if (exchange->response_targets.ptr)
		strbuf_addf(&line, "\trtu=%.*s", STR_ARG(exchange->response_targets));
	if (goes_on)
		STRBUF_LIT(&line, "\tlater");
	if (exchange->content.len)
		strbuf_addf(&line, "\tpc=%.*s", STR_ARG(exchange->content));
	append(directory, "request", name, str_from(strbuf_str(&line), 1));
	strbuf_finish(&line);
}

static void note_target(const char *directory, const char *name, const struct exchange *exchange)
{
	struct strbuf line = {0};

	target_add_path(&line, STR(""), STR("/id-in"), exchange->param[PARAM_to]);
	target_add_query(&line, exchange->param);
	for (unsigned i = 0; i < exchange->condition_count; i++)
		strbuf_addf(&line, "%c%.*s=%.*s", memchr(line.ptr, '?', line.len) ? '&' : '?',
			    STR_ARG(exchange->conditions[i].name), STR_ARG(exchange->conditions[i].text));
	append(directory, "query", name, strbuf_str(&line));
	strbuf_finish(&line);
}

void seeds_note_request(const char *directory, const char *name, const struct exchange *exchange, bool goes_on)
{
	char content[40];

	note_line(directory, name, exchange, goes_on);
	note_target(directory, name, exchange);
	if (!exchange->content.len)
		return;
	snprintf(content, sizeof(content), "%016llx", (unsigned long long)str_hash(exchange->content, 0));
	append(directory, "json", content, exchange->content);
}

void seeds_note_setting(const char *directory, const char *name, const char *setting, struct str value)
{
	char line[100];
	int len = snprintf(line, sizeof(line), "%s=%.*s", setting, STR_ARG(value));

	append(directory, "request", name, str_make(line, (size_t)len < sizeof(line) ? (size_t)len : sizeof(line) - 1));
}
