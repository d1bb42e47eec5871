/* Is the primitive itself right? TS-0004 7.3.2.1, parameters by the rows of primitive.def. */
#include "cse/core/filter.h"
#include "cse/core/state.h"
#include "schemas/timestamp.h"

static enum rsc decode_operation(struct request *req)
{
	int64_t op;

	if (str_to_i64(req->param[PARAM_operation], &op) != 0 || op < OP_CREATE || op > OP_NOTIFY)
		return req_fail(req, RSC_BAD_REQUEST, "operation (op): must be a number from 1 to 5");
	req->op = (enum operation)op;
	return RSC_NONE;
}

/* Kinds, operations and support of whatever is there. */
static enum rsc check_parameter(struct request *req, enum parameter parameter)
{
	const struct parameter_def *def = &parameter_defs[parameter];
	struct constraint none = {0};
	const char *wrong = validate_text(def->kind, &none, req->param[parameter]);

	if (wrong)
		return req_fail(req, RSC_BAD_REQUEST, "%s (%s): %s", def->name, def->short_name, wrong);
	if (!(def->operations & OP_BIT(req->op)))
		return req_fail(req, RSC_BAD_REQUEST, "%s (%s): not allowed with this operation", def->name,
				def->short_name);
	if (!def->is_supported)
		return req_fail(req, RSC_NOT_IMPLEMENTED, "%s (%s): not supported", def->name, def->short_name);
	return RSC_NONE;
}

static enum rsc check_parameters(struct request *req)
{
	for (enum parameter i = 0; i < PARAM_COUNT; i++) {
		enum rsc code = RSC_NONE;

		if (request_has(req, i) && i != PARAM_from)
			code = check_parameter(req, i);
		if (code != RSC_NONE)
			return code;
	}
	return RSC_NONE;
}

/* TS-0004 7.3.2.1 and 7.3.3.1. */
static enum rsc check_times(struct request *req)
{
	int64_t expires, result;

	if (request_has(req, PARAM_requestExpirationTimestamp)) {
		if (timestamp_parse_abs_rel(req->param[PARAM_requestExpirationTimestamp], req->received_us, &expires) !=
		    0)
			return req_fail(req, RSC_BAD_REQUEST, "requestExpirationTimestamp (rqet): no point in time");
		if (expires <= req->received_us)
			return req_fail(req, RSC_REQUEST_TIMEOUT, "requestExpirationTimestamp (rqet): is in the past");
	}
	if (!request_has(req, PARAM_resultExpirationTimestamp))
		return RSC_NONE;
	if (timestamp_parse_abs_rel(req->param[PARAM_resultExpirationTimestamp], req->received_us, &result) != 0)
		return req_fail(req, RSC_BAD_REQUEST, "resultExpirationTimestamp (rset): no point in time");
	if (result <= req->received_us)
		return req_fail(req, RSC_REQUEST_TIMEOUT, "resultExpirationTimestamp (rset): is in the past");
	if (request_has(req, PARAM_requestExpirationTimestamp) && result < expires)
		return req_fail(req, RSC_BAD_REQUEST, "resultExpirationTimestamp (rset): before the request's (rqet)");
	return RSC_NONE;
}

static enum rsc check_release(struct request *req)
{
	struct str release = req->param[PARAM_releaseVersionIndicator];

	/* An absent one is treated as the oldest release served: docs/interop.md. */
	if (release.ptr && !str_has_item(str_of(req->cse->config.releases), release))
		return req_fail(req, RSC_RELEASE_VERSION_NOT_SUPPORTED,
				"releaseVersionIndicator (rvi): \"%.*s\" is not served; served: %s", STR_ARG(release),
				req->cse->config.releases);
	return RSC_NONE;
}

/* TS-0001 table 8.1.2-1. */
static enum rsc decode_result_content(struct request *req)
{
	static const unsigned defaults[] = {
		[OP_CREATE] = 1, [OP_RETRIEVE] = 1, [OP_UPDATE] = 1, [OP_DELETE] = 0, [OP_NOTIFY] = 0};
	bool is_discovery = req->query && req->query->is_discovery, is_allowed;
	int64_t rcn;

