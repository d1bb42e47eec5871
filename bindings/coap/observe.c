/* observe: asking again, one question at a time; what changes meanwhile is one more question, not many. */
#include "bindings/coap/observe.h"

#include "bindings/address.h"
#include "bindings/coap/server.h"
#include "bindings/coap/stream.h"
#include "bindings/coap/translate.h"
#include "cse/core/watch.h"

#include <stdlib.h>

enum {
	MOST_BYTES = 8 << 20,
	GET = 1,
	REGISTER = 0,
	DEREGISTER = 1,
	RETRY_US = 1000000, /* the CSE takes no more requests */
	SEQUENCE_MASK = 0xffffff,
};

/* An observer that has been told nothing for so long must ask again (RFC 7641 3.3.1 has it do so once Max-Age is over).
 */
#define LIFETIME_US (INT64_C(86400) * 1000000)

struct observer {
	struct kept kept; /* the key is the token's */
	struct server *server;
	struct stream *stream; /* NULL: datagrams */
	struct watch watch;
	struct udp_local local;
	struct strbuf question; /* a datagram */
	struct message message; /* it, read; views of question */
	uint32_t sequence;
	bool is_asking; /* the CSE has the question */
	bool is_due;	/* there has been a change since */
	bool is_gone;	/* dropped while it was asking */
	struct timer retry;
	struct transmission transmission;
};

static void ask(struct observer *observer);

/* ---- life ---- */

static void free_observer(struct observer *observer)
{
	strbuf_finish(&observer->question);
	free(observer);
}

static void drop(struct keeper *keeper, struct kept *kept)
{
	struct observer *observer = container_of(kept, struct observer, kept);

	watch_end(&observer->watch);
	transmission_end(&observer->transmission);
	loop_timer_cancel(keeper->loop, &observer->retry);
	if (observer->stream) {
		observer->stream->user_count--;
		stream_settle(observer->stream);
	}
	observer->is_gone = true;
	if (!observer->is_asking)
		free_observer(observer);
}

void observers_init(struct keeper *keeper, struct loop *loop)
{
	keeper_init(keeper, loop, MOST_BYTES, LIFETIME_US, drop);
}

static uint64_t key_of(const struct server *server, struct str token)
{
	return str_hash(token, server->seed);
}

static void use(struct observer *observer)
{
	keeper_use(&observer->server->observers, &observer->kept, sizeof(*observer) + observer->question.cap);
}

static void end(struct observer *observer)
{
	keeper_drop(&observer->server->observers, &observer->kept);
}

/* ---- telling ---- */

/* RFC 7641 3.6, 4.5: who rejects a notification, or does not acknowledge it, is not interested any more. */
static void told(struct transmission *transmission, enum transmission_end how)
{
	struct observer *observer = container_of(transmission, struct observer, transmission);

	if (how != TRANSMISSION_ACKNOWLEDGED) {
		end(observer);
		return;
	}
	credit_verify(&observer->server->credits, &observer->kept.party.peer);
	use(observer);
	if (observer->is_due)
		ask(observer);
}

static void send_notification(struct observer *observer, struct message *message)
{
	struct server *server = observer->server;

	exchange_fit(server, &observer->kept.party, observer->stream, &(struct block){0},
		     block_key(&observer->message, server->seed), message);
	message->token = observer->message.token;
	if (observer->stream) {
		stream_send(observer->stream, message);
		return;
	}
	message->type = MESSAGE_CON;
	message->mid = transmissions_new_mid(&server->transmissions);
	strbuf_clear(&server->out);
	message_write_datagram(&server->out, message);
	observer->transmission.done = told;
	transmission_begin(&observer->transmission, &server->transmissions, &server->udp, &observer->kept.party.peer,
			   &observer->local, message->mid, strbuf_str(&server->out));
}

