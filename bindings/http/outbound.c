/* outbound: request line, header fields by the rows of header.def, content; and what an answer means. */
#include "bindings/http/outbound.h"

#include "bindings/http/head.h"
#include "bindings/http/media.h"
#include "bindings/http/target.h"

#include <stdio.h>

enum { CODE_MIN = 1000, CODE_MAX = 9999 }; /* TS-0004 6.6.2: four digits */

/* What content is sent as. */
struct format {
	struct str serialization, media;
};

static const struct format formats[] = {
	{{"json", 4}, {"application/json", 16}},
};

static const struct format *find_format(struct str serialization)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (str_eq(formats[i].serialization, serialization))
			return &formats[i];
	return NULL;
}

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

static bool add_content_head(struct strbuf *out, const struct hop *hop, enum operation op, struct str media)
{
	struct str type = hop->param[PARAM_resourceType];
	bool is_create = op == OP_CREATE;

	if (!hop->content.len && (op == OP_RETRIEVE || op == OP_DELETE))
		return true;
	STRBUF_LIT(out, "Content-Type: ");
	strbuf_add_str(out, media);
	if (is_create)
		strbuf_addf(out, ";%s=%" STR_FMT, parameter_defs[PARAM_resourceType].short_name, STR_ARG(type));
	STRBUF_LIT(out, "\r\nContent-Length: ");
	strbuf_add_u64(out, hop->content.len);
	STRBUF_LIT(out, "\r\n");
	return !is_create || (type.len && is_clean(type));
}

int outbound_write(struct strbuf *out, const struct hop *hop, const struct route *route, struct str cse_id,
		   const char **why)
{
	const struct format *format = find_format(hop->serialization);
	enum operation op = operation_of(hop);
	bool is_good;

	*why = !format ? "serialization is not served over HTTP" : "request is malformed";
	if (!format || op == OP_NONE)
		return -1;
	strbuf_clear(out);
	strbuf_reserve(out, hop->content.len + 1024);
	strbuf_add_str(out, method_of(op));
	strbuf_add_char(out, ' ');
	add_target(out, hop, route, cse_id);
	STRBUF_LIT(out, " HTTP/1.1\r\n");
	add_field(out, STR("Host"), route->host);
	is_good = add_parameters(out, hop);
	add_field(out, STR("Accept"), format->media);
	is_good &= add_content_head(out, hop, op, format->media);
	STRBUF_LIT(out, "\r\n");
	strbuf_add_str(out, hop->content);
	*why = "a parameter of the request has a control byte, or resource type is missing";
	return is_good ? 0 : -1;
}

/* ---- answers ---- */

void outbound_fail(struct hop *hop, enum hop_outcome outcome, const char *why)
{
	hop->outcome = outcome;
	hop->rsc = RSC_NONE;
	hop->answer = STR("");
	snprintf(hop->reason, sizeof(hop->reason), "%s", why);
}

static struct str content_of(const struct reply *reply)
{
	struct str text = reply_value(&reply->content_type);
	struct content_type type;

	if (!text.ptr || media_parse(text, &type) < 0 || !type.media)
		return STR("");
	return reply_body(reply);
}

void outbound_judge(const struct reply *reply, struct hop *hop)
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
	hop->answer = content_of(reply);
}
