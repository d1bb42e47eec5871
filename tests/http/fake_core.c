/* fake_core: a stand-in for core that shows what the binding made of a request. */
#include "tests/http/fake_core.h"

#include "cse/core/watch.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct cse {
	struct loop *loop;
	struct log *log;
	const struct schema *schema;
	unsigned open_requests;
	bool is_busy;
	uint64_t most; /* of a number that steers */
};

struct delayed {
	struct timer timer;
	struct request *req;
	struct loop *loop;
};

struct cse *fake_core_create(struct loop *loop, struct log *log, const struct schema *schema)
{
	struct cse *cse = xzalloc(sizeof(*cse));

	cse->loop = loop;
	cse->log = log;
	cse->most = UINT32_MAX;
	cse->schema = schema;
	return cse;
}

void fake_core_begin(struct cse *cse, uint64_t most)
{
	cse->is_busy = false;
	cse->most = most;
}

bool fake_core_is_idle(const struct cse *cse)
{
	return cse->open_requests == 0;
}

void fake_core_destroy(struct cse *cse)
{
	ASSERT(cse->open_requests == 0);
	free(cse);
}

struct log *cse_log(struct cse *cse)
{
	return cse->log;
}

struct str cse_id(const struct cse *cse)
{
	(void)cse;
	return STR("/id-in");
}

const struct decode_limits *cse_decode_limits(const struct cse *cse)
{
	static const struct decode_limits limits = {.bytes = 100000, .depth = 12, .tokens = 100};

	(void)cse;
	return &limits;
}

struct clock *cse_clock(struct cse *cse)
{
	return loop_clock(cse->loop);
}

struct request *request_create(struct cse *cse)
{
	struct request *req;

	if (cse->is_busy)
		return NULL;
	req = xzalloc(sizeof(*req));
	req->cse = cse;
	arena_init(&req->arena);
	cse->open_requests++;
	return req;
}

void request_release(struct request *req)
{
	req->cse->open_requests--;
	arena_finish(&req->arena);
	free(req);
}

enum rsc req_fail(struct request *req, enum rsc code, const char *format, ...)
{
	char text[300];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	req->answer.rsc = code;
	req->answer.dbg = arena_copy(&req->arena, str_of(text));
	return code;
}

/* ---- the echo ---- */

static void add_member(struct strbuf *out, const char *name, struct str text)
{
	strbuf_add_char(out, out->len > 1 ? ',' : '{');
	strbuf_add_json(out, str_of(name));
	strbuf_add_char(out, ':');
	strbuf_add_json(out, text);
}

static void add_filter(struct strbuf *out, const struct filter *filter)
{
	STRBUF_LIT(out, ",\"filter\":[");
	for (unsigned i = 0; i < filter->count; i++) {
		const struct filter_item *item = &filter->items[i];
		const char *tag = item->tag == FILTER_COUNT ? "attribute" : condition_defs[item->tag].name;

		strbuf_add_str(out, i ? STR(",[") : STR("["));
		strbuf_add_json(out, str_of(tag));
		strbuf_add_char(out, ',');
		strbuf_add_json(out, item->name);
		strbuf_add_char(out, ',');
		strbuf_add_json(out, item->text);
		strbuf_add_char(out, ']');
	}
	strbuf_add_char(out, ']');
}

static struct str echo(struct request *req)
{
	struct strbuf out = {0};
	struct str text;

	for (unsigned i = 0; i < PARAM_COUNT; i++)
		if (request_has(req, (enum parameter)i))
			add_member(&out, parameter_defs[i].name, req->param[i]);
	if (req->content.ptr)
		add_member(&out, "content", req->content);
	if (req->accept_etag.ptr)
		add_member(&out, "accept_etag", req->accept_etag);
	add_member(&out, "binding", str_of(req->binding));
	add_filter(&out, &req->filter);
	strbuf_addf(&out, ",\"loopback\":%s}", req->peer.is_direct_loopback ? "true" : "false");
	text = arena_copy(&req->arena, strbuf_str(&out));
	strbuf_finish(&out);
	return text;
}

