/* response: status line, header fields of TS-0009 6.4, body. */
#include "bindings/http/response.h"

#include "schemas/timestamp.h"

#include <http_parser.h>
#include <stdio.h>

static void add_line(struct strbuf *out, struct str name, struct str value)
{
	char *to = strbuf_reserve(out, name.len + value.len + 2);

	memcpy(to, name.ptr, name.len);
	if (value.len)
		memcpy(to + name.len, value.ptr, value.len);
	memcpy(to + name.len + value.len, "\r\n", 2);
	out->len += name.len + value.len + 2;
}

static void add_number(struct strbuf *out, struct str name, uint64_t value)
{
	strbuf_add_str(out, name);
	strbuf_add_u64(out, value);
	STRBUF_LIT(out, "\r\n");
}

static void add_date(struct strbuf *out, struct response_date *date, int64_t now_us)
{
	time_t second = (time_t)(now_us / 1000000);
	struct tm parts;

	if (date->second != second || !date->line[0]) {
		gmtime_r(&second, &parts);
		strftime(date->line, sizeof(date->line), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &parts);
		date->second = second;
	}
	strbuf_add_str(out, str_of(date->line));
}

static void add_status_line(struct strbuf *out, unsigned status)
{
	STRBUF_LIT(out, "HTTP/1.1 ");
	strbuf_add_u64(out, status);
	strbuf_add_char(out, ' ');
	strbuf_add_str(out, str_of(http_status_str((enum http_status)status)));
	STRBUF_LIT(out, "\r\n");
}

static void add_primitive(struct strbuf *out, const struct exchange *exchange, const struct response *response,
			  int64_t now_us)
{
	char stamp[TIMESTAMP_SIZE];

	add_number(out, STR("X-M2M-RSC: "), (unsigned)response->rsc);
	if (exchange->request_id.ptr)
		add_line(out, STR("X-M2M-RI: "), exchange->request_id);
	if (exchange->release.ptr)
		add_line(out, STR("X-M2M-RVI: "), exchange->release);
	if (exchange->has_time)
		add_line(out, STR("X-M2M-OT: "), str_make(stamp, timestamp_print(stamp, now_us)));
	if (!response->is_partial)
		return;
	add_line(out, STR("X-M2M-CTS: 1"), STR(""));
	add_number(out, STR("X-M2M-CTO: "), response->offset);
}

static void add_http(struct strbuf *out, const struct exchange *exchange, const struct response *response)
{
	if (response->etag.len) {
		STRBUF_LIT(out, "ETag: \"");
		add_line(out, response->etag, STR("\""));
	}
	if (response->location.len)
		add_line(out, STR("Content-Location: "), response->location);
	if (exchange->web_origin.ptr) {
		add_line(out, STR("Access-Control-Allow-Origin: "), exchange->web_origin);
		STRBUF_LIT(out,
			   "Access-Control-Expose-Headers: Content-Location, ETag, X-M2M-RSC, X-M2M-RI, X-M2M-RVI, "
			   "X-M2M-OT, X-M2M-CTS, X-M2M-CTO\r\nVary: Origin\r\n");
	}
	if (response->more_headers)
		strbuf_add_str(out, str_of(response->more_headers));
	if (!exchange->keeps_alive)
		STRBUF_LIT(out, "Connection: close\r\n");
	else if (exchange->is_old)
		STRBUF_LIT(out, "Connection: keep-alive\r\n");
}

/* The bytes of the body; the response changes if they cannot be made. */
static struct str body_of(struct response_maker *maker, const struct codec *codec, struct response *response)
{
	struct str json = response->content, body;
	enum rsc rsc = response->rsc;

	if (response->status == 304)
		return STR("");
	if (response->dbg.ptr) {
		strbuf_clear(&maker->scratch);
		transcoder_add_debug(&maker->scratch, response->dbg);
		json = strbuf_str(&maker->scratch);
	}
	body = transcoder_answer(&maker->transcoder, codec, json, &rsc);
	if (rsc != response->rsc) /* where what was done is stays known */
		*response = (struct response){.status = 406, .rsc = rsc, .location = response->location};
	return body;
}

void response_write(struct strbuf *out, struct response_maker *maker, const struct exchange *exchange,
		    const struct response *response, int64_t now_us)
{
	struct response sent = *response;
	struct str body = body_of(maker, exchange->media->codec, &sent);

	strbuf_reserve(out, body.len + 512);
	add_status_line(out, sent.status);
	add_date(out, &maker->date, now_us);
	add_primitive(out, exchange, &sent, now_us);
	add_http(out, exchange, &sent);
	if (body.len)
		add_line(out, STR("Content-Type: "), exchange->media->text);
	if (sent.status != 304)
		add_number(out, STR("Content-Length: "), body.len);
	STRBUF_LIT(out, "\r\n");
	if (!exchange->is_head)
		strbuf_add_str(out, body);
}

enum rsc response_rsc(unsigned status)
{
	switch (status) {
	case 405:
		return RSC_OPERATION_NOT_ALLOWED;
	case 408:
		return RSC_REQUEST_TIMEOUT;
	case 501:
	case 505:
		return RSC_NOT_IMPLEMENTED;
	case 503:
		return RSC_INTERNAL_SERVER_ERROR;
	default:
		return RSC_BAD_REQUEST;
	}
}
