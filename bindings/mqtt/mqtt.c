/* mqtt: opening, draining and closing the MQTT binding. */
#include "bindings/mqtt/mqtt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { BROKERS_MAX = 64, DRAIN_STEP_US = 10000, PACKET_OVERHEAD = 2 * TOPIC_MAX + 8192 };

/* ---- what the configuration says ---- */

static struct uplink *make_uplink(struct binding_state *mqtt, const struct place *place, bool is_trusted)
{
	struct uplink *uplink = xzalloc(sizeof(*uplink));

	uplink->mqtt = mqtt;
	list_init(&uplink->prefixes);
	(void)uplink_listen(uplink, place->path);
	broker_open(&uplink->broker, &mqtt->circle, place, mqtt->client_id.ptr, true);
	uplink->broker.is_trusted = is_trusted;
	list_push(&mqtt->own, &uplink->broker.link);
	return uplink;
}

/* The identifier of the client is one, so two connections to a broker would end each other (MQTT 3.1.4). */
static bool is_known_broker(const struct place *places, int count, const struct place *place)
{
	for (int i = 0; i < count; i++)
		if (place_is_of_same_broker(&places[i], place) && !place_eq(&places[i], place))
			return true;
	return false;
}

/* The places of a list. Their number, or -1 and what is wrong. */
static int read_places(struct binding_state *mqtt, const char *key, const char *list, struct place *places,
		       char *message, size_t size)
{
	struct str rest = str_of(list), item;
	const char *why;
	int count = 0;

	while ((item = str_next_item(&rest)).ptr) {
		if (count == BROKERS_MAX) {
			snprintf(message, size, "mqtt.%s: more than %d brokers", key, BROKERS_MAX);
			return -1;
		}
		if (place_parse(item, &places[count], &mqtt->arena, &why) < 0) {
			snprintf(message, size, "mqtt.%s %.*s: %s", key, STR_ARG(item), why);
			return -1;
		}
		if (is_known_broker(places, count, &places[count])) {
			snprintf(message, size, "mqtt.%s %.*s: the broker is named twice", key, STR_ARG(item));
			return -1;
		}
		count++;
	}
	return count;
}

static bool has_place(const struct place *places, int count, const struct place *place)
{
	for (int i = 0; i < count; i++)
		if (place_eq(&places[i], place))
			return true;
	return false;
}

struct own_brokers {
	struct place *places, *trusted;
	int count, trusted_count;
};

static int read_brokers(struct binding_state *mqtt, struct own_brokers *own, char *message, size_t size)
{
	own->places = arena_alloc(&mqtt->arena, BROKERS_MAX * sizeof(*own->places));
	own->trusted = arena_alloc(&mqtt->arena, BROKERS_MAX * sizeof(*own->trusted));
	own->count = read_places(mqtt, "broker", mqtt->config.listen, own->places, message, size);
	if (own->count < 0)
		return ERROR_FORMAT;
	own->trusted_count = read_places(mqtt, "trusted", mqtt->settings.trusted, own->trusted, message, size);
	if (own->trusted_count < 0)
		return ERROR_FORMAT;
	for (int i = 0; i < own->trusted_count; i++) {
		if (has_place(own->places, own->count, &own->trusted[i]))
			continue;
		snprintf(message, size, "mqtt.trusted: %s:%u is not in mqtt.broker", own->trusted[i].host,
			 (unsigned)own->trusted[i].port);
		return ERROR_FORMAT;
	}
	return 0;
}

static void open_brokers(struct binding_state *mqtt, const struct own_brokers *own)
{
	for (int i = 0; i < own->count; i++)
		if (!has_place(own->places, i, &own->places[i]))
			make_uplink(mqtt, &own->places[i],
				    has_place(own->trusted, own->trusted_count, &own->places[i]));
}

/* The first line. */
static int read_password(struct binding_state *mqtt, char *message, size_t size)
{
	const char *path = mqtt->settings.password_file;
	ssize_t got = 0;
	int fd, error = 0;

	if (!path[0])
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		got = read(fd, mqtt->password, sizeof(mqtt->password) - 1);
	if (fd < 0 || got < 0)
		error = -errno;
	if (fd >= 0)
		close(fd);
	if (!error && got == (ssize_t)sizeof(mqtt->password) - 1)
		error = ERROR_LIMIT;
	if (error)
		snprintf(message, size, "mqtt.password-file %s: %s", path, error_text(error));
	mqtt->password[strcspn(mqtt->password, "\r\n")] = '\0';
	return error;
}

/* MQTT 1.5.3; libmosquitto takes nothing else. */
static int check_texts(const struct mqtt_settings *settings, char *message, size_t size)
{
	const char *wrong = !str_is_utf8(str_of(settings->client_id))  ? "client-id"
			    : !str_is_utf8(str_of(settings->username)) ? "username"
								       : NULL;

	if (!wrong)
		return 0;
	snprintf(message, size, "mqtt.%s: malformed UTF-8", wrong);
	return ERROR_FORMAT;
}

