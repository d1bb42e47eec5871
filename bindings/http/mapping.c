/* mapping: methods, header fields and content of requests; status, header fields and content of answers. */
#include "bindings/http/mapping.h"

#include "bindings/media.h"
#include "bindings/refusal.h"
#include "bindings/target.h"

/* ---- requests ---- */

bool mapping_knows(unsigned method)
{
	return method == HTTP_GET || method == HTTP_HEAD || method == HTTP_POST || method == HTTP_PUT ||
	       method == HTTP_DELETE;
}

static bool asks_upgrade(const struct head *head, struct str root)
{
	return head_has(head, FIELD_upgrade) && head->parser.method == HTTP_GET && head->parser.http_minor > 0 &&
	       head_lists(head, FIELD_connection, STR("upgrade")) && target_is_bare(head_str(head, head->target), root);
}

struct str mapping_protocol(const struct head *head, struct str root, const struct cse *cse)
{
	for (unsigned i = 0; asks_upgrade(head, root) && i < head->field_count; i++) {
		struct str list = head_str(head, head->fields[i].value), item;

		while (head->fields[i].field == FIELD_upgrade && (item = str_next_item(&list)).ptr)
			if (cse_adopts(cse, item))
				return item;
	}
	return (struct str){0};
}

/* TS-0009 6.2.1: a POST is a CREATE exactly if Content-Type names a resource type. */
static enum operation operation_of(unsigned method, bool names_type)
{
	switch (method) {
	case HTTP_POST:
		return names_type ? OP_CREATE : OP_NOTIFY;
	case HTTP_PUT:
		return OP_UPDATE;
	case HTTP_DELETE:
		return OP_DELETE;
	default:
		return OP_RETRIEVE;
	}
}

static void set_operation(struct request *req, enum operation op)
{
	static const char digits[] = "012345";

	request_set(req, PARAM_operation, str_make(&digits[op], 1));
}

/* The media type of Content-Type counts where there is content, and on POST; a resource type in it always does, as it
 * is wrong with any operation but CREATE. */
static void map_content(const struct head *head, struct str body, struct request *req)
{
	struct str text = head_field(head, FIELD_content_type);
	bool counts = body.len || head->parser.method == HTTP_POST;
	struct content_type type = {0};
	enum operation op;

	if (text.ptr && media_parse(text, &type) < 0 && counts)
		refusal_note(req, RSC_UNSUPPORTED_MEDIA_TYPE, "Content-Type is malformed");
	op = operation_of(head->parser.method, type.resource_type.ptr);
	set_operation(req, op);
	if (type.resource_type.ptr)
		request_set(req, PARAM_resourceType, arena_copy(&req->arena, type.resource_type));
	if (!body.len)
		return;
	req->content = arena_copy(&req->arena, body);
	req->codec = type.media ? type.media->codec : NULL;
	if (!text.ptr)
		refusal_note(req, RSC_UNSUPPORTED_MEDIA_TYPE, "Content-Type is missing");
	else if (!type.media || !(type.media->operations & OP_BIT(op)))
		refusal_note(req, RSC_UNSUPPORTED_MEDIA_TYPE, "Content-Type %.*s is not understood here",
			     type.type.len < 80 ? (int)type.type.len : 80, type.type.ptr);
}

/* Authorization carries oneM2M tokens (JSON web tokens, TS-0009 6.4.19) or the credentials of an HTTP scheme. */
static bool is_scheme(struct str value)
{
	struct str word = str_split(&value, ' ');

	return word.len && !memchr(word.ptr, '.', word.len);
}

static void map_field(struct request *req, enum field field, struct str value)
{
	const struct field_def *def = &field_defs[field];

	if (def->parameter == PARAM_COUNT || (field == FIELD_tokens && is_scheme(value)))
		return;
	if (request_has(req, def->parameter))
		refusal_note(req, RSC_BAD_REQUEST, "%" STR_FMT " is given twice", STR_ARG(def->text));
	else if (!str_is_utf8(value))
		refusal_note(req, RSC_BAD_REQUEST, "%" STR_FMT " is malformed UTF-8", STR_ARG(def->text));
	else
		request_set(req, def->parameter, arena_copy(&req->arena, value));
}

/* TS-0009 6.4.11 */
static void map_response_targets(const struct head *head, struct request *req)
{
	struct str value = head_field(head, FIELD_response_targets);

	if (!head_has(head, FIELD_response_targets))
		return;
	if (head->repeated >> FIELD_response_targets & 1)
		refusal_note(req, RSC_BAD_REQUEST, "X-M2M-RTU is given twice");
	else if (!str_is_utf8(value))
		refusal_note(req, RSC_BAD_REQUEST, "X-M2M-RTU is malformed UTF-8");
	else
		req->response_targets = arena_copy(&req->arena, value);
}

/* RFC 7232 section 3 */
static void map_conditions(const struct head *head, struct request *req)
{
	bool is_read = head->parser.method == HTTP_GET || head->parser.method == HTTP_HEAD;

	if (head_has(head, FIELD_if_match))
		req->accept_etag = head_list(head, FIELD_if_match, &req->arena);
	if (head_has(head, FIELD_if_none_match) && !is_read)
		refusal_note(req, RSC_BAD_REQUEST, "If-None-Match is served with GET and HEAD only");
}

