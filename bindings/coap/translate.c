/* translate: method, options and payload of requests; code, options and payload of responses. */
#include "bindings/coap/translate.h"

#include "bindings/refusal.h"
#include "bindings/target.h"
#include "schemas/timestamp.h"

#include <stdio.h>

enum { GET = 1, POST, PUT, DELETE };

/* ---- media ---- */

/* Of the Content-Format option: NULL with is_there: one that is not known. */
static const struct media_def *content_media(const struct message *message, bool *is_there)
{
	struct str format = message_option(message, COAP_OPTION_CONTENT_FORMAT);

	*is_there = format.ptr != NULL;
	return format.ptr && format.len <= 2 ? format_media(message_uint(format)) : NULL;
}

const struct media_def *translate_media(const struct message *message)
{
	struct str accept = message_option(message, COAP_OPTION_ACCEPT);
	const struct media_def *asked = accept.ptr ? format_media(message_uint(accept)) : NULL;
	bool is_there;

	if (accept.ptr)
		return asked && asked->in_answers ? asked : NULL;
	return media_choose(NULL, 0, content_media(message, &is_there));
}

/* ---- requests: operation ---- */

static struct str digit(enum operation op)
{
	static const char digits[] = "012345";

	return str_make(&digits[op], 1);
}

/* TS-0008 table 6.2.1-1; OP_NONE: no method that stands for an operation. */
static enum operation operation_of_method(const struct message *message)
{
	switch (message->code) {
	case GET:
		return OP_RETRIEVE;
	case POST:
		return message_option(message, ONEM2M_TY).ptr ? OP_CREATE : OP_NOTIFY;
	case PUT:
		return OP_UPDATE;
	case DELETE:
		return OP_DELETE;
	default:
		return OP_NONE;
	}
}

/* An Operation parameter in the query goes with POST, or says what the method says (TS-0008 6.2.1, 6.2.2.3). */
static void settle_operation(const struct message *message, struct request *req)
{
	enum operation op = operation_of_method(message);
	struct str given = req->param[PARAM_operation];

	if (op == OP_NONE)
		refusal_note(req, RSC_OPERATION_NOT_ALLOWED, "the method stands for no operation");
	else if (given.ptr && message->code != POST && !str_eq(given, digit(op)))
		refusal_note(req, RSC_BAD_REQUEST, "operation %" STR_FMT " does not go with method 0.%02u",
			     given.len < 20 ? (int)given.len : 20, given.ptr, message->code);
	if (!given.ptr || op == OP_NONE)
		request_set(req, PARAM_operation, digit(op == OP_NONE ? OP_RETRIEVE : op));
}

/* ---- requests: address and query ---- */

/* Parameters that are in the query here and in header fields of HTTP (TS-0008 6.2.2.3). */
static bool take_parameter(struct request *req, struct str pair)
{
	static const enum parameter parameters[] = {PARAM_operation, PARAM_tokens};
	struct str value = pair, name = str_split(&value, '=');

	for (size_t i = 0; i < sizeof(parameters) / sizeof(parameters[0]); i++) {
		const struct parameter_def *def = &parameter_defs[parameters[i]];

		if (!value.ptr || !str_eq(name, str_of(def->short_name)))
			continue;
		if (request_has(req, parameters[i]))
			refusal_note(req, RSC_BAD_REQUEST, "query: %s is given twice", def->short_name);
		else if (!str_is_utf8(value))
			refusal_note(req, RSC_BAD_REQUEST, "query: %s is malformed UTF-8", def->short_name);
		else
			request_set(req, parameters[i], arena_copy(&req->arena, value));
		return true;
	}
	return false;
}

/* The target as HTTP writes it, so that one mapping reads both. `+` joins the members of a list there too. */
static void write_target(struct strbuf *out, const struct message *message, struct request *req)
{
	char separator = '?';

	for (unsigned i = 0; i < message->option_count; i++) {
		const struct message_option *option = &message->options[i];

		if (option->number == COAP_OPTION_URI_PATH) {
			strbuf_add_char(out, '/');
			target_add_escaped(out, option->value, ":@");
		} else if (option->number == COAP_OPTION_URI_QUERY && option->value.len &&
			   !take_parameter(req, option->value)) {
			strbuf_add_char(out, separator);
			target_add_escaped(out, option->value, ":@=+*,/");
			separator = '&';
		}
	}
}

