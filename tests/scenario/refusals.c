/* The negative tests that follow from a type's rows: every M missing, every NP given, wrong kinds, values out of
 * bounds, null, and names the type does not know. The statement `refusals PARENT TYPE { a valid representation }` runs
 * them. */
#include "tests/scenario/run.h"

struct refusals {
	struct run *run;
	const struct statement *statement;
	const struct schema *schema;
	const struct type_def *type;
	struct str root;
	struct exchange create, update; /* what every attempt starts from */
	struct value body;		/* the valid representation */
	bool ok;
};

/* ---- values ---- */

static const char *wrong_scalar(struct kind kind)
{
	switch (kind.base) {
	case KIND_UINT:
	case KIND_INT:
	case KIND_FLOAT:
		return "\"x\"";
	case KIND_BOOL:
		return "\"true\"";
	case KIND_ENUM:
		return "987654";
	case KIND_TIMESTAMP:
	case KIND_ABS_REL_TIMESTAMP:
		return "\"yesterday\"";
	case KIND_ANY:
		return NULL;
	default:
		return "5";
	}
}

static struct str valid_scalar(struct refusals *refusals, struct kind kind)
{
	switch (kind.base) {
	case KIND_UINT:
	case KIND_INT:
	case KIND_FLOAT:
		return STR("1");
	case KIND_BOOL:
		return STR("true");
	case KIND_ENUM:
		return arena_printf(&refusals->run->arena, "%lld",
				    (long long)((const struct enum_def *)kind.of)->values[0].value);
	case KIND_COMPLEX:
		return STR("{}");
	case KIND_TIMESTAMP:
	case KIND_ABS_REL_TIMESTAMP:
		return STR("\"20260601T000000\"");
	default:
		return STR("\"x\"");
	}
}

static struct str valid_value(struct refusals *refusals, struct kind kind)
{
	struct str scalar = valid_scalar(refusals, kind);

	return kind.is_list ? arena_join(&refusals->run->arena, STR("["), scalar, STR("]")) : scalar;
}

/* ---- representations ---- */

static void add_member(struct strbuf *out, struct str name, struct str json)
{
	if (out->ptr[out->len - 1] != '{')
		strbuf_add_char(out, ',');
	strbuf_addf(out, "\"%.*s\":%.*s", STR_ARG(name), STR_ARG(json));
}

/* The valid representation (or none of it) without the attribute `name`, and with it as `json` if that is given. */
static struct str variant(struct refusals *refusals, bool with_body, struct str name, struct str json)
{
	struct strbuf out = {0};

	strbuf_addf(&out, "{\"%.*s\":{", STR_ARG(refusals->root));
	for (struct value v = value_first(refusals->body); with_body && !value_is_absent(v);
	     v = value_next(refusals->body, v))
		if (!str_eq(value_name(v), name))
			add_member(&out, value_name(v), value_text(v));
	if (json.ptr)
		add_member(&out, name, json);
	STRBUF_LIT(&out, "}}");
	struct str content = arena_copy(&refusals->run->arena, strbuf_str(&out));

	strbuf_finish(&out);
	return content;
}

/* ---- attempts ---- */

static void attempt(struct refusals *refusals, const struct exchange *base, struct str content, int expected,
		    const char *what, struct str name)
{
	struct exchange exchange = *base;
	struct reply reply;

	exchange.content = content;
	exchange.param[PARAM_requestIdentifier] = run_next_identifier(refusals->run);
	if (!run_exchange(refusals->run, refusals->statement, &exchange, &reply))
		refusals->ok = false;
	else if (reply.rsc != expected)
		refusals->ok = run_fail(refusals->run, refusals->statement, "%s %s of %.*s: expected %d, came %d: %.*s",
					base->op == OP_CREATE ? "CREATE" : "UPDATE", what, STR_ARG(name), expected,
					reply.rsc, STR_ARG(content));
}

