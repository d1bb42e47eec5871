/* pretty: JSON with a line for each member and element. Goes by the characters alone, so any number keeps its digits.
 */
#include "cse/caller.h"

struct printer {
	FILE *out;
	unsigned depth;
	bool in_string;
};

static void new_line(const struct printer *printer)
{
	fputc('\n', printer->out);
	for (unsigned i = 0; i < printer->depth; i++)
		fputs("  ", printer->out);
}

/* Terminals act on control bytes; JSON has none outside its blanks. */
static void put(const struct printer *printer, char c)
{
	fputc((unsigned char)c < ' ' || c == 0x7f ? '?' : c, printer->out);
}

/* Prints what follows a bracket, and returns how many characters of rest belong to it: an empty pair stays together. */
static size_t open_bracket(struct printer *printer, char bracket, struct str rest)
{
	size_t blanks = 0;

	put(printer, bracket);
	while (blanks < rest.len && memchr(" \t\r\n", rest.ptr[blanks], 4))
		blanks++;
	if (blanks < rest.len && (rest.ptr[blanks] == ']' || rest.ptr[blanks] == '}')) {
		put(printer, rest.ptr[blanks]);
		return blanks + 1;
	}
	printer->depth++;
	new_line(printer);
	return blanks;
}

static void close_bracket(struct printer *printer, char bracket)
{
	printer->depth -= printer->depth > 0;
	new_line(printer);
	put(printer, bracket);
}

static size_t print_outside(struct printer *printer, struct str rest)
{
	char c = rest.ptr[0];

	if (c == '{' || c == '[')
		return 1 + open_bracket(printer, c, str_from(rest, 1));
	if (c == '}' || c == ']') {
		close_bracket(printer, c);
	} else if (!memchr(" \t\r\n", c, 4)) {
		put(printer, c);
		printer->in_string = c == '"';
		if (c == ',')
			new_line(printer);
		else if (c == ':')
			put(printer, ' ');
	}
	return 1;
}

static size_t print_inside(struct printer *printer, struct str rest)
{
	size_t len = rest.ptr[0] == '\\' && rest.len > 1 ? 2 : 1;

	for (size_t i = 0; i < len; i++)
		put(printer, rest.ptr[i]);
	printer->in_string = rest.ptr[0] != '"';
	return len;
}

void pretty_print(struct str json, FILE *out)
{
	struct printer printer = {.out = out};

	while (json.len)
		json = str_from(json, printer.in_string ? print_inside(&printer, json) : print_outside(&printer, json));
	fputc('\n', out);
	fflush(out);
}