/* The views that the exchange keeps, moved from the head into the request. */
static void keep_exchange(const struct head *head, struct request *req, struct exchange *exchange)
{
	exchange->request_id = req->param[PARAM_requestIdentifier];
	exchange->release = req->param[PARAM_releaseVersionIndicator];
	exchange->web_origin = arena_copy(&req->arena, exchange->web_origin);
	exchange->if_none_match = head_list(head, FIELD_if_none_match, &req->arena);
}

void mapping_request(const struct head *head, struct str body, const struct binding_config *config,
		     const struct peer *peer, struct request *req, struct exchange *exchange)
{
	req->binding = "http";
	req->peer = *peer;
	req->peer.is_direct_loopback = peer->is_direct_loopback && (config->trust_forwarded || head_is_direct(head));
	if (head->is_forwarded)
		req->peer.family = PEER_UNKNOWN; /* the address is the proxy's */
	for (unsigned i = 0; i < head->field_count; i++)
		map_field(req, head->fields[i].field, head_str(head, head->fields[i].value));
	if (head->repeated >> FIELD_content_type & 1)
		refusal_note(req, RSC_BAD_REQUEST, "Content-Type is given twice");
	target_map(req, head_str(head, head->target), str_of(config->root), config->schema);
	map_content(head, body, req);
	map_conditions(head, req);
	map_response_targets(head, req);
	if (!exchange->is_acceptable)
		refusal_note(req, RSC_NOT_ACCEPTABLE, "Accept takes none of the types that are served");
	keep_exchange(head, req, exchange);
}

/* ---- exchange ---- */

/* An answer is what Accept asks for, else like the request, errors too (TS-0004 7.3.3.13). */
static void negotiate(const struct head *head, struct exchange *exchange)
{
	struct str text = head_field(head, FIELD_content_type), accept[HEAD_FIELDS_MAX];
	struct content_type type = {0};
	unsigned count = 0;

	if (text.ptr && media_parse(text, &type) < 0)
		type.media = NULL;
	for (unsigned i = 0; i < head->field_count; i++)
		if (head->fields[i].field == FIELD_accept)
			accept[count++] = head_str(head, head->fields[i].value);
	exchange->media = media_choose(accept, count, type.media);
	exchange->is_acceptable = exchange->media != NULL;
	if (!exchange->is_acceptable)
		exchange->media = media_choose(NULL, 0, type.media);
}

void mapping_exchange(const struct head *head, const char *cors_origins, struct exchange *exchange)
{
	struct str web_origin = head_field(head, FIELD_web_origin);

	*exchange = (struct exchange){
		.is_head = head->parser.method == HTTP_HEAD,
		.is_old = head->parser.http_minor == 0,
		.keeps_alive = head->keeps_alive,
		.has_time = head_has(head, FIELD_originatingTimestamp),
		.request_id = head_field(head, FIELD_requestIdentifier),
		.release = head_field(head, FIELD_releaseVersionIndicator),
	};
	if (web_origin.ptr && origin_is_listed(cors_origins, web_origin))
		exchange->web_origin = web_origin;
	negotiate(head, exchange);
}

/* ---- answers ---- */

/* RFC 7232 2.3.2, weak comparison against a list of entity tags. */
static bool etag_is_listed(struct str list, struct str etag)
{
	if (str_eq(list, STR("*")))
		return true;
	for (struct str item = str_next_item(&list); item.ptr; item = str_next_item(&list)) {
		if (str_starts(item, STR("W/")))
			item = str_from(item, 2);
		if (item.len == etag.len + 2 && item.ptr[0] == '"' && str_eq(str_make(item.ptr + 1, etag.len), etag))
			return true;
	}
	return false;
}

static unsigned status_of(const struct answer *answer)
{
	const struct status_def *status = status_find((int)answer->rsc);

	if (answer->precondition_failed)
		return 412;
	return status && status->http ? status->http : 500;
}

struct response mapping_response(const struct request *req, const struct exchange *exchange, const char *root,
				 struct strbuf *location_buf)
{
	const struct answer *answer = &req->answer;
	struct response response = {
		.status = status_of(answer),
		.rsc = answer->rsc,
		.content = answer->content,
		.dbg = answer->dbg,
		.etag = rsc_is_success(answer->rsc) ? answer->etag : (struct str){0},
		.is_partial = answer->is_partial,
		.offset = answer->offset,
	};

	if (exchange->if_none_match.ptr && response.status == 200 &&
	    etag_is_listed(exchange->if_none_match, answer->etag))
		response.status = 304;
	if (response.status == 405)
		response.more_headers = "Allow: " MAPPING_METHODS "\r\n";
	if (answer->location.len) {
		strbuf_clear(location_buf);
		target_add_path(location_buf, str_of(root), cse_id(req->cse), answer->location);
		response.location = strbuf_str(location_buf);
	}
	return response;
}

void mapping_add_preflight(struct strbuf *out)
{
	STRBUF_LIT(out, "Access-Control-Allow-Methods: " MAPPING_METHODS "\r\n"
			"Access-Control-Allow-Headers: Content-Type, Accept, If-Match, If-None-Match, X-M2M-RTU");
	for (unsigned field = 0; field < FIELD_COUNT; field++)
		if (field_defs[field].parameter != PARAM_COUNT)
			strbuf_addf(out, ", %" STR_FMT, STR_ARG(field_defs[field].text));
	STRBUF_LIT(out, "\r\nAccess-Control-Max-Age: 600\r\n");
}
