/* engine: rounds of libcoap. */
#include "bindings/coap/engine.h"

#include "cse/base/str.h"

#include <errno.h>
#include <stdlib.h>

enum {
	/* A peer that sends without end gets no more than its turn: the library's own loop would go on with it. */
	ROUNDS_AT_ONCE = 32,
	EVENTS_AT_ONCE = 32,
	SIGNALS = 7, /* class of codes */
};

/* The linker puts these in the place of the library's own functions (configure.ac). docs/decisions/coap.md says why. */
int __real_coap_option_filter_get(coap_opt_filter_t *filter, coap_option_num_t number);
int __wrap_coap_option_filter_get(coap_opt_filter_t *filter, coap_option_num_t number);
int __real_coap_pdu_parse(coap_proto_t proto, const uint8_t *bytes, size_t len, coap_pdu_t *pdu);
int __wrap_coap_pdu_parse(coap_proto_t proto, const uint8_t *bytes, size_t len, coap_pdu_t *pdu);
int __real_coap_pdu_parse_opt(coap_pdu_t *pdu);
int __wrap_coap_pdu_parse_opt(coap_pdu_t *pdu);
ssize_t __real_coap_socket_read(void *socket, uint8_t *bytes, size_t room);
ssize_t __wrap_coap_socket_read(void *socket, uint8_t *bytes, size_t room);

/* The library takes no more than two critical options above 255. Nothing is registered with it here: its filter is
 * empty, and what a message's options say is judged by the binding. */
int __wrap_coap_option_filter_get(coap_opt_filter_t *filter, coap_option_num_t number)
{
	return filter->mask == 0 ? 1 : __real_coap_option_filter_get(filter, number);
}

/* The bytes of a datagram without what stands for an empty part of a query; 0: there is none, or it is malformed. */
static size_t drop_empty_queries(const uint8_t *bytes, size_t len, uint8_t *out)
{
	enum { HEADER = 4, TOKEN_LEN = 0x0f, PAYLOAD = 0xff };
	size_t at = HEADER + (bytes[0] & TOKEN_LEN), written = at;
	unsigned number = 0, last = 0;
	coap_option_t option;

	if (at > len)
		return 0;
	memcpy(out, bytes, at);
	while (at < len && bytes[at] != PAYLOAD) {
		size_t size = coap_opt_parse(bytes + at, len - at, &option);

		if (!size)
			return 0;
		at += size;
		number += option.delta;
		if (number == COAP_OPTION_URI_QUERY && option.length == 0)
			continue;
		written += coap_opt_encode(out + written, len - written, (uint16_t)(number - last), option.value,
					   option.length);
		last = number;
	}
	memcpy(out + written, bytes + at, len - at);
	return written + len - at < len ? written + len - at : 0;
}

/* RFC 7252 5.10 allows an empty part, and some clients send one where there is no query; the library does not take it.
 */
static bool parse_without_empty_queries(const uint8_t *bytes, size_t len, coap_pdu_t *pdu)
{
	uint8_t *out = xmalloc(len);
	size_t rest = drop_empty_queries(bytes, len, out);
	bool is_good = rest && __real_coap_pdu_parse(COAP_PROTO_UDP, out, rest, pdu);

	free(out);
	return is_good;
}

/* The library takes signals of connections in datagrams too, and they change the session of whoever they say that they
 * come from; RFC 7252 12.1: the class is reserved. Some peers repeat the token in an acknowledgement, which says what
 * it says. */
int __wrap_coap_pdu_parse(coap_proto_t proto, const uint8_t *bytes, size_t len, coap_pdu_t *pdu)
{
	enum { HEADER = 4, ACK_OR_RST = 0x20, NO_TOKEN = 0xf0 };
	uint8_t header[HEADER];

	if (len > HEADER && (bytes[0] & ACK_OR_RST) && bytes[1] == 0) {
		memcpy(header, bytes, HEADER);
		header[0] &= NO_TOKEN;
		bytes = header;
		len = HEADER;
	}
	if (!__real_coap_pdu_parse(proto, bytes, len, pdu) &&
	    (proto != COAP_PROTO_UDP || len < HEADER || !parse_without_empty_queries(bytes, len, pdu)))
		return 0;
	return coap_pdu_get_code(pdu) >> 5 != SIGNALS;
}

/* What is malformed in a connection is passed over by the library, and whoever asked waits; it ends like one that is
 * aborted (RFC 8323 5.6). */
int __wrap_coap_pdu_parse_opt(coap_pdu_t *pdu)
{
	if (!__real_coap_pdu_parse_opt(pdu))
		coap_pdu_set_code(pdu, COAP_SIGNALING_CODE_ABORT);
	return 1;
}

/* The library reads a connection again and again while it fills the buffer. */
ssize_t __wrap_coap_socket_read(void *socket, uint8_t *bytes, size_t room)
{
	return __real_coap_socket_read(socket, bytes, room - 1);
}

static void ready(struct loop_fd *watch, uint32_t events)
{
	struct engine *engine = container_of(watch, struct engine, watch);
	struct epoll_event happened[EVENTS_AT_ONCE];

	(void)events;
	for (int i = 0; i < ROUNDS_AT_ONCE; i++) {
		int count = epoll_wait(watch->fd, happened, EVENTS_AT_ONCE, 0);

		if (count <= 0)
			return;
		coap_io_do_epoll(engine->context, happened, (size_t)count);
	}
}

int engine_open(struct engine *engine, struct loop *loop)
{
	int error;

	coap_set_log_level(COAP_LOG_NOTHING);
	*engine = (struct engine){.context = coap_new_context(NULL), .loop = loop, .watch.ready = ready};
	if (!engine->context)
		return -ENOMEM;
	engine->watch.fd = coap_context_get_coap_fd(engine->context);
	error = loop_watch(loop, &engine->watch, EPOLLIN);
	if (error < 0) {
		coap_free_context(engine->context);
		engine->context = NULL;
	}
	return error;
}

void engine_close(struct engine *engine)
{
	if (!engine->context)
		return;
	loop_unwatch(engine->loop, &engine->watch);
	coap_free_context(engine->context);
	engine->context = NULL;
}
