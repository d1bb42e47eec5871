/* Primitives as JSON. */
#include "cse/core/primitive_text.h"

#include "cse/core/state.h"
#include "schemas/timestamp.h"

/* The texts 007 and 1 are the number 7 and, of a boolean, true. */
static void print_one(struct strbuf *out, enum base_kind base, struct str text)
{
	bool is_number = base == KIND_ENUM || base == KIND_UINT;
	int64_t number;

	if (is_number && str_to_i64(text, &number) == 0)
		strbuf_addf(out, "%lld", (long long)number);
	else if (base == KIND_BOOL)
		strbuf_add_str(out, str_eq(text, STR("true")) || str_eq(text, STR("1")) ? STR("true") : STR("false"));
	else
		strbuf_add_json(out, text);
}

void print_parameter_value(struct strbuf *out, struct kind kind, struct str text)
{
	struct str rest = text;

	if (!kind.is_list) {
		print_one(out, kind.base, text);
		return;
	}
	strbuf_add_char(out, '[');
	for (bool is_first = true; rest.ptr; is_first = false) {
		if (!is_first)
			strbuf_add_char(out, ',');
		print_one(out, kind.base, str_split(&rest, '+'));
	}
	strbuf_add_char(out, ']');
}

static void print_name(struct strbuf *out, struct str name)
{
	if (out->ptr[out->len - 1] != '{')
		strbuf_add_char(out, ',');
	strbuf_add_char(out, '"');
	strbuf_add_str(out, name);
	STRBUF_LIT(out, "\":");
}

void print_parameter(struct strbuf *out, enum parameter parameter, struct str text)
{
	const struct parameter_def *def = &parameter_defs[parameter];

	print_name(out, str_of(def->short_name));
	print_parameter_value(out, def->kind, text);
}

void print_request_primitive(struct strbuf *out, const struct schema *schema, const struct str param[PARAM_COUNT],
			     struct str content)
{
	strbuf_add_char(out, '{');
	for (enum parameter i = 0; i < PARAM_COUNT; i++)
		if (param[i].ptr)
			print_parameter(out, i, param[i]);
	if (content.len) {
		print_name(out, name_short(schema, ATTR_primitiveContent));
		strbuf_add_str(out, content);
	}
	strbuf_add_char(out, '}');
}

static void print_string(struct strbuf *out, struct str name, struct str text)
{
	print_name(out, name);
	strbuf_add_json(out, text);
}

static void print_number(struct strbuf *out, struct str name, uint64_t number)
{
	print_name(out, name);
	strbuf_add_u64(out, number);
}

void print_response_primitive(struct strbuf *out, const struct request *req, struct str to, struct str release)
{
	const struct schema *schema = req->cse->schema;
	struct str releases = str_of(req->cse->config.releases);
	char now[TIMESTAMP_SIZE];

	if (!release.ptr && !request_has(req, PARAM_requestIdentifier)) /* it could not be read */
		release = str_next_item(&releases);
	strbuf_add_char(out, '{');
	print_number(out, name_short(schema, ATTR_responseStatusCode), req->answer.rsc);
	if (request_has(req, PARAM_requestIdentifier))
		print_string(out, name_short(schema, ATTR_requestIdentifier), req->param[PARAM_requestIdentifier]);
	if (req->answer.content.len) {
		print_name(out, name_short(schema, ATTR_primitiveContent));
		strbuf_add_str(out, req->answer.content);
	}
	if (to.len)
		print_string(out, name_short(schema, ATTR_to), to);
	print_string(out, name_short(schema, ATTR_from), str_of(req->cse->config.id));
	print_string(out, name_short(schema, ATTR_originatingTimestamp),
		     str_make(now, timestamp_print(now, clock_wall_us(req->cse->clock))));
	if (req->answer.is_partial) {
		print_number(out, name_short(schema, ATTR_contentStatus), 1);
		print_number(out, name_short(schema, ATTR_contentOffset), req->answer.offset);
	}
	if (release.ptr)
		print_string(out, name_short(schema, ATTR_releaseVersionIndicator), release);
	strbuf_add_char(out, '}');
}
