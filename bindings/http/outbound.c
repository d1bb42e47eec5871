/* outbound: request line, header fields by the rows of header.def, content; and what an answer means. */
#include "bindings/http/outbound.h"

#include "bindings/head.h"
#include "bindings/media.h"
#include "bindings/target.h"

#include <stdio.h>

enum { CODE_MIN = 1000, CODE_MAX = 9999 }; /* TS-0004 6.6.2: four digits */

/* ---- requests ---- */

static enum operation operation_of(const struct hop *hop)
{
	struct str op = hop->param[PARAM_operation];

	return op.len == 1 && op.ptr[0] >= '0' && op.ptr[0] <= '0' + OP_NOTIFY ? (enum operation)(op.ptr[0] - '0')
									       : OP_NONE;
}

/* TS-0009 6.2.1 */
static struct str method_of(enum operation op)
{
	switch (op) {
	case OP_CREATE:
	case OP_NOTIFY:
		return STR("POST");
	case OP_RETRIEVE:
		return STR("GET");
	case OP_UPDATE:
		return STR("PUT");
	case OP_DELETE:
		return STR("DELETE");
	case OP_NONE:
		break;
	}
	return str_make(NULL, 0);
}

static void add_target(struct strbuf *out, const struct hop *hop, const struct route *route, struct str cse_id)
{
	struct str attribute = hop->param[PARAM_to];

	if (!attribute.ptr) {
		strbuf_add_str(out, route->target);
		return;
	}
	target_add_path(out, route->path, cse_id, str_split(&attribute, '#'));
	target_add_query(out, hop->param);
}

/* A control byte in a value would let its author write header fields. */
static bool is_clean(struct str value)
{
	unsigned wrong = 0;

	for (size_t i = 0; i < value.len; i++)
		wrong |= ((unsigned char)value.ptr[i] < ' ') | (value.ptr[i] == 0x7f);
	return !wrong;
}

static bool add_field(struct strbuf *out, struct str name, struct str value)
{
	char *to = strbuf_reserve(out, name.len + value.len + 4);

	memcpy(to, name.ptr, name.len);
	memcpy(to + name.len, ": ", 2);
	if (value.len)
		memcpy(to + name.len + 2, value.ptr, value.len);
	memcpy(to + name.len + 2 + value.len, "\r\n", 2);
	out->len += name.len + value.len + 4;
	return is_clean(value);
}

static bool add_parameters(struct strbuf *out, const struct hop *hop)
{
	bool is_good = true;

	for (unsigned field = 0; field < FIELD_COUNT; field++) {
		const struct field_def *def = &field_defs[field];

		if (def->parameter != PARAM_COUNT && hop->param[def->parameter].ptr)
			is_good &= add_field(out, def->text, hop->param[def->parameter]);
	}
	return is_good;
}

static bool add_content_head(struct strbuf *out, const struct hop *hop, enum operation op, struct str media, size_t len)
{
	struct str type = hop->param[PARAM_resourceType];
	bool is_create = op == OP_CREATE;

	if (!len && (op == OP_RETRIEVE || op == OP_DELETE))
		return true;
	STRBUF_LIT(out, "Content-Type: ");
	strbuf_add_str(out, media);
	if (is_create)
		strbuf_addf(out, ";%s=%" STR_FMT, parameter_defs[PARAM_resourceType].short_name, STR_ARG(type));
	STRBUF_LIT(out, "\r\nContent-Length: ");
	strbuf_add_u64(out, len);
	STRBUF_LIT(out, "\r\n");
	return !is_create || (type.len && is_clean(type));
}

/* content: as it is sent. */
static bool write_message(struct strbuf *out, const struct hop *hop, const struct route *route, struct str cse_id,
			  struct str media, struct str content)
{
	enum operation op = operation_of(hop);
	bool is_good;

	strbuf_clear(out);
	strbuf_reserve(out, content.len + 1024);
	strbuf_add_str(out, method_of(op));
	strbuf_add_char(out, ' ');
	add_target(out, hop, route, cse_id);
	STRBUF_LIT(out, " HTTP/1.1\r\n");
	add_field(out, STR("Host"), route->host);
	is_good = add_parameters(out, hop);
	add_field(out, STR("Accept"), media);
	is_good &= add_content_head(out, hop, op, media, content.len);
	STRBUF_LIT(out, "\r\n");
	strbuf_add_str(out, content);
	return is_good;
}

int outbound_write(struct strbuf *out, const struct hop *hop, const struct route *route, struct str cse_id,
		   struct transcoder *transcoder, const char **why)
{
	const struct codec *codec = codec_find(hop->serialization);
	struct decode_error error;
	struct str content = hop->content;

	*why = !codec ? "serialization is not served over HTTP" : "request is malformed";
	if (!codec || operation_of(hop) == OP_NONE)
		return -1;
	*why = "serialization of the receiver cannot carry the content";
	if (content.len && !(content = transcoder_encode(transcoder, codec, content, &error)).ptr)
		return -1;
	*why = "a parameter of the request has a control byte, or resource type is missing";
	return write_message(out, hop, route, cse_id, media_of_codec(codec)->text, content) ? 0 : -1;
}

/* ---- answers ---- */

void outbound_fail(struct hop *hop, enum hop_outcome outcome, const char *why)
{
	hop->outcome = outcome;
	hop->rsc = RSC_NONE;
	hop->answer = STR("");
	snprintf(hop->reason, sizeof(hop->reason), "%s", why);
}

/* In the canonical form. What cannot be read counts as none: the code says what came of the request. */
static struct str content_of(struct reply *reply, struct transcoder *transcoder, const struct decode_limits *limits)
{
	struct str text = reply_value(&reply->content_type), body = reply_body(reply), json;
	struct content_type type;
	struct decode_error error;

	if (!body.len || !text.ptr || media_parse(text, &type) < 0 || !type.media)
		return STR("");
	json = transcoder_decode(transcoder, type.media->codec, body, limits, &error);
	if (json.ptr == body.ptr)
		return json;
	strbuf_clear(&reply->body);
	strbuf_add_str(&reply->body, json);
	return strbuf_str(&reply->body);
}

void outbound_judge(struct reply *reply, struct hop *hop, struct transcoder *transcoder,
		    const struct decode_limits *limits)
{
	struct str text = reply_value(&reply->code);
	uint64_t code = RSC_OK;
	char why[40];

	if (reply->code.is_there && (str_to_u64(text, &code) < 0 || code < CODE_MIN || code > CODE_MAX)) {
		outbound_fail(hop, HOP_UNREACHABLE, "response status code in the answer is malformed");
		return;
	}
	if (!reply->code.is_there && reply_status(reply) / 100 != 2) {
		snprintf(why, sizeof(why), "HTTP status %u", reply_status(reply));
		outbound_fail(hop, HOP_UNREACHABLE, why);
		return;
	}
	outbound_fail(hop, HOP_ANSWERED, "");
	hop->rsc = (enum rsc)code;
	hop->answer = content_of(reply, transcoder, limits);
}
