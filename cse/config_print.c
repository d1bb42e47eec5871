/* config_print: the configuration as a file, a sample, a table in Markdown and a part of the manual page. */
#include "cse/config.h"

#include <ini.h>

static void print_key(const struct config_option *option, FILE *out)
{
	for (const char *c = option->key; *c; c++)
		fputc(*c == '_' ? '-' : *c, out);
}

/* The section of option i if it is the first of it. */
static const struct config_section *section_begins(size_t i)
{
	const struct config_section *section = config_sections;

	if (i > 0 && strcmp(config_options[i].section, config_options[i - 1].section) == 0)
		return NULL;
	while (strcmp(section->name, config_options[i].section) != 0)
		section++;
	return section;
}

enum { LINE_BYTES = INI_MAX_LINE - 2 }; /* that can be read, without the end of the line */

/* May the comma at i be where a further, indented line begins? Reading it puts the comma back, but no blanks. */
static bool may_break(struct str text, size_t i)
{
	return i > 0 && i + 1 < text.len && text.ptr[i] == ',' && text.ptr[i - 1] != ' ' &&
	       !strchr(" ;#", text.ptr[i + 1]);
}

/* How much goes on a line: `most` if it can be. */
static size_t line_length(struct str text, size_t most)
{
	size_t end = most < text.len ? most : text.len;

	while (end > 0 && end < text.len && !may_break(text, end))
		end--;
	for (end = end ? end : most; end < text.len && !may_break(text, end); end++)
		continue;
	return end;
}

/* A value that is long goes on on indented lines, below a line that says where it comes from. */
static void print_long(const struct config_option *option, struct str value, const char *source, FILE *out)
{
	size_t most = LINE_BYTES - strlen(option->key) - strlen(" = "), end = line_length(value, most);

	fprintf(out, "; %.*s\n", LINE_BYTES - 2, source);
	print_key(option, out);
	fprintf(out, " = %.*s\n", (int)end, value.ptr);
	while (end < value.len) {
		value = str_from(value, end + 1);
		end = line_length(value, LINE_BYTES - 1);
		fprintf(out, "\t%.*s\n", (int)end, value.ptr);
	}
}

void config_print(const struct config *config, FILE *out)
{
	for (size_t i = 0; i < KEY_COUNT; i++) {
		const struct config_option *option = &config_options[i];
		const char *value = config->text[i], *source = config->source[i];

		if (section_begins(i))
			fprintf(out, "%s[%s]\n", i ? "\n" : "", option->section);
		if (strlen(option->key) + strlen(value) + strlen(source) + strlen(" =  ; ") > LINE_BYTES) {
			print_long(option, str_of(value), source, out);
			continue;
		}
		print_key(option, out);
		fprintf(out, " = %s ; %s\n", value, source);
	}
}

void config_print_sample(FILE *out)
{
	char allowed[200];

	fputs("# Configuration of copse. Every value below is the default; copse run --config FILE reads this file.\n",
	      out);
	for (size_t i = 0; i < KEY_COUNT; i++) {
		const struct config_option *option = &config_options[i];
		const struct config_section *section = section_begins(i);
		if (section)
			fprintf(out, "\n# %s\n[%s]\n", section->help, section->name);
		config_allowed(option, allowed, sizeof(allowed));
		fprintf(out, "\n# %s\n# Allowed: %s.%s\n# ", option->help, allowed,
			option->is_live ? " A running server takes it on SIGHUP." : "");
		print_key(option, out);
		fprintf(out, " = %s\n", option->default_text);
	}
}

/* '|' would end a cell. */
static void print_cell(const char *text, FILE *out)
{
	for (; *text; text++)
		fprintf(out, "%s%c", *text == '|' ? "\\" : "", *text);
}

void config_print_markdown(FILE *out)
{
	char name[80], allowed[200];

	fputs("| key | default | allowed | meaning |\n|---|---|---|---|\n", out);
	for (size_t i = 0; i < KEY_COUNT; i++) {
		const struct config_option *option = &config_options[i];
		config_key_name(option, name, sizeof(name));
		config_allowed(option, allowed, sizeof(allowed));
		fprintf(out, "| `%s` | ", name);
		fprintf(out, option->default_text[0] ? "`%s` | " : "%s| ", option->default_text);
		print_cell(allowed, out);
		fputs(" | ", out);
		print_cell(option->help, out);
		fputs(option->is_live ? " *Live.* |\n" : " |\n", out);
	}
}

/* A line of roff must not begin with '.' or an apostrophe, and '-' in a name is a minus. */
static void print_roff(const char *text, FILE *out)
{
	if (*text == '.' || *text == '\'')
		fputs("\\&", out);
	for (; *text; text++)
		fprintf(out, "%s%c", *text == '-' || *text == '\\' ? "\\" : "", *text);
}

void config_print_man(FILE *out)
{
	char name[80], allowed[200];

	for (size_t i = 0; i < KEY_COUNT; i++) {
		const struct config_option *option = &config_options[i];
		const struct config_section *section = section_begins(i);
		if (section)
			fprintf(out, ".SS %s: %s\n", section->name, section->help);
		config_key_name(option, name, sizeof(name));
		config_allowed(option, allowed, sizeof(allowed));
		fputs(".TP\n.B ", out);
		print_roff(name, out);
		fputs("\n", out);
		print_roff(option->help, out);
		fputs("\nAllowed: ", out);
		print_roff(allowed, out);
		fputs(". Default: ", out);
		print_roff(option->default_text[0] ? option->default_text : "nothing", out);
		fputs(option->is_live ? ".\nA running server takes it on SIGHUP.\n" : ".\n", out);
	}
}
