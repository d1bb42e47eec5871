/* Every answer held against the tables: parameters, presence of content, and each attribute of a representation. */
#include "schemas/timestamp.h"
#include "tests/scenario/coverage.h"

#include <stdarg.h>

static const struct decode_limits listing_limits = {.bytes = 1 << 24, .depth = 64, .tokens = 1 << 20};

struct inspection {
	const struct schema *schema;
	const struct exchange *exchange;
	const struct reply *reply;
	struct arena *arena;
};

static const char *wrong(struct inspection *inspection, const char *format, ...) __attribute__((format(printf, 2, 3)));

static const char *wrong(struct inspection *inspection, const char *format, ...)
{
	char text[400];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return arena_cstr(inspection->arena, str_of(text));
}

static struct str parameter(const struct inspection *inspection, enum parameter which)
{
	return inspection->exchange->param[which];
}

/* By its number: an enumeration is an xs:integer, which may begin with zeros (TS-0004 6.3.4.1). */
static bool result_content_is(const struct inspection *inspection, int64_t rcn)
{
	int64_t number;

	return str_to_i64(parameter(inspection, PARAM_resultContent), &number) == 0 && number == rcn;
}

static bool lists_children(const struct inspection *inspection)
{
	return result_content_is(inspection, 4) || result_content_is(inspection, 5) || result_content_is(inspection, 8);
}

static bool is_partial(const struct inspection *inspection)
{
	struct str to = parameter(inspection, PARAM_to);

	return result_content_is(inspection, 9) || parameter(inspection, PARAM_attributeList).ptr ||
	       (to.len && memchr(to.ptr, '#', to.len)) ||
	       (inspection->exchange->op == OP_RETRIEVE && inspection->exchange->content.len);
}

static const char *inspect_part(struct inspection *inspection, const struct type_def *type, struct value object)
{
	for (struct value v = value_first(object); !value_is_absent(v); v = value_next(object, v)) {
		int row = schema_row(inspection->schema, type, value_name(v));

		if (row < 0)
			return wrong(inspection, "%.*s is no attribute of %s", STR_ARG(value_name(v)), type->name);
		if (value_type(v) == VALUE_NULL && inspection->exchange->op != OP_RETRIEVE)
			continue;
		const char *fault = validate_kind(inspection->schema, type->attrs[row].kind,
						  &type->attrs[row].constraint, v, inspection->arena);

		if (fault)
			return wrong(inspection, "%.*s of the answer: %s", STR_ARG(value_name(v)), fault);
	}
	return NULL;
}

static int time_in(const struct attrs *attrs, unsigned name, struct arena *arena, int64_t *us)
{
	struct value v = attrs_get(attrs, name);

	return value_is_absent(v) ? -1 : timestamp_parse(value_string(v, arena), us);
}

/* What holds for every resource, TS-0001 9.6.1.3.1. */
static const char *inspect_universal(struct inspection *inspection, const struct type_def *type,
				     const struct attrs *attrs)
{
	struct value ty = attrs_get(attrs, ATTR_resourceType), id = attrs_get(attrs, ATTR_resourceID);
	struct value name = attrs_get(attrs, ATTR_resourceName);
	int64_t number, created, modified, expires;

	if (value_is_absent(ty) || value_i64(ty, &number) != 0 || number != type->ty)
		return wrong(inspection, "resourceType of a %s is not %u", type->name, type->ty);
	if (value_is_absent(id) || value_string(id, inspection->arena).len == 0)
		return wrong(inspection, "resourceID is empty");
	if (value_is_absent(name) || value_string(name, inspection->arena).len == 0)
		return wrong(inspection, "resourceName is empty");
	if (time_in(attrs, ATTR_creationTime, inspection->arena, &created) != 0 ||
	    time_in(attrs, ATTR_lastModifiedTime, inspection->arena, &modified) != 0)
		return wrong(inspection, "creationTime or lastModifiedTime is missing");
	if (inspection->exchange->op == OP_CREATE && modified != created) /* TS-0004 7.3.3.5 */
		return wrong(inspection, "lastModifiedTime of a new resource is not its creationTime");
	if (time_in(attrs, ATTR_expirationTime, inspection->arena, &expires) == 0 && expires <= created)
		return wrong(inspection, "expirationTime does not lie after creationTime");
	return NULL;
}

