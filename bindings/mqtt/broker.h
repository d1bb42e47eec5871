/* broker: the connection to one MQTT broker (TS-0010 6.3). It is made in a thread of its own (approach.h) and then
 * lives on the loop, without ever waiting for the broker; when it is lost it is made again after a pause that grows.
 * What is to be published meanwhile is kept, up to a bound, and at QoS 1 nothing that was published is forgotten before
 * the broker has acknowledged it. */
#ifndef BINDINGS_MQTT_BROKER_H
#define BINDINGS_MQTT_BROKER_H

#include "bindings/mqtt/approach.h"
#include "bindings/mqtt/topic.h"
#include "cse/base/id.h"
#include "cse/base/list.h"
#include "cse/base/log.h"
#include "cse/base/loop.h"

struct broker;

/* A message that came. topic and payload last until the call returns. */
struct arrival {
	struct str topic, payload;
	bool is_retained;
	struct str response_topic, correlation; /* MQTT 5 3.3.2.3; ptr NULL: none */
};

/* What brokers have in common; the owner's, and there as long as they are. */
struct broker_circle {
	struct loop *loop;
	struct log *log;
	struct id_source random;    /* for the pauses */
	struct guard guard;	    /* for brokers that others name */
	struct approach_crew *crew; /* the threads that connect to those */
	struct list dirty;	    /* brokers with something to write at the end of the round */
	struct loop_hook round_end;
	unsigned keep_alive_s;
	bool is_version5;
	size_t most_kept;      /* bytes of messages that a broker has not acknowledged, and of one of them */
	size_t largest_packet; /* with MQTT 5: bytes that the broker may send in one */
	size_t largest_answer; /* bytes of a packet from brokers that others name */
	const char *username;  /* NULL: none */
	const char *password;  /* NULL: none */
	/* The connection is there (again): what is to be listened to is subscribed to now. */
	void (*connected)(struct broker *broker);
	void (*received)(struct broker *broker, const struct arrival *arrival);
	/* There is no connection, or no longer, and none is being made just now. The broker may be closed. */
	void (*lost)(struct broker *broker, const char *why);
};

/* A message over which the broker has ended the connection: one like it is not sent for a while. */
struct outlaw {
	uint64_t topic_hash;
	size_t size;
	int64_t until_us;
};

enum { OUTLAWS_MOST = 16 };

enum broker_state {
	BROKER_DOWN,	/* waits until it is tried again */
	BROKER_DIALING, /* the thread works */
	BROKER_GREETED, /* CONNECT is sent */
	BROKER_UP,
};

/* Lives in its owner's struct. */
struct broker {
	struct list link; /* the owner's */
	struct broker_circle *circle;
	struct place place;
	char client_id[256];
	bool is_own;	 /* of the configuration: it is tried for ever, and keeps the session */
	bool is_trusted; /* its topics say truly who sends */
	enum broker_state state;
	struct mosquitto *client; /* NULL: closed */
	struct approach *approach;
	struct loop_fd watch; /* of the approach, then of the connection; fd -1: not watched */
	uint32_t watched;     /* events */
	bool has_paused;      /* nothing is read: the CSE stops */
	struct list events;   /* what libmosquitto has told of in this turn */
	struct timer timer;   /* for the next try, for its end, for the answer to CONNECT, or until it has lasted */
	struct timer tick;    /* for keeping alive */
	struct list dirty;    /* in the circle's */
	struct list kept;     /* messages that wait */
	struct list sent;     /* messages that are with libmosquitto, and not acknowledged */
	unsigned sent_count;
	size_t sent_bytes, kept_bytes; /* kept_bytes: of both */
	size_t largest_taken;	       /* bytes of a packet, as the broker says with MQTT 5; 0: any */
	struct outlaw outlaws[OUTLAWS_MOST];
	unsigned outlaw_count; /* ever */
	uint64_t seed;	       /* of their hashes */
	uint64_t read_bytes;   /* when the last packet was whole */
	unsigned failures;     /* in a row: connections that were not made, or that were of no use */
	char refusal[80];      /* of the broker, in its answer to CONNECT */
	char logged[160];      /* why there is no connection, as it was logged last */
	bool has_overflowed;   /* it was logged */
};

/* place and client_id stay the caller's but for what is copied. The first try begins at once. */
void broker_open(struct broker *broker, struct broker_circle *circle, const struct place *place, const char *client_id,
		 bool is_own);
/* Says good-bye; nothing of the circle is called any more. What is still to be written is, for a moment at most. */
void broker_close(struct broker *broker);

/* A filter at QoS 1; only while it is up. */
void broker_subscribe(struct broker *broker, const char *filter);
void broker_unsubscribe(struct broker *broker, const char *filter);
/* At the end of the round, what there is is written. */
void broker_mark_dirty(struct broker *broker);
/* Reads nothing more: what others send waits at the broker. */
void broker_pause(struct broker *broker);
/* Everything was handed to the kernel? */
bool broker_is_flushed(const struct broker *broker);
/* For a connection that waits for its next try: now. */
void broker_try_now(struct broker *broker);

void circle_init(struct broker_circle *circle, struct loop *loop, struct log *log);
void circle_finish(struct broker_circle *circle);

#endif
