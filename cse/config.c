/* config: reading the configuration from a file, the environment and the command line. */
#include "cse/config.h"

#include "cse/base/setting.h"
#include "cse/base/strbuf.h"

#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <strings.h>

__attribute__((format(printf, 3, 4))) static int fail(char *message, size_t size, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(message, size, format, args);
	va_end(args);
	for (char *c = message; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	return -1;
}

/* '-' in a written key is '_' in the table; a '_' that is written stays foreign. */
static bool names(const char *written, size_t len, const char *own)
{
	if (strlen(own) != len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (written[i] == '_' || (written[i] == '-' ? '_' : written[i]) != own[i])
			return false;
	return true;
}

static const struct config_option *find(struct str section, struct str key)
{
	for (size_t i = 0; i < KEY_COUNT; i++) {
		const struct config_option *option = &config_options[i];
		if (names(section.ptr, section.len, option->section) && names(key.ptr, key.len, option->key))
			return option;
	}
	return NULL;
}

/* What there is where an unknown key was looked for. */
static void known_names(struct str section, char *out, size_t size)
{
	struct strbuf list = {0};
	for (size_t i = 0; i < KEY_COUNT; i++)
		if (str_eq(section, str_of(config_options[i].section)))
			strbuf_addf(&list, "%s%s", list.len ? ", " : "", config_options[i].key);
	if (list.len > 0)
		snprintf(out, size, "keys of [%.*s]: %.*s", STR_ARG(section), STR_ARG(strbuf_str(&list)));
	for (const struct config_section *s = config_sections; list.len == 0 && s->name; s++)
		snprintf(out + strnlen(out, size), size - strnlen(out, size), "%s%s",
			 s == config_sections ? "sections: " : ", ", s->name);
	strbuf_finish(&list);
	for (char *c = out; *c; c++)
		*c = *c == '_' ? '-' : *c;
}

/* A whole number, with K, M or G behind it if scaled. */
static int number_of(struct str text, bool is_scaled, uint64_t *value)
{
	static const char units[] = "KMG";
	const char *unit = is_scaled && text.len > 1 ? strchr(units, text.ptr[text.len - 1]) : NULL;
	unsigned shift = 0;

	if (unit && *unit) {
		shift = 10 * (unsigned)(unit - units + 1);
		text.len--;
	}
	if (str_to_u64(text, value) < 0 || *value > UINT64_MAX >> shift)
		return -1;
	*value <<= shift;
	return 0;
}

static int choice_of(struct str text, const char *words, unsigned *index)
{
	struct str rest = str_of(words);
	for (*index = 0; rest.ptr; (*index)++)
		if (str_eq(text, str_split(&rest, ',')))
			return 0;
	return -1;
}

static int store_number(void *field, const struct config_option *option, struct str text)
{
	uint64_t value;
	if (number_of(text, option->type == CONFIG_SIZE, &value) < 0 || value < (uint64_t)option->min ||
	    value > (uint64_t)option->max)
		return -1;
	*(uint64_t *)field = value;
	return 0;
}

/* Can a line of the file carry the value? There, blanks around a value do not count, and ` ;` begins a comment. */
static bool fits_in_line(struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.ptr[i] < ' ' || text.ptr[i] == 0x7f ||
		    (text.ptr[i] == ';' && (i == 0 || text.ptr[i - 1] == ' ')))
			return false;
	return text.len == 0 || (text.ptr[0] != ' ' && text.ptr[text.len - 1] != ' ');
}

/* Puts a value into its field if the option allows it. text lives as long as the configuration. */
static int store_value(struct config *config, const struct config_option *option, const char *text)
{
	void *field = (char *)config + option->offset;
	struct str view = str_of(text);

	if (!fits_in_line(view))
		return -1;
	switch (option->type) {
	case CONFIG_TEXT:
		if (option->check && !option->check(view))
			return -1;
		*(const char **)field = text;
		return 0;
	case CONFIG_CHOICE:
		return choice_of(view, option->words, field);
	case CONFIG_YESNO:
		*(bool *)field = str_eq(view, STR("yes"));
		return *(bool *)field || str_eq(view, STR("no")) ? 0 : -1;
	case CONFIG_COUNT:
	case CONFIG_SIZE:
	case CONFIG_SECONDS:
		return store_number(field, option, view);
	}
	return -1;
}

static int put(struct config *config, const struct config_option *option, struct str value, const char *source,
	       char *message, size_t size)
{
	size_t key = (size_t)(option - config_options);
	char *text = arena_cstr(&config->arena, value);
	char name[80], allowed[200];

	if (strlen(text) == value.len && store_value(config, option, text) == 0) {
		config->text[key] = text;
		config->source[key] = arena_cstr(&config->arena, str_of(source));
		return 0;
	}
	config_key_name(option, name, sizeof(name));
	config_allowed(option, allowed, sizeof(allowed));
	return fail(message, size, "%s: %s: '%.60s'%s is not allowed; it must be %s", source, name, text,
		    value.len > 60 ? "..." : "", allowed);
}

void config_init(struct config *config)
{
	char message[300];

	*config = (struct config){0};
	arena_init(&config->arena);
	for (size_t i = 0; i < KEY_COUNT; i++) {
		int status = put(config, &config_options[i], str_of(config_options[i].default_text), "default", message,
				 sizeof(message));
		ASSERT(status == 0);
	}
}

void config_finish(struct config *config)
{
	arena_finish(&config->arena);
}

static int put_named(struct config *config, struct str section, struct str key, struct str value, const char *source,
		     char *message, size_t size)
{
	const struct config_option *option = find(section, key);
	char known[400] = "";

	if (option)
		return put(config, option, value, source, message, size);
	known_names(section, known, sizeof(known));
	return fail(message, size, "%s: unknown key %.40s.%.40s; %s", source, arena_cstr(&config->arena, section),
		    arena_cstr(&config->arena, key), known);
}

int config_set(struct config *config, const char *assignment, char *message, size_t size)
{
	struct str rest = str_of(assignment);
	struct str name = str_split(&rest, '=');
	struct str key = name;
	struct str section = str_split(&key, '.');

	if (!rest.ptr || !key.ptr)
		return fail(message, size, "--set: '%.60s' is not of the form SECTION.KEY=VALUE", assignment);
	return put_named(config, section, key, rest, "--set", message, size);
}

/* The section in whose name space a variable is, or NULL. Others (COPSE_PORT of a container manager) are not ours. */
static const char *section_of_variable(const char *variable)
{
	for (const struct config_section *s = config_sections; s->name; s++) {
		size_t len = strlen(s->name);
		if (strncasecmp(variable, s->name, len) == 0 && variable[len] == '_')
			return s->name;
	}
	return NULL;
}

static int put_variable(struct config *config, const char *entry, char *message, size_t size)
{
	struct str value = str_of(entry);
	struct str variable = str_split(&value, '=');
	const char *section = section_of_variable(entry + strlen("COPSE_"));
	char source[100], name[80], known[400] = "";

	if (!section || !value.ptr)
		return 0;
	snprintf(source, sizeof(source), "environment %.80s", arena_cstr(&config->arena, variable));
	for (size_t i = 0; i < KEY_COUNT; i++) {
		config_variable(&config_options[i], name, sizeof(name));
		if (str_eq(variable, str_of(name)))
			return put(config, &config_options[i], value, source, message, size);
	}
	known_names(str_of(section), known, sizeof(known));
	return fail(message, size, "%s: unknown key; %s", source, known);
}

int config_read_environment(struct config *config, char *const *environment, char *message, size_t size)
{
	for (; *environment; environment++)
		if (strncmp(*environment, "COPSE_", strlen("COPSE_")) == 0 &&
		    put_variable(config, *environment, message, size) < 0)
			return -1;
	return 0;
}

/* What libinih's callbacks share: where they are, and the first fault. */
struct file_reading {
	struct config *config;
	FILE *file;
	const char *path;
	unsigned line;
	bool is_continued;		    /* the line is indented: another element of the list above it */
	const char *fault;		    /* in the words of read_line */
	const struct config_option *option; /* the one that was set last */
	bool given[KEY_COUNT];
	unsigned failed_line; /* whose message is set; 0: none */
	char *message;
	size_t size;
};

/* fgets for libinih, which would cut a line longer than its buffer in two. */
static char *read_line(char *line, int size, void *arg)
{
	struct file_reading *reading = arg;

	if (reading->fault || reading->failed_line || !fgets(line, size, reading->file))
		return NULL;
	reading->line++;
	reading->is_continued = line[0] == ' ' || line[0] == '\t';
	if (!strchr(line, '\n') && !feof(reading->file))
		reading->fault =
			"a longer line than can be read, or a byte 0; a list may go on on further, indented lines";
	return reading->fault ? NULL : line;
}

static int take_line(struct file_reading *reading, struct str section, struct str key, struct str value)
{
	const struct config_option *option = find(section, key);
	char source[300];

	snprintf(source, sizeof(source), "%.250s:%u", reading->path, reading->line);
	if (option && reading->is_continued && option == reading->option)
		value = arena_printf(&reading->config->arena, "%s,%.*s", reading->config->text[option - config_options],
				     STR_ARG(value));
	else if (option && reading->given[option - config_options])
		return fail(reading->message, reading->size, "%s: %.*s.%.*s is given twice", source, STR_ARG(section),
			    STR_ARG(key));
	if (put_named(reading->config, section, key, value, source, reading->message, reading->size) < 0)
		return -1;
	reading->option = option;
	reading->given[option - config_options] = true;
	return 0;
}

/* For libinih: 0 is a fault. */
static int handle_line(void *arg, const char *section, const char *key, const char *value)
{
	struct file_reading *reading = arg;

	if (!reading->failed_line && take_line(reading, str_of(section), str_of(key), str_of(value)) < 0)
		reading->failed_line = reading->line;
	return !reading->failed_line;
}

static int read_stream(struct file_reading *reading)
{
	int bad_line = ini_parse_stream(read_line, reading, handle_line, reading);

	if (reading->failed_line && bad_line == (int)reading->failed_line)
		return -1;
	if (ferror(reading->file))
		return fail(reading->message, reading->size, "%s: %s", reading->path, strerror(errno));
	if (reading->fault)
		return fail(reading->message, reading->size, "%s:%u: %s", reading->path, reading->line, reading->fault);
	if (bad_line != 0)
		return fail(reading->message, reading->size, "%s:%d: neither [section] nor key = value nor a comment",
			    reading->path, bad_line);
	return 0;
}

int config_read_file(struct config *config, const char *path, char *message, size_t size)
{
	struct file_reading reading = {.config = config, .path = path, .message = message, .size = size};
	int status;

	reading.file = fopen(path, "re");
	if (!reading.file)
		return fail(message, size, "--config %s: %s", path, strerror(errno));
	status = read_stream(&reading);
	fclose(reading.file);
	return status;
}

int config_check(struct config *config, char *message, size_t size)
{
	if (config->expiration_default <= config->expiration_max)
		return 0;
	if (strcmp(config->source[KEY_expiration_default], "default") == 0)
		return put(config, &config_options[KEY_expiration_default], str_of(config->text[KEY_expiration_max]),
			   config->source[KEY_expiration_max], message, size);
	return fail(message, size, "%s: expiration.default: %s is more than expiration.max, %s",
		    config->source[KEY_expiration_default], config->text[KEY_expiration_default],
		    config->text[KEY_expiration_max]);
}

static uint64_t number_in(const struct config *config, const struct config_option *option)
{
	const void *field = (const char *)config + option->offset;

	switch (option->type) {
	case CONFIG_TEXT:
		return 0;
	case CONFIG_CHOICE:
		return *(const unsigned *)field;
	case CONFIG_YESNO:
		return *(const bool *)field;
	default:
		return *(const uint64_t *)field;
	}
}

void config_section(const struct config *config, const char *section, struct setting *rows)
{
	for (size_t i = 0; i < KEY_COUNT; i++) {
		const struct config_option *option = &config_options[i];

		if (strcmp(option->section, section) == 0)
			*rows++ = (struct setting){option->key, config->text[i], number_in(config, option)};
	}
	*rows = (struct setting){0};
}

static size_t field_size(const struct config_option *option)
{
	return option->type == CONFIG_CHOICE  ? sizeof(CONFIG_FIELD_CHOICE)
	       : option->type == CONFIG_YESNO ? sizeof(CONFIG_FIELD_YESNO)
					      : sizeof(CONFIG_FIELD_COUNT);
}

static void add_name(struct strbuf *list, const struct config_option *option)
{
	char name[80];

	config_key_name(option, name, sizeof(name));
	strbuf_addf(list, "%s%s", list->len ? "," : "", name);
}

void config_take_live(struct config *config, const struct config *fresh, struct strbuf *taken, struct strbuf *waiting)
{
	for (size_t i = 0; i < KEY_COUNT; i++) {
		const struct config_option *option = &config_options[i];

		if (strcmp(config->text[i], fresh->text[i]) == 0)
			continue;
		add_name(option->is_live ? taken : waiting, option);
		if (!option->is_live)
			continue;
		ASSERT(option->type != CONFIG_TEXT);
		memcpy((char *)config + option->offset, (const char *)fresh + option->offset, field_size(option));
		config->text[i] = arena_cstr(&config->arena, str_of(fresh->text[i]));
	}
}
