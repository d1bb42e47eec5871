/* dial: libcurl's multi interface with its sockets and timers on the loop, in CONNECT_ONLY mode. */
#include "bindings/http/dial.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A socket that libcurl wants watched. */
struct socket_watch {
	struct loop_fd watch;
	struct dialer *dialer;
};

/* ---- the end of connecting ---- */

static void give_back(struct dialing *dialing, CURL *easy)
{
	if (dialing->spare_count < SPARE_HANDLES)
		dialing->spare[dialing->spare_count++] = easy;
	else
		curl_easy_cleanup(easy);
}

void dial_end(struct dial *dial)
{
	if (!dial->easy)
		return;
	curl_multi_remove_handle(dial->dialer->multi, dial->easy);
	give_back(dial->dialing, dial->easy);
	dial->easy = NULL;
}

/* libcurl closes the connections that it has and that nobody uses in its eyes; so it must not have this one. */
static void hand_over(struct dial *dial, int fd)
{
	dial->dialing->handed_over = fd;
	dial_end(dial);
	dial->dialing->handed_over = -1;
}

static const char *explain(const struct dial *dial, CURLcode result)
{
	long error = 0;

	if (dial->is_refused)
		return "address is none that may be connected to (outgoing.networks)";
	switch (result) {
	case CURLE_COULDNT_RESOLVE_HOST:
		return "host name cannot be resolved";
	case CURLE_COULDNT_CONNECT:
		curl_easy_getinfo(dial->easy, CURLINFO_OS_ERRNO, &error);
		return error > 0 ? error_text((int)-error) : "cannot connect";
	case CURLE_OPERATION_TIMEDOUT:
		return "no connection in time";
	case CURLE_PEER_FAILED_VERIFICATION:
		return "certificate is not trusted, or not of this host";
	case CURLE_SSL_CACERT_BADFILE:
		return "certificates of authorities cannot be read (outgoing.ca-file)";
	case CURLE_SSL_CONNECT_ERROR:
		return "TLS handshake failed";
	default:
		return curl_easy_strerror(result);
	}
}

static void finish(struct dial *dial, CURLcode result)
{
	const char *why = NULL;
	curl_socket_t fd = -1;

	if (result == CURLE_OK)
		curl_easy_getinfo(dial->easy, CURLINFO_ACTIVESOCKET, &fd);
	if (fd < 0)
		why = result == CURLE_OK ? "connection was lost" : explain(dial, result);
	if (fd >= 0 && !dial->is_tls)
		hand_over(dial, fd);
	else if (fd < 0)
		dial_end(dial);
	dial->done(dial, fd, why);
}

/* What has come to an end. `done` may begin and end dials, also of this dialer. */
static void collect(struct dialer *dialer)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(dialer->multi, &left)) != NULL) {
		CURLcode result = message->data.result;
		struct dial *dial;

		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&dial);
		finish(dial, result);
	}
}

/* ---- libcurl on the loop ---- */

static void act(struct dialer *dialer, curl_socket_t fd, int what)
{
	int running;

	curl_multi_socket_action(dialer->multi, fd, what, &running);
	collect(dialer);
}

static void socket_ready(struct loop_fd *watch, uint32_t events)
{
	struct socket_watch *socket_watch = container_of(watch, struct socket_watch, watch);
	int what = 0;

	what |= events & (EPOLLIN | EPOLLHUP | EPOLLRDHUP) ? CURL_CSELECT_IN : 0;
	what |= events & EPOLLOUT ? CURL_CSELECT_OUT : 0;
	what |= events & EPOLLERR ? CURL_CSELECT_ERR : 0;
	act(socket_watch->dialer, watch->fd, what);
}

static void time_is_up(struct timer *timer)
{
	act(container_of(timer, struct dialer, timer), CURL_SOCKET_TIMEOUT, 0);
}

static int on_timer(CURLM *multi, long timeout_ms, void *arg)
{
	struct dialer *dialer = arg;

	(void)multi;
	if (timeout_ms < 0)
		loop_timer_cancel(dialer->dialing->loop, &dialer->timer);
	else
		loop_timer_set(dialer->dialing->loop, &dialer->timer, (int64_t)timeout_ms * 1000);
	return 0;
}

static void unwatch(struct dialer *dialer, struct socket_watch *socket_watch)
{
	if (!socket_watch)
		return;
	loop_unwatch(dialer->dialing->loop, &socket_watch->watch);
	free(socket_watch);
}

/* A socket that cannot be watched is left to the timeout. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *assigned)
{
	uint32_t events = (what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0);
	struct socket_watch *socket_watch = assigned;
	struct dialer *dialer = arg;
	int error;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		unwatch(dialer, socket_watch);
		return 0;
	}
	if (socket_watch) {
		error = loop_rewatch(dialer->dialing->loop, &socket_watch->watch, events);
	} else {
		socket_watch = xzalloc(sizeof(*socket_watch));
		*socket_watch = (struct socket_watch){{socket_ready, fd}, dialer};
		error = loop_watch(dialer->dialing->loop, &socket_watch->watch, events);
		curl_multi_assign(dialer->multi, fd, socket_watch);
	}
	(void)error;
	return 0;
}

static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct dial *dial = arg;

	(void)purpose;
	if (guard_allows(&dial->dialing->guard, &address->addr))
		return socket(address->family, address->socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, address->protocol);
	dial->is_refused = true;
	return CURL_SOCKET_BAD;
}

static int on_close(void *arg, curl_socket_t fd)
{
	struct dialing *dialing = arg;

	return fd == dialing->handed_over ? 0 : close(fd);
}

/* ---- connecting ---- */