static const char *inspect_resource(struct inspection *inspection, struct str root, struct value object)
{
	const struct type_def *type = schema_type_by_root(inspection->schema, root);
	struct attrs attrs;
	struct problem problem;

	if (!type)
		return wrong(inspection, "%.*s is no resource type", STR_ARG(root));
	if (value_type(object) != VALUE_OBJECT)
		return wrong(inspection, "%.*s is not an object", STR_ARG(root));
	if (is_partial(inspection))
		return inspect_part(inspection, type, object);
	if (validate_stored(inspection->schema, type, object, inspection->arena, &attrs, &problem) != RSC_NONE)
		return wrong(inspection, "the answer's %.*s: %s", STR_ARG(root), problem.text);
	return inspect_universal(inspection, type, &attrs);
}

/* TS-0004 6.3.5.29. */
static const char *inspect_references(struct inspection *inspection, struct value list)
{
	if (value_is_absent(list) || value_type(list) != VALUE_ARRAY)
		return wrong(inspection, "references are not a list");
	for (struct value v = value_first(list); !value_is_absent(v); v = value_next(list, v))
		if (value_type(v) != VALUE_OBJECT || value_is_absent(value_member(v, STR("nm"))) ||
		    value_is_absent(value_member(v, STR("typ"))) || value_is_absent(value_member(v, STR("val"))))
			return wrong(inspection, "a reference lacks nm, typ or val");
	return NULL;
}

static const char *inspect_listing(struct inspection *inspection, struct str root, struct value object);

/* A member of a listing that is no attribute: an array of children, or of references to them. */
static const char *inspect_listed(struct inspection *inspection, struct value member)
{
	if (str_eq(value_name(member), STR("ch")))
		return inspect_references(inspection, member);
	if (value_type(member) != VALUE_ARRAY)
		return wrong(inspection, "%.*s is no list of children", STR_ARG(value_name(member)));
	for (struct value v = value_first(member); !value_is_absent(v); v = value_next(member, v)) {
		const char *fault = inspect_listing(inspection, value_name(member), v);

		if (fault)
			return fault;
	}
	return NULL;
}

static bool is_listed_member(struct value member)
{
	struct str name = value_name(member);

	return str_eq(name, STR("ch")) || memchr(name.ptr, ':', name.len);
}

/* A representation with children in it: they are looked at one by one, and the rest like any resource. */
static const char *inspect_listing(struct inspection *inspection, struct str root, struct value object)
{
	struct strbuf own = {0};
	struct decode_error error;
	struct doc *doc = arena_zalloc(inspection->arena, sizeof(*doc));
	const char *fault = NULL;

	strbuf_add_char(&own, '{');
	for (struct value v = value_first(object); !fault && !value_is_absent(v); v = value_next(object, v)) {
		if (is_listed_member(v))
			fault = inspect_listed(inspection, v);
		else
			strbuf_addf(&own, "%s\"%.*s\":%.*s", own.len > 1 ? "," : "", STR_ARG(value_name(v)),
				    STR_ARG(value_text(v)));
	}
	strbuf_add_char(&own, '}');
	struct str text = arena_copy(inspection->arena, strbuf_str(&own));

	strbuf_finish(&own);
	if (fault || str_eq(text, STR("{}")))
		return fault;
	if (json_decode(text, &listing_limits, inspection->arena, doc, &error) != 0)
		return wrong(inspection, "%s", error.message);
	return inspect_resource(inspection, root, doc_root(doc));
}

static const char *inspect_uris(struct inspection *inspection, struct value list)
{
	if (value_type(list) != VALUE_ARRAY)
		return wrong(inspection, "m2m:uril is not a list");
	for (struct value v = value_first(list); !value_is_absent(v); v = value_next(list, v))
		if (value_type(v) != VALUE_STRING)
			return wrong(inspection, "m2m:uril has an element that is no string");
	return NULL;
}

static const char *inspect_success(struct inspection *inspection, struct value content);
static const char *inspect_error(struct inspection *inspection, struct value content);

/* One member's response primitive in m2m:agr: TS-0004 7.4.14.2.5. */
static const char *inspect_response(struct inspection *inspection, struct value answer)
{
	struct value code, content;
	int64_t rsc;

	if (value_type(answer) != VALUE_OBJECT || value_is_absent(value_member(answer, STR("fr"))) ||
	    value_is_absent(value_member(answer, STR("rqi"))))
		return wrong(inspection, "a member's answer without from or requestIdentifier");
	code = value_member(answer, STR("rsc"));
	content = value_member(answer, STR("pc"));
	if (value_is_absent(code) || value_i64(code, &rsc) != 0 || !status_find((int)rsc))
		return wrong(inspection, "a member's answer without a code");
	if (value_is_absent(content))
		return rsc_is_success((enum rsc)rsc) ? NULL : wrong(inspection, "a member's refusal without content");
	return rsc_is_success((enum rsc)rsc) ? inspect_success(inspection, content)
					     : inspect_error(inspection, content);
}

