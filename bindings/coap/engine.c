/* engine: rounds of libcoap. */
#include "bindings/coap/engine.h"

#include "cse/base/str.h"

#include <errno.h>

enum {
	/* A peer that sends without end gets no more than its turn: the library's own loop would go on with it. */
	ROUNDS_AT_ONCE = 32,
	EVENTS_AT_ONCE = 32,
	SIGNALS = 7,	   /* class of codes */
	TOKEN_LONGEST = 8, /* RFC 7252 section 3 */
};

/* The linker puts these in the place of the library's own functions (configure.ac). docs/decisions/coap.md says why. */
int __real_coap_option_filter_get(coap_opt_filter_t *filter, coap_option_num_t number);
int __wrap_coap_option_filter_get(coap_opt_filter_t *filter, coap_option_num_t number);
coap_opt_t *__real_coap_check_option(const coap_pdu_t *pdu, coap_option_num_t number, coap_opt_iterator_t *iterator);
coap_opt_t *__wrap_coap_check_option(const coap_pdu_t *pdu, coap_option_num_t number, coap_opt_iterator_t *iterator);
int __real_coap_pdu_parse(coap_proto_t proto, const uint8_t *bytes, size_t len, coap_pdu_t *pdu);
int __wrap_coap_pdu_parse(coap_proto_t proto, const uint8_t *bytes, size_t len, coap_pdu_t *pdu);
int __real_coap_pdu_parse_header(coap_pdu_t *pdu, coap_proto_t proto);
int __wrap_coap_pdu_parse_header(coap_pdu_t *pdu, coap_proto_t proto);
int __real_coap_pdu_parse_opt(coap_pdu_t *pdu);
int __wrap_coap_pdu_parse_opt(coap_pdu_t *pdu);
int __real_coap_socket_connect_tcp1(void *socket, const coap_address_t *local, const coap_address_t *peer, int port,
				    coap_address_t *local_out, coap_address_t *peer_out);
int __wrap_coap_socket_connect_tcp1(void *socket, const coap_address_t *local, const coap_address_t *peer, int port,
				    coap_address_t *local_out, coap_address_t *peer_out);
ssize_t __real_coap_socket_read(void *socket, uint8_t *bytes, size_t room);
ssize_t __wrap_coap_socket_read(void *socket, uint8_t *bytes, size_t room);

/* The library takes no more than two critical options above 255. Nothing is registered with it here: its filter is
 * empty, and what a message's options say is judged by the binding. */
int __wrap_coap_option_filter_get(coap_opt_filter_t *filter, coap_option_num_t number)
{
	return filter->mask == 0 ? 1 : __real_coap_option_filter_get(filter, number);
}

/* This is no proxy: the library would answer such requests by itself, 5.05, or 5.08 to a Hop-Limit of 1, which is for
 * proxies alone (RFC 8768). */
coap_opt_t *__wrap_coap_check_option(const coap_pdu_t *pdu, coap_option_num_t number, coap_opt_iterator_t *iterator)
{
	bool is_of_proxies = number == COAP_OPTION_HOP_LIMIT || number == COAP_OPTION_PROXY_URI ||
			     number == COAP_OPTION_PROXY_SCHEME;

	return is_of_proxies ? NULL : __real_coap_check_option(pdu, number, iterator);
}

enum { HEADER = 4, COAP_VERSION = 1, TOKEN_LEN = 0x0f, ACK_OR_RST = 0x20, MARKER = 0xff };

/* The library refuses a message for an option with a length that it cannot have, after it has read all of it. RFC 7252
 * 5.4.3 has such an option ignored, or the request answered 4.02: option.h says which. Is that all that is wrong? */
static bool has_form(const coap_pdu_t *pdu)
{
	coap_opt_iterator_t iterator;
	unsigned number = 0;
	const uint8_t *at;
	size_t len;

	if (!coap_pdu_get_code(pdu) || !coap_option_iterator_init(pdu, &iterator, COAP_OPT_ALL))
		return false;
	at = iterator.next_option;
	len = iterator.length;
	while (len && *at != MARKER) {
		coap_option_t option;
		size_t size = coap_opt_parse(at, len, &option);

		number += option.delta;
		if (!size || number > UINT16_MAX)
			return false;
		at += size;
		len -= size;
	}
	return len != 1; /* a marker, and nothing behind it */
}

