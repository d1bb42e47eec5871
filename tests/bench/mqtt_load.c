/* mqtt_load: oneM2M requests over MQTT at QoS 1, so many outstanding, and the bare echo that they are compared with.
 *
 *   mqtt_load echo PORT SIZE          answers what comes for `echo` with SIZE bytes that begin as an answer does
 *   mqtt_load PORT RECEIVER PAYLOAD CODE OUTSTANDING SECONDS WARMUP PID...
 *
 * In PAYLOAD, %R stands for the Request Identifier and %N for a number from 0 to 99. The result is a line of JSON as
 * tests/bench/load prints it. */
#include "tests/bench/clocks.h"
#include "tests/bench/histogram.h"

#include <err.h>
#include <inttypes.h>
#include <mosquitto.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SLOTS = 65536, PAYLOAD_MAX = 4096, STALL_MS = 30000, CONTAINERS = 100 };

static const char filter_of_echo[] = "/oneM2M/req/+/echo/#";
static const char echo_topic[] = "/oneM2M/resp/CAdmin/echo/json";

static struct mosquitto *connect_client(const char *id, const char *port, void *arg)
{
	struct mosquitto *client = mosquitto_new(id, true, arg);

	if (!client)
		errx(1, "out of memory");
	mosquitto_int_option(client, MOSQ_OPT_TCP_NODELAY, 1);
	mosquitto_int_option(client, MOSQ_OPT_SEND_MAXIMUM, 100);
	if (mosquitto_connect(client, "127.0.0.1", (int)strtol(port, NULL, 10), 60) != MOSQ_ERR_SUCCESS)
		errx(1, "cannot connect");
	return client;
}

/* The text behind `"rqi":"`; NULL if there is none. */
static const char *identifier_in(const struct mosquitto_message *message)
{
	static const char name[] = "\"rqi\":\"";
	const char *at = memmem(message->payload, (size_t)message->payloadlen, name, sizeof(name) - 1);

	return at ? at + sizeof(name) - 1 : NULL;
}

/* ---- the echo ---- */

struct echo {
	char *answer;
	int size;
};

static void echo_came(struct mosquitto *client, void *arg, const struct mosquitto_message *message)
{
	struct echo *echo = arg;
	const char *identifier = identifier_in(message);

	if (!identifier)
		return;
	memset(echo->answer, ' ', (size_t)echo->size);
	memcpy(echo->answer, "{\"rsc\":2000,\"rqi\":\"", 19);
	memcpy(echo->answer + 19, identifier, 12);
	memcpy(echo->answer + 31, "\"", 1);
	mosquitto_publish(client, NULL, echo_topic, echo->size, echo->answer, 1, false);
}

static void echo_connected(struct mosquitto *client, void *arg, int code)
{
	(void)arg;
	if (code != 0 || mosquitto_subscribe(client, NULL, filter_of_echo, 1) != MOSQ_ERR_SUCCESS)
		errx(1, "cannot subscribe");
}

static void echo_subscribed(struct mosquitto *client, void *arg, int mid, int count, const int *granted)
{
	(void)client;
	(void)arg;
	(void)mid;
	(void)count;
	(void)granted;
	puts("ready");
	fflush(stdout);
}

static int run_echo(const char *port, const char *size)
{
	struct echo echo = {.size = (int)strtol(size, NULL, 10)};
	struct mosquitto *client;

	if (echo.size < 64 || echo.size > PAYLOAD_MAX)
		errx(1, "SIZE is from 64 to 4096");
	echo.answer = malloc((size_t)echo.size);
	client = connect_client("bench-echo", port, &echo);
	mosquitto_connect_callback_set(client, echo_connected);
	mosquitto_subscribe_callback_set(client, echo_subscribed);
	mosquitto_message_callback_set(client, echo_came);
	return mosquitto_loop_forever(client, -1, 1);
}

/* ---- the load ---- */

struct load {
	struct mosquitto *client;
	const char *payload, *code;
	char topic[100], filter[100];
	uint64_t number, random, end_ns, sent_ns[SLOTS];
	unsigned waiting;
	bool is_ready;
	uint64_t errors;
	char first_error[100];
	struct histogram latency;
};

static void send_next(struct load *load, uint64_t now)
{
	char payload[PAYLOAD_MAX];
	size_t len = 0;
	uint64_t number = load->number++;

	if (now >= load->end_ns)
		return;
	load->random ^= load->random << 13;
	load->random ^= load->random >> 7;
	load->random ^= load->random << 17;
	for (const char *at = load->payload; *at && len + 20 < sizeof(payload); at++) {
		if (at[0] == '%' && at[1] == 'R')
			len += (size_t)snprintf(payload + len, 20, "%012" PRIu64, number);
		else if (at[0] == '%' && at[1] == 'N')
			len += (size_t)snprintf(payload + len, 20, "%05" PRIu64, load->random % CONTAINERS);
		else
			payload[len++] = *at;
		at += at[0] == '%' && (at[1] == 'R' || at[1] == 'N');
	}
	load->sent_ns[number % SLOTS] = now;
	load->waiting++;
	if (mosquitto_publish(load->client, NULL, load->topic, (int)len, payload, 1, false) != MOSQ_ERR_SUCCESS)
		errx(1, "cannot publish");
}

