/* config: what the operator set, from the defaults of config.def, a file, the environment and --set, the later ones
 * winning. Every fault is one line that names where it stands and what is allowed there. */
#ifndef CSE_CONFIG_H
#define CSE_CONFIG_H

#include "cse/base/arena.h"
#include "cse/base/error.h"

#include <stdio.h>

enum config_type { CONFIG_TEXT, CONFIG_COUNT, CONFIG_SIZE, CONFIG_SECONDS, CONFIG_CHOICE, CONFIG_YESNO };

/* The C type of each type of option; a CHOICE is the index of its word. */
#define CONFIG_FIELD_TEXT const char *
#define CONFIG_FIELD_COUNT uint64_t
#define CONFIG_FIELD_SIZE uint64_t
#define CONFIG_FIELD_SECONDS uint64_t
#define CONFIG_FIELD_CHOICE unsigned
#define CONFIG_FIELD_YESNO bool

enum config_key {
#define SECTION(section, help)
#define OPTION(section, key, type, default_text, limits, help) KEY_##section##_##key,
#include "cse/config.def"
#undef OPTION
	KEY_COUNT
};

struct config {
#define OPTION(section, key, type, default_text, limits, help) CONFIG_FIELD_##type section##_##key;
#include "cse/config.def"
#undef OPTION
#undef SECTION
	const char *text[KEY_COUNT];   /* each value as it was written */
	const char *source[KEY_COUNT]; /* where it was written; "default" */
	struct arena arena;	       /* what the texts live in */
};

/* The row of an option. */
struct config_option {
	const char *section, *key; /* as in config.def, with '_' for '-' */
	enum config_type type;
	const char *default_text, *help;
	size_t offset;			/* of the field in struct config */
	int64_t min, max;		/* numbers */
	const char *words;		/* CHOICE: comma separated */
	bool (*check)(struct str text); /* TEXT: NULL allows everything */
	const char *allowed;		/* TEXT: what it may be, in words */
	bool is_live;			/* a running server takes a new value; a number or a choice */
};

struct config_section {
	const char *name, *help;
};

extern const struct config_option config_options[KEY_COUNT];
extern const struct config_section config_sections[]; /* ends with name NULL */

/* All defaults. */
void config_init(struct config *config);
void config_finish(struct config *config);

/* 0, or -1 and a line in message. assignment: "SECTION.KEY=VALUE". environment: a list like environ. */
WARN_UNUSED int config_read_file(struct config *config, const char *path, char *message, size_t size);
WARN_UNUSED int config_read_environment(struct config *config, char *const *environment, char *message, size_t size);
WARN_UNUSED int config_set(struct config *config, const char *assignment, char *message, size_t size);
/* What no single value shows; to be called last. A default that a smaller limit rules out follows the limit. */
WARN_UNUSED int config_check(struct config *config, char *message, size_t size);

/* Takes the values of live options over from fresh. The names of what changed so are added to taken, of what differs
 * and needs another start to waiting, comma separated. */
struct strbuf;
void config_take_live(struct config *config, const struct config *fresh, struct strbuf *taken, struct strbuf *waiting);

/* Writes a value's limits ("a whole number from 1 to 5") / the key ("http.max-body") / its variable
 * ("COPSE_HTTP_MAX_BODY"). */
void config_allowed(const struct config_option *option, char *out, size_t size);
void config_key_name(const struct config_option *option, char *out, size_t size);
void config_variable(const struct config_option *option, char *out, size_t size);

/* The options of a section, and a row with key NULL; rows has room for KEY_COUNT + 1. Valid as long as config. */
struct setting;
void config_section(const struct config *config, const char *section, struct setting *rows);

/* config_print.c: the effective configuration (itself a valid file, but for a value that no line can carry and that is
 * no list: it came from elsewhere), and the table in the forms people read. */
void config_print(const struct config *config, FILE *out);
void config_print_sample(FILE *out);
void config_print_markdown(FILE *out);
void config_print_man(FILE *out);

#endif
