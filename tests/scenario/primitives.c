/* primitives: see primitives.h. */
#include "tests/scenario/primitives.h"

#include "cse/core/primitive_text.h"

/* ---- writing ---- */

static bool is_plain_number(struct str text)
{
	size_t i = text.len && text.ptr[0] == '-' ? 1 : 0;
	bool is_good = i < text.len && text.len <= 20 && (text.ptr[i] != '0' || text.len == i + 1);

	for (; i < text.len; i++)
		is_good = is_good && text.ptr[i] >= '0' && text.ptr[i] <= '9';
	return is_good;
}

/* What cannot be written as the kind says goes as a string, for the CSE to refuse. */
static void add_scalar(struct strbuf *out, enum base_kind base, struct str text)
{
	bool is_number = base == KIND_UINT || base == KIND_INT || base == KIND_FLOAT || base == KIND_ENUM;

	if (base == KIND_BOOL && (str_eq(text, STR("0")) || str_eq(text, STR("1"))))
		strbuf_add_str(out, str_eq(text, STR("1")) ? STR("true") : STR("false"));
	else if ((is_number && is_plain_number(text)) ||
		 (base == KIND_BOOL && (str_eq(text, STR("true")) || str_eq(text, STR("false")))))
		strbuf_add_str(out, text);
	else
		strbuf_add_json(out, text);
}

static void add_name(struct strbuf *out, struct str name)
{
	if (out->ptr[out->len - 1] != '{' && out->ptr[out->len - 1] != '[')
		strbuf_add_char(out, ',');
	strbuf_add_json(out, name);
	strbuf_add_char(out, ':');
}

/* All that conditions of one name say, as an array where the row is a list. */
static void add_condition(struct strbuf *out, const struct exchange *exchange, unsigned at)
{
	const struct filter_item *item = &exchange->conditions[at];
	struct kind kind = condition_defs[item->tag].kind;

	for (unsigned i = 0; i < at; i++)
		if (exchange->conditions[i].tag == item->tag)
			return;
	add_name(out, item->name);
	if (!kind.is_list) {
		add_scalar(out, kind.base, item->text);
		return;
	}
	strbuf_add_char(out, '[');
	for (unsigned i = at; i < exchange->condition_count; i++) {
		struct str rest = exchange->conditions[i].text;

		while (exchange->conditions[i].tag == item->tag && rest.ptr) {
			if (out->ptr[out->len - 1] != '[')
				strbuf_add_char(out, ',');
			add_scalar(out, kind.base, str_split(&rest, '+'));
		}
	}
	strbuf_add_char(out, ']');
}

/* TS-0004 6.3.5.9: attributes of the resource, of a child and of the parent. */
static void add_attributes(struct strbuf *out, const struct schema *schema, const struct exchange *exchange,
			   unsigned name, struct str prefix)
{
	bool is_first = true;

	for (unsigned i = 0; i < exchange->condition_count; i++) {
		struct str attribute = exchange->conditions[i].name;
		bool has_prefix = str_starts(attribute, STR("c.")) || str_starts(attribute, STR("p."));

		if (exchange->conditions[i].tag != FILTER_COUNT ||
		    (prefix.len ? !str_starts(attribute, prefix) : has_prefix))
			continue;
		if (is_first) {
			add_name(out, name_short(schema, name));
			strbuf_add_char(out, '[');
		} else {
			strbuf_add_char(out, ',');
		}
		is_first = false;
		strbuf_add_char(out, '{');
		add_name(out, name_short(schema, ATTR_name));
		strbuf_add_json(out, str_from(attribute, prefix.len));
		add_name(out, name_short(schema, ATTR_value));
		add_scalar(out, KIND_INT, exchange->conditions[i].text);
		strbuf_add_char(out, '}');
	}
	if (!is_first)
		strbuf_add_char(out, ']');
}

static void add_filter(struct strbuf *out, const struct schema *schema, const struct exchange *exchange)
{
	if (!exchange->condition_count)
		return;
	add_name(out, str_of(parameter_defs[PARAM_filterCriteria].short_name));
	strbuf_add_char(out, '{');
	for (unsigned i = 0; i < exchange->condition_count; i++)
		if (exchange->conditions[i].tag != FILTER_COUNT)
			add_condition(out, exchange, i);
	add_attributes(out, schema, exchange, ATTR_attribute, STR(""));
	add_attributes(out, schema, exchange, ATTR_childAttribute, STR("c."));
	add_attributes(out, schema, exchange, ATTR_parentAttribute, STR("p."));
	strbuf_add_char(out, '}');
}

