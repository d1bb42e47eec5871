/* config_options: the table of options with their limits, and the rules for values that are text. */
#include "cse/config.h"

#include "bindings/guard.h"
#include "schemas/schema.h"

#include <inttypes.h>

static bool all_of(struct str text, const char *extra)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
		if (!alphanumeric && (c == '\0' || !strchr(extra, c)))
			return false;
	}
	return true;
}

static bool is_name(struct str text)
{
	return text.len > 0 && all_of(text, "-._~");
}

static bool is_cse_id(struct str text)
{
	return str_starts(text, STR("/")) && is_name(str_from(text, 1));
}

static bool is_admin(struct str text)
{
	return text.len == 0 || is_name(text);
}

static bool is_path(struct str text)
{
	return text.len > 0;
}

/* Every element of a comma separated list, without the blanks around it. */
static bool each_element(struct str list, bool (*check)(struct str element))
{
	while (list.ptr) {
		struct str element = str_split(&list, ',');
		while (element.len > 0 && element.ptr[0] == ' ')
			element = str_from(element, 1);
		while (element.len > 0 && element.ptr[element.len - 1] == ' ')
			element.len--;
		if (!check(element))
			return false;
	}
	return true;
}

static bool is_release(struct str text)
{
	return text.len >= 1 && text.len <= 2 && text.ptr[0] >= '1' && text.ptr[0] <= '9' && all_of(text, "");
}

static bool is_release_list(struct str text)
{
	return each_element(text, is_release);
}

static bool is_pattern(struct str text)
{
	return text.len > 0 && all_of(text, "-._~*");
}

static bool is_pattern_list(struct str text)
{
	return text.len == 0 || each_element(text, is_pattern);
}

static bool is_type_name(struct str text)
{
	for (unsigned ty = 1; ty < TY_ANNOUNCED; ty++)
		if (resource_type_name(ty) && str_eq(text, str_of(resource_type_name(ty))))
			return true;
	return false;
}

static bool is_type_list(struct str text)
{
	return text.len == 0 || each_element(text, is_type_name);
}

/* scheme://something; the rest is for whoever uses it. */
static bool is_url(struct str text)
{
	const char *colon = text.len ? memchr(text.ptr, ':', text.len) : NULL;
	if (!colon)
		return false;
	struct str scheme = str_make(text.ptr, (size_t)(colon - text.ptr));
	struct str rest = str_from(text, scheme.len);
	return scheme.len > 0 && all_of(scheme, "+-.") && str_starts(rest, STR("://")) && rest.len > 3 &&
	       !memchr(rest.ptr, ' ', rest.len);
}

static bool is_url_list(struct str text)
{
	return text.len == 0 || each_element(text, is_url);
}

static bool is_origin(struct str text)
{
	if (str_eq(text, STR("*")))
		return true;
	const char *slashes = is_url(text) ? memchr(text.ptr, '/', text.len) : NULL;
	return slashes && !memchr(slashes + 2, '/', text.len - (size_t)(slashes + 2 - text.ptr));
}

static bool is_origin_list(struct str text)
{
	return text.len == 0 || each_element(text, is_origin);
}

static bool is_listen(struct str text)
{
	const char *colon = text.len ? memrchr(text.ptr, ':', text.len) : NULL;
	if (!colon)
		return false;
	struct str host = str_make(text.ptr, (size_t)(colon - text.ptr));
	uint64_t port;
	if (str_to_u64(str_from(text, host.len + 1), &port) < 0 || port > 65535)
		return false;
	if (str_starts(host, STR("[")))
		return host.len > 2 && host.ptr[host.len - 1] == ']';
	return host.len > 0 && !memchr(host.ptr, ':', host.len);
}

/* mqtt://host, with a port and a path perhaps, or host:port. */
static bool is_broker(struct str text)
{
	struct str rest = text;

	if (str_starts(text, STR("mqtt://")))
		rest = str_from(text, strlen("mqtt://"));
	if (memmem(rest.ptr, rest.len, "://", 3) || memchr(rest.ptr, ' ', rest.len))
		return false;
	rest = str_split(&rest, '/');
	return rest.len > 0 && !memchr(rest.ptr, '@', rest.len);
}

