/* topic: see topic.h. */
#include "bindings/mqtt/topic.h"

#include <ctype.h>

enum {
	DEFAULT_PORT = 1883,
	ID_MAX = 300,
	SLASHES_MAX = 200, /* mosquitto closes the connection over more (MQTT 4.7.3 lets servers have a limit) */
};

static const char root[] = "oneM2M";
static const char *const kinds[TOPIC_KINDS] = {
	[TOPIC_REQUEST] = "req",
	[TOPIC_RESPONSE] = "resp",
	[TOPIC_REGISTRATION] = "reg_req",
	[TOPIC_REGISTRATION_RESPONSE] = "reg_resp",
};

static bool find_kind(struct str level, enum topic_kind *kind)
{
	for (unsigned i = 0; i < TOPIC_KINDS; i++) {
		if (!str_eq(level, str_of(kinds[i])))
			continue;
		*kind = (enum topic_kind)i;
		return true;
	}
	return false;
}

/* ---- whole topics ---- */

bool topic_parse(struct str prefix, struct str text, struct topic *topic)
{
	struct str rest = text;

	if (text.len > TOPIC_MAX || !str_starts(text, prefix))
		return false;
	rest = str_from(text, prefix.len);
	if (!rest.len || rest.ptr[0] != '/')
		return false;
	rest = str_from(rest, 1);
	if (!str_eq(str_split(&rest, '/'), str_of(root)) || !rest.ptr ||
	    !find_kind(str_split(&rest, '/'), &topic->kind) || !rest.ptr)
		return false;
	topic->originator = str_split(&rest, '/');
	topic->receiver = rest.ptr ? str_split(&rest, '/') : STR("");
	topic->type = rest.ptr ? rest : STR("");
	return topic->originator.len > 0 && topic->receiver.len > 0;
}

void topic_add(struct strbuf *out, struct str prefix, const struct topic *topic)
{
	strbuf_add_str(out, prefix);
	strbuf_addf(out, "/%s/%s/", root, kinds[topic->kind]);
	strbuf_add_str(out, topic->originator);
	strbuf_add_char(out, '/');
	strbuf_add_str(out, topic->receiver);
	strbuf_add_char(out, '/');
	strbuf_add_str(out, topic->type);
}

bool topic_is_standard(struct str text)
{
	while (text.ptr)
		if (str_eq(str_split(&text, '/'), str_of(root)))
			return true;
	return false;
}

bool topic_is_publishable(struct str text)
{
	unsigned slashes = 0;

	for (size_t i = 0; i < text.len; i++) {
		slashes += text.ptr[i] == '/';
		if ((unsigned char)text.ptr[i] < ' ' || text.ptr[i] == 0x7f || text.ptr[i] == '+' || text.ptr[i] == '#')
			return false;
	}
	return text.len > 0 && slashes <= SLASHES_MAX && text.len <= TOPIC_MAX && str_is_utf8(text);
}

/* ---- identifiers ---- */

static void add_swapped(struct strbuf *out, struct str text, char from, char to)
{
	for (struct str piece = str_split(&text, from); piece.ptr; piece = str_split(&text, from)) {
		strbuf_add_str(out, piece);
		if (text.ptr)
			strbuf_add_char(out, to);
	}
}

void topic_add_level(struct strbuf *out, struct str id)
{
	if (str_starts(id, STR("/")))
		id = str_from(id, 1); /* an absolute one keeps its second slash */
	add_swapped(out, id, '/', ':');
}

struct str topic_id(struct str level, struct arena *arena)
{
	bool is_stem = level.len && (level.ptr[0] == 'C' || level.ptr[0] == 'S') && !memchr(level.ptr, ':', level.len);
	struct strbuf out = {0};
	struct str id;

	if (!is_stem)
		strbuf_add_char(&out, '/');
	add_swapped(&out, level, ':', '/');
	id = arena_copy(arena, strbuf_str(&out));
	strbuf_finish(&out);
	return id;
}

/* Without what the home CSE may leave out: of "id-in:Ca" and ":sp:id-in:Ca" that is "Ca". */
static struct str without_home(struct str level, const struct topic_home *home)
{
	struct str cse = str_from(home->cse_id, 1), sp = home->sp_id;

