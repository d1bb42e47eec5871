/* primitive: see primitive.h. */
#include "bindings/primitive.h"

#include "bindings/refusal.h"
#include "bindings/transcoder.h"
#include "cse/core/primitive_text.h"

#include <stdio.h>

enum {
	CONDITIONS_MAX = 256,
	CODE_MIN = 1000,
	CODE_MAX = 9999, /* TS-0004 6.6.2: four digits */
	/* What limits say of content leaves room for the primitive it is in. */
	LEVELS_AROUND = 2,
	TOKENS_AROUND = 1000,
};

/* ---- decoding ---- */

static struct value member(const struct schema *schema, struct value root, unsigned name)
{
	return value_member(root, name_short(schema, name));
}

static bool is_object(struct value v)
{
	return !value_is_absent(v) && value_type(v) == VALUE_OBJECT;
}

/* The primitive within a wrapper; an absent value if it is none. */
static struct value unwrap(struct value root, struct str wrapper)
{
	struct value inner = value_member(root, wrapper);

	return is_object(inner) ? inner : (struct value){0};
}

static enum primitive_kind recognize(const struct schema *schema, struct value *root)
{
	struct value wrapped = unwrap(*root, STR("m2m:rqp")), operation;

	if (value_is_absent(wrapped))
		wrapped = unwrap(*root, STR("m2m:rsp"));
	if (!value_is_absent(wrapped))
		*root = wrapped;
	operation = member(schema, *root, ATTR_operation);
	/* TS-0004 8.4: op is in every request, rsc in every response; clients write null for what they leave out. */
	if (!value_is_absent(operation) && value_type(operation) != VALUE_NULL)
		return PRIMITIVE_REQUEST;
	return value_is_absent(member(schema, *root, ATTR_responseStatusCode)) ? PRIMITIVE_REQUEST : PRIMITIVE_RESPONSE;
}

enum primitive_kind primitive_decode(const struct schema *schema, const struct codec *codec, struct str bytes,
				     const struct decode_limits *limits, struct arena *arena, struct value *root,
				     struct decode_error *error)
{
	struct doc *doc = arena_zalloc(arena, sizeof(*doc));
	struct decode_limits around = *limits;
	struct decode_error second;

	around.depth += LEVELS_AROUND;
	around.tokens += TOKENS_AROUND;
	if (codec->decode(schema, CODEC_REQUEST, bytes, &around, arena, doc, error) < 0 &&
	    codec->decode(schema, CODEC_RESPONSE, bytes, &around, arena, doc, &second) < 0)
		return PRIMITIVE_NONE;
	*root = doc_root(doc);
	if (is_object(*root))
		return recognize(schema, root);
	*error = (struct decode_error){.message = "a primitive must be an object"};
	return PRIMITIVE_NONE;
}

/* ---- requests ---- */

static bool is_number(enum base_kind base)
{
	return base == KIND_UINT || base == KIND_INT || base == KIND_FLOAT || base == KIND_ENUM;
}

/* The text of a scalar of a kind; ptr NULL: it is of another type. */
static struct str text_of(struct value v, enum base_kind base, struct arena *arena)
{
	switch (value_type(v)) {
	case VALUE_NUMBER:
		return is_number(base) || base == KIND_ABS_REL_TIMESTAMP ? value_text(v) : (struct str){0};
	case VALUE_TRUE:
	case VALUE_FALSE:
		return base == KIND_BOOL ? value_text(v) : (struct str){0};
	case VALUE_STRING:
		return is_number(base) || base == KIND_BOOL ? (struct str){0} : value_string(v, arena);
	default:
		return (struct str){0};
	}
}

/* As struct request has them: the members of a list joined by a separator. ptr NULL: of another form. */
static struct str list_text(struct value list, enum base_kind base, const char *separator, struct arena *arena)
{
	struct str joined = {0};

	if (value_type(list) != VALUE_ARRAY)
		return joined;
	for (struct value v = value_first(list); !value_is_absent(v); v = value_next(list, v)) {
		struct str text = text_of(v, base, arena);

		if (!text.ptr || memchr(text.ptr, *separator, text.len))
			return (struct str){0};
		joined = arena_join(arena, joined, joined.ptr ? str_of(separator) : STR(""), text);
	}
	return joined.ptr ? joined : STR("");
}

static void note_form(struct request *req, const char *what, struct str name)
{
	refusal_note(req, RSC_BAD_REQUEST, "%s %.*s: has the wrong form", what, name.len < 60 ? (int)name.len : 60,
		     name.ptr);
}

static void set_parameter(struct request *req, enum parameter parameter, struct value v)
{
	const struct parameter_def *def = &parameter_defs[parameter];
	struct str text = def->kind.is_list ? list_text(v, def->kind.base, "+", &req->arena)
					    : text_of(v, def->kind.base, &req->arena);

	if (text.ptr)
		request_set(req, parameter, text);
	else
		note_form(req, "parameter", str_of(def->short_name));
}

