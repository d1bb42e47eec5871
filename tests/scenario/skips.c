/* skips: see skips.h. */
#include "tests/scenario/skips.h"

#include "bindings/registry.h"

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

static int parse_row(struct skips *skips, struct str line, struct arena *arena)
{
	struct skip *skip = arena_zalloc(arena, sizeof(*skip));
	struct str whole = line;

	skip->transport = column(&line);
	skip->file = column(&line);
	skip->title = column(&line);
	if (str_to_u64(column(&line), &skip->count) != 0)
		skip->count = 0;
	skip->words = column(&line);
	skip->reason = column(&line);
	if (!skip->count || !skip->words.len || !skip->reason.len) {
		fprintf(stderr, "skips.txt: not understood: %.*s\n", STR_ARG(whole));
		return -1;
	}
	skip->next = skips->first;
	skips->first = skip;
	return 0;
}

int skips_parse(struct skips *skips, struct str text, struct arena *arena)
{
	while (text.ptr && text.len) {
		struct str line = str_split(&text, '\n');

		if (line.len && line.ptr[0] != '#' && parse_row(skips, line, arena) != 0)
			return -1;
	}
	return 0;
}

bool skips_take(struct skips *skips, const char *transport, const char *path, struct str title, const char *failure)
{
	const char *slash = strrchr(path, '/');
	struct str file = str_of(slash ? slash + 1 : path);

	for (struct skip *skip = skips->first; skip; skip = skip->next) {
		if (!str_eq(skip->transport, str_of(transport)) || !str_eq(skip->file, file) ||
		    !str_eq(skip->title, title) || !memmem(failure, strlen(failure), skip->words.ptr, skip->words.len))
			continue;
		skip->met++;
		return true;
	}
	return false;
}

/* A transport is named as the binding that it needs, and may add a serialization. */
static bool is_built(struct str transport)
{
	struct str word = str_split(&transport, '+');
	char name[40];

	snprintf(name, sizeof(name), "%.*s", STR_ARG(word));
	return strcmp(name, "core") == 0 || binding_find(name);
}

void skips_report(const struct skips *skips, struct tap *tap, const char *transport)
{
	uint64_t total = 0;
	char why[300];

	for (const struct skip *skip = skips->first; skip; skip = skip->next) {
		if ((transport && !str_eq(skip->transport, str_of(transport))) || !is_built(skip->transport))
			continue;
		total += skip->met;
		snprintf(why, sizeof(why), "%.*s", STR_ARG(skip->reason));
		if (skip->met == skip->count)
			tap_skip(tap, why, "%.*s: %.*s [%.*s]: left out %u times", STR_ARG(skip->file),
				 STR_ARG(skip->title), STR_ARG(skip->transport), (unsigned)skip->count);
		else
			tap_point(tap, false, NULL, "%.*s: %.*s [%.*s]: left out %u times instead of %u: %.*s",
				  STR_ARG(skip->file), STR_ARG(skip->title), STR_ARG(skip->transport),
				  (unsigned)skip->met, (unsigned)skip->count, STR_ARG(skip->words));
	}
	printf("# %u left out\n", (unsigned)total);
}
