/* The primitive that a <request> keeps in its row until it is performed:
 * {"due":microseconds,"param":{"op":"1",...},"filter":[["lbl","x"],...],"peer":[bits,family,"hex"],"targets":["url"]}
 */
#include "cse/core/non_blocking.h"
#include "cse/core/state.h"

#include <stdlib.h>

enum { PEER_IS_LOOPBACK = 1, PEER_IS_AUTHENTICATED = 2, PEER_IS_NO_ADMIN = 4 };

/* ---- printing ---- */

static void print_parameters(struct strbuf *out, const struct str param[PARAM_COUNT])
{
	bool is_first = true;

	for (enum parameter i = 0; i < PARAM_COUNT; i++) {
		if (!param[i].ptr)
			continue;
		strbuf_addf(out, "%s\"%s\":", is_first ? "" : ",", parameter_defs[i].short_name);
		strbuf_add_json(out, param[i]);
		is_first = false;
	}
}

static void print_filter(struct strbuf *out, const struct request *req)
{
	for (unsigned i = 0; i < req->filter.count; i++) {
		const struct filter_item *item = &req->filter.items[i];

		strbuf_add_str(out, i ? STR(",[") : STR("["));
		strbuf_add_json(out,
				item->tag == FILTER_COUNT ? item->name : str_of(condition_defs[item->tag].short_name));
		strbuf_add_char(out, ',');
		strbuf_add_json(out, item->text);
		strbuf_add_char(out, ']');
	}
}

static void print_peer(struct strbuf *out, const struct peer *peer)
{
	strbuf_addf(out, "%d,%d,\"",
		    (peer->is_direct_loopback ? PEER_IS_LOOPBACK : 0) |
			    (peer->is_authenticated ? PEER_IS_AUTHENTICATED : 0) |
			    (peer->is_no_admin ? PEER_IS_NO_ADMIN : 0),
		    peer->family);
	for (size_t i = 0; i < sizeof(peer->address); i++)
		strbuf_addf(out, "%02x", peer->address[i]);
	strbuf_add_char(out, '"');
}

struct str deferral_print(struct request *req, const struct str param[PARAM_COUNT], int64_t due_us,
			  const struct str *targets, unsigned target_count)
{
	struct strbuf *out = &req->cse->scratch;

	strbuf_clear(out);
	strbuf_addf(out, "{\"due\":%lld,\"param\":{", (long long)due_us);
	print_parameters(out, param);
	STRBUF_LIT(out, "},\"filter\":[");
	print_filter(out, req);
	STRBUF_LIT(out, "],\"peer\":[");
	print_peer(out, &req->peer);
	STRBUF_LIT(out, "],\"targets\":[");
	for (unsigned i = 0; i < target_count; i++) {
		if (i)
			strbuf_add_char(out, ',');
		strbuf_add_json(out, targets[i]);
	}
	STRBUF_LIT(out, "]}");
	return arena_copy(&req->arena, strbuf_str(out));
}

/* ---- reading ---- */

static struct value parse(struct str primitive, struct arena *arena)
{
	struct value root = json_own(primitive, arena);

	return value_is_absent(root) || value_type(root) != VALUE_OBJECT ? (struct value){0} : root;
}

static struct str text_of(struct value v, struct arena *arena)
{
	return value_is_absent(v) || value_type(v) != VALUE_STRING ? (struct str){0} : value_string(v, arena);
}

bool deferral_read(struct deferral *deferral, struct arena *arena)
{
	struct value root = parse(str_of(deferral->primitive), arena), due, param;
	struct str from, identifier;
	char *texts;

	if (value_is_absent(root))
		return false;
	due = value_member(root, STR("due"));
	param = value_member(root, STR("param"));
	if (value_is_absent(due) || value_i64(due, &deferral->due_us) != 0 || value_is_absent(param))
		return false;
	from = text_of(value_member(param, str_of(parameter_defs[PARAM_from].short_name)), arena);
	identifier = text_of(value_member(param, str_of(parameter_defs[PARAM_requestIdentifier].short_name)), arena);
	texts = xmalloc(from.len + identifier.len + 1);
	memcpy(texts, from.len ? from.ptr : "", from.len);
	memcpy(texts + from.len, identifier.len ? identifier.ptr : "", identifier.len);
	deferral->from = str_make(texts, from.len);
	deferral->identifier = str_make(texts + from.len, identifier.len);
	return true;
}

static void restore_filter(struct request *req, struct value list)
{
	if (value_is_absent(list))
		return;
	req->filter.items = arena_zalloc(&req->arena, (value_token(list)->count + 1) * sizeof(*req->filter.items));
	for (struct value v = value_first(list); !value_is_absent(v); v = value_next(list, v)) {
		struct filter_item *item = &req->filter.items[req->filter.count++];
		struct value name = value_first(v);

		item->name = text_of(name, &req->arena);
		item->text = text_of(value_next(v, name), &req->arena);
		item->tag = condition_find(item->name);
	}
}

static unsigned nibble(char c)
{
	return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10) & 15;
}

static void restore_peer(struct request *req, struct value list)
{
	struct value bits, family;
	struct str address;
	int64_t number = 0;

	if (value_is_absent(list))
		return;
	bits = value_first(list);
	family = value_next(list, bits);
	if (value_i64(bits, &number) == 0) {
		req->peer.is_direct_loopback = number & PEER_IS_LOOPBACK;
		req->peer.is_authenticated = number & PEER_IS_AUTHENTICATED;
		req->peer.is_no_admin = number & PEER_IS_NO_ADMIN;
	}
	if (value_i64(family, &number) == 0)
		req->peer.family = (enum peer_family)number;
	address = text_of(value_next(list, family), &req->arena);
	for (size_t i = 0; i < sizeof(req->peer.address) && 2 * i + 1 < address.len; i++)
		req->peer.address[i] = (uint8_t)(nibble(address.ptr[2 * i]) << 4 | nibble(address.ptr[2 * i + 1]));
}

bool deferral_restore(const struct deferral *deferral, struct request *req)
{
	/* A copy: the <request> may go before the request has ended. */
	struct value root = parse(arena_copy(&req->arena, str_of(deferral->primitive)), &req->arena), param;

	if (value_is_absent(root))
		return false;
	param = value_member(root, STR("param"));
	for (struct value v = value_first(param); !value_is_absent(v); v = value_next(param, v)) {
		enum parameter parameter = parameter_find(value_name(v));

		if (parameter != PARAM_COUNT)
			request_set(req, parameter, text_of(v, &req->arena));
	}
	restore_filter(req, value_member(root, STR("filter")));
	restore_peer(req, value_member(root, STR("peer")));
	return true;
}

struct value deferral_targets(const struct deferral *deferral, struct arena *arena)
{
	struct value root = parse(str_of(deferral->primitive), arena);

	return value_is_absent(root) ? root : value_member(root, STR("targets"));
}