/* TS-0004 6.3.5.30 */
static void add_response_type(struct strbuf *out, const struct schema *schema, const struct exchange *exchange)
{
	struct str rest = exchange->response_targets, type = exchange->param[PARAM_responseType];

	if (!type.ptr && !rest.ptr)
		return;
	add_name(out, str_of(parameter_defs[PARAM_responseType].short_name));
	strbuf_add_char(out, '{');
	if (type.ptr) {
		add_name(out, name_short(schema, ATTR_responseTypeValue));
		add_scalar(out, KIND_ENUM, type);
	}
	if (rest.ptr) {
		add_name(out, name_short(schema, ATTR_notificationURI));
		strbuf_add_char(out, '[');
		while (rest.ptr && rest.len) {
			if (out->ptr[out->len - 1] != '[')
				strbuf_add_char(out, ',');
			strbuf_add_json(out, str_split(&rest, '&'));
		}
		strbuf_add_char(out, ']');
	}
	strbuf_add_char(out, '}');
}

/* The names of a partial RETRIEVE are its content: TS-0004 7.5.2. */
static void add_content(struct strbuf *out, const struct schema *schema, const struct exchange *exchange)
{
	struct str names = exchange->param[PARAM_attributeList];

	if (!exchange->content.len && !names.ptr)
		return;
	add_name(out, name_short(schema, ATTR_primitiveContent));
	if (exchange->content.len) {
		strbuf_add_str(out, exchange->content);
		return;
	}
	STRBUF_LIT(out, "{\"m2m:atrl\":");
	print_parameter_value(out, parameter_defs[PARAM_attributeList].kind, names);
	strbuf_add_char(out, '}');
}

static void add_parameter(struct strbuf *out, enum parameter parameter, struct str text)
{
	const struct parameter_def *def = &parameter_defs[parameter];

	add_name(out, str_of(def->short_name));
	if (def->kind.is_list)
		print_parameter_value(out, def->kind, text);
	else
		add_scalar(out, def->kind.base, text);
}

static void write_primitive(struct strbuf *out, const struct schema *schema, const struct exchange *exchange)
{
	strbuf_add_char(out, '{');
	for (enum parameter i = 0; i < PARAM_COUNT; i++)
		if (exchange->param[i].ptr && i != PARAM_responseType && i != PARAM_attributeList)
			add_parameter(out, i, exchange->param[i]);
	add_response_type(out, schema, exchange);
	add_filter(out, schema, exchange);
	add_content(out, schema, exchange);
	strbuf_add_char(out, '}');
}

const char *primitives_write(const struct transport *transport, const struct world *world,
			     const struct exchange *exchange, struct arena *arena, struct str *payload)
{
	struct decode_error error = {0};
	struct strbuf json = {0}, out = {0};
	int status = 0;

	if (exchange->accept_etag.ptr)
		return "a primitive carries no condition";
	write_primitive(&json, world->schema, exchange);
	*payload = arena_copy(arena, strbuf_str(&json));
	if (transport->codec != &codec_json) {
		status = transport->codec->encode(world->schema, CODEC_REQUEST, *payload, arena, &out, &error);
		*payload = arena_copy(arena, strbuf_str(&out));
	}
	strbuf_finish(&json);
	strbuf_finish(&out);
	return status == 0 ? NULL : arena_printf(arena, "content cannot be encoded: %s%c", error.message, 0).ptr;
}

/* ---- reading ---- */

const char *primitives_read(const struct transport *transport, const struct world *world,
			    const struct exchange *exchange, struct str payload, struct arena *arena,
			    struct reply *reply)
{
	static const struct decode_limits limits = {.bytes = 1 << 24, .depth = 64, .tokens = 1 << 20};
	struct doc *doc = arena_zalloc(arena, sizeof(*doc));
	const struct schema *schema = world->schema;
	struct decode_error error;
	struct value root, v;
	int64_t number = 0;

	if (transport->codec->decode(schema, CODEC_RESPONSE, payload, &limits, arena, doc, &error) != 0)
		return arena_printf(arena, "answer cannot be decoded: %s%c", error.message, 0).ptr;
	root = doc_root(doc);
	v = value_member(root, name_short(schema, ATTR_responseStatusCode));
	if (value_is_absent(v) || value_i64(v, &number) != 0)
		return "no response status code in the answer";
	reply->rsc = (int)number;
	v = value_member(root, name_short(schema, ATTR_primitiveContent));
	reply->content = value_is_absent(v) ? STR("") : value_text(v);
	v = value_member(root, name_short(schema, ATTR_contentOffset));
	if (!value_is_absent(v))
		reply->offset = value_text(v);
	v = value_member(root, name_short(schema, ATTR_requestIdentifier));
	if (!value_is_absent(v) && !str_eq(value_string(v, arena), exchange->param[PARAM_requestIdentifier]))
		return "the answer is to another request";
	reply->location = reply->etag = STR("");
	return NULL;
}
