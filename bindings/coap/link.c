/* link: opening sessions, taking turns, and what happens to users when a session ends. */
#include "bindings/coap/link.h"

#include "bindings/coap/sender.h"

#include <stdlib.h>

struct link {
	struct list list; /* of the sender's */
	struct sender *sender;
	struct party party; /* who is at the other end; connection 1: a stream */
	coap_session_t *session;
	struct list users;	  /* in the order of their turns */
	struct link_user *active; /* whose datagram is not acknowledged */
	bool is_open;		  /* a connection: the peer has said what it takes */
	bool is_released;	  /* the peer takes nothing new */
	const char *why;	  /* it has ended */
	bool is_absent;		  /* it has not begun: nobody is there */
	struct timer soon;	  /* users are told in the next round, never from within libcoap */
	struct timer idle;
};

static bool is_stream(const struct link *link)
{
	return link->party.connection;
}

static void rouse(struct link *link)
{
	if (!link->soon.is_set)
		loop_timer_set(link->sender->loop, &link->soon, 0);
}

static void free_link(struct link *link)
{
	loop_timer_cancel(link->sender->loop, &link->soon);
	loop_timer_cancel(link->sender->loop, &link->idle);
	if (link->session) {
		coap_session_set_app_data(link->session, NULL);
		coap_session_release(link->session);
	}
	list_remove(&link->list);
	link->sender->link_count--;
	free(link);
}

static void idle(struct timer *timer)
{
	free_link(container_of(timer, struct link, idle));
}

/* ---- turns ---- */

static void forget_user(struct link *link, struct link_user *user)
{
	if (link->active == user)
		link->active = NULL;
	list_remove(&user->list);
	user->link = NULL;
}

static void lose_user(struct link *link, struct link_user *user, const char *why)
{
	forget_user(link, user);
	user->lost(user, why, link->is_absent);
}

static struct link_user *next_user(const struct link *link)
{
	if (!link->is_open || (link->active && !is_stream(link)))
		return NULL;
	list_each (item, &link->users) {
		struct link_user *user = container_of(item, struct link_user, list);

		if (user->wants_turn)
			return user;
	}
	return NULL;
}

/* Users may leave and join meanwhile. */
static void go_on(struct timer *timer)
{
	struct link *link = container_of(timer, struct link, soon);
	struct link_user *user;

	if (link->why) {
		while (!list_empty(&link->users))
			lose_user(link, container_of(link->users.next, struct link_user, list), link->why);
		free_link(link);
		return;
	}
	while ((user = next_user(link)) != NULL) {
		user->wants_turn = false;
		if (!is_stream(link))
			link->active = user;
		user->turn(user);
	}
	if (list_empty(&link->users))
		loop_timer_set(link->sender->loop, &link->idle, (int64_t)link->sender->config.outgoing_idle_ms * 1000);
}

void link_ask(struct link_user *user)
{
	user->wants_turn = true;
	list_remove(&user->list);
	list_push(&user->link->users, &user->list);
	rouse(user->link);
}

void link_send(struct link_user *user, struct message *message)
{
	struct link *link = user->link;
	struct strbuf *out = &link->sender->out;

	message->type = COAP_MESSAGE_CON;
	message->mid = coap_new_message_id(link->session);
	strbuf_clear(out);
	message_write(out, message);
	message_send(link->session, strbuf_str(out));
}

/* Ending what is under way in a session of datagrams leaves it as good as new; no more than the active one's is. */
void link_leave(struct link_user *user)
{
	struct link *link = user->link;
	bool is_active;

	if (!link)
		return;
	is_active = link->active == user;
	forget_user(link, user);
	if (is_active)
		coap_session_disconnected(link->session, COAP_NACK_NOT_DELIVERABLE);
	if (is_stream(link) && !link->is_open && list_empty(&link->users))
		link->why = "nobody waits for it any more";
	rouse(link);
}

/* ---- what libcoap says ---- */

/* NULL: no link's; the program may use libcoap for something else too. */
static struct link *link_of(const coap_session_t *session)
{
	if (coap_session_get_type(session) != COAP_SESSION_TYPE_CLIENT ||
	    !coap_get_app_data(coap_session_get_context(session)))
		return NULL;
	return coap_session_get_app_data(session);
}

void __real_coap_session_connected(coap_session_t *session);
void __wrap_coap_session_connected(coap_session_t *session);

/* The linker puts this in the place of libcoap's own function (configure.ac), which is called when a message has been
 * acknowledged and another one may be sent; nothing else tells. */