static const char *inspect_aggregated(struct inspection *inspection, struct value aggregated)
{
	struct value answers = value_member(aggregated, STR("m2m:rsp"));
	const char *fault = NULL;

	if (value_is_absent(answers) || value_type(answers) != VALUE_ARRAY)
		return wrong(inspection, "m2m:agr without m2m:rsp");
	for (struct value v = value_first(answers); !fault && !value_is_absent(v); v = value_next(answers, v))
		fault = inspect_response(inspection, v);
	return fault;
}

/* What a poll fetches, one or a list of them. */
static const char *inspect_fetched(struct inspection *inspection, struct value fetched)
{
	struct kind kind = {.base = KIND_COMPLEX, .is_list = value_type(fetched) == VALUE_ARRAY};
	struct constraint none = {0};
	const char *fault;

	kind.of = complex_find(STR("requestPrimitive"));
	fault = validate_kind(inspection->schema, kind, &none, fetched, inspection->arena);
	return fault ? wrong(inspection, "a fetched request: %s", fault) : NULL;
}

static const char *inspect_success(struct inspection *inspection, struct value content)
{
	struct value member = value_first(content);
	struct str root = value_name(member);

	if (str_eq(root, STR("m2m:agr")))
		return inspect_aggregated(inspection, member);

	if (str_eq(root, STR("m2m:rqp")) || str_eq(root, STR("m2m:agrp")))
		return inspect_fetched(inspection, member);
	if (str_eq(root, STR("m2m:uri")))
		return value_type(member) == VALUE_STRING ? NULL : wrong(inspection, "m2m:uri is not a string");
	if (str_eq(root, STR("m2m:uril")))
		return inspect_uris(inspection, member);
	if (str_eq(root, STR("m2m:rrl")) && value_type(member) == VALUE_OBJECT)
		return inspect_references(inspection, value_member(member, STR("rrf")));
	if (lists_children(inspection) && value_type(member) == VALUE_OBJECT)
		return inspect_listing(inspection, root, member);
	if (!str_eq(root, STR("m2m:rce")))
		return inspect_resource(inspection, root, member);
	if (value_type(member) != VALUE_OBJECT || value_token(member)->count != 2 ||
	    value_is_absent(value_member(member, STR("uri"))))
		return wrong(inspection, "m2m:rce is not made of an uri and a resource");
	for (struct value v = value_first(member); !value_is_absent(v); v = value_next(member, v))
		if (!str_eq(value_name(v), STR("uri")))
			return inspect_resource(inspection, value_name(v), v);
	return NULL;
}

/* An error carries an explanation and nothing else. */
static const char *inspect_error(struct inspection *inspection, struct value content)
{
	enum { LONGEST = 400 };
	struct value text = value_member(content, STR("m2m:dbg"));

	if (value_is_absent(text) || value_type(text) != VALUE_STRING)
		return wrong(inspection, "an error without m2m:dbg: %.*s", STR_ARG(inspection->reply->content));
	if (value_token(text)->len == 0 || value_token(text)->len > LONGEST)
		return wrong(inspection, "m2m:dbg has %u bytes", value_token(text)->len);
	return NULL;
}

static const char *inspect_content(struct inspection *inspection)
{
	static const struct decode_limits limits = {.bytes = 1 << 24, .depth = 64, .tokens = 1 << 20};
	struct decode_error error;
	struct doc *doc = arena_zalloc(inspection->arena, sizeof(*doc));

	if (json_decode(inspection->reply->content, &limits, inspection->arena, doc, &error) != 0)
		return wrong(inspection, "the content is not JSON: %s at byte %zu", error.message, error.offset);
	struct value content = doc_root(doc);

	if (value_type(content) != VALUE_OBJECT || value_token(content)->count != 1)
		return wrong(inspection, "the content has not exactly one member: %.*s",
			     STR_ARG(inspection->reply->content));
	if (rsc_is_success((enum rsc)inspection->reply->rsc))
		return inspect_success(inspection, content);
	return inspect_error(inspection, content);
}

