/* head: callbacks that libhttp-parser makes while it reads, and the rules it leaves to us. */
#include "bindings/head.h"

#include "cse/base/list.h"

const struct field_def field_defs[FIELD_COUNT] = {
#define TEXT(text)                                                                                                     \
	{                                                                                                              \
		(text), sizeof(text) - 1                                                                               \
	}
#define FIELD(name, text, repeat) [FIELD_##name] = {TEXT(text), repeat, PARAM_COUNT},
#define HEADER(name, text) [FIELD_##name] = {TEXT(text), ONCE, PARAM_##name},
#include "bindings/header.def"
#undef FIELD
#undef HEADER
#undef TEXT
};

_Static_assert(FIELD_COUNT <= 64, "seen and repeated have a bit per field");

static int refuse(struct head *head, unsigned status, const char *why)
{
	head->refusal = (struct refusal){status, why};
	return -1;
}

/* ---- pieces ---- */

static struct span span_end(struct span span)
{
	return (struct span){span.start + span.len, 0};
}

/* Adds a piece to a span that is read in pieces. false: it does not follow the earlier ones. */
static bool extend(const struct head *head, struct span *span, const char *at, size_t len)
{
	uint32_t start = (uint32_t)(at - head->base);

	if (start != span_end(*span).start)
		return false;
	span->len += (uint32_t)len;
	return true;
}

static struct span begin(const struct head *head, const char *at, size_t len)
{
	return (struct span){(uint32_t)(at - head->base), (uint32_t)len};
}

static bool is_too_long(const struct head *head, const char *at, size_t len)
{
	return (size_t)(at - head->base) + len > head->max_bytes;
}

/* RFC 7230 3.5: one empty line before the request is skipped, more are not. */
static bool has_long_preamble(const struct head *head)
{
	size_t skip = head->base[0] == '\r' && head->base[1] == '\n' ? 2 : 0;

	return head->base[skip] == '\r' || head->base[skip] == '\n';
}

/* ---- fields ---- */

static enum field find_field(struct str name)
{
	for (unsigned field = 0; field < FIELD_COUNT; field++)
		if (field_defs[field].text.len == name.len && str_eq_nocase(field_defs[field].text, name))
			return (enum field)field;
	return FIELD_COUNT;
}

static bool is_forwarding(enum field field, struct str name)
{
	const struct str prefix = STR("X-Forwarded-");

	if (field < FIELD_COUNT)
		return field_defs[field].repeat == FORWARDING;
	return name.len >= prefix.len && str_eq_nocase(str_make(name.ptr, prefix.len), prefix);
}

static struct span trim(const struct head *head, struct span span)
{
	const char *text = head->base + span.start;

	while (span.len && (text[span.len - 1] == ' ' || text[span.len - 1] == '\t'))
		span.len--;
	return span;
}

static int keep_field(struct head *head, enum field field)
{
	uint64_t bit = UINT64_C(1) << field;

	if (head->seen & bit)
		head->repeated |= bit;
	head->seen |= bit;
	if (head->field_count == HEAD_FIELDS_MAX)
		return refuse(head, 431, "too many header fields");
	head->fields[head->field_count].field = field;
	head->fields[head->field_count].value = trim(head, head->value);
	head->field_count++;
	return 0;
}

/* Called when name and value of a field are complete. */
static int finish_field(struct head *head)
{
	struct str name = head_str(head, head->name);
	enum field field;

	head->is_in_value = false;
	if (name.len == 0)
		return 0;
	head->name.len = 0;
	/* RFC 7230 3.2.4; the library lets a blank pass. */
	if (memchr(name.ptr, ' ', name.len))
		return refuse(head, 400, "blank in the name of a header field");
	field = find_field(name);
	head->is_forwarded |= is_forwarding(field, name);
	return field < FIELD_COUNT ? keep_field(head, field) : 0;
}

struct str head_field(const struct head *head, enum field field)
{
	for (unsigned i = 0; i < head->field_count; i++)
		if (head->fields[i].field == field)
			return head_str(head, head->fields[i].value);
	return str_make(NULL, 0);
}

