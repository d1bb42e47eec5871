/* guest: reading the head of the handshake, bounded in size and time. */
#include "bindings/websocket/guest.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct guest {
	struct loop_fd watch;
	struct timer timer;
	struct list link;
	struct binding_state *state;
	struct peer peer;
	struct head head;
	struct strbuf bytes;
	size_t parsed;
};

/* Leaves the descriptor open. */
static void leave(struct guest *guest)
{
	loop_unwatch(guest->state->loop, &guest->watch);
	loop_timer_cancel(guest->state->loop, &guest->timer);
	list_remove(&guest->link);
	strbuf_finish(&guest->bytes);
	free(guest);
}

static void close_guest(struct guest *guest)
{
	struct binding_state *state = guest->state;
	int fd = guest->watch.fd;

	leave(guest);
	close(fd);
	websocket_connection_closed(state);
}

void guest_refuse(struct binding_state *state, int fd, const struct refusal *refusal)
{
	struct strbuf answer = {0};
	char unread[4096];

	log_event(cse_log(state->cse), LOG_INFO, "websocket refused", "status=%u why=\"%s\"", refusal->status,
		  refusal->why);
	handshake_add_refusal(&answer, refusal);
	/* Closing with unread input would make the kernel reset the connection, and the client lose the answer. */
	if (send(fd, answer.ptr, answer.len, MSG_NOSIGNAL | MSG_DONTWAIT) > 0 && shutdown(fd, SHUT_WR) == 0)
		(void)!recv(fd, unread, sizeof(unread), MSG_DONTWAIT);
	strbuf_finish(&answer);
	close(fd);
}

static void refuse(struct guest *guest, const struct refusal *refusal)
{
	struct binding_state *state = guest->state;
	int fd = guest->watch.fd;

	leave(guest);
	guest_refuse(state, fd, refusal);
	websocket_connection_closed(state);
}

/* The head is complete: it goes on as a connection. */
static void go_on(struct guest *guest)
{
	struct binding_state *state = guest->state;
	struct strbuf bytes = guest->bytes;
	struct peer peer = guest->peer;
	int fd = guest->watch.fd;

	guest->bytes = (struct strbuf){0};
	leave(guest);
	state->open_count--; /* it is counted as what it becomes */
	websocket_receive(state, fd, &peer, strbuf_str(&bytes));
	strbuf_finish(&bytes);
}

static void ready(struct loop_fd *watch, uint32_t events)
{
	enum { READ_AT_ONCE = 4096 };
	struct guest *guest = container_of(watch, struct guest, watch);
	char *room = strbuf_reserve(&guest->bytes, READ_AT_ONCE);
	ssize_t got = recv(watch->fd, room, READ_AT_ONCE, MSG_DONTWAIT);

	(void)events;
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		close_guest(guest);
		return;
	}
	guest->bytes.len += (size_t)got;
	guest->parsed = head_parse(&guest->head, guest->bytes.ptr, guest->parsed, guest->bytes.len);
	if (guest->head.refusal.status)
		refuse(guest, &(struct refusal){guest->head.refusal.status, guest->head.refusal.why});
	else if (guest->head.is_done)
		go_on(guest);
}

static void too_slow(struct timer *timer)
{
	refuse(container_of(timer, struct guest, timer), &(struct refusal){408, "header fields come too slowly"});
}

void guest_open(struct binding_state *state, int fd, const struct peer *peer)
{
	struct guest *guest = xzalloc(sizeof(*guest));

	guest->watch = (struct loop_fd){.ready = ready, .fd = fd};
	guest->timer.fire = too_slow;
	guest->state = state;
	guest->peer = *peer;
	list_init(&guest->link);
	head_init(&guest->head, state->config.max_headers);
	if (loop_watch(state->loop, &guest->watch, EPOLLIN) < 0) {
		close(fd);
		free(guest);
		return;
	}
	list_push(&state->guests, &guest->link);
	state->open_count++;
	loop_timer_set(state->loop, &guest->timer, (int64_t)state->config.header_timeout_ms * 1000);
}

void guest_close(struct list *in_guests)
{
	close_guest(container_of(in_guests, struct guest, link));
}