static void answer_came(struct mosquitto *client, void *arg, const struct mosquitto_message *message)
{
	struct load *load = arg;
	const char *identifier = identifier_in(message);
	uint64_t now = now_ns(), number;

	(void)client;
	if (!identifier || load->waiting == 0)
		return;
	number = strtoull(identifier, NULL, 10);
	load->waiting--;
	if (strncmp((const char *)message->payload + 7, load->code, strlen(load->code)) == 0) {
		histogram_add(&load->latency, now - load->sent_ns[number % SLOTS]);
	} else {
		load->errors++;
		for (int i = 0; i < message->payloadlen && i < 99; i++)
			load->first_error[i] =
				((const char *)message->payload)[i] == '"' ? '\'' : ((const char *)message->payload)[i];
	}
	send_next(load, now);
}

static void load_subscribed(struct mosquitto *client, void *arg, int mid, int count, const int *granted)
{
	struct load *load = arg;

	(void)client;
	(void)mid;
	(void)count;
	(void)granted;
	load->is_ready = true;
}

static void load_connected(struct mosquitto *client, void *arg, int code)
{
	struct load *load = arg;

	if (code != 0 || mosquitto_subscribe(client, NULL, load->filter, 1) != MOSQ_ERR_SUCCESS)
		errx(1, "cannot subscribe");
}

/* The seconds it took. */
static double run_phase(struct load *load, unsigned outstanding, double seconds)
{
	uint64_t start = now_ns(), last = start, count = 0;

	load->end_ns = start + (uint64_t)(seconds * 1e9);
	for (unsigned i = 0; i < outstanding; i++)
		send_next(load, start);
	while (load->waiting > 0) {
		if (mosquitto_loop(load->client, 1000, 1) != MOSQ_ERR_SUCCESS)
			errx(1, "the connection is lost");
		if (load->latency.count != count)
			last = now_ns();
		count = load->latency.count;
		if (now_ns() - last > (uint64_t)STALL_MS * 1000000)
			errx(1, "no answer");
	}
	return (double)(now_ns() - start) / 1e9;
}

static uint64_t servers_cpu_ns(char **pids)
{
	uint64_t sum = 0;

	for (; *pids; pids++)
		sum += cpu_time_ns(strtol(*pids, NULL, 10));
	return sum;
}

static int run_load(char **arguments)
{
	struct load *load = calloc(1, sizeof(*load));
	unsigned outstanding = (unsigned)strtoul(arguments[4], NULL, 10);
	uint64_t server_ns, answers;
	double seconds, each;

	if (!load)
		errx(1, "out of memory");
	load->payload = arguments[2];
	load->code = arguments[3];
	load->number = now_ns() / 1000000 % 1000000 * 100000; /* not those of the last run */
	load->random = now_ns() | 1;
	snprintf(load->topic, sizeof(load->topic), "/oneM2M/req/CAdmin/%s/json", arguments[1]);
	snprintf(load->filter, sizeof(load->filter), "/oneM2M/resp/CAdmin/%s/#", arguments[1]);
	load->client = connect_client("bench-load", arguments[0], load);
	mosquitto_connect_callback_set(load->client, load_connected);
	mosquitto_subscribe_callback_set(load->client, load_subscribed);
	mosquitto_message_callback_set(load->client, answer_came);
	while (!load->is_ready)
		if (mosquitto_loop(load->client, 1000, 1) != MOSQ_ERR_SUCCESS)
			errx(1, "the connection is lost");
	run_phase(load, outstanding, strtod(arguments[6], NULL));
	load->latency = (struct histogram){0};
	server_ns = servers_cpu_ns(arguments + 7);
	seconds = run_phase(load, outstanding, strtod(arguments[5], NULL));
	server_ns = servers_cpu_ns(arguments + 7) - server_ns;
	answers = load->latency.count;
	each = answers ? 1e-3 / (double)answers : 0;
	printf("{\"requests\":%" PRIu64 ",\"errors\":%" PRIu64
	       ",\"seconds\":%.3f,\"rate\":%.1f,\"p50_us\":%.1f,\"p99_us\":%.1f,\"cpu_us\":%.3f,\"first_error\":\"%s\"}\n",
	       answers, load->errors, seconds, (double)answers / seconds, histogram_quantile(&load->latency, 0.5) / 1e3,
	       histogram_quantile(&load->latency, 0.99) / 1e3, (double)server_ns * each, load->first_error);
	mosquitto_disconnect(load->client);
	mosquitto_destroy(load->client);
	free(load);
	return 0;
}

int main(int argc, char **argv)
{
	mosquitto_lib_init();
	if (argc == 4 && strcmp(argv[1], "echo") == 0)
		return run_echo(argv[2], argv[3]);
	if (argc >= 8)
		return run_load(argv + 1);
	fprintf(stderr,
		"usage: mqtt_load echo PORT SIZE | mqtt_load PORT RECEIVER PAYLOAD CODE OUTSTANDING SECONDS WARMUP "
		"PID...\n");
	return 2;
}