static void attempt_value(struct refusals *refusals, const struct exchange *base, const struct attr_def *attr,
			  struct str json, const char *what)
{
	struct str name = name_short(refusals->schema, attr->name);

	attempt(refusals, base, variant(refusals, base->op == OP_CREATE, name, json), RSC_BAD_REQUEST, what, name);
}

static void attempt_bounds(struct refusals *refusals, const struct exchange *base, const struct attr_def *attr)
{
	static const char *const no_integers[] = {"-1", "1.5", "1e3", "99999999999999999999", NULL};
	const struct constraint *constraint = &attr->constraint;

	if (attr->kind.base != KIND_UINT || attr->kind.is_list)
		return;
	for (size_t i = 0; no_integers[i]; i++)
		attempt_value(refusals, base, attr, str_of(no_integers[i]),
			      "with a number that is no unsigned integer");
	if (constraint->is_set && constraint->max < INT64_MAX)
		attempt_value(refusals, base, attr,
			      arena_printf(&refusals->run->arena, "%lld", (long long)constraint->max + 1),
			      "with more than the most");
	if (constraint->is_set && constraint->min > 0)
		attempt_value(refusals, base, attr,
			      arena_printf(&refusals->run->arena, "%lld", (long long)constraint->min - 1),
			      "with less than the least");
}

/* Everything that a row which may be given refuses. */
static void attempt_wrong(struct refusals *refusals, const struct exchange *base, const struct attr_def *attr)
{
	const char *wrong = wrong_scalar(attr->kind);
	struct arena *arena = &refusals->run->arena;

	if (attr->kind.is_list) {
		attempt_value(refusals, base, attr, valid_scalar(refusals, attr->kind), "with one value for a list");
		if (!attr->constraint.is_set || attr->constraint.min > 0)
			attempt_value(refusals, base, attr, STR("[]"), "with an empty list");
		if (wrong)
			attempt_value(refusals, base, attr, arena_join(arena, STR("["), str_of(wrong), STR("]")),
				      "with a list of the wrong kind");
	} else if (wrong) {
		attempt_value(refusals, base, attr, str_of(wrong), "with a wrong kind");
		attempt_value(refusals, base, attr,
			      valid_value(refusals, (struct kind){attr->kind.base, true, attr->kind.of}),
			      "with a list");
	}
	attempt_bounds(refusals, base, attr);
}

static void refuse_create(struct refusals *refusals)
{
	for (size_t i = 0; i < refusals->type->attr_count; i++) {
		const struct attr_def *attr = &refusals->type->attrs[i];
		bool may_be_null = attr->create == NULL_ONLY;

		if (attr->create == M)
			attempt_value(refusals, &refusals->create, attr, (struct str){0},
				      "without the mandatory attribute");
		if (attr->create == NP || may_be_null)
			attempt_value(refusals, &refusals->create, attr, valid_value(refusals, attr->kind),
				      "with an attribute that must not be present");
		else
			attempt_wrong(refusals, &refusals->create, attr);
		if (!may_be_null)
			attempt_value(refusals, &refusals->create, attr, STR("null"), "with null");
	}
	attempt(refusals, &refusals->create, variant(refusals, true, STR("nosuch"), STR("1")), RSC_BAD_REQUEST,
		"with an unknown attribute", STR("nosuch"));
}

static void refuse_update(struct refusals *refusals)
{
	for (size_t i = 0; i < refusals->type->attr_count; i++) {
		const struct attr_def *attr = &refusals->type->attrs[i];

		if (attr->update == NP) {
			attempt_value(refusals, &refusals->update, attr, valid_value(refusals, attr->kind),
				      "with an attribute that must not be present");
			continue;
		}
		attempt_wrong(refusals, &refusals->update, attr);
		if (attr->cardinality == ONE && attr->name != ATTR_expirationTime)
			attempt_value(refusals, &refusals->update, attr, STR("null"),
				      "with null for what must be there");
	}
	attempt(refusals, &refusals->update, variant(refusals, false, STR("nosuch"), STR("1")), RSC_BAD_REQUEST,
		"with an unknown attribute", STR("nosuch"));
}