/* Must there be a content? TS-0004 table 7.2.1.2-1, TS-0001 table 8.1.2-1. */
static const char *inspect_presence(struct inspection *inspection)
{
	bool present = inspection->reply->content.len != 0;
	enum operation op = inspection->exchange->op;
	bool by_default = parameter(inspection, PARAM_resultContent).ptr == NULL;
	struct str rest = parameter(inspection, PARAM_to);

	if (!rsc_is_success((enum rsc)inspection->reply->rsc))
		return present ? NULL : wrong(inspection, "an error without content");
	if (inspection->reply->rsc == RSC_ACCEPTED)
		return present ? wrong(inspection, "a content where no response was asked for") : NULL;
	if (inspection->reply->rsc == RSC_ACCEPTED_SYNCH || inspection->reply->rsc == RSC_ACCEPTED_ASYNCH)
		return present ? NULL : wrong(inspection, "an acknowledgement without the <request>");
	while (rest.ptr)
		if (str_eq(str_split(&rest, '/'), STR("fopt"))) /* answers of members, whatever they contain */
			return present ? NULL : wrong(inspection, "the members' answers are missing");
	if (result_content_is(inspection, 0) || op == OP_NOTIFY || (op == OP_DELETE && by_default))
		return present ? wrong(inspection, "a content where none was asked for") : NULL;
	return present || result_content_is(inspection, 9) ? NULL : wrong(inspection, "the content is missing");
}

/* TS-0009 6.3.2 and 6.4. */
static const char *inspect_http(struct inspection *inspection)
{
	const struct reply *reply = inspection->reply;
	struct str rqi = parameter(inspection, PARAM_requestIdentifier);
	struct str rvi = parameter(inspection, PARAM_releaseVersionIndicator);

	if (rqi.ptr && !str_eq(reply_header(reply, STR("X-M2M-RI")), rqi))
		return wrong(inspection, "X-M2M-RI is not the request's");
	if (rvi.ptr && rsc_is_success((enum rsc)reply->rsc) && !str_eq(reply_header(reply, STR("X-M2M-RVI")), rvi))
		return wrong(inspection, "X-M2M-RVI is not the request's");
	return NULL;
}

const char *inspect_reply(const struct schema *schema, const struct exchange *exchange, const struct reply *reply,
			  struct arena *arena)
{
	struct inspection inspection = {schema, exchange, reply, arena};
	const char *fault;

	if (!status_find(reply->rsc))
		return wrong(&inspection, "%d is no response status code", reply->rsc);
	fault = inspect_presence(&inspection);
	if (!fault && reply->content.len)
		fault = inspect_content(&inspection);
	if (!fault && reply->status)
		fault = inspect_http(&inspection);
	return fault;
}

/* ---- notifications ---- */

/* What m2m:sgn tells of, if it is a resource with all its attributes. */
static const char *inspect_representation(struct inspection *inspection, struct value notification)
{
	struct value event = value_member(notification, STR("nev")), representation, member;
	bool is_partial_kind;

	if (value_is_absent(event))
		return NULL;
	representation = value_member(event, STR("rep"));
	member = value_is_absent(representation) ? representation : value_first(representation);
	if (value_is_absent(member) || str_eq(value_name(member), STR("m2m:uri")))
		return NULL;
	is_partial_kind = value_is_absent(value_member(member, STR("ri")));
	if (!is_partial_kind)
		return inspect_resource(inspection, value_name(member), member);
	const struct type_def *type = schema_type_by_root(inspection->schema, value_name(member));

	return type ? inspect_part(inspection, type, member) : wrong(inspection, "a representation of no type");
}

const char *inspect_notification(const struct schema *schema, const struct exchange *exchange, struct arena *arena)
{
	struct inspection inspection = {schema, exchange, NULL, arena};
	struct doc *doc = arena_zalloc(arena, sizeof(*doc));
	struct constraint none = {0};
	struct kind kind = {.base = KIND_COMPLEX};
	struct decode_error error;
	struct value member;
	const char *fault;

	if (json_decode(exchange->content, &listing_limits, arena, doc, &error) != 0)
		return wrong(&inspection, "a notification that is not JSON: %s", error.message);
	member = value_first(doc_root(doc));
	kind.of = complex_find(str_eq(value_name(member), STR("m2m:sgn"))   ? STR("notification")
			       : str_eq(value_name(member), STR("m2m:rsp")) ? STR("responsePrimitive")
									    : STR("aggregatedNotification"));
	fault = validate_kind(schema, kind, &none, member, arena);
	if (!fault && str_eq(value_name(member), STR("m2m:sgn")))
		fault = inspect_representation(&inspection, member);
	return fault ? wrong(&inspection, "a notification: %s", fault) : NULL;
}