static void open_dialer(struct dialing *dialing, struct dialer *dialer)
{
	bool is_set;

	dialer->dialing = dialing;
	dialer->timer = (struct timer){.fire = time_is_up};
	dialer->multi = curl_multi_init();
	if (!dialer->multi)
		die_out_of_memory(0);
	is_set = curl_multi_setopt(dialer->multi, CURLMOPT_SOCKETFUNCTION, on_socket) == CURLM_OK;
	is_set = is_set && curl_multi_setopt(dialer->multi, CURLMOPT_SOCKETDATA, dialer) == CURLM_OK;
	is_set = is_set && curl_multi_setopt(dialer->multi, CURLMOPT_TIMERFUNCTION, on_timer) == CURLM_OK;
	is_set = is_set && curl_multi_setopt(dialer->multi, CURLMOPT_TIMERDATA, dialer) == CURLM_OK;
	ASSERT(is_set);
}

static CURL *make_easy(struct dialing *dialing)
{
	CURL *easy = curl_easy_init();
	bool is_set = easy;

	is_set = is_set && curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L) == CURLE_OK;
	is_set = is_set && curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK;
	is_set = is_set && curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK;
	is_set = is_set && curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK;
	is_set = is_set && curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
	/* Ending a dial that resolves a name must not wait for the name. */
	is_set = is_set && curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK;
	is_set = is_set && curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L) == CURLE_OK;
	is_set = is_set && curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK;
	/* Only without a directory of certificates are those of the file kept from one connection to the next. */
	is_set = is_set && curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) == CURLE_OK;
	if (dialing->ca_file && dialing->ca_file[0])
		is_set = is_set && curl_easy_setopt(easy, CURLOPT_CAINFO, dialing->ca_file) == CURLE_OK;
	is_set = is_set && curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open) == CURLE_OK;
	is_set = is_set && curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close) == CURLE_OK;
	is_set = is_set && curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, dialing) == CURLE_OK;
	ASSERT(is_set);
	return easy;
}

void dial_begin(struct dialing *dialing, struct dial *dial, const char *url, bool is_tls, int64_t timeout_ms)
{
	CURL *easy = dialing->spare_count ? dialing->spare[--dialing->spare_count] : make_easy(dialing);
	bool is_set;

	dial->dialing = dialing;
	dial->dialer = &dialing->dialers[dialing->next++ % DIALERS];
	dial->easy = easy;
	dial->is_tls = is_tls;
	dial->is_refused = false;
	if (!dial->dialer->multi)
		open_dialer(dialing, dial->dialer);
	is_set = curl_easy_setopt(easy, CURLOPT_URL, url) == CURLE_OK;
	is_set = is_set && curl_easy_setopt(easy, CURLOPT_PRIVATE, (void *)dial) == CURLE_OK;
	is_set = is_set && curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, (void *)dial) == CURLE_OK;
	is_set = is_set && curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)timeout_ms) == CURLE_OK;
	ASSERT(is_set && curl_multi_add_handle(dial->dialer->multi, easy) == CURLM_OK);
}

/* ---- TLS ---- */

ssize_t dial_send(struct dial *dial, struct str bytes)
{
	size_t sent = 0;
	CURLcode result = curl_easy_send(dial->easy, bytes.ptr, bytes.len, &sent);

	if (result == CURLE_AGAIN)
		return -EAGAIN;
	return result == CURLE_OK ? (ssize_t)sent : -EPIPE;
}

ssize_t dial_receive(struct dial *dial, char *bytes, size_t room)
{
	size_t got = 0;
	CURLcode result = curl_easy_recv(dial->easy, bytes, room, &got);

	if (result == CURLE_AGAIN)
		return -EAGAIN;
	return result == CURLE_OK ? (ssize_t)got : -ECONNRESET;
}

/* ---- opening and closing ---- */

int dialing_open(struct dialing *dialing, struct loop *loop, const char *networks, bool is_public, const char *ca_file,
		 char *message, size_t size)
{
	char why[160];
	int error;

	*dialing = (struct dialing){.loop = loop, .ca_file = ca_file, .handed_over = -1};
	if (ca_file && ca_file[0] && access(ca_file, R_OK) < 0) {
		error = -errno;
		snprintf(message, size, "outgoing.ca-file %s: %s", ca_file, error_text(error));
		return error;
	}
	error = guard_init(&dialing->guard, networks, is_public, why, sizeof(why));
	if (error < 0) {
		snprintf(message, size, "outgoing.networks: %s", why);
		return error;
	}
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		die_out_of_memory(0);
	return 0;
}

void dialing_close(struct dialing *dialing)
{
	while (dialing->spare_count)
		curl_easy_cleanup(dialing->spare[--dialing->spare_count]);
	for (unsigned i = 0; i < DIALERS; i++) {
		if (dialing->dialers[i].multi)
			curl_multi_cleanup(dialing->dialers[i].multi);
		loop_timer_cancel(dialing->loop, &dialing->dialers[i].timer);
	}
	guard_finish(&dialing->guard);
	curl_global_cleanup();
}