/* Types that refuse an operation as a whole do so whatever the content is. */
static void refuse_whole(struct refusals *refusals, const struct exchange *base)
{
	attempt(refusals, base, variant(refusals, true, STR(""), (struct str){0}), RSC_OPERATION_NOT_ALLOWED,
		"with a valid content", STR("it"));
	attempt(refusals, base, variant(refusals, false, STR("nosuch"), STR("1")), RSC_OPERATION_NOT_ALLOWED,
		"with an unknown attribute", STR("it"));
}

/* ---- set-up ---- */

static bool decode_body(struct refusals *refusals)
{
	static const struct decode_limits limits = {.bytes = 1 << 20, .depth = 32, .tokens = 10000};
	struct doc *doc = arena_zalloc(&refusals->run->arena, sizeof(*doc));
	struct decode_error error;

	if (json_decode(refusals->create.content, &limits, &refusals->run->arena, doc, &error) != 0)
		return run_fail(refusals->run, refusals->statement, "the representation is not JSON");
	refusals->body = value_first(doc_root(doc));
	return true;
}

/* Creates the resource that the updates are tried on, as its creator. */
static bool create_target(struct refusals *refusals)
{
	static const struct decode_limits limits = {.bytes = 1 << 20, .depth = 32, .tokens = 10000};
	struct run *run = refusals->run;
	struct doc *doc = arena_zalloc(&run->arena, sizeof(*doc));
	struct decode_error error;
	struct reply reply;

	if (!run_exchange(run, refusals->statement, &refusals->create, &reply))
		return false;
	if (reply.rsc != RSC_CREATED || json_decode(reply.content, &limits, &run->arena, doc, &error) != 0)
		return run_fail(run, refusals->statement, "the valid representation is refused: %d %.*s", reply.rsc,
				STR_ARG(reply.content));
	struct value id = value_member(value_first(doc_root(doc)), name_short(refusals->schema, ATTR_resourceID));

	refusals->update.param[PARAM_to] = value_is_absent(id) ? STR("") : value_string(id, &run->arena);
	return true;
}

static bool set_up(struct refusals *refusals)
{
	struct covered_type *covered;

	refusals->root = run_root_name(refusals->run, refusals->statement);
	refusals->type = schema_type_by_root(refusals->schema, refusals->root);
	covered = refusals->type ? coverage_find(refusals->run->coverage, refusals->type) : NULL;
	if (!covered)
		return run_fail(refusals->run, refusals->statement, "%.*s is not served", STR_ARG(refusals->root));
	covered->has_refusals = true;
	if (!run_prepare(refusals->run, refusals->statement, &refusals->create) || !decode_body(refusals))
		return false;
	refusals->update = refusals->create;
	refusals->update.op = OP_UPDATE;
	refusals->update.param[PARAM_operation] = arena_printf(&refusals->run->arena, "%d", (int)OP_UPDATE);
	refusals->update.param[PARAM_resourceType] = (struct str){0};
	refusals->update.param[PARAM_from] = refusals->run->originator;
	return true;
}

bool run_refusals(struct run *run, const struct statement *statement)
{
	struct refusals refusals = {.run = run, .statement = statement, .schema = run->world.schema, .ok = true};
	unsigned refused;

	if (!set_up(&refusals))
		return false;
	refused = refusals.type->refused;
	if (refused & OP_BIT(OP_CREATE)) {
		refuse_whole(&refusals, &refusals.create);
	} else {
		if (!create_target(&refusals))
			return false;
		refuse_create(&refusals);
	}
	if (refused & OP_BIT(OP_UPDATE))
		refuse_whole(&refusals, &refusals.update);
	else
		refuse_update(&refusals);
	return refusals.ok;
}
