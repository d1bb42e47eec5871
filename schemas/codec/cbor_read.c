/* cbor_read: from CBOR (RFC 7049) to the canonical form, by libcbor's stream decoder: one item at a time, nothing
 * allocated for what a head announces. The walk follows the tables only to know where a byte string may stand. */
#include "schemas/codec/cbor.h"

#include <cbor.h>
#include <math.h>

#include "schemas/codec/base64.h"
#include "schemas/codec/canon.h"
#include "schemas/codec/decimal.h"
#include "schemas/rows.h"
#include "schemas/shape.h"

/* An array or map that is open. */
struct frame {
	struct shape shape;
	uint64_t left; /* items until it ends, unless it is indefinite */
	bool is_map, is_indefinite;
	bool wants_name; /* of a map: the next item is a name */
};

/* What an indefinite string is made of. */
enum chunks { NO_CHUNKS, TEXT_CHUNKS, BYTE_CHUNKS };

struct reader {
	const struct schema *schema;
	const struct decode_limits *limits;
	struct arena *arena;
	struct decode_error *error;
	int result;
	size_t at, end; /* the item being read, and the end of the input */
	struct canon canon;
	struct frame *frames;
	unsigned depth, items;
	struct shape next; /* of the value that comes */
	enum chunks chunks;
	struct strbuf chunk;
};

static bool stop(struct reader *r, int result, const char *message)
{
	if (r->result == 0) {
		r->result = result;
		r->error->offset = r->at;
		snprintf(r->error->message, sizeof(r->error->message), "%s", message);
	}
	return false;
}

static bool fail(struct reader *r, const char *message)
{
	return stop(r, ERROR_FORMAT, message);
}

static struct frame *top(struct reader *r)
{
	return r->depth ? &r->frames[r->depth - 1] : NULL;
}

static void close_frame(struct reader *r)
{
	canon_close(&r->canon, top(r)->is_map ? '}' : ']', r->at);
	r->depth--;
}

/* An item is complete, and with it those around it that it was the last of. */
static void end_item(struct reader *r)
{
	for (struct frame *frame = top(r); frame; frame = top(r)) {
		frame->wants_name = frame->is_map;
		if (!frame->is_map)
			r->next = shape_element(&frame->shape);
		if (frame->is_indefinite || --frame->left > 0)
			return;
		close_frame(r);
	}
}

/* May a value stand here? What counts against the limit on values is counted. */
static bool begin_value(struct reader *r)
{
	if (r->result < 0)
		return false;
	if (++r->items > r->limits->tokens)
		return stop(r, ERROR_LIMIT, "too many values");
	if (r->chunks != NO_CHUNKS)
		return fail(r, "a string of indefinite length has a part that is none of its kind");
	if (top(r) && top(r)->wants_name)
		return fail(r, "the name of a member must be a text string");
	return true;
}

static void take_literal(struct reader *r, struct str text)
{
	if (!begin_value(r))
		return;
	canon_literal(&r->canon, text);
	end_item(r);
}

/* ---- numbers ---- */

static void take_integer(void *context, bool is_negative, uint64_t number)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%s%llu", is_negative ? "-" : "",
			   (unsigned long long)number + is_negative);

	if (is_negative && number == UINT64_MAX)
		len = snprintf(digits, sizeof(digits), "-18446744073709551616");
	take_literal(context, str_make(digits, (size_t)len));
}

#define TAKE_INTEGER(name, type, is_negative)                                                                          \
	static void name(void *context, type number)                                                                   \
	{                                                                                                              \
		take_integer(context, is_negative, number);                                                            \
	}
TAKE_INTEGER(on_uint8, uint8_t, false)
TAKE_INTEGER(on_uint16, uint16_t, false)
TAKE_INTEGER(on_uint32, uint32_t, false)
TAKE_INTEGER(on_uint64, uint64_t, false)
TAKE_INTEGER(on_negint8, uint8_t, true)
TAKE_INTEGER(on_negint16, uint16_t, true)
TAKE_INTEGER(on_negint32, uint32_t, true)
TAKE_INTEGER(on_negint64, uint64_t, true)