struct str head_list(const struct head *head, enum field field, struct arena *arena)
{
	struct str joined = {0};

	if (!head_has(head, field))
		return joined;
	for (unsigned i = 0; i < head->field_count; i++) {
		struct str value = head_str(head, head->fields[i].value);

		if (head->fields[i].field == field)
			joined = joined.ptr ? arena_join(arena, joined, STR(","), value) : arena_copy(arena, value);
	}
	return joined;
}

bool head_lists(const struct head *head, enum field field, struct str word)
{
	if (!head_has(head, field))
		return false;
	for (unsigned i = 0; i < head->field_count; i++) {
		struct str list = head_str(head, head->fields[i].value), item;

		while (head->fields[i].field == field && (item = str_next_item(&list)).ptr)
			if (str_eq_nocase(item, word))
				return true;
	}
	return false;
}

bool origin_is_listed(const char *origins, struct str origin)
{
	return str_has_item(str_of(origins), origin) || str_has_item(str_of(origins), STR("*"));
}

/* ---- who has sent it ---- */

/* A page in a browser on this machine can have its own name point here (DNS rebinding); only then is Host a name of the
 * public DNS. */
static bool is_public_name(struct str host)
{
	bool has_dot = false, has_letter = false;

	if (host.len && host.ptr[0] == '[')
		return false;
	host = str_split(&host, ':');
	for (size_t i = 0; i < host.len; i++) {
		has_dot |= host.ptr[i] == '.';
		has_letter |= host.ptr[i] != '.' && (host.ptr[i] < '0' || host.ptr[i] > '9');
	}
	return has_dot && has_letter;
}

bool head_is_direct(const struct head *head)
{
	return !head->is_forwarded && !is_public_name(head_field(head, FIELD_host));
}

/* ---- what the whole head must fulfil ---- */

static int check_version(struct head *head)
{
	if (head->parser.http_major != 1)
		return refuse(head, 505, "HTTP version is not served");
	return 0;
}

static int check_host(struct head *head)
{
	struct str host = head_field(head, FIELD_host);

	if (!host.ptr)
		return head->parser.http_minor == 0 ? 0 : refuse(head, 400, "Host is missing");
	for (size_t i = 0; i < host.len; i++)
		if (memchr(" \t/?#@,\\", host.ptr[i], sizeof(" \t/?#@,\\") - 1))
			return refuse(head, 400, "Host is malformed");
	return 0;
}

/* RFC 7230 3.3.3 */
static int check_framing(struct head *head)
{
	struct str coding = head_field(head, FIELD_transfer_encoding);

	head->content_length = 0;
	if (head_has(head, FIELD_content_length) &&
	    str_to_u64(head_field(head, FIELD_content_length), &head->content_length) < 0)
		return refuse(head, 400, "Content-Length is no number");
	if (!coding.ptr)
		return 0;
	if (head_has(head, FIELD_content_length))
		return refuse(head, 400, "Content-Length beside Transfer-Encoding");
	if (head->parser.http_minor == 0)
		return refuse(head, 400, "Transfer-Encoding in HTTP/1.0");
	if (!str_eq_nocase(coding, STR("chunked")))
		return refuse(head, 501, "Transfer-Encoding other than chunked");
	head->is_chunked = true;
	return 0;
}

static int check_expect(struct head *head)
{
	struct str expect = head_field(head, FIELD_expect);

	if (!expect.ptr || head->parser.http_minor == 0)
		return 0;
	if (!str_eq_nocase(expect, STR("100-continue")))
		return refuse(head, 417, "Expect other than 100-continue");
	head->expects_continue = true;
	return 0;
}

static int check_repeated(struct head *head)
{
	const uint64_t framing = UINT64_C(1) << FIELD_host | UINT64_C(1) << FIELD_content_length |
				 UINT64_C(1) << FIELD_transfer_encoding | UINT64_C(1) << FIELD_expect;

	return head->repeated & framing ? refuse(head, 400, "Host or a framing header field is repeated") : 0;
}

/* ---- callbacks ---- */

static struct head *head_of(struct http_parser *parser)
{
	return container_of(parser, struct head, parser);
}