	req->rcn = is_discovery ? 11 : defaults[req->op];
	if (!request_has(req, PARAM_resultContent))
		return RSC_NONE;
	if (str_to_i64(req->param[PARAM_resultContent], &rcn) != 0 || rcn < 0 || rcn > 31)
		is_allowed = false;
	else
		is_allowed = is_discovery ? result_content_is_of_discovery((unsigned)rcn)
					  : result_content_allowed(req->op, (unsigned)rcn);
	if (!is_allowed)
		return req_fail(req, RSC_BAD_REQUEST, "resultContent (rcn): %.*s is not allowed with %s",
				STR_ARG(req->param[PARAM_resultContent]),
				is_discovery ? "discovery" : operation_name(req->op));
	if (rcn == 10)
		return req_fail(req, RSC_NOT_IMPLEMENTED, "resultContent (rcn): 10 is not supported");
	req->rcn = (unsigned)rcn;
	return RSC_NONE;
}

static enum rsc decode_resource_type(struct request *req)
{
	int64_t ty;

	if (req->op != OP_CREATE)
		return RSC_NONE;
	if (!request_has(req, PARAM_resourceType))
		return req_fail(req, RSC_BAD_REQUEST, "resourceType (ty): missing in CREATE");
	if (str_to_i64(req->param[PARAM_resourceType], &ty) != 0 || ty < 0 || !resource_type_name((unsigned)ty))
		return req_fail(req, RSC_BAD_REQUEST, "resourceType (ty): %.*s is no resource type",
				STR_ARG(req->param[PARAM_resourceType]));
	req->ty = (unsigned)ty;
	return RSC_NONE;
}

/* Local forms of an AE-ID become the bare stem: `/id-in/Cx` and `//sp/id-in/Cx` are `Cx` here. */
static void normalize_from(struct request *req)
{
	const struct cse *cse = req->cse;
	struct str from = req->param[PARAM_from], id = str_of(cse->config.id), sp = str_of(cse->config.sp_id);

	if (str_starts(from, STR("//")) && str_starts(str_from(from, 2), sp) && from.len > sp.len + 2 &&
	    from.ptr[sp.len + 2] == '/')
		from = str_from(from, 2 + sp.len);
	if (str_starts(from, id) && from.len > id.len + 1 && from.ptr[id.len] == '/')
		from = str_from(from, id.len + 1);
	req->from = from;
}

/* An AE or CSE that is registered here under this identifier. */
static bool is_registree(struct request *req, struct str id)
{
	struct target target;

	if (id.len == 0 || memchr(id.ptr, '/', id.len) || cse_find(req->cse, id, &target) != FOUND_HERE)
		return false;
	return !target.instance && target.resource->type->flags & REGISTRATION;
}

/* TS-0004 7.3.2.1 to the letter: who is not registered, or comes without a security association that it needs. */
static enum rsc check_association(struct request *req, bool is_registration)
{
	struct home home = cse_home(req->cse);
	struct identity id;
	bool is_known = identity_parse(&home, req->from, &id), is_alone = is_known && id.cse.ptr && !id.stem.ptr;

	if (!req->cse->config.strict || is_admin(req))
		return RSC_NONE;
	if (!str_eq(req->from, req->param[PARAM_from]) && is_registree(req, req->from))
		return req_fail(req, RSC_BAD_REQUEST, "from (fr): a registered AE goes by its AE-ID-Stem");
	if (is_alone && str_starts(id.cse, STR("S")) && is_registree(req, id.cse))
		return req_fail(req, RSC_BAD_REQUEST, "from (fr): a registered AE goes by its AE-ID-Stem");
	if (req->peer.is_authenticated)
		return RSC_NONE;
	if (is_alone)
		return req_fail(req, RSC_SECURITY_ASSOCIATION_REQUIRED,
				"from (fr): a CSE needs a security association");
	if (!is_registration && !is_registree(req, req->from))
		return req_fail(req, RSC_ORIGINATOR_NOT_AUTHENTICATED, "from (fr): not registered here");
	return RSC_NONE;
}