static void on_double(void *context, double number)
{
	char text[DECIMAL_SIZE];

	if (isfinite(number))
		take_literal(context, str_make(text, decimal_print(number, text)));
	else
		fail(context, "a number that is not finite");
}

static void on_float(void *context, float number)
{
	on_double(context, number);
}

/* ---- strings ---- */

static void take_name(struct reader *r, struct str name)
{
	struct frame *frame = top(r);

	if (++r->items > r->limits->tokens) {
		stop(r, ERROR_LIMIT, "too many values");
		return;
	}
	canon_name(&r->canon, name);
	r->next = shape_member(r->schema, &frame->shape, name);
	frame->wants_name = false;
	if (!frame->is_indefinite)
		frame->left--;
}

static void take_text(struct reader *r, struct str text)
{
	if (r->result < 0)
		return;
	if (top(r) && top(r)->wants_name) {
		take_name(r, text);
	} else if (begin_value(r)) {
		canon_string(&r->canon, text);
		end_item(r);
	}
}

/* JSON has no bytes: only where the tables say base64 is it certain that the same comes back. */
static void take_bytes(struct reader *r, struct str bytes)
{
	if (!begin_value(r))
		return;
	if (r->next.type || r->next.kind.base != KIND_BASE64 || r->next.kind.is_list) {
		fail(r, "a byte string where no base64 value belongs");
		return;
	}
	canon_string(&r->canon, base64_encode(bytes, r->arena));
	end_item(r);
}

static void add_chunk(struct reader *r, enum chunks kind, struct str bytes)
{
	if (++r->items > r->limits->tokens)
		stop(r, ERROR_LIMIT, "too many values");
	else if (r->chunks != kind)
		fail(r, "a string of indefinite length has a part that is none of its kind");
	else
		strbuf_add_str(&r->chunk, bytes);
}

static void on_text(void *context, cbor_data bytes, size_t len)
{
	struct reader *r = context;
	struct str text = str_make((const char *)bytes, len);

	if (r->result == 0 && !str_is_utf8(text))
		fail(r, "invalid UTF-8 in a text string");
	else if (r->chunks != NO_CHUNKS)
		add_chunk(r, TEXT_CHUNKS, text);
	else
		take_text(r, text);
}

static void on_bytes(void *context, cbor_data bytes, size_t len)
{
	struct reader *r = context;
	struct str text = str_make((const char *)bytes, len);

	if (r->chunks != NO_CHUNKS)
		add_chunk(r, BYTE_CHUNKS, text);
	else
		take_bytes(r, text);
}

static void begin_chunks(struct reader *r, enum chunks kind)
{
	if (r->chunks != NO_CHUNKS)
		fail(r, "a string of indefinite length has a part that is none of its kind");
	r->chunks = kind;
	strbuf_clear(&r->chunk);
}

static void on_text_start(void *context)
{
	begin_chunks(context, TEXT_CHUNKS);
}

static void on_bytes_start(void *context)
{
	begin_chunks(context, BYTE_CHUNKS);
}

/* ---- arrays and maps ---- */

static void open_frame(struct reader *r, bool is_map, bool is_indefinite, uint64_t count)
{
	struct shape shape = r->next;

	if (!begin_value(r))
		return;
	if (r->depth == r->limits->depth) {
		stop(r, ERROR_LIMIT, "nested too deep");
		return;
	}
	/* Each item has a byte at least. */
	if (count > r->end - r->at) {
		fail(r, "more elements than there are bytes");
		return;
	}
	canon_open(&r->canon, is_map ? '{' : '[');
	r->frames[r->depth++] = (struct frame){shape, is_map ? 2 * count : count, is_map, is_indefinite, is_map};
	r->next = shape_element(&shape);
	if (!is_indefinite && count == 0) {
		close_frame(r);
		end_item(r);
	}
}

static void on_array(void *context, size_t count)
{
	open_frame(context, false, false, count);
}

static void on_map(void *context, size_t count)
{
	open_frame(context, true, false, count);
}

