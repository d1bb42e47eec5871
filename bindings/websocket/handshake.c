/* handshake: see handshake.h. */
#include "bindings/websocket/handshake.h"

enum { KEY_LEN = 24 /* base64 of 16 bytes */, OFFERS_MAX = 8 };

const struct subprotocol subprotocols[SUBPROTOCOL_COUNT] = {
	{"oneM2M.json", &codec_json, false},
	{"oneM2M.xml", &codec_xml, false},
	{"oneM2M.cbor", &codec_cbor, true},
};

static bool refuse(struct handshake *handshake, unsigned status, const char *why)
{
	handshake->refusal = (struct refusal){status, why};
	return false;
}

/* ---- what must be there ---- */

static bool lists(const struct head *head, enum field field, struct str word, struct arena *arena)
{
	struct str list = head_list(head, field, arena);

	if (!list.ptr)
		return false;
	for (struct str item = str_next_item(&list); item.ptr; item = str_next_item(&list))
		if (str_eq_nocase(item, word))
			return true;
	return false;
}

/* TS-0020 6.2.2.1; behind a proxy the resources' root may be the only path that leads here. */
static bool is_path(struct str target, struct str root)
{
	struct str path = str_split(&target, '?');

	if (root.len && str_starts(path, root))
		path = str_from(path, root.len);
	return str_eq(path, STR("/")) || (root.len && path.len == 0);
}

static bool is_key(struct str key)
{
	for (size_t i = 0; i < key.len; i++) {
		char c = key.ptr[i];
		bool is_digit = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
				c == '+' || c == '/';

		if (i < KEY_LEN - 2 ? !is_digit : c != '=')
			return false;
	}
	return key.len == KEY_LEN;
}

/* A field that may be there once. */
static bool is_single(const struct head *head, enum field field)
{
	return head_has(head, field) && !(head->repeated >> field & 1);
}

static bool judge_request(struct handshake *handshake, const struct head *head, const struct binding_config *config,
			  struct arena *arena)
{
	if (head->parser.method != HTTP_GET || head->is_chunked || head->content_length)
		return refuse(handshake, 400, "a WebSocket begins with a GET without content");
	if (!lists(head, FIELD_upgrade, STR("websocket"), arena) ||
	    !lists(head, FIELD_connection, STR("upgrade"), arena) || head->parser.http_minor == 0)
		return refuse(handshake, 426, "Upgrade: websocket and Connection: Upgrade are missing");
	if (!is_path(head_str(head, head->target), str_of(config->root)))
		return refuse(handshake, 404, "WebSockets are served at / only");
	if (!is_single(head, FIELD_websocket_version) || !str_eq(head_field(head, FIELD_websocket_version), STR("13")))
		return refuse(handshake, 426, "Sec-WebSocket-Version is not 13");
	handshake->key = head_field(head, FIELD_websocket_key);
	if (!is_single(head, FIELD_websocket_key) || !is_key(handshake->key))
		return refuse(handshake, 400, "Sec-WebSocket-Key is no key");
	return true;
}

/* A browser says whose page it is that asks; without this any page could talk to a CSE on its visitor's machine. */
static bool judge_origin(struct handshake *handshake, const struct head *head, const struct binding_config *config)
{
	struct str origin = head_field(head, FIELD_web_origin);

	if (!head_has(head, FIELD_web_origin))
		return true;
	if (head->repeated >> FIELD_web_origin & 1 || !origin_is_listed(config->cors_origins, origin))
		return refuse(handshake, 403, "Origin is not among http.cors-origins");
	return true;
}

/* TS-0020 6.2.2.7: the client's order is its preference. */
static bool choose_subprotocol(struct handshake *handshake, const struct head *head, struct arena *arena)
{
	struct str list = head_list(head, FIELD_websocket_protocol, arena), item = {0};

	while (list.ptr && (item = str_next_item(&list)).ptr)
		for (unsigned i = 0; i < SUBPROTOCOL_COUNT; i++)
			if (str_eq(item, str_of(subprotocols[i].name))) {
				handshake->subprotocol = &subprotocols[i];
				return true;
			}
	return refuse(handshake, 400, "Sec-WebSocket-Protocol has none of oneM2M.json, oneM2M.xml, oneM2M.cbor");
}