void __wrap_coap_session_connected(coap_session_t *session)
{
	struct link *link = link_of(session);

	__real_coap_session_connected(session);
	if (!link || is_stream(link))
		return;
	link->active = NULL;
	rouse(link);
}

static void note_absence(struct link *link, const char *why)
{
	link->why = why;
	link->is_absent = true;
}

int link_event(coap_session_t *session, const coap_event_t event)
{
	struct link *link = link_of(session);

	if (!link || !is_stream(link))
		return 0;
	if (event == COAP_EVENT_SESSION_CONNECTED)
		link->is_open = true;
	else if (event == COAP_EVENT_TCP_FAILED)
		note_absence(link, "connection cannot be made");
	else if (event == COAP_EVENT_TCP_CLOSED || event == COAP_EVENT_SESSION_CLOSED ||
		 event == COAP_EVENT_SESSION_FAILED)
		link->why = link->why ? link->why : "connection was closed";
	else
		return 0;
	rouse(link);
	return 0;
}

void link_rejected(coap_session_t *session, const coap_pdu_t *sent, const coap_nack_reason_t reason,
		   const coap_mid_t mid)
{
	struct link *link = link_of(session);

	(void)mid;
	if (link && !is_stream(link))
		sender_rejected(link->sender, session, sent,
				reason == COAP_NACK_RST		 ? "the peer rejects the message"
				: reason == COAP_NACK_ICMP_ISSUE ? "nobody listens there"
								 : "the peer does not answer",
				reason == COAP_NACK_ICMP_ISSUE);
}

/* RFC 8323 5.5: what is under way is still answered. */
void link_ponged(coap_session_t *session, const coap_pdu_t *pong, const coap_mid_t mid)
{
	struct link *link = link_of(session);

	(void)mid;
	if (link && engine_is_release(pong))
		link->is_released = true;
}

/* ---- making one ---- */

static bool open_session(struct link *link, const struct sockaddr *address, socklen_t len)
{
	coap_address_t to;

	coap_address_init(&to);
	to.size = len;
	memcpy(&to.addr, address, len);
	link->session = coap_new_client_session(link->sender->engine.context, NULL, &to,
						is_stream(link) ? COAP_PROTO_TCP : COAP_PROTO_UDP);
	if (!link->session)
		return false;
	coap_session_set_app_data(link->session, link);
	link->is_open = !is_stream(link);
	return true;
}

static struct link *find(struct sender *sender, const struct party *party)
{
	list_each (item, &sender->links) {
		struct link *link = container_of(item, struct link, list);

		if (memcmp(&link->party, party, sizeof(*party)) == 0 && !link->why && !link->is_released)
			return link;
	}
	return NULL;
}

/* So that as many are open as may be, and no more. */
static void make_room(struct sender *sender)
{
	list_each (item, &sender->links) {
		struct link *link = container_of(item, struct link, list);

		if (sender->link_count < sender->config.most_outgoing)
			return;
		if (list_empty(&link->users))
			free_link(link);
	}
}

static struct link *make(struct sender *sender, const struct party *party, const struct sockaddr *address,
			 socklen_t len)
{
	struct link *link = xzalloc(sizeof(*link));

	make_room(sender);
	link->sender = sender;
	link->party = *party;
	list_init(&link->users);
	link->soon.fire = go_on;
	link->idle.fire = idle;
	list_push(&sender->links, &link->list);
	sender->link_count++;
	if (!open_session(link, address, len)) {
		note_absence(link, "no socket can be opened");
		rouse(link);
	}
	return link;
}

void link_join(struct sender *sender, struct link_user *user, const struct sockaddr *address, socklen_t len,
	       bool is_of_stream)
{
	struct party party = party_at(address);
	struct link *link;

	party.connection = is_of_stream;
	link = find(sender, &party);
	if (!link)
		link = make(sender, &party, address, len);
	loop_timer_cancel(sender->loop, &link->idle);
	user->link = link;
	list_push(&link->users, &user->list);
}

size_t link_peer_max(const struct link_user *user)
{
	return is_stream(user->link) ? coap_session_max_pdu_size(user->link->session) : MESSAGE_LARGEST;
}

bool link_is_of(const struct link_user *user, const coap_session_t *session)
{
	return user->link && user->link->session == session;
}

void links_close(struct sender *sender)
{
	while (!list_empty(&sender->links))
		free_link(container_of(sender->links.next, struct link, list));
}
