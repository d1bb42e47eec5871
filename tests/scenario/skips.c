/* skips: see skips.h. */
#include "tests/scenario/skips.h"

#include <fnmatch.h>

/* The next column, without blanks around it; empty if there is none. */
static struct str column(struct str *line)
{
	struct str text = line->ptr ? str_split(line, '|') : STR("");

	while (text.len && text.ptr[0] == ' ')
		text = str_from(text, 1);
	while (text.len && text.ptr[text.len - 1] == ' ')
		text.len--;
	return text;
}

/* Blanks stand between patterns. */
static bool is_meant(struct str patterns, const char *transport)
{
	char pattern[40];

	while (patterns.ptr) {
		struct str word = str_split(&patterns, ' ');

		snprintf(pattern, sizeof(pattern), "%.*s", STR_ARG(word));
		if (fnmatch(pattern, transport, 0) == 0)
			return true;
	}
	return false;
}

static int parse_row(struct skips *skips, struct str line, const char *const *transports, struct arena *arena)
{
	struct str whole = line, patterns = column(&line);
	struct skip row = {0};

	row.file = column(&line);
	row.title = column(&line);
	if (str_to_u64(column(&line), &row.count) != 0)
		row.count = 0;
	row.words = column(&line);
	row.reason = column(&line);
	if (!row.count || !row.words.len || !row.reason.len) {
		fprintf(stderr, "skips.txt: not understood: %.*s\n", STR_ARG(whole));
		return -1;
	}
	for (; *transports; transports++) {
		struct skip *skip;

		if (!is_meant(patterns, *transports))
			continue;
		skip = arena_alloc(arena, sizeof(*skip));
		*skip = row;
		skip->transport = *transports;
		skip->next = skips->first;
		skips->first = skip;
	}
	return 0;
}

int skips_parse(struct skips *skips, struct str text, const char *const *transports, struct arena *arena)
{
	while (text.ptr && text.len) {
		struct str line = str_split(&text, '\n');

		if (line.len && line.ptr[0] != '#' && parse_row(skips, line, transports, arena) != 0)
			return -1;
	}
	return 0;
}

uint64_t skips_met(const struct skips *skips, const char *transport)
{
	uint64_t met = 0;

	for (const struct skip *skip = skips->first; skip; skip = skip->next)
		if (strcmp(skip->transport, transport) == 0)
			met += skip->met;
	return met;
}

bool skips_take(struct skips *skips, const char *transport, const char *path, struct str title, const char *failure)
{
	const char *slash = strrchr(path, '/');
	struct str file = str_of(slash ? slash + 1 : path);

	for (struct skip *skip = skips->first; skip; skip = skip->next) {
		if (strcmp(skip->transport, transport) != 0 || !str_eq(skip->file, file) ||
		    !str_eq(skip->title, title) || !memmem(failure, strlen(failure), skip->words.ptr, skip->words.len))
			continue;
		skip->met++;
		return true;
	}
	return false;
}

void skips_report(const struct skips *skips, struct tap *tap, const char *transport)
{
	uint64_t total = 0;
	char why[300];

	for (const struct skip *skip = skips->first; skip; skip = skip->next) {
		if (transport && strcmp(skip->transport, transport) != 0)
			continue;
		total += skip->met;
		snprintf(why, sizeof(why), "%.*s", STR_ARG(skip->reason));
		if (skip->met == skip->count)
			tap_skip(tap, why, "%.*s: %.*s [%s]: left out %u times", STR_ARG(skip->file),
				 STR_ARG(skip->title), skip->transport, (unsigned)skip->count);
		else
			tap_point(tap, false, NULL, "%.*s: %.*s [%s]: left out %u times instead of %u: %.*s",
				  STR_ARG(skip->file), STR_ARG(skip->title), skip->transport, (unsigned)skip->met,
				  (unsigned)skip->count, STR_ARG(skip->words));
	}
	printf("# %u left out\n", (unsigned)total);
}
