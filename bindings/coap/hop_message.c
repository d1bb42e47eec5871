/* hop_message: options by the rows of option.def, path and query as they are in URLs. */
#include "bindings/coap/hop_message.h"

#include "bindings/coap/option.h"
#include "bindings/resolver.h"
#include "bindings/target.h"

#include "bindings/coap/library.h"
#include <ctype.h>
#include <stdio.h>

enum { CODE_MIN = 1000, CODE_MAX = 9999 }; /* TS-0004 6.6.2: four digits */

/* ---- targets ---- */

static struct str str_of_coap(coap_str_const_t text)
{
	return str_make(text.s ? (const char *)text.s : "", text.s ? text.length : 0);
}

/* Control bytes, blanks and what is not ASCII would be read differently by others. */
static bool is_visible(struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.ptr[i] <= ' ' || (unsigned char)text.ptr[i] >= 0x7f)
			return false;
	return true;
}

int hop_target_read(struct hop_target *target, struct str url, const char **why)
{
	coap_uri_t uri;

	*why = "URL is malformed";
	if (!is_visible(url) || coap_split_uri((const uint8_t *)url.ptr, url.len, &uri) < 0)
		return -1;
	target->is_stream = uri.scheme == COAP_URI_SCHEME_COAP_TCP;
	target->host = str_of_coap(uri.host);
	target->port = uri.port;
	target->path = str_of_coap(uri.path);
	target->query = str_of_coap(uri.query);
	*why = "URL is neither coap nor coap+tcp";
	if (uri.scheme != COAP_URI_SCHEME_COAP && uri.scheme != COAP_URI_SCHEME_COAP_TCP)
		return -1;
	*why = "URL with a fragment"; /* RFC 7252 6.4, 4 */
	if (memchr(url.ptr, '#', url.len))
		return -1;
	*why = "URL with a user or password";
	return memchr(target->host.ptr, '@', target->host.len) ? -1 : 0;
}

/* ---- requests ---- */

static enum operation operation_of(const struct hop *hop)
{
	struct str op = hop->param[PARAM_operation];

	return op.len == 1 && *op.ptr >= '1' && *op.ptr <= '0' + OP_NOTIFY ? (enum operation)(*op.ptr - '0') : OP_NONE;
}

/* TS-0008 6.2.1: a request that is not answered at once is a POST that names its operation. */
static bool is_blocking(const struct hop *hop)
{
	struct str type = hop->param[PARAM_responseType];

	return !type.ptr || str_eq(type, STR("3"));
}

static uint8_t method_of(const struct hop *hop, enum operation op)
{
	static const uint8_t methods[] = {
		[OP_CREATE] = 2, [OP_RETRIEVE] = 1, [OP_UPDATE] = 3, [OP_DELETE] = 4, [OP_NOTIFY] = 2};

	return is_blocking(hop) ? methods[op] : methods[OP_CREATE];
}

/* Options may not have more than 255 bytes. */
static bool add_decoded(struct message *message, unsigned number, struct str text, struct arena *arena)
{
	enum { LONGEST = 255, ROOM_FOR_OTHERS = 32 };
	char *decoded = arena_alloc(arena, text.len + 1);
	ptrdiff_t len = target_decode(decoded, text);

	if (len < 0 || len > LONGEST || message->option_count >= MESSAGE_OPTIONS_MAX - ROOM_FOR_OTHERS)
		return false;
	message_add(message, number, str_make(decoded, (size_t)len));
	return true;
}

/* RFC 7252 6.4, 8: an empty segment is one, but that there is no other. */
static bool add_path(struct message *message, struct str path, struct arena *arena)
{
	if (!path.len)
		return true;
	while (path.ptr)
		if (!add_decoded(message, COAP_OPTION_URI_PATH, str_split(&path, '/'), arena))
			return false;
	return true;
}

/* An empty argument says nothing, and is malformed to libcoap's servers. */
static bool add_query(struct message *message, struct str query, struct arena *arena)
{
	while (query.len) {
		struct str part = str_split(&query, '&');

		if (part.len && !add_decoded(message, COAP_OPTION_URI_QUERY, part, arena))
			return false;
	}
	return true;
}

/* RFC 7252 6.4, 5: a name, in lower case; an address is known without. So is the port: it is the one that is sent to,
 * which Uri-Port stands for where there is none (5.10.1). TS-0008 6.2.2.3 has both from the point of access. */
static bool add_host(struct message *message, const struct hop_target *target, struct arena *arena)
{
	struct sockaddr_storage address;
	char *name;

	if (resolver_is_literal(target->host, target->port, &address))
		return true;
	name = arena_alloc(arena, target->host.len);
	for (size_t i = 0; i < target->host.len; i++)
		name[i] = (char)tolower((unsigned char)target->host.ptr[i]);
	return add_decoded(message, COAP_OPTION_URI_HOST, str_make(name, target->host.len), arena);
}

/* The path of the URL, and behind it the address of the resource if the request is for one. */
static bool add_target(struct message *message, const struct hop *hop, const struct hop_target *target,
		       struct str cse_id, struct arena *arena)
{
	struct str to = hop->param[PARAM_to], path = target->path, query = target->query, param[PARAM_COUNT];
	struct strbuf text = {0};
	bool is_good;