static int read_configuration(struct binding_state *mqtt, struct own_brokers *own, char *message, size_t size)
{
	char why[160];
	int error = read_password(mqtt, message, size);

	if (error == 0)
		error = check_texts(&mqtt->settings, message, size);
	if (error < 0)
		return error;
	if (rules_parse(&mqtt->rules, str_of(mqtt->settings.map), &mqtt->arena, why, sizeof(why)) < 0) {
		snprintf(message, size, "mqtt.map: %s", why);
		return ERROR_FORMAT;
	}
	return read_brokers(mqtt, own, message, size);
}

static int configure(struct binding_state *mqtt, char *message, size_t size)
{
	const struct binding_config *config = &mqtt->config;
	struct own_brokers own;
	char why[160];
	int error = read_configuration(mqtt, &own, message, size);

	if (error < 0)
		return error;
	if (mqtt->client_id.len >= sizeof(((struct broker *)0)->client_id)) {
		snprintf(message, size, "mqtt.client-id: longer than is taken");
		return ERROR_LIMIT;
	}
	error = guard_init(&mqtt->circle.guard, config->networks, config->is_public, why, sizeof(why));
	if (error < 0) {
		snprintf(message, size, "outgoing.networks: %s", why);
		return error;
	}
	open_brokers(mqtt, &own);
	return 0;
}

/* ---- opening ---- */

static void read_settings(struct mqtt_settings *settings, const struct setting *section)
{
	*settings = (struct mqtt_settings){
		.trusted = setting_text(section, "trusted"),
		.map = setting_text(section, "map"),
		.client_id = setting_text(section, "client_id"),
		.username = setting_text(section, "username"),
		.password_file = setting_text(section, "password_file"),
		.serves_admin = setting_number(section, "admin"),
		.takes_any_credential = setting_number(section, "any_credential"),
		.is_version5 = setting_number(section, "version") == 1,
		.keep_alive_s = (unsigned)setting_number(section, "keep_alive"),
		.cache_time_s = (unsigned)setting_number(section, "cache_time"),
		.cache_bytes = setting_number(section, "cache_size"),
		.most_kept = setting_number(section, "max_queue"),
	};
}

/* TS-0010 6.3.3: C:: and the CSE-ID. */
static struct str client_id(struct binding_state *mqtt)
{
	const char *wanted = mqtt->settings.client_id;
	struct str id = wanted[0] ? arena_copy(&mqtt->arena, str_of(wanted))
				  : arena_join(&mqtt->arena, STR("C::"), mqtt->home.cse_id, STR(""));

	return str_make(arena_cstr(&mqtt->arena, id), id.len);
}

static void set_up(struct binding_state *mqtt)
{
	const struct mqtt_settings *settings = &mqtt->settings;
	struct strbuf level = {0};

	arena_init(&mqtt->arena);
	arena_init(&mqtt->scratch);
	arena_init(&mqtt->answers);
	arena_init(&mqtt->spare.arena);
	list_init(&mqtt->own);
	list_init(&mqtt->others);
	list_init(&mqtt->hops);
	list_init(&mqtt->failed);
	mqtt->soon.fire = outbound_end_failed;
	mqtt->seed = id_seed();
	mqtt->home = (struct topic_home){cse_id(mqtt->cse), cse_sp_id(mqtt->cse)};
	topic_add_level(&level, mqtt->home.cse_id);
	mqtt->level = arena_copy(&mqtt->arena, strbuf_str(&level));
	strbuf_finish(&level);
	mqtt->client_id = client_id(mqtt);
	cache_init(&mqtt->cache, settings->cache_bytes, (int64_t)settings->cache_time_s * 1000000);
	circle_init(&mqtt->circle, mqtt->loop, cse_log(mqtt->cse));
	mqtt->circle.keep_alive_s = settings->keep_alive_s;
	mqtt->circle.is_version5 = settings->is_version5;
	mqtt->circle.most_kept = settings->most_kept;
	mqtt->circle.largest_packet = mqtt->config.max_body + PACKET_OVERHEAD;
	mqtt->circle.largest_answer = mqtt->config.max_answer + PACKET_OVERHEAD;
	mqtt->circle.username = settings->username[0] ? settings->username : NULL;
	mqtt->circle.password = settings->password_file[0] ? mqtt->password : NULL;
	mqtt->circle.connected = inbound_subscribe;
	mqtt->circle.received = inbound_received;
	mqtt->circle.lost = outbound_lost;
}

static void mqtt_close(struct binding_state *mqtt);

