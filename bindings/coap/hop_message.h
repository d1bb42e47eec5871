/* hop_message: a hop becomes a CoAP request, and the response to it becomes what came of the hop (TS-0008 clause 6). */
#ifndef BINDINGS_COAP_HOP_MESSAGE_H
#define BINDINGS_COAP_HOP_MESSAGE_H

#include "bindings/coap/message.h"
#include "bindings/transcoder.h"
#include "cse/core/binding.h"

/* A URL taken apart; views of it. */
struct hop_target {
	bool is_stream; /* coap+tcp */
	struct str host;
	uint16_t port; /* host order */
	struct str path, query;
};

/* 0, or -1 and why the URL cannot be used. */
WARN_UNUSED int hop_target_read(struct hop_target *target, struct str url, const char **why);

/* Fills the whole request but for token and Block options; what it refers to is in the arena or the hop. cse_id: this
 * CSE's. 0, or -1 and why it cannot be sent. */
WARN_UNUSED int hop_message_write(struct message *message, const struct hop *hop, const struct hop_target *target,
				  struct str cse_id, struct transcoder *transcoder, struct arena *arena,
				  const char **why);

/* Fills outcome, rsc, answer and reason of hop from a response and its whole payload; answer is a view of body, which
 * may change for it. */
void hop_message_judge(struct hop *hop, const struct message *message, struct strbuf *body,
		       struct transcoder *transcoder, const struct decode_limits *limits);

/* The hop ends without an answer. */
void hop_message_fail(struct hop *hop, enum hop_outcome outcome, const char *why);

#endif
