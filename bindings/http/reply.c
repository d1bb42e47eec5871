/* reply: the callbacks of libhttp-parser, and the bounds. The body stays where it was received if it came in one piece,
 * as it nearly always does. */
#include "bindings/http/reply.h"

#include "cse/base/list.h"

enum {
	HEAD_MAX = 16 * 1024, /* bytes of status lines, header fields and trailers, those of interim answers included */
	INTERIM_MAX = 8,
};

static int fail(struct reply *reply, const char *why)
{
	reply->why = why;
	return -1;
}

static struct reply *reply_of(struct http_parser *parser)
{
	return container_of(parser, struct reply, parser);
}

/* ---- head ---- */

static int count_head(struct reply *reply, size_t len)
{
	reply->head_bytes += (uint32_t)len;
	return reply->head_bytes > HEAD_MAX ? fail(reply, "header of the answer is too large") : 0;
}

static int on_message_begin(struct http_parser *parser)
{
	struct reply *reply = reply_of(parser);

	reply->code.is_there = reply->content_type.is_there = false;
	reply->code.len = reply->content_type.len = 0;
	reply->field = NULL;
	reply->name_len = 0;
	reply->is_in_value = true;
	return 0;
}

static int on_status(struct http_parser *parser, const char *at, size_t len)
{
	(void)at;
	return count_head(reply_of(parser), len);
}

static int on_header_field(struct http_parser *parser, const char *at, size_t len)
{
	struct reply *reply = reply_of(parser);
	size_t room;

	if (reply->is_in_value)
		reply->name_len = 0;
	reply->is_in_value = false;
	room = sizeof(reply->name) - reply->name_len;
	memcpy(reply->name + reply->name_len, at, len < room ? len : room);
	reply->name_len += (uint8_t)(len < room ? len : room);
	return count_head(reply, len);
}

static struct reply_field *find_field(struct reply *reply)
{
	struct str name = str_make(reply->name, reply->name_len);

	if (str_eq_nocase(name, STR("X-M2M-RSC")))
		return &reply->code;
	return str_eq_nocase(name, STR("Content-Type")) ? &reply->content_type : NULL;
}

static int on_header_value(struct http_parser *parser, const char *at, size_t len)
{
	struct reply *reply = reply_of(parser);
	size_t room;

	if (!reply->is_in_value) {
		reply->is_in_value = true;
		reply->field = find_field(reply);
		if (reply->field && reply->field->is_there)
			return fail(reply, "a header field of the answer is repeated");
		if (reply->field)
			reply->field->is_there = true;
	}
	if (reply->field) {
		room = sizeof(reply->field->value) - reply->field->len;
		memcpy(reply->field->value + reply->field->len, at, len < room ? len : room);
		reply->field->len += (uint8_t)(len < room ? len : room);
	}
	return count_head(reply, len);
}

static bool is_interim(const struct http_parser *parser)
{
	return parser->status_code / 100 == 1 && parser->status_code != 101;
}

static int on_headers_complete(struct http_parser *parser)
{
	struct reply *reply = reply_of(parser);

	if (parser->content_length != UINT64_MAX && parser->content_length > reply->max_body && !is_interim(parser))
		return fail(reply, "content of the answer is larger than what is taken");
	if (is_interim(parser) && ++reply->interim_count > INTERIM_MAX)
		return fail(reply, "too many interim answers");
	return 0;
}

/* ---- body ---- */

/* What was received gives way: its piece of the body is kept. */
static void keep_piece(struct reply *reply)
{
	strbuf_add_str(&reply->body, reply->piece);
	reply->piece.len = 0;
}

static size_t body_len(const struct reply *reply)
{
	return reply->body.len + reply->piece.len;
}

static int on_body(struct http_parser *parser, const char *at, size_t len)
{
	struct reply *reply = reply_of(parser);

	if (body_len(reply) + len > reply->max_body)
		return fail(reply, "content of the answer is larger than what is taken");
	if (reply->piece.len)
		keep_piece(reply);
	reply->piece = str_make(at, len);
	return 0;
}

static int on_message_complete(struct http_parser *parser)
{
	struct reply *reply = reply_of(parser);

	if (is_interim(parser))
		return 0;
	reply->is_done = true;
	reply->keeps_alive = http_should_keep_alive(parser) && !parser->upgrade;
	http_parser_pause(parser, 1);
	return 0;
}

static const struct http_parser_settings callbacks = {
	.on_message_begin = on_message_begin,
	.on_status = on_status,
	.on_header_field = on_header_field,
	.on_header_value = on_header_value,
	.on_headers_complete = on_headers_complete,
	.on_body = on_body,
	.on_message_complete = on_message_complete,
};

/* ---- reading ---- */

void reply_begin(struct reply *reply, size_t max_body)
{
	strbuf_finish(&reply->body);
	http_parser_init(&reply->parser, HTTP_RESPONSE);
	reply->max_body = max_body;
	reply->received = 0;
	reply->head_bytes = 0;
	reply->interim_count = 0;
	reply->piece = STR("");
	reply->is_done = reply->keeps_alive = false;
	reply->why = NULL;
}

void reply_finish(struct reply *reply)
{
	strbuf_finish(&reply->body);
}

/* Chunks of one byte take six on the wire; what has more framing than that only keeps us busy. */
static bool is_mostly_framing(const struct reply *reply)
{
	return reply->received > 2 * HEAD_MAX + (uint64_t)body_len(reply) * 8;
}

static enum reply_result bad(struct reply *reply, const char *why)
{
	if (!reply->why)
		reply->why = why;
	return REPLY_BAD;
}

enum reply_result reply_read(struct reply *reply, struct str bytes)
{
	size_t parsed = http_parser_execute(&reply->parser, &callbacks, bytes.ptr, bytes.len);

	reply->received += bytes.len;
	if (reply->is_done) {
		if (parsed < bytes.len)
			reply->keeps_alive = false; /* what nobody asked for cannot be told from the next answer */
		if (reply->body.len)
			keep_piece(reply);
		return REPLY_DONE;
	}
	if (reply->why || HTTP_PARSER_ERRNO(&reply->parser) != HPE_OK)
		return bad(reply, "answer is not HTTP");
	if (is_mostly_framing(reply))
		return bad(reply, "answer does not come to an end");
	keep_piece(reply);
	return REPLY_MORE;
}

enum reply_result reply_end(struct reply *reply)
{
	http_parser_execute(&reply->parser, &callbacks, NULL, 0);
	if (!reply->is_done)
		return bad(reply, reply->received ? "answer was cut" : "connection ended without an answer");
	reply->keeps_alive = false;
	return REPLY_DONE;
}

struct str reply_body(const struct reply *reply)
{
	return reply->body.len ? strbuf_str(&reply->body) : reply->piece;
}

struct str reply_value(const struct reply_field *field)
{
	struct str value = str_make(field->value, field->len);

	if (!field->is_there || field->len == REPLY_VALUE_SIZE)
		return str_make(NULL, 0);
	while (value.len && (value.ptr[value.len - 1] == ' ' || value.ptr[value.len - 1] == '\t'))
		value.len--;
	return value;
}