/* Uri-Path without segments is the root: what it names is for the CSE to say. */
static void map_target(const struct message *message, const struct schema *schema, struct request *req)
{
	struct strbuf target = {0};

	if (!message_option(message, COAP_OPTION_URI_PATH).ptr)
		strbuf_add_char(&target, '/');
	write_target(&target, message, req);
	target_map(req, strbuf_str(&target), STR(""), schema);
	strbuf_finish(&target);
}

/* ---- requests: options and payload ---- */

static void map_option(struct request *req, const struct option_def *def, struct str value)
{
	struct str text;

	if (def->is_uint)
		text = arena_printf(&req->arena, "%llu", (unsigned long long)message_uint(value));
	else
		text = arena_copy(&req->arena, value);
	if (!def->is_uint && !str_is_utf8(value))
		refusal_note(req, RSC_BAD_REQUEST, "%s is malformed UTF-8", def->name);
	else if (def->parameter != PARAM_COUNT)
		request_set(req, def->parameter, text);
	else if (def->number == ONEM2M_RTURI)
		req->response_targets = text;
}

static void map_content(const struct message *message, struct str content, struct request *req)
{
	struct str given = req->param[PARAM_operation];
	enum operation op =
		given.len == 1 && *given.ptr >= '1' && *given.ptr <= '5' ? (enum operation)(*given.ptr - '0') : OP_NONE;
	bool is_there;
	const struct media_def *media = content_media(message, &is_there);

	if (!content.len)
		return;
	req->content = arena_copy(&req->arena, content);
	req->codec = media ? media->codec : NULL;
	if (!is_there)
		refusal_note(req, RSC_UNSUPPORTED_MEDIA_TYPE, "Content-Format is missing");
	else if (!media || !(media->operations & OP_BIT(op)))
		refusal_note(req, RSC_UNSUPPORTED_MEDIA_TYPE, "Content-Format %llu is not understood here",
			     (unsigned long long)message_uint(message_option(message, COAP_OPTION_CONTENT_FORMAT)));
}

void translate_request(const struct message *message, struct str content, const struct schema *schema,
		       struct request *req)
{
	req->binding = "coap";
	for (unsigned i = 0; i < message->option_count; i++) {
		const struct option_def *def = option_find(message->options[i].number);

		if (def)
			map_option(req, def, message->options[i].value);
	}
	map_target(message, schema, req);
	settle_operation(message, req);
	map_content(message, content, req);
	if (!translate_media(message))
		refusal_note(req, RSC_NOT_ACCEPTABLE, "Accept names none of the types that are served");
}

/* ---- responses ---- */

/* Where the answer says that something is: what was created, or the <request> behind an acknowledgement, whose URI is
 * the content (TS-0008 6.3.2, 6.3.3); empty: nothing. */
static struct str location_of(struct request *req)
{
	struct value root;

	if (req->answer.rsc != RSC_ACCEPTED_SYNCH && req->answer.rsc != RSC_ACCEPTED_ASYNCH)
		return req->answer.location;
	root = json_own(req->answer.content, &req->arena);
	if (value_is_absent(root) || value_type(root) != VALUE_OBJECT)
		return STR("");
	root = value_first(root);
	return value_is_absent(root) || value_type(root) != VALUE_STRING ? STR("") : value_string(root, &req->arena);
}

/* TS-0008 table 6.2.4-1; 0: none. */
static uint8_t code_of(const struct request *req, struct str location)
{
	const struct status_def *status = status_find((int)req->answer.rsc);
	unsigned code = status ? status->coap : 500;

	if (req->answer.rsc == RSC_OK && !str_eq(req->param[PARAM_operation], digit(OP_RETRIEVE)))
		code = 204;
	else if (req->answer.rsc == RSC_ACCEPTED_ASYNCH && location.len)
		code = 201;
	return (uint8_t)MESSAGE_CODE(code / 100, code % 100);
}

/* Does it fit into options, and leave room for more in a datagram? A deep tree has more names than either. */
static bool is_path_for_options(struct str path)
{
	enum { LONGEST = 255, MOST = MESSAGE_OPTIONS_MAX / 2, MOST_BYTES = 512 };
	unsigned count = 0;

	if (path.len > MOST_BYTES)
		return false;
	while (path.ptr)
		if (str_split(&path, '/').len > LONGEST || ++count > MOST)
			return false;
	return true;
}

