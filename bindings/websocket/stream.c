/* stream: calling libwebsockets, and being called by it. */
#include "bindings/websocket/stream.h"

#include <libwebsockets.h>
#include <poll.h>

_Static_assert(STREAM_ROOM == LWS_PRE, "as the library has it");

enum {
	RECEIVE_BYTES = 4096,	   /* read at once; each stream has as many */
	SEND_BYTES = 64 * 1024,	   /* written at once */
	SERVICE_BYTES = 16 * 1024, /* shared by all */
	READ_FAILED = -1,	   /* what the library takes for the end of a connection */
	READ_NOTHING = -4,	   /* and for no end: there may be more later */
	RSV1 = 0x40,
};

/* ---- what the library reads ---- */

int __real_lws_ssl_capable_read(struct lws *wsi, unsigned char *bytes, int room);
int __wrap_lws_ssl_capable_read(struct lws *wsi, unsigned char *bytes, int room);

static int read_early(struct stream *stream, unsigned char *bytes, int room)
{
	size_t len = stream->early.len < (size_t)room ? stream->early.len : (size_t)room;

	memcpy(bytes, stream->early.ptr, len);
	stream->early = str_from(stream->early, len);
	return (int)len;
}

/* The linker puts this in the place of the library's own function (local.mk), so that every byte of a connection is
 * seen before the library acts on it. The handshake is ours and is not looked at. */
int __wrap_lws_ssl_capable_read(struct lws *wsi, unsigned char *bytes, int room)
{
	struct stream *stream = lws_get_opaque_user_data(wsi);
	enum close_code code;
	size_t counting;
	int len;

	if (!stream)
		return __real_lws_ssl_capable_read(wsi, bytes, room);
	if (!stream->wsi)
		return read_early(stream, bytes, room);
	len = stream->early.len ? read_early(stream, bytes, room) : __real_lws_ssl_capable_read(wsi, bytes, room);
	if (len <= 0)
		return len;
	counting = (size_t)len;
	code = frames_scan(&stream->frames, (char *)bytes, &counting);
	if (code == CLOSE_NONE)
		return counting ? (int)counting : READ_NOTHING;
	stream->close_code = code;
	stream->close_why = stream->frames.why;
	lws_close_reason(wsi, (enum lws_close_status)code, NULL, 0);
	return READ_FAILED;
}

/* ---- what the library calls ---- */

static int received(struct stream *stream, struct lws *wsi, char *bytes, size_t len)
{
	const struct stream_piece piece = {
		.bytes = str_make(bytes ? bytes : "", len),
		.is_first = lws_is_first_fragment(wsi),
		.is_last = lws_is_final_fragment(wsi),
		.is_binary = lws_frame_is_binary(wsi),
		.is_deflated = lws_get_reserved_bits(wsi) & RSV1,
	};

	if (stream->close_code == CLOSE_NONE)
		stream->hooks->received(stream, &piece);
	return 0;
}

static void add_reason(const struct stream *stream, struct lws *wsi)
{
	unsigned char text[120];
	size_t len = strlen(stream->close_why);

	len = len < sizeof(text) ? len : sizeof(text);
	memcpy(text, stream->close_why, len);
	lws_close_reason(wsi, (enum lws_close_status)stream->close_code, text, len);
}

static int writable(struct stream *stream, struct lws *wsi)
{
	unsigned char control[LWS_PRE + CONTROL_MAX];

	stream->was_writable = true;
	stream->wants_to_write = false;
	if (stream->pings) {
		stream->pings = false;
		lws_write(wsi, control + LWS_PRE, 0, LWS_WRITE_PING);
	}
	if (stream->frames.had_ping && !lws_partial_buffered(wsi)) {
		stream->frames.had_ping = false;
		memcpy(control + LWS_PRE, stream->frames.ping, stream->frames.ping_len);
		lws_write(wsi, control + LWS_PRE, stream->frames.ping_len, LWS_WRITE_PONG);
	}
	stream->wants_to_write = stream->frames.had_ping || lws_partial_buffered(wsi);
	stream->hooks->writable(stream);
	if (stream->wants_to_write || stream->close_code == CLOSE_NONE || lws_partial_buffered(wsi))
		return 0;
	stream->wants_to_write = true; /* for the close frame */
	add_reason(stream, wsi);
	return -1;
}

static int called(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *bytes, size_t len)
{
	struct stream *stream = lws_get_opaque_user_data(wsi);

	(void)user;
	switch (reason) {
	case LWS_CALLBACK_CONFIRM_EXTENSION_OKAY:
		return stream->is_deflating ? 0 : 1;
	case LWS_CALLBACK_ESTABLISHED:
		stream->wsi = wsi;
		return 0;
	case LWS_CALLBACK_RECEIVE:
		return received(stream, wsi, bytes, len);
	case LWS_CALLBACK_SERVER_WRITEABLE:
		return writable(stream, wsi);
	case LWS_CALLBACK_WSI_DESTROY:
		stream->has_ended = true;
		stream->wsi = NULL;
		return 0;
	default:
		return 0;
	}
}

static const struct lws_protocols protocols[] = {
#define PROTOCOL(text)                                                                                                 \
	{                                                                                                              \
		.name = (text), .callback = called, .per_session_data_size = 1, .rx_buffer_size = RECEIVE_BYTES,       \
		.tx_packet_size = SEND_BYTES,                                                                          \
	}
	PROTOCOL("oneM2M.json"),
	PROTOCOL("oneM2M.xml"),
	PROTOCOL("oneM2M.cbor"),
#undef PROTOCOL
	{.name = NULL},
};