/* ---- answers ---- */

static uint64_t number_of(const struct request *req, struct str text)
{
	uint64_t number = 0;

	(void)!str_to_u64(text, &number);
	return number < req->cse->most ? number : req->cse->most;
}

static void late(struct timer *timer)
{
	struct delayed *delayed = container_of(timer, struct delayed, timer);
	struct request *req = delayed->req;

	free(delayed);
	req->reply(req, req->arg);
}

static void answer_late(struct request *req, uint64_t ms)
{
	struct delayed *delayed = xzalloc(sizeof(*delayed));

	delayed->req = req;
	delayed->timer.fire = late;
	loop_timer_set(req->cse->loop, &delayed->timer, (int64_t)ms * 1000);
}

static struct str filler(struct request *req, uint64_t len)
{
	char *text = arena_alloc(&req->arena, len);

	memset(text, 'x', len);
	return str_make(text, len);
}

static void steer(struct request *req, struct str word, struct str rest)
{
	struct answer *answer = &req->answer;

	if (str_eq(word, STR("rsc")))
		req_fail(req, (enum rsc)number_of(req, rest), "refused on \"demand\"");
	else if (str_eq(word, STR("size")))
		answer->content = filler(req, number_of(req, rest));
	else if (str_eq(word, STR("back")))
		answer->content = req->content;
	else if (!str_eq(word, STR("empty")))
		answer->content = echo(req);
	if (str_eq(word, STR("etag")))
		answer->etag = rest;
	if (str_eq(word, STR("busy")))
		req->cse->is_busy = true;
	if (str_eq(word, STR("precondition")))
		answer->precondition_failed = true;
	if (str_eq(word, STR("partial"))) {
		answer->is_partial = true;
		answer->offset = number_of(req, rest);
	}
	if (str_eq(word, STR("location"))) {
		answer->rsc = RSC_CREATED;
		answer->location = rest;
	}
}

/* As Recv-1.0 does; JSON is left as it is. */
static bool decode(struct request *req)
{
	struct decode_error error;

	if (!req->content.len || !req->codec || req->codec == &codec_json)
		return true;
	if (req->codec->decode(req->cse->schema, CODEC_CONTENT, req->content, cse_decode_limits(req->cse), &req->arena,
			       &req->doc, &error) != 0) {
		req_fail(req, RSC_BAD_REQUEST, "content: %s at byte %zu", error.message, error.offset);
		return false;
	}
	req->content = req->doc.text;
	return true;
}

bool cse_adopts(const struct cse *cse, struct str protocol)
{
	(void)cse;
	(void)protocol;
	return false;
}

void cse_hand_over(struct cse *cse, struct str protocol, int fd, const struct peer *peer, struct str bytes)
{
	(void)cse;
	(void)protocol;
	(void)peer;
	(void)bytes;
	close(fd);
}

void cse_submit(struct cse *cse, struct request *req, void (*reply)(struct request *req, void *arg), void *arg)
{
	struct str rest = req->param[PARAM_to], word = str_split(&rest, '/');

	(void)cse;
	req->reply = reply;
	req->arg = arg;
	req->answer.rsc = RSC_OK;
	if (req->refused != RSC_NONE)
		req_fail(req, req->refused, "%s", req->refused_why);
	else if (decode(req))
		steer(req, word, rest);
	if (str_eq(word, STR("wait")))
		answer_late(req, number_of(req, rest));
	else
		reply(req, arg);
}

/* Nothing changes here. */
bool watch_begin(struct watch *watch, struct cse *cse, struct str to)
{
	(void)watch, (void)cse, (void)to;
	return false;
}

void watch_end(struct watch *watch)
{
	(void)watch;
}