/* ---- compression ---- */

static struct str trim(struct str text)
{
	while (text.len && text.ptr[0] == ' ')
		text = str_from(text, 1);
	while (text.len && text.ptr[text.len - 1] == ' ')
		text.len--;
	return text;
}

/* The parameters that the library can keep to; client_max_window_bits asks for nothing (RFC 7692 7.1.2.2). */
static bool is_parameter(struct str parameter)
{
	static const char *const known[] = {"server_no_context_takeover", "client_no_context_takeover",
					    "client_max_window_bits"};
	struct str name = trim(str_split(&parameter, '='));

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (str_eq(name, str_of(known[i])))
			return !parameter.ptr || i == 2;
	return false;
}

static bool can_be_kept(struct str offer)
{
	if (!str_eq(trim(str_split(&offer, ';')), STR("permessage-deflate")))
		return false;
	while (offer.ptr)
		if (!is_parameter(str_split(&offer, ';')))
			return false;
	return true;
}

static bool asks_for(struct str offer, struct str parameter)
{
	while (offer.ptr)
		if (str_eq(trim(str_split(&offer, ';')), parameter))
			return true;
	return false;
}

static void choose_deflate(struct handshake *handshake, const struct head *head, struct arena *arena)
{
	struct str list = head_list(head, FIELD_websocket_extensions, arena), offer = {0};

	for (unsigned i = 0; i < OFFERS_MAX && list.ptr && (offer = str_next_item(&list)).ptr; i++)
		if (can_be_kept(offer)) {
			handshake->deflate = offer;
			handshake->forgets_going = asks_for(offer, STR("server_no_context_takeover"));
			handshake->forgets_coming = asks_for(offer, STR("client_no_context_takeover"));
			return;
		}
}

/* ---- the whole ---- */

void handshake_judge(struct handshake *handshake, const struct head *head, const struct binding_config *config,
		     struct arena *arena)
{
	*handshake = (struct handshake){0};
	if (!judge_request(handshake, head, config, arena) || !judge_origin(handshake, head, config) ||
	    !choose_subprotocol(handshake, head, arena))
		return;
	choose_deflate(handshake, head, arena);
	if (is_single(head, FIELD_from))
		handshake->hint = head_field(head, FIELD_from);
}

void handshake_add_request(struct strbuf *out, const struct handshake *handshake)
{
	strbuf_addf(out,
		    "GET / HTTP/1.1\r\nHost: -\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %.*s\r\nSec-WebSocket-Protocol: %s\r\n",
		    STR_ARG(handshake->key), handshake->subprotocol->name);
	if (handshake->deflate.ptr)
		strbuf_addf(out, "Sec-WebSocket-Extensions: permessage-deflate%s%s\r\n",
			    handshake->forgets_going ? "; server_no_context_takeover" : "",
			    handshake->forgets_coming ? "; client_no_context_takeover" : "");
	STRBUF_LIT(out, "\r\n");
}

static const char *phrase_of(unsigned status)
{
	switch (status) {
	case 403:
		return "Forbidden";
	case 404:
		return "Not Found";
	case 408:
		return "Request Timeout";
	case 426:
		return "Upgrade Required";
	case 431:
		return "Request Header Fields Too Large";
	case 503:
		return "Service Unavailable";
	default:
		return "Bad Request";
	}
}

void handshake_add_refusal(struct strbuf *out, const struct refusal *refusal)
{
	strbuf_addf(out, "HTTP/1.1 %u %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\nConnection: close\r\n",
		    refusal->status, phrase_of(refusal->status), strlen(refusal->why));
	if (refusal->status == 426)
		STRBUF_LIT(out, "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n");
	strbuf_addf(out, "\r\n%s", refusal->why);
}
