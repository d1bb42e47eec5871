/* link: connecting, and what happens to users when it opens or ends. */
#include "bindings/coap/link.h"

#include "bindings/address.h"
#include "bindings/coap/sender.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct link {
	struct list list; /* of the sender's */
	struct sender *sender;
	struct udp_peer peer;
	struct list users;
	struct loop_fd watch;  /* while it connects; fd -1: it does not */
	struct stream *stream; /* NULL: it connects, or it could not */
	bool is_open;	       /* the peer has said what it takes */
	struct timer soon;     /* users are told in the next round */
	const char *why;       /* it could not be opened */
};

static void free_link(struct link *link)
{
	if (link->watch.fd >= 0) {
		loop_unwatch(link->sender->loop, &link->watch);
		close(link->watch.fd);
	}
	if (link->stream)
		stream_close(link->stream);
	loop_timer_cancel(link->sender->loop, &link->soon);
	list_remove(&link->list);
	free(link);
}

/* Its users go, and so does it. */
static void lose(struct link *link, const char *why)
{
	while (!list_empty(&link->users)) {
		struct link_user *user = container_of(link->users.next, struct link_user, list);

		list_remove(&user->list);
		user->link = NULL;
		user->lost(user, why);
	}
	free_link(link);
}

static void tell(struct timer *timer)
{
	struct link *link = container_of(timer, struct link, soon);
	struct list users;

	if (link->why) {
		lose(link, link->why);
		return;
	}
	list_init(&users);
	list_splice(&users, &link->users);
	while (!list_empty(&users)) {
		struct link_user *user = container_of(users.next, struct link_user, list);
		bool was_told = user->is_told;

		list_remove(&user->list);
		list_push(&link->users, &user->list);
		user->is_told = true;
		if (!was_told)
			user->opened(user);
	}
}

static void stream_took(struct stream *stream, const struct message *message)
{
	struct link *link = stream->owner;

	link->sender->took(link->sender, &link->peer, message);
}

static void stream_closed(struct stream *stream, const char *why)
{
	struct link *link = stream->owner;

	link->stream = NULL;
	link->why = why;
	loop_timer_set(link->sender->loop, &link->soon, 0);
}

static void stream_greeted(struct stream *stream)
{
	struct link *link = stream->owner;

	link->is_open = true;
	loop_timer_set(link->sender->loop, &link->soon, 0);
}

static void connected(struct loop_fd *watch, uint32_t events)
{
	enum { OPTIONS = 64 * 1024 };
	struct link *link = container_of(watch, struct link, watch);
	struct sockaddr_storage address;
	struct peer peer;
	int fd = watch->fd, error = 0;
	socklen_t len = sizeof(error);

	(void)events;
	loop_unwatch(link->sender->loop, watch);
	watch->fd = -1;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 || error) {
		close(fd);
		lose(link, error_text(error ? -error : -EIO));
		return;
	}
	udp_peer_address(&link->peer, &address);
	peer = address_peer((struct sockaddr *)&address);
	link->stream = stream_open(&link->sender->streams, fd, &peer, link->sender->config.max_answer + OPTIONS);
	if (!link->stream) {
		lose(link, "connection cannot be watched");
		return;
	}
	link->stream->owner = link;
	link->stream->took = stream_took;
	link->stream->closed = stream_closed;
	link->stream->greeted = stream_greeted;
	link->stream->user_count = 1; /* those who wait for it */
}

/* 0, or a negative error. */
static int connect_to_peer(struct link *link)
{
	struct sockaddr_storage address;
	socklen_t len = udp_peer_address(&link->peer, &address);
	int fd = socket(link->peer.family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), error;

	if (fd < 0)
		return -errno;
	error = connect(fd, (struct sockaddr *)&address, len) < 0 && errno != EINPROGRESS ? -errno : 0;
	link->watch.fd = fd;
	if (error == 0)
		error = loop_watch(link->sender->loop, &link->watch, EPOLLOUT);
	if (error == 0)
		return 0;
	close(fd);
	link->watch.fd = -1;
	return error;
}

static struct link *find(struct sender *sender, const struct udp_peer *peer)
{
	list_each (item, &sender->links) {
		struct link *link = container_of(item, struct link, list);

		if (udp_peer_is(&link->peer, peer) && !link->why)
			return link;
	}
	return NULL;
}

/* So that as many connections are open as may be, and no more. */
static void make_room(struct sender *sender)
{
	list_each (item, &sender->links) {
		struct link *link = container_of(item, struct link, list);

		if (sender->streams.count < sender->config.most_outgoing)
			return;
		if (list_empty(&link->users))
			free_link(link);
	}
}

static struct link *make(struct sender *sender, const struct udp_peer *peer)
{
	struct link *link = xzalloc(sizeof(*link));
	int error;

	make_room(sender);
	link->sender = sender;
	link->peer = *peer;
	list_init(&link->users);
	link->watch = (struct loop_fd){connected, -1};
	link->soon.fire = tell;
	list_push(&sender->links, &link->list);
	error = connect_to_peer(link);
	if (error < 0) {
		link->why = error_text(error);
		loop_timer_set(sender->loop, &link->soon, 0);
	}
	return link;
}

void link_join(struct sender *sender, struct link_user *user, const struct udp_peer *peer)
{
	struct link *link = find(sender, peer);

	if (!link)
		link = make(sender, peer);
	user->link = link;
	user->is_told = false;
	list_push(&link->users, &user->list);
	if (link->is_open && !link->soon.is_set)
		loop_timer_set(sender->loop, &link->soon, 0);
	if (link->stream)
		link->stream->user_count = 1;
}

void link_leave(struct link_user *user)
{
	struct link *link = user->link;

	if (!link)
		return;
	user->link = NULL;
	list_remove(&user->list);
	if (!list_empty(&link->users))
		return;
	if (!link->stream && !link->why) { /* nobody waits for it to be made any more */
		free_link(link);
	} else if (link->stream) {
		link->stream->user_count = 0;
		stream_settle(link->stream);
	}
}

void link_send(struct link_user *user, const struct message *message)
{
	if (user->link && user->link->stream)
		stream_send(user->link->stream, message);
}

size_t link_peer_max(const struct link_user *user)
{
	return user->link && user->link->stream ? user->link->stream->peer_max : SIZE_MAX;
}

void links_close(struct sender *sender)
{
	while (!list_empty(&sender->links))
		free_link(container_of(sender->links.next, struct link, list));
}
