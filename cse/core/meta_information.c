/* metaInformation of a <request>: the optional parameters of the request that it stands for. TS-0004 6.3.5.4. */
#include "cse/core/non_blocking.h"
#include "cse/core/primitive_text.h"
#include "cse/core/state.h"

static void print_response_type(struct strbuf *out, const struct request *req)
{
	const struct schema *schema = req->cse->schema;
	struct str rest = req->response_targets;

	strbuf_addf(out, "{\"%" STR_FMT "\":", STR_ARG(name_short(schema, ATTR_responseTypeValue)));
	print_parameter_value(out, (struct kind){.base = KIND_ENUM}, req->param[PARAM_responseType]);
	if (rest.ptr)
		strbuf_addf(out, ",\"%" STR_FMT "\":[", STR_ARG(name_short(schema, ATTR_notificationURI)));
	for (bool is_first = true; rest.ptr && rest.len; is_first = false) {
		if (!is_first)
			strbuf_add_char(out, ',');
		strbuf_add_json(out, str_split(&rest, '&'));
	}
	strbuf_add_str(out, req->response_targets.ptr ? STR("]}") : STR("}"));
}

/* One member of filterCriteria: the values of its conditions. */
static void print_conditions(struct strbuf *out, const struct request *req, const struct attr_def *member)
{
	struct str name = name_short(req->cse->schema, member->name);
	struct strbuf values = {0};

	for (unsigned i = 0; i < req->filter.count; i++) {
		const struct filter_item *item = &req->filter.items[i];

		if (item->tag == FILTER_COUNT || !str_eq(str_of(condition_defs[item->tag].short_name), name))
			continue;
		if (values.len)
			strbuf_add_char(&values, '+');
		strbuf_add_str(&values, item->text);
	}
	if (values.len) {
		strbuf_addf(out, "%s\"%" STR_FMT "\":", out->ptr[out->len - 1] == '{' ? "" : ",", STR_ARG(name));
		print_parameter_value(out, member->kind, strbuf_str(&values));
	}
	strbuf_finish(&values);
}

/* Filter Criteria, but for conditions on attributes. */
static void print_filter_criteria(struct strbuf *out, const struct request *req)
{
	const struct complex_def *def = complex_find(STR("filterCriteria"));

	strbuf_add_char(out, '{');
	for (size_t i = 0; i < def->count; i++)
		print_conditions(out, req, &def->members[i]);
	strbuf_add_char(out, '}');
}

/* One member of metaInformation, if the request has it. */
static void print_member(struct strbuf *out, const struct request *req, struct str name)
{
	enum parameter parameter = parameter_find(name);
	bool is_filter = parameter == PARAM_filterCriteria;

	if (is_filter ? req->filter.count == 0 : parameter == PARAM_COUNT || !request_has(req, parameter))
		return;
	if (parameter != PARAM_responseType && !is_filter) {
		print_parameter(out, parameter, req->param[parameter]);
		return;
	}
	strbuf_addf(out, "%s\"%" STR_FMT "\":", out->len > 1 ? "," : "", STR_ARG(name));
	if (is_filter)
		print_filter_criteria(out, req);
	else
		print_response_type(out, req);
}

/* TS-0004 table 7.3.2.2-2: the optional parameters as they came. */
struct str meta_information_print(struct request *req)
{
	const struct complex_def *def = complex_find(STR("metaInformation"));
	struct strbuf out = {0};
	struct str text;

	strbuf_add_char(&out, '{');
	for (size_t i = 0; i < def->count; i++)
		print_member(&out, req, name_short(req->cse->schema, def->members[i].name));
	strbuf_add_char(&out, '}');
	text = arena_copy(&req->arena, strbuf_str(&out));
	strbuf_finish(&out);
	return text;
}

/* What the <request> is to show must be right, also where performing would not look at it. */
enum rsc meta_information_check(struct request *req, struct str text)
{
	struct kind kind = {.base = KIND_COMPLEX};
	struct constraint none = {0};
	const char *wrong;

	kind.of = complex_find(STR("metaInformation"));
	wrong = validate_kind(req->cse->schema, kind, &none, json_own(text, &req->arena), &req->arena);
	return wrong ? req_fail(req, RSC_BAD_REQUEST, "a parameter of a non-blocking request: %s", wrong) : RSC_NONE;
}
