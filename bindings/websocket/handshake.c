/* handshake: see handshake.h. */
#include "bindings/websocket/handshake.h"

#include "bindings/target.h"

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

static bool judge_request(struct handshake *handshake, const struct head *head, const struct binding_config *config)
{
	if (head->parser.method != HTTP_GET || head->is_chunked || head->content_length)
		return refuse(handshake, 400, "a WebSocket begins with a GET without content");
	if (!head_lists(head, FIELD_upgrade, STR("websocket")) || !head_lists(head, FIELD_connection, STR("upgrade")) ||
	    head->parser.http_minor == 0)
		return refuse(handshake, 426, "Upgrade: websocket and Connection: Upgrade are missing");
	if (!target_is_bare(head_str(head, head->target), str_of(config->root))) /* TS-0020 6.2.2.1 */
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

/* 8 to 15 without leading zeroes, in quotes or not. */
static bool is_window_bits(struct str text)
{
	static const char *const bits[] = {"8", "9", "10", "11", "12", "13", "14", "15"};

	if (text.len > 2 && text.ptr[0] == '"' && text.ptr[text.len - 1] == '"')
		text = str_make(text.ptr + 1, text.len - 2);
	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
		if (str_eq(text, str_of(bits[i])))
			return true;
	return false;
}

/* The parameters that can be kept to (RFC 7692 7.1); client_max_window_bits asks for nothing (7.1.2.2). Its bit; 0: it
 * is none, or its value is wrong. */
static unsigned parameter_bit(struct str parameter)
{
	enum { WINDOW_BITS = 2 };
	static const char *const known[] = {"server_no_context_takeover", "client_no_context_takeover",
					    "client_max_window_bits"};
	struct str name = str_trim(str_split(&parameter, '='));

	for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (str_eq(name, str_of(known[i])))
			return !parameter.ptr || (i == WINDOW_BITS && is_window_bits(str_trim(parameter))) ? 1U << i
													   : 0;
	return 0;
}

/* RFC 7692 7: a name twice, or what is not known, declines the offer. */
static bool can_be_kept(struct str offer)
{
	unsigned seen = 0;

	if (!str_eq(str_trim(str_split(&offer, ';')), STR("permessage-deflate")))
		return false;
	while (offer.ptr) {
		unsigned bit = parameter_bit(str_split(&offer, ';'));

		if (!bit || seen & bit)
			return false;
		seen |= bit;
	}
	return true;
}

static bool asks_for(struct str offer, struct str parameter)
{
	while (offer.ptr)
		if (str_eq(str_trim(str_split(&offer, ';')), parameter))
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
	if (!judge_request(handshake, head, config) || !judge_origin(handshake, head, config) ||
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

void handshake_add_refusal(struct strbuf *out, const struct refusal *refusal)
{
	strbuf_addf(out, "HTTP/1.1 %u %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\nConnection: close\r\n",
		    refusal->status, http_status_str((enum http_status)refusal->status), strlen(refusal->why));
	if (refusal->status == 426)
		STRBUF_LIT(out, "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n");
	strbuf_addf(out, "\r\n%s", refusal->why);
}
