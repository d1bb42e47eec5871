/* primitive: whole primitives as documents (TS-0004 8.3 to 8.5), as MQTT (TS-0010 6.5) and WebSocket (TS-0020 6.1)
 * carry them. What stands in them is not judged here but for its form: Recv-1.0 does. */
#ifndef BINDINGS_PRIMITIVE_H
#define BINDINGS_PRIMITIVE_H

#include "cse/core/binding.h"

enum primitive_kind { PRIMITIVE_NONE, PRIMITIVE_REQUEST, PRIMITIVE_RESPONSE };

/* Decodes bytes, as either kind of primitive; the document is in the arena, or a view of bytes. JSON and CBOR that are
 * wrapped like XML (`{"m2m:rqp":{...}}`, older clients do so) are taken as well. NONE: *error says what is wrong. */
enum primitive_kind primitive_decode(const struct schema *schema, const struct codec *codec, struct str bytes,
				     const struct decode_limits *limits, struct arena *arena, struct value *root,
				     struct decode_error *error);

/* Fills parameters, filter and content of req from a request primitive whose document lives as long as req's arena.
 * What has the wrong form becomes req->refused. */
void primitive_fill(struct request *req, const struct schema *schema, struct value root);

/* Sets only what a refusal needs: Request Identifier, From and Release Version Indicator, in the arena. */
void primitive_identify(struct request *req, const struct schema *schema, struct value root, struct arena *arena);

/* The Request Identifier, or the number that stands in its place; ptr NULL: there is none. */
struct str primitive_identifier(const struct schema *schema, struct value root, struct arena *arena);

/* Sets outcome, code and content of a hop that a response primitive answers; the content lives as long as the document.
 */
void primitive_answer(struct hop *hop, const struct schema *schema, struct value root);

/* Appends the response primitive to an answered request, for whoever made it. What the serialization cannot carry is
 * answered 5207. */
void primitive_add_response(struct strbuf *out, const struct request *req, const struct schema *schema,
			    const struct codec *codec, struct arena *arena);

/* Appends the response primitive to a request whose answer cannot be carried. */
void primitive_add_uncarried(struct strbuf *out, const struct request *req, const struct schema *schema,
			     const struct codec *codec, struct arena *arena, const struct decode_error *why);

/* Appends the request primitive of a hop; one to a URL names the URL as its target. 0, or -1: the serialization cannot
 * carry it, *error says what. */
int primitive_add_request(struct strbuf *out, const struct hop *hop, const struct schema *schema,
			  const struct codec *codec, struct arena *arena, struct decode_error *error);

#endif
