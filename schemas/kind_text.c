/* kind_text: one predicate per kind of text. TS-0004 6.3.2, 6.3.3. */
#include "schemas/kind_text.h"

#include <arpa/inet.h>

#include "schemas/schedule.h"
#include "schemas/timestamp.h"

enum { NAME_MAX_LENGTH = 255, ADDRESS_SIZE = 64 };

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Letters, digits and those of the characters in `more`. */
static bool only(struct str text, const char *more)
{
	for (size_t i = 0; i < text.len; i++)
		if (!is_letter(text.ptr[i]) && !is_digit(text.ptr[i]) &&
		    (text.ptr[i] == 0 || !strchr(more, text.ptr[i])))
			return false;
	return text.len > 0;
}

static bool has_no_blank(struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.ptr[i] <= ' ' || text.ptr[i] == 0x7f)
			return false;
	return text.len > 0;
}

static bool is_name(struct str text)
{
	return text.len <= NAME_MAX_LENGTH && only(text, "-._~") && !str_eq(text, STR("-"));
}

static bool is_ncname(struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (!is_letter(c) && c != '_' && (unsigned char)c < 0x80 &&
		    (i == 0 || (!is_digit(c) && c != '-' && c != '.')))
			return false;
	}
	return text.len > 0;
}

static bool is_duration(struct str text)
{
	int64_t us;

	return duration_parse(text, &us) == 0;
}

static bool is_timestamp(struct str text)
{
	int64_t us;

	return timestamp_parse(text, &us) == 0 || is_duration(text);
}

static bool is_abs_rel_timestamp(struct str text)
{
	int64_t us;

	return timestamp_parse_abs_rel(text, 0, &us) == 0;
}

static bool is_base64(struct str text)
{
	size_t len = text.len;

	while (len > 0 && text.len - len < 2 && text.ptr[len - 1] == '=')
		len--;
	return text.len % 4 == 0 && (text.len == 0 || only(str_make(text.ptr, len), "+/"));
}

/* type "/" subtype, with parameters behind a ';' or not. */
static bool is_media_type(struct str text)
{
	struct str rest = text, names = str_split(&rest, ';'), type = str_split(&names, '/');

	return only(type, "!#$&-^_.+") && names.ptr && only(names, "!#$&-^_.+");
}

/* One digit from 0 to max. */
static bool is_code(struct str text, char max)
{
	return text.len == 1 && text.ptr[0] >= '0' && text.ptr[0] <= max;
}

/* media type ":" m2m:encodingType [":" m2m:contentSecurity] */
static bool is_content_info(struct str text)
{
	struct str rest = text, media_type = str_split(&rest, ':'), encoding = str_split(&rest, ':');

	return is_media_type(media_type) && is_code(encoding, '2') && (!rest.ptr || is_code(rest, '5'));
}

bool url_has_credentials(struct str url)
{
	const char *slashes = url.len ? memmem(url.ptr, url.len, "://", 3) : NULL;
	struct str authority = slashes ? str_from(url, (size_t)(slashes - url.ptr) + 3) : STR("");

	for (size_t i = 0; i < authority.len && !strchr("/?#", authority.ptr[i]); i++)
		if (authority.ptr[i] == '@')
			return true;
	return false;
}

/* Whoever may read the resource reads it, so that it is no place for a password. */
static bool is_point_of_access(struct str text)
{
	struct str rest = text, scheme = str_split(&rest, ':');

	return has_no_blank(text) && only(scheme, "+-.") && is_letter(scheme.ptr[0]) && rest.len > 2 &&
	       str_starts(rest, STR("//")) && !url_has_credentials(text);
}

/* An address with "/" and a number of bits behind it, or not. */
static bool is_address(struct str text, int family, uint64_t bits)
{
	struct str rest = text, address = str_split(&rest, '/');
	char buffer[ADDRESS_SIZE];
	struct in6_addr binary;
	uint64_t prefix = 0;

	if (address.len == 0 || address.len >= sizeof(buffer) || memchr(address.ptr, 0, address.len))
		return false;
	memcpy(buffer, address.ptr, address.len);
	buffer[address.len] = 0;
	if (inet_pton(family, buffer, &binary) != 1)
		return false;
	return !rest.ptr || (str_to_u64(rest, &prefix) == 0 && prefix <= bits);
}

static bool is_ipv4(struct str text)
{
	return is_address(text, AF_INET, 32);
}

static bool is_ipv6(struct str text)
{
	return is_address(text, AF_INET6, 128);
}

static bool is_country(struct str text)
{
	return text.len == 2 && text.ptr[0] >= 'A' && text.ptr[0] <= 'Z' && text.ptr[1] >= 'A' && text.ptr[1] <= 'Z';
}

/* name "@" FQDN in lower case */
static bool is_role_id(struct str text)
{
	struct str rest = text, name = str_split(&rest, '@');

	for (size_t i = 0; i < rest.len; i++)
		if (rest.ptr[i] >= 'A' && rest.ptr[i] <= 'Z')
			return false;
	return only(name, "._-") && rest.ptr && only(rest, ".-");
}

/* TS-0004 7.4.9.1 */
static bool is_schedule(struct str text)
{
	struct schedule schedule;

	return schedule_parse(text, &schedule) == 0;
}

/* ---- the table ---- */

static bool is_anything(struct str text)
{
	(void)text;
	return true;
}

static const struct {
	bool (*holds)(struct str text);
	const char *problem;
} rules[KIND_COUNT] = {
	[KIND_STRING] = {is_anything, ""},
	[KIND_TOKEN] = {has_no_blank, "must be a word without blanks"},
	[KIND_URI] = {has_no_blank, "must be a URI or address, without blanks"},
	[KIND_ID] = {has_no_blank, "must be an identifier, without blanks"},
	[KIND_NAME] = {is_name, "must be 1 to 255 letters, digits or any of -._~, and not \"-\" alone"},
	[KIND_NCNAME] = {is_ncname, "must be a name: a letter or _, then letters, digits or any of -._"},
	[KIND_TIMESTAMP] = {is_timestamp, "must be a timestamp (YYYYMMDDThhmmss) or a duration from now (PT30S)"},
	[KIND_ABS_REL_TIMESTAMP] = {is_abs_rel_timestamp, "must be a timestamp (YYYYMMDDThhmmss), or milliseconds or a "
							  "duration (PT30S) from now"},
	[KIND_DURATION] = {is_duration, "must be a duration such as P1DT30M"},
	[KIND_SCHEDULE] = {is_schedule,
			   "must be a schedule: second minute hour day month weekday year, each *, numbers, "
			   "ranges or steps, one blank between"},
	[KIND_BASE64] = {is_base64, "must be base64 text"},
	[KIND_CONTENT_INFO] = {is_content_info, "must be a media type and an encoding, such as application/json:0"},
	[KIND_MEDIA_TYPE] = {is_media_type, "must be a media type such as application/json"},
	[KIND_POA] = {is_point_of_access,
		      "must be a point of access such as http://host:8080, without user or password"},
	[KIND_IPV4] = {is_ipv4, "must be an IPv4 address, with /bits or not"},
	[KIND_IPV6] = {is_ipv6, "must be an IPv6 address, with /bits or not"},
	[KIND_COUNTRY] = {is_country, "must be a country code of two capital letters"},
	[KIND_ROLE_ID] = {is_role_id, "must be name@domain, the domain in lower case"},
};

bool kind_is_text(enum base_kind base)
{
	return rules[base].holds != NULL;
}

const char *kind_text_problem(enum base_kind base, struct str text)
{
	return rules[base].holds(text) ? NULL : rules[base].problem;
}