static void on_array_start(void *context)
{
	open_frame(context, false, true, 0);
}

static void on_map_start(void *context)
{
	open_frame(context, true, true, 0);
}

static void end_chunks(struct reader *r)
{
	enum chunks kind = r->chunks;

	r->chunks = NO_CHUNKS;
	if (kind == TEXT_CHUNKS)
		take_text(r, strbuf_str(&r->chunk));
	else
		take_bytes(r, strbuf_str(&r->chunk));
}

static void on_break(void *context)
{
	struct reader *r = context;

	if (r->chunks != NO_CHUNKS) {
		end_chunks(r);
	} else if (!top(r) || !top(r)->is_indefinite || (top(r)->is_map && !top(r)->wants_name)) {
		fail(r, "a break where nothing can end");
	} else {
		close_frame(r);
		end_item(r);
	}
}

/* ---- the rest ---- */

static void on_tag(void *context, uint64_t tag)
{
	(void)tag;
	fail(context, "tags have no meaning here");
}

static void on_undefined(void *context)
{
	fail(context, "undefined is no value");
}

static void on_null(void *context)
{
	take_literal(context, STR("null"));
}

static void on_bool(void *context, bool is_true)
{
	take_literal(context, is_true ? STR("true") : STR("false"));
}

static const struct cbor_callbacks callbacks = {
	.uint8 = on_uint8,
	.uint16 = on_uint16,
	.uint32 = on_uint32,
	.uint64 = on_uint64,
	.negint8 = on_negint8,
	.negint16 = on_negint16,
	.negint32 = on_negint32,
	.negint64 = on_negint64,
	.byte_string = on_bytes,
	.byte_string_start = on_bytes_start,
	.string = on_text,
	.string_start = on_text_start,
	.array_start = on_array,
	.indef_array_start = on_array_start,
	.map_start = on_map,
	.indef_map_start = on_map_start,
	.tag = on_tag,
	.float2 = on_float,
	.float4 = on_float,
	.float8 = on_double,
	.undefined = on_undefined,
	.null = on_null,
	.boolean = on_bool,
	.indef_break = on_break,
};

static void read_items(struct reader *r, struct str bytes)
{
	do {
		struct cbor_decoder_result item =
			cbor_stream_decode((cbor_data)bytes.ptr + r->at, bytes.len - r->at, &callbacks, r);

		if (item.status == CBOR_DECODER_NEDATA)
			fail(r, "the bytes end too early");
		else if (item.status == CBOR_DECODER_ERROR)
			fail(r, "no item of CBOR begins with this byte");
		if (r->result == 0)
			r->at += item.read;
	} while (r->result == 0 && (r->depth > 0 || r->chunks != NO_CHUNKS));
	if (r->result == 0 && r->at < bytes.len)
		fail(r, "bytes behind the value");
}

static struct shape shape_of(enum codec_form form)
{
	if (form == CODEC_CONTENT)
		return shape_any();
	return shape_complex(form == CODEC_REQUEST ? &complex_requestPrimitive : &complex_responsePrimitive);
}

int cbor_read(const struct schema *schema, enum codec_form form, struct str bytes, const struct decode_limits *limits,
	      struct arena *arena, struct doc *doc, struct decode_error *error)
{
	struct reader r = {
		.schema = schema,
		.limits = limits,
		.arena = arena,
		.error = error,
		.end = bytes.len,
		.next = shape_of(form),
	};

	if (!bytes.ptr)
		bytes = STR("");
	if (bytes.len > limits->bytes)
		stop(&r, ERROR_LIMIT, "the text is too long");
	r.frames = arena_alloc(arena, limits->depth * sizeof(*r.frames) + 1);
	if (r.result == 0)
		read_items(&r, bytes);
	if (r.result == 0)
		r.result = canon_end(&r.canon, limits, arena, doc, error);
	canon_finish(&r.canon);
	strbuf_finish(&r.chunk);
	return r.result;
}

const struct codec codec_cbor = {"cbor", cbor_read, cbor_write};