/* m2m:responseTypeInfo; a bare number is taken for its value. */
static void set_response_type(struct request *req, const struct schema *schema, struct value v)
{
	struct value targets, value = v;

	if (is_object(v)) {
		value = member(schema, v, ATTR_responseTypeValue);
		targets = member(schema, v, ATTR_notificationURI);
		if (!value_is_absent(targets)) {
			req->response_targets = list_text(targets, KIND_URI, "&", &req->arena);
			if (!req->response_targets.ptr)
				note_form(req, "parameter", name_short(schema, ATTR_notificationURI));
		}
	}
	if (!value_is_absent(value) && value_type(value) == VALUE_NUMBER)
		request_set(req, PARAM_responseType, value_text(value));
	else
		note_form(req, "parameter", str_of(parameter_defs[PARAM_responseType].short_name));
}

/* ---- filter criteria ---- */

static void add_condition(struct request *req, enum condition tag, struct str name, struct str text)
{
	if (!text.ptr)
		note_form(req, "filter condition", name);
	else if (req->filter.count == CONDITIONS_MAX)
		refusal_note(req, RSC_BAD_REQUEST, "more than %d filter conditions", CONDITIONS_MAX);
	else
		req->filter.items[req->filter.count++] = (struct filter_item){tag, name, text};
}

/* The text of any scalar: an attribute's value is compared by the attribute's kind. */
static struct str bare_text(struct value v, struct arena *arena)
{
	switch (value_type(v)) {
	case VALUE_NUMBER:
	case VALUE_TRUE:
	case VALUE_FALSE:
		return value_text(v);
	case VALUE_STRING:
		return value_string(v, arena);
	default:
		return (struct str){0};
	}
}

static void add_attribute(struct request *req, struct str name, struct value v)
{
	if (value_is_absent(v) || value_type(v) != VALUE_ARRAY) {
		add_condition(req, FILTER_COUNT, name,
			      value_is_absent(v) ? (struct str){0} : bare_text(v, &req->arena));
		return;
	}
	for (struct value item = value_first(v); !value_is_absent(item); item = value_next(v, item))
		add_condition(req, FILTER_COUNT, name, bare_text(item, &req->arena));
}

/* m2m:attribute, TS-0004 6.3.5.9: name and value; prefix tells the attributes of children and of the parent. */
static void add_attributes(struct request *req, const struct schema *schema, const char *prefix, struct value list)
{
	if (value_type(list) != VALUE_ARRAY) {
		note_form(req, "filter condition", name_short(schema, ATTR_attribute));
		return;
	}
	for (struct value v = value_first(list); !value_is_absent(v); v = value_next(list, v)) {
		struct value name = is_object(v) ? member(schema, v, ATTR_name) : (struct value){0};

		if (value_is_absent(name) || value_type(name) != VALUE_STRING) {
			note_form(req, "filter condition", name_short(schema, ATTR_attribute));
			return;
		}
		add_attribute(req, arena_join(&req->arena, str_of(prefix), value_string(name, &req->arena), STR("")),
			      member(schema, v, ATTR_value));
	}
}

static void add_known(struct request *req, enum condition tag, struct str name, struct value v)
{
	enum base_kind base = condition_defs[tag].kind.base;

	if (value_type(v) != VALUE_ARRAY) {
		add_condition(req, tag, name, text_of(v, base, &req->arena));
		return;
	}
	if (!condition_defs[tag].kind.is_list) {
		note_form(req, "filter condition", name);
		return;
	}
	for (struct value item = value_first(v); !value_is_absent(item); item = value_next(v, item))
		add_condition(req, tag, name, text_of(item, base, &req->arena));
}

/* A name that is no condition's is an attribute's, as in the queries of HTTP. */
static void set_filter(struct request *req, const struct schema *schema, struct value criteria)
{
	if (!is_object(criteria)) {
		note_form(req, "parameter", str_of(parameter_defs[PARAM_filterCriteria].short_name));
		return;
	}
	req->filter.items = arena_alloc(&req->arena, CONDITIONS_MAX * sizeof(*req->filter.items));
	for (struct value v = value_first(criteria); !value_is_absent(v); v = value_next(criteria, v)) {
		struct str name = value_name(v);
		enum condition tag = condition_find(name);

		if (str_eq(name, name_short(schema, ATTR_attribute)))
			add_attributes(req, schema, "", v);
		else if (str_eq(name, name_short(schema, ATTR_childAttribute)))
			add_attributes(req, schema, "c.", v);
		else if (str_eq(name, name_short(schema, ATTR_parentAttribute)))
			add_attributes(req, schema, "p.", v);
		else if (tag != FILTER_COUNT)
			add_known(req, tag, name, v);
		else
			add_attribute(req, name, v);
	}
}

/* ---- the whole ---- */

