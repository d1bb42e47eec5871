/* sender: an errand is a hop on its way: its address is found, its request goes out, whole or in parts, its response
 * comes, whole or in parts. */
#include "bindings/coap/sender.h"

#include "bindings/coap/block.h"
#include "bindings/coap/link.h"
#include "bindings/coap/option.h"
#include "cse/base/id.h"

#include <stdio.h>
#include <stdlib.h>

enum { TOKEN_SIZE = 8, ADDRESSES_MOST = 4, ETAG_SIZE = 8 };

struct errand {
	struct map_node node; /* by_token, while is_sent */
	struct sender *sender;
	struct hop *hop;
	struct list queue; /* in sender->waiting or sender->failed */
	struct timer timer;
	struct arena arena;
	struct message message; /* the whole request */
	struct hop_target target;
	struct resolution *resolution;
	struct sockaddr_storage addresses[ADDRESSES_MOST];
	unsigned address_count, address_next;
	bool is_busy, is_sent, is_failing;
	bool is_absent; /* nobody is at the address: it is tried at the next one */
	uint64_t token;
	struct link_user link;
	struct block block1, block2; /* what is sent next, what is asked for next */
	struct strbuf body;	     /* of the response so far */
	char etag[ETAG_SIZE];	     /* of its first part */
	size_t etag_len;
};

static void start_next(struct sender *sender);
static void try_address(struct errand *errand);

/* ---- the end of hops ---- */

static void release(struct errand *errand)
{
	struct sender *sender = errand->sender;

	loop_timer_cancel(sender->loop, &errand->timer);
	if (errand->resolution)
		resolver_forget(errand->resolution);
	list_remove(&errand->queue);
	link_leave(&errand->link);
	if (errand->is_sent)
		map_remove(&sender->by_token, &errand->node);
	sender->busy_count -= errand->is_busy;
	errand->hop->of_binding = NULL;
	arena_finish(&errand->arena);
}

static void finish(struct errand *errand)
{
	struct sender *sender = errand->sender;
	struct hop *hop = errand->hop;

	release(errand);
	start_next(sender);
	hop->done(hop);
	strbuf_finish(&errand->body);
	free(errand);
}

static void end_failed(struct timer *timer)
{
	struct sender *sender = container_of(timer, struct sender, soon);
	struct list failed;

	list_init(&failed);
	list_splice(&failed, &sender->failed);
	while (!list_empty(&failed)) {
		struct errand *errand = container_of(failed.next, struct errand, queue);

		if (errand->is_absent)
			try_address(errand);
		else
			finish(errand);
	}
}

/* In the next round, and nothing comes before that: it may be called from within libcoap. */
static void stop_soon(struct errand *errand)
{
	struct sender *sender = errand->sender;

	errand->is_failing = true;
	list_remove(&errand->queue);
	list_push(&sender->failed, &errand->queue);
	if (!sender->soon.is_set)
		loop_timer_set(sender->loop, &sender->soon, 0);
}

static void fail_soon(struct errand *errand, enum hop_outcome outcome, const char *why)
{
	if (errand->is_failing)
		return;
	hop_message_fail(errand->hop, outcome, why);
	loop_timer_cancel(errand->sender->loop, &errand->timer);
	stop_soon(errand);
}

/* A host may have several addresses, and be at one of them. */
static void leave_address(struct errand *errand, const char *why, bool is_absent)
{
	if (!is_absent || errand->address_next == errand->address_count) {
		fail_soon(errand, HOP_UNREACHABLE, why);
	} else if (!errand->is_failing) {
		errand->is_absent = true;
		stop_soon(errand);
	}
}

static void too_late(struct timer *timer)
{
	struct errand *errand = container_of(timer, struct errand, timer);

	hop_message_fail(errand->hop, errand->is_sent ? HOP_LATE : HOP_UNREACHABLE,
			 errand->is_sent ? "no answer in time" : "it could not be sent in time");
	finish(errand);
}

/* ---- sending ---- */

static void note_sent(struct errand *errand)
{
	if (errand->is_sent)
		return;
	errand->is_sent = true;
	map_add(&errand->sender->by_token, &errand->node, errand->token ^ errand->sender->seed);
}

