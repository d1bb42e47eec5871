/* observe: asking again, one question at a time; what changes meanwhile is one more question, not many. */
#include "bindings/coap/observe.h"

#include "bindings/address.h"
#include "bindings/coap/server.h"
#include "bindings/coap/translate.h"
#include "cse/core/watch.h"

#include <stdlib.h>

enum {
	MOST_BYTES = 8 << 20,
	MOST_AT_ADDRESS = 256,
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
	coap_session_t *session;
	uint16_t *count; /* of those at its address, itself among them */
	struct watch watch;
	coap_pdu_t *question;
	struct message message; /* it, read */
	size_t len;		/* of it */
	bool is_telling;	/* a notification is not acknowledged */
	bool is_asking;		/* the CSE has the question; it begins so */
	bool is_due;		/* there has been a change since */
	bool is_gone;		/* dropped while it was asking */
	struct timer retry;
};

static void ask(struct observer *observer);

/* ---- life ---- */

static void free_observer(struct observer *observer)
{
	coap_delete_pdu(observer->question);
	free(observer);
}

/* Of the observers at an address; two addresses may share one, which makes it no more than it would be. */
static uint16_t *count_of(struct server *server, const struct party *party)
{
	enum { COUNTS = sizeof(server->observers_at) / sizeof(server->observers_at[0]) };
	struct str address = str_make((const char *)party->address, sizeof(party->address));

	return &server->observers_at[str_hash(address, server->seed) % COUNTS];
}

static void drop(struct keeper *keeper, struct kept *kept)
{
	struct observer *observer = container_of(kept, struct observer, kept);

	--*observer->count;
	watch_end(&observer->watch);
	loop_timer_cancel(keeper->loop, &observer->retry);
	coap_session_release(observer->session);
	observer->is_gone = true;
	if (!observer->is_asking)
		free_observer(observer);
}

void observers_init(struct keeper *keeper, struct loop *loop)
{
	keeper_init(keeper, loop, MOST_BYTES, LIFETIME_US, drop);
}

/* RFC 7641 4.4: numbers grow from a registration to the one that takes its place, too. */
static void add_sequence(struct server *server, struct message *message)
{
	server->sequence = (server->sequence + 1) & SEQUENCE_MASK;
	message_add_uint(message, COAP_OPTION_OBSERVE, server->sequence);
}

static uint64_t key_of(const struct server *server, struct str token)
{
	return str_hash(token, server->seed);
}

static size_t size_of(const struct observer *observer)
{
	return sizeof(*observer) + observer->len;
}

static void use(struct observer *observer)
{
	keeper_use(&observer->server->observers, &observer->kept, size_of(observer));
}

static void end(struct observer *observer)
{
	keeper_drop(&observer->server->observers, &observer->kept);
}

/* ---- telling ---- */

static struct observer *find(const struct server *server, const coap_session_t *session, struct str token)
{
	const struct party party = exchange_party(session);
	struct kept *kept = keeper_find(&server->observers, &party, key_of(server, token));

	return kept ? container_of(kept, struct observer, kept) : NULL;
}

void __real_coap_touch_observer(coap_context_t *context, coap_session_t *session, const coap_binary_t *token);
void __wrap_coap_touch_observer(coap_context_t *context, coap_session_t *session, const coap_binary_t *token);

/* The linker puts this in the place of libcoap's own function (configure.ac), which is called for an acknowledged
 * response and looks for observers of resources that libcoap knows: there are none. */
void __wrap_coap_touch_observer(coap_context_t *context, coap_session_t *session, const coap_binary_t *token)
{
	struct observer *observer = NULL;

	if (coap_session_get_type(session) == COAP_SESSION_TYPE_SERVER && coap_get_app_data(context))
		observer = find(coap_get_app_data(context), session, str_make((const char *)token->s, token->length));
	if (!observer || !observer->is_telling)
		return;
	observer->is_telling = false;
	use(observer);
	if (observer->is_due)
		ask(observer);
}

void observe_end(struct server *server, const coap_session_t *session, coap_bin_const_t token)
{
	struct observer *observer = find(server, session, str_make((const char *)token.s, token.length));

	if (observer)
		end(observer);
}

