/* media: the types of media.def, and the grammar around them. */
#include "bindings/media.h"

#include "schemas/primitive.h"

static const struct media_def media_defs[] = {
#define CREATE OP_BIT(OP_CREATE)
#define RETRIEVE OP_BIT(OP_RETRIEVE)
#define UPDATE OP_BIT(OP_UPDATE)
#define DELETE OP_BIT(OP_DELETE)
#define NOTIFY OP_BIT(OP_NOTIFY)
#define ANY (CREATE | RETRIEVE | UPDATE | DELETE | NOTIFY)
#define PLAIN false
#define VENDOR true
#define ANSWERS true
#define NEVER false
#define MEDIA(text, codec, operations, is_vendor, in_answers)                                                          \
	{{(text), sizeof(text) - 1}, &codec_##codec, operations, is_vendor, in_answers},
#include "bindings/media.def"
#undef MEDIA
};

enum { MEDIA_COUNT = sizeof(media_defs) / sizeof(media_defs[0]) };

const struct media_def *media_of_codec(const struct codec *codec)
{
	for (size_t i = 0; i < MEDIA_COUNT; i++)
		if (media_defs[i].codec == codec)
			return &media_defs[i];
	return NULL;
}

/* ---- grammar ---- */

static void skip_blanks(struct str *rest)
{
	while (rest->len && (*rest->ptr == ' ' || *rest->ptr == '\t'))
		*rest = str_from(*rest, 1);
}

static bool is_token_char(char c)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
		return true;
	return c != '\0' && strchr("!#$%&'*+-.^_`|~", c);
}

static struct str take_token(struct str *rest)
{
	struct str token = *rest;
	size_t len = 0;

	while (len < rest->len && is_token_char(rest->ptr[len]))
		len++;
	token.len = len;
	*rest = str_from(*rest, len);
	return token;
}

/* A quoted string without escapes inside (none of the values that matter here has one), or a token. */
static struct str take_value(struct str *rest)
{
	const char *end;
	struct str value;

	if (!rest->len || *rest->ptr != '"')
		return take_token(rest);
	end = memchr(rest->ptr + 1, '"', rest->len - 1);
	if (!end)
		return str_make(rest->ptr, 0);
	value = str_make(rest->ptr + 1, (size_t)(end - rest->ptr) - 1);
	*rest = str_from(*rest, value.len + 2);
	return value;
}

static bool take_char(struct str *rest, char c)
{
	skip_blanks(rest);
	if (!rest->len || *rest->ptr != c)
		return false;
	*rest = str_from(*rest, 1);
	skip_blanks(rest);
	return true;
}

/* type "/" subtype, as one view */
static struct str take_type(struct str *rest)
{
	struct str type, start;

	skip_blanks(rest);
	start = *rest;
	type = take_token(rest);
	if (!type.len || !rest->len || *rest->ptr != '/')
		return str_make(NULL, 0);
	*rest = str_from(*rest, 1);
	if (!take_token(rest).len)
		return str_make(NULL, 0);
	return str_make(start.ptr, start.len - rest->len);
}

/* Takes `name=value` from rest; false if it has another form. */
static bool take_parameter(struct str *rest, struct str *name, struct str *value)
{
	*name = take_token(rest);
	if (!name->len || !take_char(rest, '='))
		return false;
	*value = take_value(rest);
	return value->len > 0;
}

/* ---- Content-Type ---- */

static const struct media_def *find(struct str type)
{
	for (size_t i = 0; i < MEDIA_COUNT; i++)
		if (str_eq_nocase(media_defs[i].text, type))
			return &media_defs[i];
	return NULL;
}

static int use_parameter(struct content_type *type, struct str name, struct str value)
{
	if (str_eq_nocase(name, STR("charset")))
		return str_eq_nocase(value, STR("utf-8")) || str_eq_nocase(value, STR("us-ascii")) ? 0 : -1;
	if (!str_eq_nocase(name, str_of(parameter_defs[PARAM_resourceType].short_name)))
		return 0;
	if (type->resource_type.ptr)
		return -1;
	type->resource_type = value;
	return 0;
}

int media_parse(struct str text, struct content_type *type)
{
	struct str rest = text, name, value;

	*type = (struct content_type){.type = take_type(&rest)};
	if (!type->type.ptr)
		return -1;
	type->media = find(type->type);
	while (take_char(&rest, ';')) {
		if (!rest.len || *rest.ptr == ';')
			continue;
		if (!take_parameter(&rest, &name, &value) || use_parameter(type, name, value) < 0)
			return -1;
	}
	return rest.len ? -1 : 0;
}

/* ---- Accept ---- */

/* A qvalue as thousands: 0 to 1 with up to three decimals; -1 for another form. */
static int quality_of(struct str text)
{
	int quality = 0, unit = 1000;

	if (!text.len || text.len > 5 || (text.ptr[0] != '0' && text.ptr[0] != '1'))
		return -1;
	if (text.len > 1 && text.ptr[1] != '.')
		return -1;
	quality = (text.ptr[0] - '0') * unit;
	for (size_t i = 2; i < text.len; i++) {
		unit /= 10;
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return -1;
		quality += (text.ptr[i] - '0') * unit;
	}
	return quality <= 1000 ? quality : -1;
}

struct range {
	struct str type;
	int quality;
};

static bool read_range(struct str text, struct range *range)
{
	struct str name, value;

	range->type = take_type(&text);
	range->quality = 1000;
	while (take_char(&text, ';')) {
		if (!take_parameter(&text, &name, &value))
			return false;
		if (str_eq_nocase(name, STR("q")))
			range->quality = quality_of(value);
	}
	return range->type.ptr && range->quality >= 0 && text.len == 0;
}

/* 0: does not match; 1: any type; 2: any subtype; 3: exactly */
static int specificity(const struct range *range, const struct media_def *media)
{
	if (str_eq_nocase(range->type, media->text))
		return 3;
	if (str_eq_nocase(range->type, STR("application/*")))
		return 2;
	return str_eq(range->type, STR("*/*"));
}

/* The quality that the lists give to a type: that of the most specific range. */
static int quality_for(const struct str *accept, unsigned count, const struct media_def *media)
{
	int best = 0, quality = 0;
	struct range range;

	for (unsigned i = 0; i < count; i++) {
		struct str rest = accept[i];

		while (rest.ptr) {
			if (!read_range(str_split(&rest, ','), &range) || specificity(&range, media) <= best)
				continue;
			best = specificity(&range, media);
			quality = range.quality;
		}
	}
	return quality;
}

static bool is_empty(const struct str *accept, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (accept[i].len)
			return false;
	return true;
}

const struct media_def *media_choose(const struct str *accept, unsigned count, const struct media_def *like)
{
	const struct str all = STR("*/*");
	const struct media_def *chosen = NULL;
	int best = 0;

	if (is_empty(accept, count)) {
		accept = &all;
		count = 1;
	}
	if (!like)
		like = &media_defs[0];
	for (size_t i = 0; i < MEDIA_COUNT; i++) {
		const struct media_def *media = &media_defs[i];
		int quality = media->in_answers ? quality_for(accept, count, media) * 4 : 0;

		if (quality)
			quality += (media->codec == like->codec) * 2 + (media->is_vendor == like->is_vendor);
		if (quality > best) {
			best = quality;
			chosen = media;
		}
	}
	return chosen;
}
