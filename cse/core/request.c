/* Requests: the pool, refusals, and the set of requests in work. */
#include "cse/core/request.h"

#include "cse/core/state.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { KEPT_REQUESTS = 512 }; /* a burst's memory is given back */

static struct request *take_request(struct cse *cse)
{
	struct request *req;
	struct arena arena;

	if (list_empty(&cse->free_requests)) {
		req = xzalloc(sizeof(*req));
		arena_init(&req->arena);
	} else {
		req = container_of(cse->free_requests.next, struct request, link);
		list_remove(&req->link);
		cse->free_count--;
	}
	arena = req->arena;
	*req = (struct request){.cse = cse, .arena = arena};
	list_init(&req->link);
	list_init(&req->changes);
	list_init(&req->undo);
	cse->requests_in_work++;
	return req;
}

struct request *request_create(struct cse *cse)
{
	return cse->requests_in_work < cse->config.max_requests ? take_request(cse) : NULL;
}

void request_release(struct request *req)
{
	struct cse *cse = req->cse;

	cse->requests_in_work--;
	if (cse->free_count == KEPT_REQUESTS) {
		arena_finish(&req->arena);
		free(req);
		return;
	}
	arena_reset(&req->arena);
	list_push(&cse->free_requests, &req->link);
	cse->free_count++;
}

/* Text in a refusal may quote input, cut anywhere: only what is printable ASCII goes out and into the log. */
static void make_safe(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < 0x20 || (unsigned char)text[i] > 0x7e)
			text[i] = '?';
}

enum rsc req_fail(struct request *req, enum rsc code, const char *format, ...)
{
	enum { LONGEST = 300 };
	char *text = arena_alloc(&req->arena, LONGEST);
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(text, LONGEST, format, args);
	va_end(args);
	if (len < 0)
		len = 0;
	if (len >= LONGEST)
		len = LONGEST - 1;
	make_safe(text, (size_t)len);
	req->answer.rsc = code;
	req->answer.dbg = str_make(text, (size_t)len);
	req->answer.content = (struct str){0};
	return code;
}

static void release_internal(struct request *req, void *arg)
{
	(void)arg;
	request_release(req);
}

struct request *request_internal(struct cse *cse, enum operation op)
{
	struct request *req = take_request(cse); /* what the CSE itself has to do is not refused */

	req->op = op;
	req->binding = "internal";
	req->is_own = true;
	req->from = str_of(cse->config.id);
	req->reply = release_internal;
	req->received_us = clock_wall_us(cse->clock);
	req->step = UINT32_MAX; /* its work is done by whoever asked for it, not by the steps */
	return req;
}
