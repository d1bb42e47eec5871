/* translate: a CoAP request becomes a request primitive, the answer becomes a CoAP response (TS-0008 6.2). */
#ifndef BINDINGS_COAP_TRANSLATE_H
#define BINDINGS_COAP_TRANSLATE_H

#include "bindings/coap/option.h"
#include "bindings/transcoder.h"
#include "cse/core/binding.h"

/* The type that answers to a request have, errors too (TS-0004 7.3.3.13); NULL: Accept takes none that is served. */
const struct media_def *translate_media(const struct message *message);

/* Fills req from a request whose options are understood, and its whole content. Everything that is kept is copied into
 * req's arena; what is wrong becomes req->refused. */
void translate_request(const struct message *message, struct str content, const struct schema *schema,
		       struct request *req);

/* Fills the code, options and payload of the response to an answered request; media: its type. Views are of req, its
 * arena and the transcoder, until its next use. A code 0 says that there is no response: the request wanted none. */
void translate_response(struct message *message, struct request *req, const struct media_def *media,
			struct transcoder *transcoder);

/* The same for a request that the CSE has not seen: a refusal of the protocol's, in the type that answers to it have.
 * scratch takes the explanation. */
void translate_refusal(struct message *message, const struct message *request, uint8_t code, enum rsc rsc,
		       struct str why, struct strbuf *scratch, struct transcoder *transcoder);

#endif