/* Nothing of the extension is the library's but its name in the handshake and the bit in the frames. */
static int extend(struct lws_context *context, const struct lws_extension *extension, struct lws *wsi,
		  enum lws_extension_callback_reasons reason, void *user, void *in, size_t len)
{
	static const struct lws_ext_options options[] = {
		{"server_no_context_takeover", EXTARG_NONE},
		{"client_no_context_takeover", EXTARG_NONE},
		{NULL, EXTARG_NONE},
	};
	const struct stream *stream = lws_get_opaque_user_data(wsi);

	(void)context;
	(void)extension;
	(void)user;
	(void)len;
	if (reason == LWS_EXT_CB_CONSTRUCT)
		*(const struct lws_ext_options **)in = options;
	if (reason == LWS_EXT_CB_PACKET_TX_PRESEND && stream->sends_deflated)
		((struct lws_tokens *)in)->token[0] |= RSV1;
	return 0;
}

static const struct lws_extension extensions[] = {
	{"permessage-deflate", extend, "permessage-deflate"},
	{NULL, NULL, NULL},
};

/* No validity checks: pings are the binding's. */
static const struct lws_retry_bo no_checks = {0};

/* ---- the library ---- */

int library_open(struct library *library)
{
	const struct lws_context_creation_info info = {
		.port = CONTEXT_PORT_NO_LISTEN_SERVER,
		.protocols = protocols,
		.extensions = extensions,
		.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_SKIP_SERVER_CANONICAL_NAME,
		.retry_and_idle_policy = &no_checks,
		.pt_serv_buf_size = SERVICE_BYTES,
		.gid = -1,
		.uid = -1,
	};

	*library = (struct library){0};
	lws_set_log_level(0, NULL);
	library->context = lws_create_context(&info);
	if (!library->context)
		return -1;
	library->vhost = lws_create_vhost(library->context, &info);
	if (library->vhost)
		return 0;
	library_close(library);
	return -1;
}

void library_close(struct library *library)
{
	if (library->context)
		lws_context_destroy(library->context);
	library->context = NULL;
}

/* ---- streams ---- */

/* The library looks after the socket; true while the stream is there. */
static bool service(struct stream *stream, short events)
{
	struct lws_pollfd pollfd = {
		.fd = stream->fd,
		.events = POLLIN | POLLOUT,
		.revents = events,
	};
	bool closes = lws_service_fd(stream->library->context, &pollfd) != 0;

	if (closes && stream->phase == STREAM_OPEN)
		stream->phase = STREAM_CLOSING;
	return !stream->has_ended;
}

void stream_read(struct stream *stream)
{
	bool is_there;

	do
		is_there = service(stream, POLLIN);
	while (is_there && stream->early.len);
	if (!is_there) {
		stream->hooks->ended(stream);
		return;
	}
	stream->wants_to_write |=
		stream->frames.had_ping || stream->frames.has_closed || stream->phase == STREAM_CLOSING;
}

/* A pong, a rest of what was written before and pieces of compressed messages go out first, and the library calls back
 * with another write. */
void stream_write(struct stream *stream)
{
	bool closes = stream->phase == STREAM_CLOSING;

	stream->was_writable = false;
	if (!service(stream, POLLOUT)) {
		stream->hooks->ended(stream);
		return;
	}
	if (closes)
		stream->phase = STREAM_CLOSED;
	if (stream->phase != STREAM_CLOSED) {
		stream->wants_to_write |= !stream->was_writable;
		return;
	}
	stream->wants_to_write = lws_partial_buffered(stream->wsi);
	if (stream->frames.has_closed && !stream->wants_to_write)
		stream_kill(stream); /* RFC 6455 7.1.1: both have sent a close frame */
}

int stream_open(struct stream *stream, struct library *library, int fd, struct str request, struct str early)
{
	struct lws_adopt_desc adoption = {
		.vh = library->vhost,
		.type = LWS_ADOPT_SOCKET | LWS_ADOPT_HTTP,
		.fd.sockfd = fd,
		.opaque = stream,
	};

	stream->library = library;
	stream->fd = fd;
	stream->early = request;
	if (!lws_adopt_descriptor_vhost_via_info(&adoption))
		return -1;
	if (service(stream, POLLIN) && !stream->wsi)
		service(stream, POLLHUP); /* it does not like the handshake */
	stream->early = early;
	return stream->wsi ? 0 : -1;
}

bool stream_is_full(const struct stream *stream)
{
	return lws_partial_buffered(stream->wsi);
}

void stream_send(struct stream *stream, char *bytes, size_t len, bool is_binary, bool is_deflated)
{
	stream->sends_deflated = is_deflated;
	lws_write(stream->wsi, (unsigned char *)bytes, len, is_binary ? LWS_WRITE_BINARY : LWS_WRITE_TEXT);
	stream->wants_to_write |= lws_partial_buffered(stream->wsi);
}

void stream_close(struct stream *stream, enum close_code code, const char *why)
{
	if (stream->close_code != CLOSE_NONE)
		return;
	stream->close_code = code;
	stream->close_why = why;
	stream->wants_to_write = true;
}

void stream_kill(struct stream *stream)
{
	if (!service(stream, POLLHUP))
		stream->hooks->ended(stream);
}