static void set_member(struct request *req, const struct schema *schema, struct value v)
{
	struct str name = value_name(v);
	enum parameter parameter = parameter_find(name);

	if (str_eq(name, name_short(schema, ATTR_primitiveContent)))
		req->content = value_text(v);
	else if (value_type(v) == VALUE_NULL &&
		 (parameter != PARAM_COUNT || str_eq(name, name_short(schema, ATTR_responseStatusCode))))
		return;
	else if (parameter == PARAM_COUNT || value_name_is_escaped(v))
		refusal_note(req, RSC_BAD_REQUEST, "unknown parameter %.*s", name.len < 60 ? (int)name.len : 60,
			     name.ptr);
	else if (parameter == PARAM_responseType)
		set_response_type(req, schema, v);
	else if (parameter == PARAM_filterCriteria)
		set_filter(req, schema, v);
	else
		set_parameter(req, parameter, v);
}

void primitive_fill(struct request *req, const struct schema *schema, struct value root)
{
	for (struct value v = value_first(root); !value_is_absent(v); v = value_next(root, v))
		set_member(req, schema, v);
	if (!request_has(req, PARAM_requestIdentifier)) /* refused, but answered by what stands there */
		request_set(req, PARAM_requestIdentifier, primitive_identifier(schema, root, &req->arena));
}

static struct str scalar_member(const struct schema *schema, struct value root, unsigned name, struct arena *arena)
{
	struct value v = member(schema, root, name);

	return value_is_absent(v) ? (struct str){0} : bare_text(v, arena);
}

void primitive_identify(struct request *req, const struct schema *schema, struct value root, struct arena *arena)
{
	request_set(req, PARAM_requestIdentifier, primitive_identifier(schema, root, arena));
	request_set(req, PARAM_from, scalar_member(schema, root, ATTR_from, arena));
	request_set(req, PARAM_releaseVersionIndicator,
		    scalar_member(schema, root, ATTR_releaseVersionIndicator, arena));
}

struct str primitive_identifier(const struct schema *schema, struct value root, struct arena *arena)
{
	return scalar_member(schema, root, ATTR_requestIdentifier, arena);
}

void primitive_answer(struct hop *hop, const struct schema *schema, struct value root)
{
	struct value status = member(schema, root, ATTR_responseStatusCode);
	struct value content = member(schema, root, ATTR_primitiveContent);
	int64_t code = 0;

	hop->answer = STR("");
	if (value_is_absent(status) || value_i64(status, &code) < 0 || code < CODE_MIN || code > CODE_MAX) {
		hop->outcome = HOP_UNREACHABLE;
		snprintf(hop->reason, sizeof(hop->reason), "response status code in the answer is malformed");
		return;
	}
	hop->outcome = HOP_ANSWERED;
	hop->rsc = (enum rsc)code;
	if (!value_is_absent(content))
		hop->answer = value_text(content);
}

/* ---- writing ---- */

static int add_encoded(struct strbuf *out, const struct schema *schema, enum codec_form form, const struct codec *codec,
		       struct str json, struct arena *arena, struct decode_error *error)
{
	if (codec != &codec_json)
		return codec->encode(schema, form, json, arena, out, error);
	strbuf_add_str(out, json);
	return 0;
}

/* An AE that has just registered without From is told who it is. */
static void print_response(struct strbuf *out, const struct request *req)
{
	struct str from = req->param[PARAM_from];

	print_response_primitive(out, req, from.len ? from : req->from, req->param[PARAM_releaseVersionIndicator]);
}

void primitive_add_uncarried(struct strbuf *out, const struct request *req, const struct schema *schema,
			     const struct codec *codec, struct arena *arena, const struct decode_error *why)
{
	struct request refusal = {.cse = req->cse, .from = req->from, .answer = {.rsc = RSC_NOT_ACCEPTABLE}};
	struct strbuf json = {0}, text = {0};
	struct decode_error error;

	memcpy(refusal.param, req->param, sizeof(refusal.param));
	transcoder_add_uncarried(&text, req->answer.rsc, codec, why);
	refusal.answer.content = strbuf_str(&text);
	print_response(&json, &refusal);
	strbuf_finish(&text);
	/* a text of ours: every serialization carries it */
	(void)!add_encoded(out, schema, CODEC_RESPONSE, codec, strbuf_str(&json), arena, &error);
	strbuf_finish(&json);
}

void primitive_add_response(struct strbuf *out, const struct request *req, const struct schema *schema,
			    const struct codec *codec, struct arena *arena)
{
	struct strbuf json = {0};
	struct decode_error error;

	print_response(&json, req);
	if (add_encoded(out, schema, CODEC_RESPONSE, codec, strbuf_str(&json), arena, &error) < 0)
		primitive_add_uncarried(out, req, schema, codec, arena, &error);
	strbuf_finish(&json);
}

int primitive_add_request(struct strbuf *out, const struct hop *hop, const struct schema *schema,
			  const struct codec *codec, struct arena *arena, struct decode_error *error)
{
	struct str param[PARAM_COUNT];
	struct strbuf json = {0};
	int status;

	memcpy(param, hop->param, sizeof(param));
	if (!param[PARAM_to].ptr)
		param[PARAM_to] = hop->url;
	print_request_primitive(&json, schema, param, hop->content);
	status = add_encoded(out, schema, CODEC_REQUEST, codec, strbuf_str(&json), arena, error);
	strbuf_finish(&json);
	return status < 0 ? -1 : 0;
}
