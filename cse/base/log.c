/* log: builds one line per event from a format of key=value pairs. The pairs are split by the format, never by what was
 * printed into it, so a value from a peer cannot forge a pair. */
#include "cse/base/log.h"

#include "cse/base/clock.h"
#include "cse/base/strbuf.h"

#include <stdarg.h>
#include <stdint.h>

enum { LINE_MAX_BYTES = 1000, VALUE_MAX_BYTES = 800 };

_Static_assert(sizeof(long) == sizeof(long long) && sizeof(size_t) == sizeof(long long), "l, z and j are one size");

static const char *const level_names[] = {"error", "warn", "info", "debug"};
static const int priorities[] = {3, 4, 6, 7}; /* RFC 5424 6.2.1 */

struct line {
	enum log_format format;
	size_t len;
	char text[LINE_MAX_BYTES];
};

static void add(struct line *line, const char *text, size_t len)
{
	/* Room for the end of the line is kept. */
	size_t room = sizeof(line->text) - 4 - line->len;

	len = len < room ? len : room;
	memcpy(line->text + line->len, text, len);
	line->len += len;
}

static void add_byte(struct line *line, unsigned char c)
{
	char escape[8];

	if (c >= 0x20 && c != 0x7f && c != '"' && c != '\\')
		add(line, (const char *)&c, 1);
	else if (c == '"' || c == '\\')
		add(line, (char[]){'\\', (char)c}, 2);
	else
		add(line, escape, (size_t)snprintf(escape, sizeof(escape), "\\u%04x", c));
}

static bool needs_quotes(struct str value)
{
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.ptr[i];

		if (c <= ' ' || c == 0x7f || c == '"' || c == '\\' || c == '=')
			return true;
	}
	return value.len == 0;
}

static bool is_number(struct str value)
{
	int64_t number;

	return value.len < 20 && (value.len < 2 || value.ptr[0] != '0') && str_to_i64(value, &number) == 0 &&
	       !str_starts(value, STR("-0"));
}

static void add_pair(struct line *line, struct str key, struct str value)
{
	bool is_json = line->format == LOG_JSON;
	bool is_quoted = is_json ? !is_number(value) : needs_quotes(value);

	if (line->len + key.len + 16 > sizeof(line->text))
		return;
	add(line, is_json ? ",\"" : " ", is_json ? 2 : 1);
	add(line, key.ptr, key.len);
	add(line, is_json ? "\":" : "=", is_json ? 2 : 1);
	if (is_quoted)
		add(line, "\"", 1);
	/* A cut value still gets its closing quote: the escape of one byte is at most 6 long. */
	for (size_t i = 0; i < value.len && line->len + 12 < sizeof(line->text); i++)
		add_byte(line, (unsigned char)value.ptr[i]);
	if (is_quoted)
		add(line, "\"", 1);
}

/* A value while its pieces are printed. */
struct piece {
	char text[VALUE_MAX_BYTES];
	size_t len;
};

#define PRINT(piece, ...)                                                                                              \
	printed((piece), snprintf((piece)->text + (piece)->len, sizeof((piece)->text) - (piece)->len, __VA_ARGS__))

static void printed(struct piece *piece, int len)
{
	size_t room = sizeof(piece->text) - piece->len - 1;

	if (len > 0)
		piece->len += (size_t)len < room ? (size_t)len : room;
}

/* What stands between % and the letter; widths are left out. */
struct conversion {
	int precision; /* -1: none */
	unsigned longs;
	char letter;
};

static const char *read_conversion(const char *format, struct conversion *conversion, va_list *args)
{
	bool in_precision = false;

	*conversion = (struct conversion){.precision = -1};
	for (; *format && !strchr("diuxcsf%", *format); format++) {
		if (*format == '.')
			in_precision = true;
		else if (*format == '*')
			conversion->precision = va_arg(*args, int);
		else if (*format >= '0' && *format <= '9' && in_precision)
			conversion->precision =
				(conversion->precision > 0 ? conversion->precision * 10 : 0) + *format - '0';
		conversion->longs += strchr("lzj", *format) != NULL;
	}
	conversion->letter = *format;
	return format + (*format != '\0');
}