static int on_url(struct http_parser *parser, const char *at, size_t len)
{
	struct head *head = head_of(parser);

	if (is_too_long(head, at, len))
		return refuse(head, 414, "request target is too long");
	if (head->target.len) {
		if (!extend(head, &head->target, at, len))
			return refuse(head, 400, "request line is malformed");
		return 0;
	}
	if (has_long_preamble(head))
		return refuse(head, 400, "more than one empty line before the request");
	head->target = begin(head, at, len);
	return 0;
}

static int on_header_field(struct http_parser *parser, const char *at, size_t len)
{
	struct head *head = head_of(parser);

	if (is_too_long(head, at, len))
		return refuse(head, 431, "header fields are too large");
	if (!head->is_in_value && head->name.len && extend(head, &head->name, at, len))
		return 0;
	if (finish_field(head) < 0)
		return -1;
	head->name = begin(head, at, len);
	return 0;
}

/* Between a name and its value, and between pieces of a value, no line may end: RFC 7230 3.2.4, obs-fold. */
static int on_header_value(struct http_parser *parser, const char *at, size_t len)
{
	struct head *head = head_of(parser);
	uint32_t name_end = span_end(head->name).start;

	if (is_too_long(head, at, len))
		return refuse(head, 431, "header fields are too large");
	if (head->is_in_value)
		return extend(head, &head->value, at, len) ? 0 : refuse(head, 400, "folded header field");
	head->value = begin(head, at, len);
	head->is_in_value = true;
	/* An empty value is reported behind its line end. */
	if (len && memchr(head->base + name_end, '\n', head->value.start - name_end))
		return refuse(head, 400, "folded header field");
	return 0;
}

static int on_headers_complete(struct http_parser *parser)
{
	struct head *head = head_of(parser);

	if (finish_field(head) < 0 || check_version(head) < 0 || check_repeated(head) < 0 || check_host(head) < 0 ||
	    check_framing(head) < 0 || check_expect(head) < 0)
		return -1;
	head->keeps_alive = http_should_keep_alive(parser);
	return 1; /* the body is not the library's */
}

static int on_message_complete(struct http_parser *parser)
{
	head_of(parser)->is_done = true;
	http_parser_pause(parser, 1);
	return 0;
}

static const struct http_parser_settings callbacks = {
	.on_url = on_url,
	.on_header_field = on_header_field,
	.on_header_value = on_header_value,
	.on_headers_complete = on_headers_complete,
	.on_message_complete = on_message_complete,
};

/* ---- reading ---- */

void head_init(struct head *head, size_t max_bytes)
{
	memset(head, 0, offsetof(struct head, fields));
	head->max_bytes = max_bytes;
	http_parser_init(&head->parser, HTTP_REQUEST);
}

/* A method that the library does not know is still a method if it looks like one. */
static bool looks_like_method(const char *base, size_t len)
{
	size_t i = 0;

	while (i < len && ((base[i] >= 'A' && base[i] <= 'Z') || base[i] == '-'))
		i++;
	return i > 0 && (i == len || base[i] == ' ');
}

static void refuse_by_library(struct head *head, size_t len)
{
	enum http_errno error = HTTP_PARSER_ERRNO(&head->parser);

	if (error == HPE_HEADER_OVERFLOW)
		refuse(head, 431, "header fields are too large");
	else if (error == HPE_INVALID_METHOD && looks_like_method(head->base, len))
		refuse(head, 405, "method is not served");
	else
		refuse(head, 400, http_errno_description(error));
}

size_t head_parse(struct head *head, const char *base, size_t from, size_t to)
{
	size_t parsed;

	head->base = base;
	parsed = from + http_parser_execute(&head->parser, &callbacks, base + from, to - from);
	if (head->is_done || head->refusal.status)
		return parsed;
	if (HTTP_PARSER_ERRNO(&head->parser) != HPE_OK)
		refuse_by_library(head, to);
	else if (to > head->max_bytes)
		refuse(head, head->field_count || head->name.len ? 431 : 414, "request is too large");
	return parsed;
}
