/* option: tables and what of a request's options is understood. */
#include "bindings/coap/option.h"

#include <stdio.h>

static const struct option_def rows[] = {
#define PARAM_NONE PARAM_COUNT
#define STRING false
#define UINT true
#define OPTION(number, name, format, shortest, longest, parameter)                                                     \
	{number, "oneM2M-" #name, format, shortest, longest, PARAM_##parameter},
#include "bindings/coap/option.def"
#undef OPTION
};

enum { ROW_COUNT = sizeof(rows) / sizeof(rows[0]) };

size_t option_defs(const struct option_def **defs)
{
	*defs = rows;
	return ROW_COUNT;
}

const struct option_def *option_find(unsigned number)
{
	for (size_t i = 0; i < ROW_COUNT; i++)
		if (rows[i].number == number)
			return &rows[i];
	return NULL;
}

/* ---- what is understood ---- */

/* Lengths are RFC 7252's table 4 and RFC 7959's table 1. */
static const struct {
	unsigned number;
	size_t shortest, longest;
	bool may_repeat;
} critical[] = {
	{COAP_OPTION_URI_HOST, 1, 255, false},
	{COAP_OPTION_URI_PORT, 0, 2, false},
	{COAP_OPTION_URI_PATH, 0, 255, true},
	{COAP_OPTION_URI_QUERY, 0, 255, true},
	{COAP_OPTION_ACCEPT, 0, 2, false},
	{COAP_OPTION_BLOCK2, 0, 3, false},
	{COAP_OPTION_BLOCK1, 0, 3, false},
};

static bool is_plain_fault(const struct message_option *option, bool is_repeated, const char **what)
{
	for (size_t i = 0; i < sizeof(critical) / sizeof(critical[0]); i++) {
		if (critical[i].number != option->number)
			continue;
		*what = is_repeated && !critical[i].may_repeat ? "is given twice" : "has a length that it cannot have";
		return (is_repeated && !critical[i].may_repeat) || option->value.len < critical[i].shortest ||
		       option->value.len > critical[i].longest;
	}
	*what = "is not understood";
	return true;
}

static bool is_fault(const struct message_option *option, bool is_repeated, const char **what)
{
	const struct option_def *def = option_find(option->number);

	if (!(option->number & 1)) /* elective: RFC 7252 5.4.1 */
		return false;
	if (!def)
		return is_plain_fault(option, is_repeated, what);
	*what = is_repeated ? "is given twice" : "has a length that it cannot have";
	return is_repeated || option->value.len < def->shortest || option->value.len > def->longest;
}

uint8_t option_refuses(const struct message *message, char *why, size_t size)
{
	for (unsigned i = 0; i < message->option_count; i++) {
		const struct message_option *option = &message->options[i];
		const struct option_def *def;
		const char *what;

		if (option->number == COAP_OPTION_PROXY_URI || option->number == COAP_OPTION_PROXY_SCHEME) {
			snprintf(why, size, "this is no proxy");
			return MESSAGE_CODE(5, 5);
		}
		if (!is_fault(option, i && option[-1].number == option->number, &what))
			continue;
		def = option_find(option->number);
		snprintf(why, size, "option %u%s%s%s %s", option->number, def ? " (" : "", def ? def->name : "",
			 def ? ")" : "", what);
		return MESSAGE_CODE(4, 2);
	}
	if (!message->is_crowded)
		return 0;
	snprintf(why, size, "more than %d options", MESSAGE_OPTIONS_MAX);
	return MESSAGE_CODE(4, 2);
}

/* ---- Content-Formats ---- */

static const struct {
	unsigned number;
	struct str text;
} formats[] = {
#define FORMAT(number, text) {number, {(text), sizeof(text) - 1}},
#include "bindings/coap/format.def"
#undef FORMAT
};

const struct media_def *format_media(uint64_t number)
{
	struct content_type type;

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (formats[i].number == number)
			return media_parse(formats[i].text, &type) == 0 ? type.media : NULL;
	return NULL;
}

unsigned format_number(const struct media_def *media)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (str_eq(formats[i].text, media->text))
			return formats[i].number;
	ASSERT(!"every type of media.def has a row in format.def");
	return 0;
}