/* What it may see no more, or what is gone, is the last that it hears (RFC 7641 3.2). */
static void send_last(struct observer *observer, struct message *message)
{
	struct server *server = observer->server;

	message->token = observer->message.token;
	message->type = MESSAGE_NON;
	message->mid = transmissions_new_mid(&server->transmissions);
	strbuf_clear(&server->out);
	message_write_datagram(&server->out, message);
	if (observer->stream)
		stream_send(observer->stream, message);
	else
		udp_send(&server->udp, &observer->kept.party.peer, &observer->local, strbuf_str(&server->out));
	end(observer);
}

static void answered(struct request *req, void *arg)
{
	struct observer *observer = arg;
	struct server *server = observer->server;
	const struct media_def *media = translate_media(&observer->message);
	struct message message = {0};

	observer->is_asking = false;
	if (observer->is_gone) {
		free_observer(observer);
	} else {
		translate_response(&message, req, media ? media : media_of_codec(&codec_json), &server->transcoder);
		observer->sequence = (observer->sequence + 1) & SEQUENCE_MASK;
		if (message_is_success(&message)) {
			message_add_uint(&message, COAP_NUMBER_OBSERVE, observer->sequence);
			send_notification(observer, &message);
		} else {
			send_last(observer, &message);
			observer = NULL;
		}
		if (observer && observer->stream && observer->is_due)
			ask(observer);
	}
	request_release(req);
	server_request_ended(server);
}

/* ---- asking ---- */

static void try_again(struct timer *timer)
{
	ask(container_of(timer, struct observer, retry));
}

static void ask(struct observer *observer)
{
	struct server *server = observer->server;
	struct sockaddr_storage address;
	struct request *req;

	observer->is_due = true;
	if (observer->is_asking || observer->transmission.all || server->is_draining)
		return;
	req = request_create(server->cse);
	if (!req) {
		loop_timer_set(server->loop, &observer->retry, RETRY_US);
		return;
	}
	observer->is_due = false;
	observer->is_asking = true;
	server->waiting_count++;
	translate_request(&observer->message, STR(""), server->config->schema, req);
	udp_peer_address(&observer->kept.party.peer, &address);
	req->peer = observer->stream ? observer->stream->peer : address_peer((struct sockaddr *)&address);
	cse_submit(server->cse, req, answered, observer);
}

static void changed(struct watch *watch)
{
	ask(container_of(watch, struct observer, watch));
}

/* ---- beginning ---- */

static void end_earlier(const struct exchange *exchange, struct str token)
{
	struct server *server = exchange->server;
	struct kept *kept = keeper_find(&server->observers, &exchange->kept.party, key_of(server, token));

	if (kept)
		keeper_drop(&server->observers, kept);
}

void observe_look(struct exchange *exchange, const struct message *message)
{
	struct str value = message_option(message, COAP_NUMBER_OBSERVE);

	if (!value.ptr || message->code != GET)
		return;
	if (message_uint(value) == DEREGISTER)
		end_earlier(exchange, message->token);
	else if (message_uint(value) == REGISTER)
		message_write_datagram(&exchange->observation, message);
}

void observe_begin(struct exchange *exchange, const struct request *req, struct message *response)
{
	struct server *server = exchange->server;
	struct observer *observer = xzalloc(sizeof(*observer));
	struct str token = str_make((const char *)exchange->token, exchange->token_len);

	end_earlier(exchange, token);
	observer->watch.changed = changed;
	observer->question = exchange->observation;
	exchange->observation = (struct strbuf){0};
	if ((exchange->kept.party.stream && !exchange->stream) ||
	    message_read_datagram(&observer->message, strbuf_str(&observer->question)) < 0 ||
	    !watch_begin(&observer->watch, server->cse, req->param[PARAM_to])) {
		free_observer(observer);
		return;
	}
	observer->server = server;
	observer->stream = exchange->stream;
	observer->local = exchange->local;
	observer->retry.fire = try_again;
	if (observer->stream)
		observer->stream->user_count++;
	keeper_add(&server->observers, &observer->kept, &exchange->kept.party, key_of(server, token));
	use(observer);
	message_add_uint(response, COAP_NUMBER_OBSERVE, observer->sequence);
}
