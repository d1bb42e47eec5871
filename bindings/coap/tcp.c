/* tcp: counting, giving up. */
#include "bindings/coap/tcp.h"

#include <stdlib.h>

enum {
	MOST_CONNECTIONS = 1000,      /* libcoap looks at each of them in each of its rounds */
	MOST_WAITING_BYTES = 1 << 20, /* that a peer has not read, and two of the largest contents */
	MESSAGE_BYTES = 400,	      /* of memory for a message, beside its payload */
};

/* ---- the end of one ---- */

static void end(struct timer *timer)
{
	struct tcp *tcp = container_of(timer, struct tcp, end);

	coap_session_disconnected(tcp->session, COAP_NACK_NOT_DELIVERABLE);
}

/* Never from within libcoap, which may be reading it, and goes on with what it has read when it has ended. */
static void end_after(struct tcp *tcp, int64_t delay_us)
{
	if (tcp->is_open)
		loop_timer_set(tcp->tcps->loop, &tcp->end, delay_us);
}

static void end_soon(struct tcp *tcp)
{
	end_after(tcp, 0);
}

static void closed(struct tcp *tcp)
{
	if (!tcp->is_open)
		return;
	tcp->is_open = false;
	loop_timer_cancel(tcp->tcps->loop, &tcp->end);
	loop_timer_cancel(tcp->tcps->loop, &tcp->late);
	list_remove(&tcp->link);
	list_push(&tcp->tcps->closed, &tcp->link);
	tcp->tcps->count--;
	tcp->tcps->ended(tcp->tcps, tcp);
}

static bool is_idle(const struct tcp *tcp)
{
	return list_empty(&tcp->exchanges) && tcp->waiting_count == 0;
}

void tcp_settle(struct tcp *tcp)
{
	if ((tcp->tcps->is_draining || tcp->is_released) && is_idle(tcp))
		end_soon(tcp);
}

void tcp_release(struct tcp *tcp)
{
	tcp->is_released = true;
	tcp_settle(tcp);
}

/* ---- what comes in pieces ---- */

size_t __real_coap_session_max_pdu_rcv_size(const coap_session_t *session);
size_t __wrap_coap_session_max_pdu_rcv_size(const coap_session_t *session);

static int64_t body_timeout_us(const struct tcp *tcp)
{
	return (int64_t)tcp->tcps->config->body_timeout_ms * 1000;
}

/* Two looks, so that there is a timer for all messages and not one for each: what is unfinished then ends after the
 * timeout, and before it has passed twice. */
static void look(struct timer *timer)
{
	struct tcp *tcp = container_of(timer, struct tcp, late);

	if (!tcp->is_reading)
		return;
	if (tcp->overdue == tcp->begun) {
		end_soon(tcp);
		return;
	}
	tcp->overdue = tcp->begun;
	loop_timer_set(tcp->tcps->loop, timer, body_timeout_us(tcp));
}

/* The linker puts this in the place of libcoap's own function (configure.ac), which is called when it has the length of
 * a message, and makes room for it; nothing bounds how long it then takes to come. */
size_t __wrap_coap_session_max_pdu_rcv_size(const coap_session_t *session)
{
	struct tcp *tcp = tcp_of(session);

	if (tcp && tcp->is_open) {
		tcp->is_reading = true;
		tcp->begun++;
		if (!tcp->late.is_set) {
			tcp->overdue = tcp->begun;
			loop_timer_set(tcp->tcps->loop, &tcp->late, body_timeout_us(tcp));
		}
	}
	return __real_coap_session_max_pdu_rcv_size(session);
}

void tcp_heard(struct tcp *tcp)
{
	tcp->is_reading = false;
}

/* ---- what waits ---- */

ssize_t __real_coap_session_write(coap_session_t *session, const uint8_t *bytes, size_t len);
ssize_t __wrap_coap_session_write(coap_session_t *session, const uint8_t *bytes, size_t len);
ssize_t __real_coap_session_delay_pdu(coap_session_t *session, coap_pdu_t *pdu, void *node);
ssize_t __wrap_coap_session_delay_pdu(coap_session_t *session, coap_pdu_t *pdu, void *node);

static void await_reader(struct tcp *tcp)
{
	end_after(tcp, body_timeout_us(tcp));
}

/* The linker puts this and the next in the place of libcoap's own functions (configure.ac): it has no bound for what
 * waits until a peer reads it. All that has waited is written when the last message is. */
ssize_t __wrap_coap_session_write(coap_session_t *session, const uint8_t *bytes, size_t len)
{
	ssize_t written = __real_coap_session_write(session, bytes, len);
	struct tcp *tcp = tcp_of(session);

	if (!tcp || !tcp->waiting_count || written <= 0)
		return written;
	await_reader(tcp);
	if ((size_t)written == len && --tcp->waiting_count == 0) {
		tcp->waiting_bytes = 0;
		loop_timer_cancel(tcp->tcps->loop, &tcp->end);
		tcp_settle(tcp);
	}
	return written;
}