static void send_to(struct observer *observer, struct message *message, coap_pdu_type_t type)
{
	struct strbuf *out = &observer->server->out;

	message->token = observer->message.token;
	message->type = type;
	message->mid = coap_new_message_id(observer->session);
	strbuf_clear(out);
	message_write(out, message);
	message_send(observer->session, strbuf_str(out));
}

static void send_notification(struct observer *observer, struct message *message)
{
	struct server *server = observer->server;
	bool is_stream = observer->kept.party.connection;
	size_t limit = exchange_limit(observer->session, observer->len, EXCHANGE_TRANSMISSIONS);
	struct block first = block_read(&observer->message, COAP_OPTION_BLOCK2);

	first.number = 0; /* in the size that was asked for: RFC 7959 2.6 */
	exchange_add_echo(observer->session, limit, message);
	(void)exchange_fit(&server->transfers, &observer->kept.party, &first,
			   block_key(&observer->message, server->seed), limit, message);
	observer->is_telling = !is_stream;
	send_to(observer, message, is_stream ? COAP_MESSAGE_NON : COAP_MESSAGE_CON);
}

/* What it may see no more, or what is gone, is the last that it hears (RFC 7641 3.2). */
static void send_last(struct observer *observer, struct message *message)
{
	send_to(observer, message, COAP_MESSAGE_NON);
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
		if (message_is_success(&message)) {
			add_sequence(server, &message);
			send_notification(observer, &message);
		} else {
			send_last(observer, &message);
			observer = NULL;
		}
		if (observer && !observer->is_telling && observer->is_due)
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
	struct request *req;

	observer->is_due = true;
	if (observer->is_asking || observer->is_telling || server->is_draining)
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
	req->peer = address_peer(&coap_session_get_addr_remote(observer->session)->addr.sa);
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

/* It watches before the CSE has the request: between its answer and the end of its wait there may be a change. */
static void prepare(struct exchange *exchange, const struct message *message, struct str to)
{
	struct server *server = exchange->server;
	struct observer *observer = xzalloc(sizeof(*observer));

	observer->server = server;
	observer->watch.changed = changed;
	observer->retry.fire = try_again;
	observer->is_asking = true;
	if (!to.ptr || !watch_begin(&observer->watch, server->cse, to)) {
		free(observer);
		return;
	}
	strbuf_clear(&server->out);
	message_write(&server->out, message);
	observer->question = message_pdu(strbuf_str(&server->out));
	ASSERT(observer->question);
	observer->len = server->out.len;
	message_read(&observer->message, observer->question);
	exchange->observer = observer;
}

void observe_look(struct exchange *exchange, const struct message *message, struct str to)
{
	struct str value = message_option(message, COAP_OPTION_OBSERVE);

	if (!value.ptr || message->code != GET)
		return;
	if (message_uint(value) == DEREGISTER)
		end_earlier(exchange, message->token);
	else if (message_uint(value) == REGISTER)
		prepare(exchange, message, to);
}

void observe_forget(struct exchange *exchange)
{
	struct observer *observer = exchange->observer;

	if (!observer)
		return;
	exchange->observer = NULL;
	watch_end(&observer->watch);
	free_observer(observer);
}

void observe_begin(struct exchange *exchange, struct message *response)
{
	struct server *server = exchange->server;
	struct observer *observer = exchange->observer;
	const struct sockaddr *address;
	struct party at;

	if (!observer || !exchange->session)
		return;
	end_earlier(exchange, observer->message.token);
	address = &coap_session_get_addr_remote(exchange->session)->addr.sa;
	at = party_at(address);
	observer->count = count_of(server, &at);
	if (*observer->count >= MOST_AT_ADDRESS || !keeper_has_room(&server->observers, size_of(observer)))
		return;
	++*observer->count;
	exchange->observer = NULL;
	observer->session = coap_session_reference(exchange->session);
	observer->is_asking = false;
	keeper_add(&server->observers, &observer->kept, &exchange->kept.party, key_of(server, observer->message.token));
	use(observer);
	add_sequence(server, response);
	if (observer->is_due) /* behind the response */
		loop_timer_set(server->loop, &observer->retry, 0);
}