	if (level.len > sp.len + 2 && level.ptr[0] == ':' && str_starts(str_from(level, 1), sp) &&
	    level.ptr[sp.len + 1] == ':')
		level = str_from(level, sp.len + 2);
	if (level.len > cse.len + 1 && str_starts(level, cse) && level.ptr[cse.len] == ':')
		level = str_from(level, cse.len + 1);
	return level;
}

bool topic_names(struct str level, struct str id, const struct topic_home *home)
{
	struct strbuf own = {0};
	bool is_same;

	if (id.len > ID_MAX)
		return false;
	topic_add_level(&own, id);
	is_same = str_eq(without_home(level, home), without_home(strbuf_str(&own), home));
	strbuf_finish(&own);
	return is_same;
}

/* ---- URIs ---- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* ptr NULL: malformed. */
static struct str percent_decode(struct str text, struct arena *arena)
{
	char *out = arena_alloc(arena, text.len + 1);
	size_t len = 0;

	for (size_t i = 0; i < text.len; i++) {
		int high = 0, low = 0;

		out[len++] = text.ptr[i];
		if (text.ptr[i] != '%')
			continue;
		high = i + 2 < text.len ? hex_digit(text.ptr[i + 1]) : -1;
		low = high >= 0 ? hex_digit(text.ptr[i + 2]) : -1;
		if (low < 0)
			return (struct str){0};
		out[len - 1] = (char)(high * 16 + low);
		i += 2;
	}
	return str_make(out, len);
}

/* Takes "host:port", "host" or "[::1]:port". */
static int parse_authority(struct str text, struct place *place, const char **why)
{
	static const struct str marks = {"-._~:%", 6};
	struct str host, port;
	const char *end;
	uint64_t number = DEFAULT_PORT;

	*why = "the host is missing or malformed";
	if (str_starts(text, STR("["))) {
		end = memchr(text.ptr, ']', text.len);
		if (!end)
			return -1;
		host = str_make(text.ptr + 1, (size_t)(end - text.ptr) - 1);
		port = str_from(text, host.len + 2);
		if (port.len && port.ptr[0] != ':')
			return -1;
		port = port.len ? str_from(port, 1) : (struct str){0};
	} else {
		port = text;
		host = str_split(&port, ':');
	}
	if (!host.len || host.len >= sizeof(place->host))
		return -1;
	for (size_t i = 0; i < host.len; i++)
		if (!isalnum((unsigned char)host.ptr[i]) && !memchr(marks.ptr, host.ptr[i], marks.len))
			return -1;
	*why = "the port is no number from 1 to 65535";
	if (port.ptr && (str_to_u64(port, &number) < 0 || number < 1 || number > 65535))
		return -1;
	memcpy(place->host, host.ptr, host.len);
	place->host[host.len] = '\0';
	place->port = (uint16_t)number;
	return 0;
}

int place_parse(struct str url, struct place *place, struct arena *arena, const char **why)
{
	struct str authority, path = url;

	*place = (struct place){.port = DEFAULT_PORT};
	*why = "the URL is longer than is taken";
	if (url.len > TOPIC_MAX)
		return -1;
	if (url.len >= 7 && str_eq_nocase(str_make(url.ptr, 7), STR("mqtt://")))
		path = str_from(url, 7);
	*why = "the URL has another scheme than mqtt";
	if (memmem(path.ptr, path.len, "://", 3))
		return -1;
	authority = str_split(&path, '/');
	*why = "a user or password has no place in the URL";
	if (memchr(authority.ptr, '@', authority.len))
		return -1;
	if (parse_authority(authority, place, why) < 0)
		return -1;
	while (path.len && path.ptr[path.len - 1] == '/')
		path.len--;
	place->path = path.len ? percent_decode(path, arena) : STR("");
	*why = "the path is no topic";
	return place->path.ptr && (!place->path.len || topic_is_publishable(place->path)) ? 0 : -1;
}

bool place_is_of_same_broker(const struct place *a, const struct place *b)
{
	return strcmp(a->host, b->host) == 0 && a->port == b->port;
}

bool place_eq(const struct place *a, const struct place *b)
{
	return place_is_of_same_broker(a, b) && str_eq(a->path, b->path);
}