static void print_integer(struct piece *piece, const struct conversion *conversion, va_list *args)
{
	bool is_signed = conversion->letter == 'd' || conversion->letter == 'i';
	long long value;

	if (conversion->longs)
		value = va_arg(*args, long long);
	else
		value = is_signed ? va_arg(*args, int) : (long long)va_arg(*args, unsigned);
	if (is_signed)
		PRINT(piece, "%lld", value);
	else if (conversion->letter == 'x')
		PRINT(piece, "%llx", (unsigned long long)value);
	else
		PRINT(piece, "%llu", (unsigned long long)value);
}

/* Prints one conversion (format points behind its %) and returns what follows it. */
static const char *print_conversion(struct piece *piece, const char *format, va_list *args)
{
	struct conversion conversion;
	const char *text;

	format = read_conversion(format, &conversion, args);
	switch (conversion.letter) {
	case 's':
		text = va_arg(*args, const char *);
		PRINT(piece, "%.*s", conversion.precision >= 0 && text ? conversion.precision : VALUE_MAX_BYTES,
		      text ? text : "-");
		break;
	case 'f':
		PRINT(piece, "%.*f", conversion.precision, va_arg(*args, double));
		break;
	case 'c':
		PRINT(piece, "%c", va_arg(*args, int));
		break;
	case '%':
		PRINT(piece, "%c", '%');
		break;
	case '\0':
		break;
	default:
		print_integer(piece, &conversion, args);
	}
	return format;
}

/* Reads one key=value of the format, prints it, and returns what follows it. */
static const char *print_pair(struct line *line, const char *format, va_list *args)
{
	struct piece piece = {.len = 0};
	const char *key = format;
	bool is_quoted = false;
	size_t key_len;

	while (*format && *format != '=' && *format != ' ')
		format++;
	key_len = (size_t)(format - key);
	format += *format == '=';
	while (*format && (is_quoted || *format != ' ')) {
		if (*format == '%') {
			format = print_conversion(&piece, format + 1, args);
			continue;
		}
		if (*format == '"')
			is_quoted = !is_quoted;
		else
			PRINT(&piece, "%c", *format);
		format++;
	}
	add_pair(line, str_make(key, key_len), str_make(piece.text, piece.len));
	return format + (*format == ' ');
}

static void start_line(struct line *line, enum log_level level, const char *event)
{
	struct clock clock;
	struct tm parts;
	char stamp[40];
	int64_t now_us;
	time_t seconds;
	size_t len;

	clock_init_real(&clock);
	now_us = clock_wall_us(&clock);
	seconds = (time_t)(now_us / 1000000);
	gmtime_r(&seconds, &parts);
	len = strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &parts);
	len += (size_t)snprintf(stamp + len, sizeof(stamp) - len, ".%03dZ", (int)(now_us / 1000 % 1000));
	add_pair(line, STR("time"), str_make(stamp, len));
	add_pair(line, STR("level"), str_of(level_names[level]));
	add_pair(line, STR("event"), str_of(event));
	/* The first separator is what opens a JSON object, and nothing in text. */
	line->text[0] = line->format == LOG_JSON ? '{' : line->text[0];
}

void log_event(const struct log *log, enum log_level level, const char *event, const char *format, ...)
{
	struct line line = {.format = log->format};
	size_t skip = line.format == LOG_TEXT;
	va_list args;

	if (!log_on(log, level))
		return;
	start_line(&line, level, event);
	va_start(args, format);
	while (*format)
		format = print_pair(&line, format, &args);
	va_end(args);
	if (line.format == LOG_JSON)
		line.text[line.len++] = '}';
	line.text[line.len++] = '\n';
	flockfile(log->out);
	if (log->has_priority)
		fprintf(log->out, "<%d>", priorities[level]);
	fwrite(line.text + skip, 1, line.len - skip, log->out);
	fflush(log->out);
	funlockfile(log->out);
}

int log_level_of(const char *name)
{
	for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++)
		if (str_eq(str_of(name), str_of(level_names[i])))
			return (int)i;
	return -1;
}