ssize_t __wrap_coap_session_delay_pdu(coap_session_t *session, coap_pdu_t *pdu, void *node)
{
	struct tcp *tcp = tcp_of(session);
	const uint8_t *payload;
	size_t len = 0;

	if (tcp) {
		coap_get_data(pdu, &len, &payload);
		tcp->waiting_bytes += MESSAGE_BYTES + len;
		if (tcp->waiting_count++ == 0)
			await_reader(tcp);
		if (tcp->waiting_bytes > MOST_WAITING_BYTES + 2 * tcp->tcps->config->max_body)
			end_soon(tcp);
	}
	return __real_coap_session_delay_pdu(session, pdu, node);
}

/* ---- all of them ---- */

unsigned tcps_most(const struct binding_config *config)
{
	return config->max_connections < MOST_CONNECTIONS ? config->max_connections : MOST_CONNECTIONS;
}

/* The one that was silent longest makes room; if all of them wait for answers, the new one goes. */
static void make_room(struct tcps *tcps, struct tcp *newest)
{
	if (tcps->count <= tcps_most(tcps->config))
		return;
	list_each (item, &tcps->by_use) {
		struct tcp *tcp = container_of(item, struct tcp, link);

		if (tcp != newest && is_idle(tcp) && !tcp->end.is_set) {
			end_soon(tcp);
			return;
		}
	}
	end_soon(newest);
}

static void came(struct tcps *tcps, coap_session_t *session)
{
	struct tcp *tcp = xzalloc(sizeof(*tcp));

	*tcp = (struct tcp){.tcps = tcps,
			    .session = session,
			    .id = ++tcps->next_id,
			    .is_open = true,
			    .end.fire = end,
			    .late.fire = look};
	list_init(&tcp->exchanges);
	list_push(&tcps->by_use, &tcp->link);
	tcps->count++;
	coap_session_set_app_data(session, tcp);
	if (tcps->is_draining)
		end_soon(tcp);
	else
		make_room(tcps, tcp);
}

static void forget(struct tcp *tcp)
{
	coap_session_set_app_data(tcp->session, NULL);
	closed(tcp);
	list_remove(&tcp->link);
	free(tcp);
}

void tcps_event(struct tcps *tcps, coap_session_t *session, coap_event_t event)
{
	struct tcp *tcp = tcp_of(session);

	if (event == COAP_EVENT_TCP_CONNECTED && !tcp)
		came(tcps, session);
	else if (event == COAP_EVENT_SESSION_CONNECTED && tcp)
		tcp_heard(tcp); /* CSM */
	else if (event == COAP_EVENT_TCP_CLOSED && tcp)
		closed(tcp);
	else if (event == COAP_EVENT_SERVER_SESSION_DEL && tcp)
		forget(tcp);
}

struct tcp *tcp_of(const coap_session_t *session)
{
	if (coap_session_get_type(session) != COAP_SESSION_TYPE_SERVER ||
	    coap_session_get_proto(session) != COAP_PROTO_TCP)
		return NULL;
	return coap_session_get_app_data(session);
}

bool tcp_use(struct tcp *tcp)
{
	tcp_heard(tcp);
	if (coap_session_get_state(tcp->session) != COAP_SESSION_STATE_ESTABLISHED) {
		end_soon(tcp);
		return false;
	}
	list_remove(&tcp->link);
	list_push(&tcp->tcps->by_use, &tcp->link);
	return true;
}

void tcp_pong(struct tcp *tcp, const coap_pdu_t *ping)
{
	coap_bin_const_t token = coap_pdu_get_token(ping);
	coap_pdu_t *pong = coap_pdu_init(COAP_MESSAGE_CON, COAP_SIGNALING_CODE_PONG, 0, token.length);

	if (pong && coap_add_token(pong, token.length, token.s))
		coap_send(tcp->session, pong);
	else
		coap_delete_pdu(pong);
}

void tcps_init(struct tcps *tcps, struct loop *loop, const struct binding_config *config)
{
	*tcps = (struct tcps){.loop = loop, .config = config};
	list_init(&tcps->by_use);
	list_init(&tcps->closed);
}

void tcps_finish(struct tcps *tcps)
{
	while (!list_empty(&tcps->by_use))
		forget(container_of(tcps->by_use.next, struct tcp, link));
	while (!list_empty(&tcps->closed))
		forget(container_of(tcps->closed.next, struct tcp, link));
}

void tcps_drain(struct tcps *tcps)
{
	tcps->is_draining = true;
	list_each (item, &tcps->by_use)
		tcp_settle(container_of(item, struct tcp, link));
}