static enum rsc check_from(struct request *req)
{
	const struct type_def *made = req->op == OP_CREATE ? schema_type(req->cse->schema, req->ty) : NULL;
	bool is_registration = made && made->flags & FROM_OPTIONAL;

	normalize_from(req);
	if (req->from.len == 0 && !is_registration)
		return req_fail(req, RSC_BAD_REQUEST, "from (fr): missing");
	if (req->from.len > 255)
		return req_fail(req, RSC_BAD_REQUEST, "from (fr): longer than 255 bytes");
	for (size_t i = 0; i < req->from.len; i++)
		if ((unsigned char)req->from.ptr[i] <= ' ' || (unsigned char)req->from.ptr[i] > '~')
			return req_fail(req, RSC_BAD_REQUEST, "from (fr): has a blank, control or non-ASCII byte");
	return check_association(req, is_registration);
}

static enum rsc decode_content(struct request *req)
{
	const struct codec *codec = req->codec ? req->codec : &codec_json;
	struct decode_error error = {0};

	if (req->content.len == 0)
		return RSC_NONE;
	if (codec->decode(req->cse->schema, CODEC_CONTENT, req->content, &req->cse->config.decode, &req->arena,
			  &req->doc, &error) != 0)
		return req_fail(req, RSC_BAD_REQUEST, "content: %s at byte %zu", error.message, error.offset);
	if (req->doc.text.len > req->cse->config.decode.bytes)
		return req_fail(req, RSC_BAD_REQUEST, "content: the text is too long");
	req->content = req->doc.text;
	req->codec = NULL;
	return RSC_NONE;
}

enum rsc check_validity(struct request *req)
{
	static enum rsc (*const checks[])(struct request * req) = {
		decode_operation, decode_resource_type, check_parameters,      check_from,     filter_decode,
		check_times,	  check_release,	decode_result_content, decode_content,
	};

	if (req->refused != RSC_NONE)
		return req_fail(req, req->refused, "%s", req->refused_why ? req->refused_why : "malformed request");
	if (!request_has(req, PARAM_to))
		return req_fail(req, RSC_BAD_REQUEST, "to: missing");
	if (!request_has(req, PARAM_requestIdentifier) || req->param[PARAM_requestIdentifier].len == 0)
		return req_fail(req, RSC_BAD_REQUEST, "requestIdentifier (rqi): missing");
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		enum rsc code = checks[i](req);

		if (code != RSC_NONE)
			return code;
	}
	return RSC_NONE;
}

/* Is the operation to wait for its time? */
static bool is_due_later(const struct request *req, int64_t *due_us)
{
	return request_has(req, PARAM_operationExecutionTime) &&
	       timestamp_parse_abs_rel(req->param[PARAM_operationExecutionTime], req->received_us, due_us) == 0 &&
	       *due_us > clock_wall_us(req->cse->clock);
}

/* Recv-2.0. A flexible request is performed at once unless its time is later. */
enum rsc check_response_type(struct request *req)
{
	int64_t type = RESPONSE_BLOCKING, due_us;

	if (request_has(req, PARAM_responseType) && (str_to_i64(req->param[PARAM_responseType], &type) != 0 ||
						     type < RESPONSE_NON_BLOCKING_SYNCH || type > RESPONSE_NONE))
		return req_fail(req, RSC_BAD_REQUEST, "responseType (rt): must be a number from 1 to 5");
	req->wants_no_response = type == RESPONSE_NONE;
	if (req->response_targets.ptr && type != RESPONSE_NON_BLOCKING_ASYNCH && type != RESPONSE_FLEX_BLOCKING)
		return req_fail(req, RSC_BAD_REQUEST,
				"responseType (rt): targets for the result go with nonBlockingRequestAsynch");
	if (type == RESPONSE_NON_BLOCKING_SYNCH || type == RESPONSE_NON_BLOCKING_ASYNCH)
		return non_blocking_accept(req, type == RESPONSE_NON_BLOCKING_ASYNCH);
	if (!is_due_later(req, &due_us))
		return RSC_NONE;
	if (type != RESPONSE_FLEX_BLOCKING)
		return blocking_hold(req, due_us);
	return non_blocking_accept(req, req->response_targets.ptr != NULL);
}
