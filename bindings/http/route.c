/* route: libcurl takes URLs apart, so that what is connected to and what is asked for are read by one parser. */
#include "bindings/http/route.h"

#include "cse/base/error.h"
#include "cse/base/id.h"
#include "cse/base/strbuf.h"

#include <stdlib.h>

enum { REMEMBERED_MAX = 4096, URL_MAX = 4096 };

/* ---- taking apart ---- */

static const char *explain(CURLUcode code)
{
	switch (code) {
	case CURLUE_OK:
		return NULL;
	case CURLUE_UNSUPPORTED_SCHEME:
	case CURLUE_NO_SCHEME:
	case CURLUE_BAD_SCHEME:
		return "URL is neither http nor https";
	case CURLUE_USER_NOT_ALLOWED:
		return "URL with a user or password";
	default:
		return "URL is malformed";
	}
}

/* The pieces of a URL, as libcurl's strings. */
struct pieces {
	char *scheme, *user, *host, *port, *shown_port, *path, *query;
};

static void free_pieces(struct pieces *pieces)
{
	curl_free(pieces->scheme);
	curl_free(pieces->user);
	curl_free(pieces->host);
	curl_free(pieces->port);
	curl_free(pieces->shown_port);
	curl_free(pieces->path);
	curl_free(pieces->query);
}

/* Control bytes, blanks and what is not ASCII would be read differently by others. */
static bool is_visible(const char *text)
{
	for (; text && *text; text++)
		if ((unsigned char)*text <= ' ' || (unsigned char)*text >= 0x7f)
			return false;
	return true;
}

static const char *take_apart(CURLU *parser, const char *url, struct pieces *pieces)
{
	const char *why = explain(curl_url_set(parser, CURLUPART_URL, url, CURLU_DISALLOW_USER | CURLU_PATH_AS_IS));

	if (why)
		return why;
	curl_url_get(parser, CURLUPART_SCHEME, &pieces->scheme, 0);
	curl_url_get(parser, CURLUPART_USER, &pieces->user, 0);
	curl_url_get(parser, CURLUPART_HOST, &pieces->host, CURLU_PUNYCODE);
	curl_url_get(parser, CURLUPART_PORT, &pieces->port, CURLU_DEFAULT_PORT);
	curl_url_get(parser, CURLUPART_PORT, &pieces->shown_port, CURLU_NO_DEFAULT_PORT);
	curl_url_get(parser, CURLUPART_PATH, &pieces->path, 0);
	curl_url_get(parser, CURLUPART_QUERY, &pieces->query, 0);
	if (pieces->user)
		return "URL with a user or password";
	if (!pieces->scheme || (strcmp(pieces->scheme, "http") != 0 && strcmp(pieces->scheme, "https") != 0))
		return "URL is neither http nor https";
	if (!pieces->host || !pieces->port || !pieces->path || !is_visible(pieces->host) || !is_visible(pieces->path) ||
	    !is_visible(pieces->query))
		return "URL is malformed";
	return NULL;
}

/* ---- making ---- */

/* Adds the text up to here as a piece, which begins at *start. */
static struct str cut(struct strbuf *text, size_t *start)
{
	struct str piece = str_make(NULL, text->len - *start);

	strbuf_add_char(text, '\0');
	*start = text->len;
	return piece;
}

static struct str place(const char **at, struct str piece)
{
	struct str placed = str_make(*at, piece.len);

	*at += piece.len + 1;
	return placed;
}

static struct route *make(struct str url, const struct pieces *pieces)
{
	struct strbuf text = {0};
	struct str lens[4];
	struct route *route;
	const char *at;
	size_t start = 0;

	strbuf_add_str(&text, url);
	lens[0] = cut(&text, &start);
	strbuf_addf(&text, "%s://%s:%s", pieces->scheme, pieces->host, pieces->port);
	lens[1] = cut(&text, &start);
	strbuf_addf(&text, "%s%s%s", pieces->host, pieces->shown_port ? ":" : "",
		    pieces->shown_port ? pieces->shown_port : "");
	lens[2] = cut(&text, &start);
	strbuf_addf(&text, "%s%s%s", pieces->path, pieces->query ? "?" : "", pieces->query ? pieces->query : "");
	lens[3] = cut(&text, &start);
	route = xzalloc(sizeof(*route) + text.len);
	memcpy(route->text, text.ptr, text.len);
	strbuf_finish(&text);
	at = route->text;
	route->url = place(&at, lens[0]);
	route->origin = place(&at, lens[1]);
	route->host = place(&at, lens[2]);
	route->target = place(&at, lens[3]);
	route->path = str_make(route->target.ptr, strlen(pieces->path));
	while (route->path.len && route->path.ptr[route->path.len - 1] == '/')
		route->path.len--;
	route->is_tls = strcmp(pieces->scheme, "https") == 0;
	return route;
}

static struct route *parse(struct routes *routes, struct str url, const char **why)
{
	struct pieces pieces = {0};
	struct route *route = NULL;
	char *text;

	*why = "URL is too long, or has a byte 0";
	if (url.len > URL_MAX || memchr(url.ptr, '\0', url.len))
		return NULL;
	text = xmalloc(url.len + 1);
	memcpy(text, url.ptr, url.len);
	text[url.len] = '\0';
	*why = take_apart(routes->parser, text, &pieces);
	if (!*why)
		route = make(url, &pieces);
	free_pieces(&pieces);
	free(text);
	return route;
}

/* ---- remembering ---- */

static void forget(struct routes *routes, struct route *route)
{
	map_remove(&routes->by_url, &route->node);
	list_remove(&route->link);
	free(route);
}

static struct route *look_up(const struct routes *routes, struct str url, uint64_t hash)
{
	for (struct map_node *node = map_first(&routes->by_url, hash); node; node = map_next(node)) {
		struct route *route = container_of(node, struct route, node);

		if (str_eq(route->url, url))
			return route;
	}
	return NULL;
}

const struct route *routes_find(struct routes *routes, struct str url, const char **why)
{
	uint64_t hash = str_hash(url, routes->seed);
	struct route *route = look_up(routes, url, hash);

	if (route) {
		list_remove(&route->link);
		list_push(&routes->by_use, &route->link);
		return route;
	}
	route = parse(routes, url, why);
	if (!route)
		return NULL;
	if (routes->by_url.count == REMEMBERED_MAX)
		forget(routes, container_of(routes->by_use.next, struct route, link));
	map_add(&routes->by_url, &route->node, hash);
	list_push(&routes->by_use, &route->link);
	return route;
}

void routes_init(struct routes *routes)
{
	*routes = (struct routes){.seed = id_seed(), .parser = curl_url()};
	list_init(&routes->by_use);
	if (!routes->parser)
		die_out_of_memory(0);
}

void routes_finish(struct routes *routes)
{
	while (!list_empty(&routes->by_use))
		forget(routes, container_of(routes->by_use.next, struct route, link));
	map_finish(&routes->by_url);
	curl_url_cleanup(routes->parser);
}