static bool is_broker_list(struct str text)
{
	return text.len == 0 || each_element(text, is_broker);
}

static bool is_listen_or_nothing(struct str text)
{
	return text.len == 0 || is_listen(text);
}

static bool is_root(struct str text)
{
	return text.len == 0 || (text.len > 1 && text.ptr[0] == '/' && text.ptr[text.len - 1] != '/' &&
				 all_of(text, "/-._~") && !memmem(text.ptr, text.len, "//", 2));
}

static bool is_network_list(struct str text)
{
	struct guard guard;
	char message[100];

	if (guard_init(&guard, text.ptr, false, message, sizeof(message)) < 0)
		return false;
	guard_finish(&guard);
	return true;
}

#define CHECK(function, in_words) .check = function, .allowed = (in_words)
#define ANY(in_words) .allowed = (in_words)
#define WORDS(list) .words = (list)
#define RANGE(least, most) .min = (least), .max = (most)
#define NOTHING .words = NULL
#define LIVE .is_live = true,

const struct config_option config_options[KEY_COUNT] = {
#define SECTION(name, help)
#define OPTION(section_, key_, type_, default_, limits, help_)                                                         \
	{.section = #section_,                                                                                         \
	 .key = #key_,                                                                                                 \
	 .type = CONFIG_##type_,                                                                                       \
	 .default_text = (default_),                                                                                   \
	 .help = (help_),                                                                                              \
	 .offset = offsetof(struct config, section_##_##key_),                                                         \
	 limits},
#include "cse/config.def"
#undef OPTION
#undef SECTION
};

const struct config_section config_sections[] = {
#define SECTION(name, help) {#name, help},
#define OPTION(section, key, type, default_text, limits, help)
#include "cse/config.def"
#undef OPTION
#undef SECTION
	{NULL, NULL},
};

/* 64M for 64 << 20. */
static void print_size(int64_t bytes, char *out, size_t size)
{
	static const char *const units[] = {"", "K", "M", "G"};
	unsigned unit = 0;

	while (bytes > 0 && bytes % 1024 == 0 && unit < 3) {
		bytes /= 1024;
		unit++;
	}
	snprintf(out, size, "%" PRId64 "%s", bytes, units[unit]);
}

static void allowed_size(const struct config_option *option, char *out, size_t size)
{
	char least[30], most[30];

	print_size(option->min, least, sizeof(least));
	print_size(option->max, most, sizeof(most));
	if (option->max == INT64_MAX)
		snprintf(out, size, "a size (bytes, or with K, M or G)");
	else
		snprintf(out, size, "a size from %s to %s (bytes, or with K, M or G)", least, most);
}

static void allowed_number(const struct config_option *option, char *out, size_t size)
{
	const char *what = option->type == CONFIG_SECONDS ? "number of seconds" : "whole number";

	if (option->max == INT64_MAX)
		snprintf(out, size, "a %s", what);
	else
		snprintf(out, size, "a %s from %" PRId64 " to %" PRId64, what, option->min, option->max);
}

void config_allowed(const struct config_option *option, char *out, size_t size)
{
	if (option->type == CONFIG_TEXT)
		snprintf(out, size, "%s", option->allowed);
	else if (option->type == CONFIG_CHOICE)
		snprintf(out, size, "one of %s", option->words);
	else if (option->type == CONFIG_YESNO)
		snprintf(out, size, "yes or no");
	else if (option->type == CONFIG_SIZE)
		allowed_size(option, out, size);
	else
		allowed_number(option, out, size);
}

void config_key_name(const struct config_option *option, char *out, size_t size)
{
	snprintf(out, size, "%s.%s", option->section, option->key);
	for (char *c = out; *c; c++)
		*c = *c == '_' ? '-' : *c;
}

void config_variable(const struct config_option *option, char *out, size_t size)
{
	snprintf(out, size, "COPSE_%s_%s", option->section, option->key);
	for (char *c = out; *c; c++)
		*c = *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c;
}