/* The path under which the resource is found (TS-0008 6.2.3), segment by segment; the content has its identifier as
 * well.
 */
static void add_location(struct message *message, struct request *req, struct str location)
{
	struct strbuf path = {0};
	struct str rest;

	if (!location.len)
		return;
	target_add_path(&path, STR(""), cse_id(req->cse), location);
	rest = str_from(arena_copy(&req->arena, strbuf_str(&path)), 1);
	strbuf_finish(&path);
	if (!is_path_for_options(rest))
		return;
	while (rest.ptr) {
		struct str segment = str_split(&rest, '/');
		char *name = arena_alloc(&req->arena, segment.len + 1);

		message_add(message, COAP_OPTION_LOCATION_PATH, str_make(name, (size_t)target_decode(name, segment)));
	}
}

static void add_time(struct message *message, struct request *req)
{
	char *stamp;

	if (!request_has(req, PARAM_originatingTimestamp))
		return;
	stamp = arena_alloc(&req->arena, TIMESTAMP_SIZE);
	message_add(message, ONEM2M_OT, str_make(stamp, timestamp_print(stamp, clock_wall_us(cse_clock(req->cse)))));
}

static void repeat_option(struct message *message, unsigned number, struct str value)
{
	const struct option_def *def = option_find(number);

	if (value.ptr && value.len >= def->shortest && value.len <= def->longest && str_is_utf8(value))
		message_add(message, number, value);
}

/* A response that a cache may keep is not fresh for a moment (TS-0008 6.4); RFC 7252 5.9 says which those are, and that
 * with 5.03 it is the time after which to ask again. */
static void add_max_age(struct message *message)
{
	if (message->code == MESSAGE_CODE(2, 5) || message->code >> 5 >= 4)
		message_add_uint(message, COAP_OPTION_MAXAGE, message->code == MESSAGE_CODE(5, 3));
}

static void add_payload(struct message *message, const struct media_def *media, struct str payload)
{
	message->payload = payload;
	if (payload.len)
		message_add_uint(message, COAP_OPTION_CONTENT_FORMAT, format_number(media));
	add_max_age(message);
}

void translate_response(struct message *message, struct request *req, const struct media_def *media,
			struct transcoder *transcoder)
{
	struct answer *answer = &req->answer;
	struct str location = location_of(req);
	struct str payload = transcoder_answer(transcoder, media->codec, answer->content, &answer->rsc);

	message->code = code_of(req, location);
	if (!message->code)
		return;
	message_add_uint(message, ONEM2M_RSC, (unsigned)answer->rsc);
	repeat_option(message, ONEM2M_RQI, req->param[PARAM_requestIdentifier]);
	repeat_option(message, ONEM2M_RVI, req->param[PARAM_releaseVersionIndicator]);
	add_time(message, req);
	add_location(message, req, location);
	if (answer->is_partial) {
		message_add_uint(message, ONEM2M_CTS, 1);
		message_add_uint(message, ONEM2M_CTO, answer->offset);
	}
	/* TS-0008 table 6.2.4-1: the response to a NOTIFY is empty */
	if (answer->rsc == RSC_OK && str_eq(req->param[PARAM_operation], digit(OP_NOTIFY)))
		payload = STR("");
	add_payload(message, media, payload);
}

void translate_refusal(struct message *message, const struct message *request, uint8_t code, enum rsc rsc,
		       struct str why, struct strbuf *scratch, struct transcoder *transcoder)
{
	const struct media_def *media = translate_media(request);
	struct str payload;

	if (!media)
		media = media_of_codec(&codec_json);
	strbuf_clear(scratch);
	transcoder_add_debug(scratch, why);
	payload = transcoder_answer(transcoder, media->codec, strbuf_str(scratch), &rsc);
	message->code = code;
	message_add_uint(message, ONEM2M_RSC, (unsigned)rsc);
	repeat_option(message, ONEM2M_RQI, message_option(request, ONEM2M_RQI));
	repeat_option(message, ONEM2M_RVI, message_option(request, ONEM2M_RVI));
	add_payload(message, media, payload);
}
