/* deflation: see deflation.h. */
#include "bindings/websocket/deflation.h"

#define ZLIB_CONST
#include <stdlib.h>
#include <zlib.h>

enum {
	COMING_WINDOW = -15, /* as large as any peer's; below zero: without the header of zlib */
	GOING_WINDOW = -12,
	GOING_LEVEL = 1,
	GOING_MEMORY = 5,
	PIECE = 4096,
	TAIL_LEN = 4,
};

/* RFC 7692 7.2.1: what every message ends with is not sent. */
static const char tail[TAIL_LEN] = {0x00, 0x00, (char)0xff, (char)0xff};

struct deflation {
	z_stream coming, going;
	bool forgets_coming, forgets_going;
};

struct deflation *deflation_create(bool forgets_coming, bool forgets_going)
{
	struct deflation *deflation = xzalloc(sizeof(*deflation));

	deflation->forgets_coming = forgets_coming;
	deflation->forgets_going = forgets_going;
	if (inflateInit2(&deflation->coming, COMING_WINDOW) != Z_OK ||
	    deflateInit2(&deflation->going, GOING_LEVEL, Z_DEFLATED, GOING_WINDOW, GOING_MEMORY, Z_DEFAULT_STRATEGY) !=
		    Z_OK)
		die_out_of_memory(0);
	return deflation;
}

void deflation_destroy(struct deflation *deflation)
{
	if (!deflation)
		return;
	inflateEnd(&deflation->coming);
	deflateEnd(&deflation->going);
	free(deflation);
}

static void set_input(z_stream *stream, struct str bytes)
{
	stream->next_in = (const Bytef *)bytes.ptr;
	stream->avail_in = (uInt)bytes.len;
}

/* A piece at a time: a message of a few bytes may be one of many gigabytes. */
static int inflate_some(struct deflation *deflation, struct str bytes, size_t most, struct strbuf *out)
{
	z_stream *stream = &deflation->coming;

	set_input(stream, bytes);
	do {
		int status;

		stream->next_out = (Bytef *)strbuf_reserve(out, PIECE);
		stream->avail_out = PIECE;
		status = inflate(stream, Z_SYNC_FLUSH);
		out->len += PIECE - stream->avail_out;
		if (status == Z_STREAM_END) { /* a block may be the last one, the window stays: RFC 7692 7.2.3.5 */
			if (inflateResetKeep(stream) != Z_OK)
				return ERROR_FORMAT;
		} else if (status != Z_OK && status != Z_BUF_ERROR) {
			return ERROR_FORMAT;
		}
		if (out->len > most)
			return ERROR_LIMIT;
	} while (stream->avail_in || stream->avail_out == 0);
	return 0;
}

int deflation_inflate(struct deflation *deflation, struct str bytes, size_t most, struct strbuf *out)
{
	int error = inflate_some(deflation, bytes, most, out);

	if (error == 0)
		error = inflate_some(deflation, str_make(tail, TAIL_LEN), most, out);
	if (error == 0 && deflation->forgets_coming && inflateReset(&deflation->coming) != Z_OK)
		error = ERROR_FORMAT;
	return error;
}

void deflation_add(struct deflation *deflation, struct str message, struct strbuf *out)
{
	z_stream *stream = &deflation->going;

	set_input(stream, message);
	do {
		stream->next_out = (Bytef *)strbuf_reserve(out, PIECE);
		stream->avail_out = PIECE;
		ASSERT(deflate(stream, Z_SYNC_FLUSH) != Z_STREAM_ERROR);
		out->len += PIECE - stream->avail_out;
	} while (stream->avail_out == 0);
	out->len -= TAIL_LEN;
	if (deflation->forgets_going)
		ASSERT(deflateReset(stream) == Z_OK);
}