static int mqtt_check(const struct binding_config *config, char *message, size_t size)
{
	struct binding_state *mqtt;
	struct own_brokers own;
	int error;

	if (!config->listen[0])
		return 0;
	mqtt = xzalloc(sizeof(*mqtt));
	mqtt->config = *config;
	read_settings(&mqtt->settings, config->settings);
	arena_init(&mqtt->arena);
	error = read_configuration(mqtt, &own, message, size);
	arena_finish(&mqtt->arena);
	explicit_bzero(mqtt->password, sizeof(mqtt->password));
	free(mqtt);
	return error;
}

static int mqtt_open(struct cse *cse, struct loop *loop, const struct binding_config *config,
		     struct binding_state **state, char *message, size_t size)
{
	struct binding_state *mqtt = xzalloc(sizeof(*mqtt));
	int error;

	mqtt->cse = cse;
	mqtt->loop = loop;
	mqtt->config = *config;
	read_settings(&mqtt->settings, config->settings);
	set_up(mqtt);
	error = configure(mqtt, message, size);
	if (error < 0) {
		mqtt_close(mqtt);
		return error;
	}
	*state = mqtt;
	return 0;
}

/* ---- the end ---- */

void mqtt_finish(struct binding_state *mqtt)
{
	while (!list_empty(&mqtt->own))
		uplink_destroy(uplink_of(container_of(mqtt->own.next, struct broker, link)));
	loop_timer_cancel(mqtt->loop, &mqtt->soon);
	loop_timer_cancel(mqtt->loop, &mqtt->drain);
	map_finish(&mqtt->errands);
	cache_finish(&mqtt->cache);
	strbuf_finish(&mqtt->out);
	strbuf_finish(&mqtt->topic);
	circle_finish(&mqtt->circle);
	arena_finish(&mqtt->arena);
	arena_finish(&mqtt->scratch);
	arena_finish(&mqtt->answers);
	arena_finish(&mqtt->spare.arena);
	explicit_bzero(mqtt->password, sizeof(mqtt->password));
	free(mqtt);
}

/* Requests still at the CSE keep the state until they are answered, to nobody. */
static void mqtt_close(struct binding_state *mqtt)
{
	mqtt->is_closed = true;
	loop_timer_cancel(mqtt->loop, &mqtt->drain);
	while (!list_empty(&mqtt->others))
		uplink_destroy(uplink_of(container_of(mqtt->others.next, struct broker, link)));
	list_each (item, &mqtt->own)
		broker_close(container_of(item, struct broker, link));
	if (mqtt->waiting_count == 0)
		mqtt_finish(mqtt);
}

static bool is_flushed(const struct binding_state *mqtt)
{
	for (const struct list *item = mqtt->own.next; item != &mqtt->own; item = item->next)
		if (!broker_is_flushed(container_of(item, struct broker, link)))
			return false;
	return true;
}

/* Nothing more is read once no answer is waited for: what others send then waits at the broker for the next start. */
static void drain_on(struct timer *timer)
{
	struct binding_state *mqtt = container_of(timer, struct binding_state, drain);
	void (*drained)(void *arg) = mqtt->drained;
	bool is_late = clock_mono_us(loop_clock(mqtt->loop)) >= mqtt->drain_until_us;

	if (list_empty(&mqtt->hops))
		list_each (item, &mqtt->own)
			broker_pause(container_of(item, struct broker, link));
	if (!is_late && (mqtt->waiting_count > 0 || !list_empty(&mqtt->hops) || !is_flushed(mqtt))) {
		loop_timer_set(mqtt->loop, timer, DRAIN_STEP_US);
		return;
	}
	drained(mqtt->drained_arg);
}

static void mqtt_drain(struct binding_state *mqtt, void (*done)(void *arg), void *arg)
{
	mqtt->drained = done;
	mqtt->drained_arg = arg;
	mqtt->drain.fire = drain_on;
	mqtt->drain_until_us = clock_mono_us(loop_clock(mqtt->loop)) + (int64_t)mqtt->config.drain_timeout_ms * 1000;
	loop_timer_set(mqtt->loop, &mqtt->drain, 0);
}

static const char *mqtt_address(struct binding_state *mqtt)
{
	return mqtt->config.listen;
}

static const char *const schemes[] = {"mqtt", NULL};

/* TS-0010 6.6 */
static void mqtt_add_points_of_access(const struct binding_config *config, struct strbuf *out)
{
	struct str rest = str_of(config->listen), item;

	while ((item = str_next_item(&rest)).ptr)
		strbuf_addf(out, "%s%s%.*s", out->len ? "," : "", str_starts(item, STR("mqtt://")) ? "" : "mqtt://",
			    STR_ARG(item));
}

extern const struct binding binding_mqtt;
const struct binding binding_mqtt = {
	.name = "mqtt",
	.is_relayed = true,
	.check = mqtt_check,
	.add_points_of_access = mqtt_add_points_of_access,
	.open = mqtt_open,
	.drain = mqtt_drain,
	.close = mqtt_close,
	.address = mqtt_address,
	.schemes = schemes,
	.send = outbound_send,
	.cancel = outbound_cancel,
};