/* There is room for handlers of the methods that are known; others are as good as the last of these, which stands for
 * no operation. */
static void settle_method(coap_pdu_t *pdu)
{
	coap_pdu_code_t code = coap_pdu_get_code(pdu);

	if (code >> 5 == 0 && (coap_request_t)code > COAP_REQUEST_IPATCH)
		coap_pdu_set_code(pdu, (coap_pdu_code_t)COAP_REQUEST_IPATCH);
}

/* The library takes signals of connections in datagrams too, and they change the session of whoever they say that they
 * come from; RFC 7252 12.1: the class is reserved. Some peers repeat the token in an acknowledgement, which says what
 * it says; so does one with the code of a request, which is none (4.2). */
int __wrap_coap_pdu_parse(coap_proto_t proto, const uint8_t *bytes, size_t len, coap_pdu_t *pdu)
{
	if (len >= HEADER && (bytes[0] & ACK_OR_RST) && bytes[1] >> 5 == 0) {
		const uint8_t empty[HEADER] = {bytes[0] & (uint8_t)~TOKEN_LEN, 0, bytes[2], bytes[3]};

		return __real_coap_pdu_parse(proto, empty, HEADER, pdu);
	}
	if (!__real_coap_pdu_parse(proto, bytes, len, pdu) &&
	    (len < HEADER || bytes[0] >> 6 != COAP_VERSION || (bytes[0] & TOKEN_LEN) > TOKEN_LONGEST || !has_form(pdu)))
		return 0;
	settle_method(pdu);
	return coap_pdu_get_code(pdu) >> 5 != SIGNALS;
}

/* At a Release the library ends the connection at once, with all that is in work. It gets something that it hands to
 * the handler of pongs, and leaves alone. */
static void settle_release(coap_pdu_t *pdu)
{
	if (coap_pdu_get_code(pdu) != COAP_SIGNALING_CODE_RELEASE)
		return;
	coap_pdu_set_code(pdu, COAP_SIGNALING_CODE_PONG);
	coap_pdu_set_type(pdu, COAP_MESSAGE_NON);
}

/* Of a message in a connection; the next function is not called for one without options. */
int __wrap_coap_pdu_parse_header(coap_pdu_t *pdu, coap_proto_t proto)
{
	coap_opt_iterator_t iterator;

	if (!__real_coap_pdu_parse_header(pdu, proto))
		return 0;
	settle_method(pdu);
	if (!coap_option_iterator_init(pdu, &iterator, COAP_OPT_ALL))
		settle_release(pdu);
	return 1;
}

/* What is malformed in a connection is passed over by the library, and whoever asked waits; it ends like one that is
 * aborted (RFC 8323 5.6). */
int __wrap_coap_pdu_parse_opt(coap_pdu_t *pdu)
{
	bool is_signal = coap_pdu_get_code(pdu) >> 5 == SIGNALS;

	if (!__real_coap_pdu_parse_opt(pdu) &&
	    (is_signal || coap_pdu_get_token(pdu).length > TOKEN_LONGEST || !has_form(pdu)))
		coap_pdu_set_code(pdu, COAP_SIGNALING_CODE_ABORT);
	settle_release(pdu);
	return 1;
}

bool engine_is_release(const coap_pdu_t *pong)
{
	return coap_pdu_get_type(pong) == COAP_MESSAGE_NON;
}

/* When there is something to send in a connection that has ended, such as the answer to a ping that came behind an
 * abort, the library connects to whoever had made it, and gives a local address then. It is not for a server to do so.
 */
int __wrap_coap_socket_connect_tcp1(void *socket, const coap_address_t *local, const coap_address_t *peer, int port,
				    coap_address_t *local_out, coap_address_t *peer_out)
{
	return local ? 0 : __real_coap_socket_connect_tcp1(socket, local, peer, port, local_out, peer_out);
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

void engine_announce(struct engine *engine, size_t content)
{
	enum { OPTIONS = 64 << 10, LARGEST = 8 << 20 };

	coap_context_set_csm_max_message_size(engine->context,
					      content < LARGEST - OPTIONS ? (uint32_t)content + OPTIONS : LARGEST);
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