	if (to.ptr) {
		target_add_path(&text, STR(""), cse_id, str_split(&to, '#'));
		query = arena_copy(arena, strbuf_str(&text));
		if (path.len && path.ptr[path.len - 1] == '/')
			path.len--;
		path = arena_join(arena, path, path.len ? STR("/") : STR(""), str_from(query, 1));
		strbuf_clear(&text);
		memcpy(param, hop->param, sizeof(param));
		param[PARAM_groupRequestTargetMembers] = str_make(NULL, 0); /* has an option here */
		target_add_query(&text, param);
		query = arena_copy(arena, str_from(strbuf_str(&text), 1));
	}
	strbuf_finish(&text);
	is_good =
		add_host(message, target, arena) && add_path(message, path, arena) && add_query(message, query, arena);
	if (is_good && !is_blocking(hop))
		message_add(message, COAP_OPTION_URI_QUERY,
			    arena_printf(arena, "%s=%" STR_FMT, parameter_defs[PARAM_operation].short_name,
					 STR_ARG(hop->param[PARAM_operation])));
	return is_good;
}

static bool add_parameter(struct message *message, const struct option_def *def, struct str value)
{
	uint64_t number;

	if (!def->is_uint) {
		message_add(message, def->number, value);
		return value.len >= def->shortest && value.len <= def->longest;
	}
	if (str_to_u64(value, &number) < 0)
		return false;
	message_add_uint(message, def->number, number);
	return number >> (8 * def->longest) == 0;
}

static bool add_parameters(struct message *message, const struct hop *hop)
{
	const struct option_def *defs;
	size_t count = option_defs(&defs);
	bool is_good = true;

	for (size_t i = 0; i < count; i++)
		if (defs[i].parameter != PARAM_COUNT && hop->param[defs[i].parameter].ptr)
			is_good &= add_parameter(message, &defs[i], hop->param[defs[i].parameter]);
	return is_good;
}

int hop_message_write(struct message *message, const struct hop *hop, const struct hop_target *target,
		      struct str cse_id, struct transcoder *transcoder, struct arena *arena, const char **why)
{
	const struct codec *codec = codec_find(hop->serialization);
	enum operation op = operation_of(hop);
	struct decode_error error;
	unsigned format;

	*why = !codec ? "serialization is not served over CoAP" : "request is malformed";
	if (!codec || op == OP_NONE || (op == OP_CREATE && !hop->param[PARAM_resourceType].ptr))
		return -1;
	*message = (struct message){.code = method_of(hop, op), .token = STR(""), .payload = STR("")};
	*why = "serialization of the receiver cannot carry the content";
	if (hop->content.len && !(message->payload = transcoder_encode(transcoder, codec, hop->content, &error)).ptr)
		return -1;
	message->payload = arena_copy(arena, message->payload);
	*why = "address or query does not fit into options, or is malformed";
	if (!add_target(message, hop, target, cse_id, arena))
		return -1;
	*why = "a parameter does not fit into its option";
	if (!add_parameters(message, hop))
		return -1;
	format = format_number(media_of_codec(codec));
	if (message->payload.len)
		message_add_uint(message, COAP_OPTION_CONTENT_FORMAT, format);
	message_add_uint(message, COAP_OPTION_ACCEPT, format);
	return 0;
}

/* ---- responses ---- */

void hop_message_fail(struct hop *hop, enum hop_outcome outcome, const char *why)
{
	hop->outcome = outcome;
	hop->rsc = RSC_NONE;
	hop->answer = STR("");
	snprintf(hop->reason, sizeof(hop->reason), "%s", why);
}

/* In the canonical form. What cannot be read counts as none: the code says what came of the request. */
static struct str content_of(const struct message *message, struct strbuf *body, struct transcoder *transcoder,
			     const struct decode_limits *limits)
{
	struct str format = message_option(message, COAP_OPTION_CONTENT_FORMAT), json;
	const struct media_def *media = format.ptr ? format_media(message_uint(format)) : NULL;
	struct decode_error error;

	if (!body->len || !media)
		return STR("");
	json = transcoder_decode(transcoder, media->codec, strbuf_str(body), limits, &error);
	if (json.ptr == body->ptr)
		return json;
	strbuf_clear(body);
	strbuf_add_str(body, json);
	return strbuf_str(body);
}

/* For a peer that says no oneM2M code: the one that its own stands for, if there is one only. */
static enum rsc rsc_of(uint8_t code)
{
	const struct status_def *status = status_find_coap((code >> 5) * 100u + (code & 31));

	return status ? status->code : RSC_NONE;
}

void hop_message_judge(struct hop *hop, const struct message *message, struct strbuf *body,
		       struct transcoder *transcoder, const struct decode_limits *limits)
{
	struct str given = message_option(message, ONEM2M_RSC);
	uint64_t code = given.ptr ? message_uint(given) : rsc_of(message->code);
	char why[60];

	if (given.ptr && (given.len > 8 || code < CODE_MIN || code > CODE_MAX)) {
		hop_message_fail(hop, HOP_UNREACHABLE, "response status code in the answer is malformed");
		return;
	}
	if (!code && message_is_success(message))
		code = RSC_OK;
	if (!code) {
		snprintf(why, sizeof(why), "CoAP code %u.%02u", message->code >> 5, message->code & 31);
		hop_message_fail(hop, HOP_UNREACHABLE, why);
		return;
	}
	hop_message_fail(hop, HOP_ANSWERED, "");
	hop->rsc = (enum rsc)code;
	hop->answer = content_of(message, body, transcoder, limits);
}