/* The message that goes out next: all of it, a part of the request, or a question for a part of the response. */
static void next_message(struct errand *errand, struct message *message)
{
	size_t offset = block_offset(&errand->block1), size = block_size(errand->block1.szx);

	*message = errand->message;
	message->token = str_make((const char *)&errand->token, TOKEN_SIZE);
	if (errand->block2.is_there) {
		message->payload = STR("");
		block_add(message, COAP_OPTION_BLOCK2, &errand->block2);
	} else if (errand->block1.is_there) {
		errand->block1.has_more = message->payload.len - offset > size;
		if (offset == 0)
			message_add_uint(message, COAP_OPTION_SIZE1, message->payload.len);
		message->payload = str_make(message->payload.ptr + offset,
					    errand->block1.has_more ? size : message->payload.len - offset);
		block_add(message, COAP_OPTION_BLOCK1, &errand->block1);
	}
}

/* What does not fit into one message goes in parts. */
static void choose_parts(struct errand *errand)
{
	const struct message *message = &errand->message;
	size_t limit = link_peer_max(&errand->link) - TOKEN_SIZE;
	bool is_large = !errand->target.is_stream && message->payload.len > block_size(BLOCK_SZX_LARGEST);
	unsigned szx;

	if (!message->payload.len || (!is_large && message_len(message) <= limit))
		return;
	szx = block_fit(message, BLOCK_SZX_LARGEST, limit);
	errand->block1 = (struct block){.is_there = true, .szx = (uint8_t)szx};
}

static void transmit(struct link_user *user)
{
	struct errand *errand = container_of(user, struct errand, link);
	struct message message;

	if (errand->is_failing)
		return;
	if (!errand->is_sent)
		choose_parts(errand);
	note_sent(errand);
	next_message(errand, &message);
	link_send(user, &message);
}

static void link_is_lost(struct link_user *user, const char *why, bool is_absent)
{
	leave_address(container_of(user, struct errand, link), why, is_absent);
}

/* ---- addresses ---- */

