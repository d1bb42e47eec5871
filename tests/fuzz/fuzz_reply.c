/* fuzz_reply: answers that the HTTP client reads. The first byte says into pieces of how many bytes the rest is cut;
 * the answer has to be the same as that of the whole. */
#include "tests/fuzz/fuzz.h"

#include "bindings/http/reply.h"

enum { MAX_BODY = 1000 };

/* Each piece is memory of its own, so that a look beyond it shows. */
static enum reply_result read_piece(struct reply *reply, struct str piece, char **kept)
{
	free(*kept);
	*kept = xmalloc(piece.len);
	memcpy(*kept, piece.ptr, piece.len);
	return reply_read(reply, str_make(*kept, piece.len));
}

static enum reply_result read_pieces(struct reply *reply, struct str rest, size_t most, char **kept)
{
	enum reply_result result = REPLY_MORE;

	reply_begin(reply, MAX_BODY);
	while (rest.len && result == REPLY_MORE) {
		size_t len = rest.len < most ? rest.len : most;

		result = read_piece(reply, str_make(rest.ptr, len), kept);
		rest = str_from(rest, len);
	}
	return result == REPLY_MORE ? reply_end(reply) : result;
}

static void check_same(const struct reply *a, const struct reply *b)
{
	FUZZ_HOLDS(reply_status(a) == reply_status(b));
	FUZZ_HOLDS(str_eq(reply_body(a), reply_body(b)));
	FUZZ_HOLDS(reply_body(a).len <= MAX_BODY);
	FUZZ_HOLDS(str_eq(reply_value(&a->code), reply_value(&b->code)));
	FUZZ_HOLDS(str_eq(reply_value(&a->content_type), reply_value(&b->content_type)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reply whole = {0}, pieces = {0};
	char *kept_whole = NULL, *kept_piece = NULL;
	struct str input = str_make((const char *)data + 1, size ? size - 1 : 0);
	enum reply_result a, b;

	if (size == 0)
		return 0;
	a = read_pieces(&whole, input, input.len, &kept_whole);
	b = read_pieces(&pieces, input, data[0] ? data[0] : 1, &kept_piece);
	FUZZ_HOLDS(a == b && (a == REPLY_DONE || (whole.why && pieces.why)));
	if (a == REPLY_DONE)
		check_same(&whole, &pieces);
	reply_finish(&whole);
	reply_finish(&pieces);
	free(kept_whole);
	free(kept_piece);
	return 0;
}
