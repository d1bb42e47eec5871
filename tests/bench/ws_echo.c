/* ws_echo: a bare WebSocket server of libwebsockets that sends every message back, as the reference of the bench. It
 * prints its port and serves until it is killed. With the argument `uv` the library runs on libuv. */
#include <arpa/inet.h>
#include <libwebsockets.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { LARGEST = 1 << 16 };

struct echo {
	size_t len;
	unsigned char bytes[LWS_PRE + LARGEST];
};

static int called(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *bytes, size_t len)
{
	struct echo *echo = user;
	int one = 1;

	switch (reason) {
	case LWS_CALLBACK_ESTABLISHED:
		setsockopt(lws_get_socket_fd(wsi), IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		return 0;
	case LWS_CALLBACK_RECEIVE:
		if (len > LARGEST)
			return -1;
		memcpy(echo->bytes + LWS_PRE, bytes, len);
		echo->len = len;
		lws_callback_on_writable(wsi);
		return 0;
	case LWS_CALLBACK_SERVER_WRITEABLE:
		if (echo->len)
			lws_write(wsi, echo->bytes + LWS_PRE, echo->len, LWS_WRITE_TEXT);
		echo->len = 0;
		return 0;
	default:
		return 0;
	}
}

int main(int argc, char **argv)
{
	static const struct lws_protocols protocols[] = {
		{.name = "oneM2M.json", .callback = called, .per_session_data_size = sizeof(struct echo)},
		{.name = NULL},
	};
	bool is_uv = argc > 1 && strcmp(argv[1], "uv") == 0;
	struct lws_context_creation_info info = {
		.port = 0,
		.iface = "127.0.0.1",
		.protocols = protocols,
		.options = is_uv ? LWS_SERVER_OPTION_LIBUV : 0,
		.gid = -1,
		.uid = -1,
	};
	struct lws_context *context;

	lws_set_log_level(0, NULL);
	context = lws_create_context(&info);
	if (!context)
		return 1;
	printf("%d\n", lws_get_vhost_listen_port(lws_get_vhost_by_name(context, "default")));
	fflush(stdout);
	while (lws_service(context, 0) >= 0)
		;
	lws_context_destroy(context);
	return 0;
}