static socklen_t length_of(const struct sockaddr_storage *address)
{
	return address->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

/* From the beginning, at the next one. */
static void try_address(struct errand *errand)
{
	const struct sockaddr_storage *address = &errand->addresses[errand->address_next++];

	list_remove(&errand->queue);
	link_leave(&errand->link);
	if (errand->is_sent)
		map_remove(&errand->sender->by_token, &errand->node);
	errand->is_sent = errand->is_failing = errand->is_absent = false;
	errand->block1 = errand->block2 = (struct block){0};
	strbuf_clear(&errand->body);
	errand->link.turn = transmit;
	errand->link.lost = link_is_lost;
	link_join(errand->sender, &errand->link, (const struct sockaddr *)address, length_of(address),
		  errand->target.is_stream);
	link_ask(&errand->link);
}

static void resolved(void *arg, const struct addrinfo *infos, const char *why)
{
	struct errand *errand = arg;

	errand->resolution = NULL;
	for (const struct addrinfo *info = infos; info && errand->address_count < ADDRESSES_MOST; info = info->ai_next)
		if (guard_allows(&errand->sender->guard, info->ai_addr))
			memcpy(&errand->addresses[errand->address_count++], info->ai_addr, info->ai_addrlen);
	if (errand->address_count)
		try_address(errand);
	else
		fail_soon(errand, HOP_UNREACHABLE,
			  why ? why : "address is none that may be connected to (outgoing.networks)");
}

static void find_address(struct errand *errand)
{
	struct sender *sender = errand->sender;
	const struct hop_target *target = &errand->target;
	struct sockaddr_storage address;
	struct addrinfo info = {.ai_addr = (struct sockaddr *)&address};

	errand->is_busy = true;
	sender->busy_count++;
	if (resolver_is_literal(target->host, target->port, &address)) {
		info.ai_addrlen = length_of(&address);
		resolved(errand, &info, NULL);
		return;
	}
	errand->resolution = resolver_ask(sender->resolver, target->host, target->port, resolved, errand);
	if (!errand->resolution)
		fail_soon(errand, HOP_UNREACHABLE, "too many names are being looked up");
}

static void start_next(struct sender *sender)
{
	while (!list_empty(&sender->waiting) && sender->busy_count < sender->config.most_outgoing) {
		struct errand *errand = container_of(sender->waiting.next, struct errand, queue);

		list_remove(&errand->queue);
		find_address(errand);
	}
}

/* ---- responses ---- */

static struct errand *find_errand(const struct sender *sender, struct str token, const coap_session_t *session)
{
	uint64_t value;

	if (token.len != TOKEN_SIZE)
		return NULL;
	memcpy(&value, token.ptr, sizeof(value));
	for (struct map_node *node = map_first(&sender->by_token, value ^ sender->seed); node; node = map_next(node)) {
		struct errand *errand = container_of(node, struct errand, node);

		if (errand->token == value && link_is_of(&errand->link, session) && !errand->is_failing)
			return errand;
	}
	return NULL;
}

/* To a part of the request that is not the one that was sent last. */
static bool is_old(const struct errand *errand, const struct message *message)
{
	struct block taken = block_read(message, COAP_OPTION_BLOCK1);

	return errand->block1.is_there && taken.is_there && taken.number != errand->block1.number &&
	       block_offset(&taken) != block_offset(&errand->block1);
}

/* RFC 7959 2.3, 2.5: the next part of the request, in the size that the peer wants, if he has taken this one, or has
 * done something with it and waits for more. */
static bool send_next_part(struct errand *errand, const struct message *message)
{
	struct block taken = block_read(message, COAP_OPTION_BLOCK1);
	size_t next = block_offset(&errand->block1) + block_size(errand->block1.szx);
	bool is_wanted = message->code == MESSAGE_CODE(2, 31) ||
			 (message_is_success(message) && taken.is_there && taken.has_more);

	if (!errand->block1.is_there || !errand->block1.has_more || !is_wanted)
		return false;
	if (taken.is_there && taken.szx < errand->block1.szx)
		errand->block1.szx = taken.szx;
	errand->block1.number = (uint32_t)(next / block_size(errand->block1.szx));
	link_ask(&errand->link);
	return true;
}

/* RFC 7959 2.4: those of one response have one. */
static bool is_etag_right(struct errand *errand, const struct message *message)
{
	struct str etag = message_option(message, COAP_OPTION_ETAG);

	if (errand->body.len)
		return str_eq(etag, str_make(errand->etag, errand->etag_len));
	errand->etag_len = etag.len;
	if (etag.len)
		memcpy(errand->etag, etag.ptr, etag.len);
	return true;
}

/* false: the response is not whole yet, and the errand goes on or has failed. */
static bool take_payload(struct errand *errand, const struct message *message)
{
	struct block block = block_read(message, COAP_OPTION_BLOCK2);

	if (errand->body.len + message->payload.len > errand->sender->config.max_answer) {
		fail_soon(errand, HOP_UNREACHABLE, "content of the answer is larger than what is taken");
		return false;
	}
	if (block.is_there && (block_offset(&block) != errand->body.len || !is_etag_right(errand, message))) {
		fail_soon(errand, HOP_UNREACHABLE, "a part of the answer is not the one that was asked for");
		return false;
	}
	strbuf_add_str(&errand->body, message->payload);
	if (!block.is_there || !block.has_more)
		return true;
	errand->block2 = (struct block){.is_there = true, .szx = block.szx};
	errand->block2.number = (uint32_t)(errand->body.len / block_size(block.szx));
	link_ask(&errand->link);
	return false;
}

static void take_response(struct errand *errand, const struct message *message)
{
	struct sender *sender = errand->sender;

	if (is_old(errand, message) || send_next_part(errand, message) || !take_payload(errand, message))
		return;
	hop_message_judge(errand->hop, message, &errand->body, &sender->transcoder, &sender->limits);
	finish(errand);
}

/* RFC 7252 5.4.1: one with a critical option that is not understood is rejected. */
static bool is_understood(struct errand *errand, const struct message *message)
{
	char what[100], why[120];

	if (!option_refuses(message, what, sizeof(what)))
		return true;
	snprintf(why, sizeof(why), "in the answer: %s", what);
	fail_soon(errand, HOP_UNREACHABLE, why);
	return false;
}

/* RFC 7252 5.3.2: a response that nobody waits for is rejected. */
static coap_response_t took(coap_session_t *session, const coap_pdu_t *sent, const coap_pdu_t *received,
			    const coap_mid_t mid)
{
	struct sender *sender = coap_get_app_data(coap_session_get_context(session));
	struct message message;
	struct errand *errand;
	bool is_taken;

	(void)sent, (void)mid;
	message_read(&message, received);
	errand = find_errand(sender, message.token, session);
	is_taken = errand && is_understood(errand, &message);
	if (is_taken)
		take_response(errand, &message);
	return is_taken || message.type != COAP_MESSAGE_CON || coap_session_get_proto(session) == COAP_PROTO_TCP
		       ? COAP_RESPONSE_OK
		       : COAP_RESPONSE_FAIL;
}

void sender_rejected(struct sender *sender, const coap_session_t *session, const coap_pdu_t *sent, const char *why,
		     bool is_absent)
{
	coap_bin_const_t token = coap_pdu_get_token(sent);
	struct errand *errand = find_errand(sender, str_make((const char *)token.s, token.length), session);

	if (errand)
		leave_address(errand, why, is_absent);
}

/* ---- hops ---- */

void sender_send(struct sender *sender, struct hop *hop)
{
	struct errand *errand = xzalloc(sizeof(*errand));
	const char *why;

	errand->sender = sender;
	errand->hop = hop;
	errand->timer.fire = too_late;
	errand->token = id_seed(); /* RFC 7252 5.3.1: nobody guesses it */
	arena_init(&errand->arena);
	list_init(&errand->queue);
	hop->of_binding = errand;
	loop_timer_set(sender->loop, &errand->timer, hop->timeout_us);
	if (hop_target_read(&errand->target, hop->url, &why) < 0 ||
	    hop_message_write(&errand->message, hop, &errand->target, cse_id(sender->cse), &sender->transcoder,
			      &errand->arena, &why) < 0) {
		fail_soon(errand, HOP_UNREACHABLE, why);
		return;
	}
	list_push(&sender->waiting, &errand->queue);
	start_next(sender);
}

void sender_cancel(struct sender *sender, struct hop *hop)
{
	struct errand *errand = hop->of_binding;

	release(errand);
	strbuf_finish(&errand->body);
	free(errand);
	start_next(sender);
}

/* ---- opening and closing ---- */

static void set_up(coap_context_t *context, struct sender *sender)
{
	coap_set_app_data(context, sender);
	coap_register_event_handler(context, link_event);
	coap_register_nack_handler(context, link_rejected);
	coap_register_pong_handler(context, link_ponged);
	coap_register_response_handler(context, took);
	engine_announce(&sender->engine, sender->config.max_answer);
}

int sender_open(struct sender *sender, struct cse *cse, struct loop *loop, const struct binding_config *config,
		char *message, size_t size)
{
	int error = guard_init(&sender->guard, config->networks, config->is_public, message, size);

	if (error < 0)
		return error;
	error = engine_open(&sender->engine, loop);
	if (error < 0) {
		snprintf(message, size, "coap: %s", error_text(error));
		guard_finish(&sender->guard);
		return error;
	}
	sender->cse = cse;
	sender->loop = loop;
	sender->config = *config;
	sender->resolver = resolver_create(loop);
	list_init(&sender->links);
	list_init(&sender->waiting);
	list_init(&sender->failed);
	sender->soon.fire = end_failed;
	sender->seed = id_seed();
	set_up(sender->engine.context, sender);
	transcoder_init(&sender->transcoder, config->schema);
	sender->limits = *cse_decode_limits(cse);
	sender->limits.bytes = config->max_answer;
	return 0;
}

void sender_close(struct sender *sender)
{
	ASSERT(sender->busy_count == 0 && list_empty(&sender->waiting));
	links_close(sender);
	engine_close(&sender->engine);
	loop_timer_cancel(sender->loop, &sender->soon);
	resolver_destroy(sender->resolver);
	map_finish(&sender->by_token);
	guard_finish(&sender->guard);
	transcoder_finish(&sender->transcoder);
	strbuf_finish(&sender->out);
}
