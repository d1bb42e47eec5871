/* target: every percent escape is decoded once, per segment or query member, after the text was split. */
#include "bindings/target.h"

#include "bindings/refusal.h"

enum { CONDITIONS_MAX = 256 };

/* ---- percent escapes ---- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
		return (c | 0x20) - 'a' + 10;
	return -1;
}

ptrdiff_t target_decode(char *to, struct str in)
{
	char *start = to;

	for (size_t i = 0; i < in.len; i++) {
		int high, low;

		if (in.ptr[i] != '%') {
			*to++ = in.ptr[i];
			continue;
		}
		if (i + 2 >= in.len)
			return -1;
		high = hex_digit(in.ptr[i + 1]);
		low = hex_digit(in.ptr[i + 2]);
		if (high < 0 || low < 0)
			return -1;
		*to++ = (char)(high << 4 | low);
		i += 2;
	}
	return to - start;
}

static bool has_control(struct str s, const char *allowed)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (c == 0x7f || c == '\0' || (c < ' ' && !strchr(allowed, c)))
			return true;
	}
	return false;
}

/* ---- path ---- */

/* Decodes one segment behind *to and moves *to; NULL, or what is wrong. */
static const char *add_segment(char **to, struct str segment)
{
	ptrdiff_t len = target_decode(*to, segment);
	struct str decoded;

	if (len < 0)
		return "bad percent escape";
	if (len == 0)
		return "empty segment";
	decoded = str_make(*to, (size_t)len);
	if (memchr(decoded.ptr, '/', decoded.len))
		return "escaped slash in a segment";
	if (has_control(decoded, "") || !str_is_utf8(decoded))
		return "control byte or malformed UTF-8 in a segment";
	*to += len;
	return NULL;
}

/* The leading `~` or `_` stands for the first slashes of an SP-relative or absolute To (TS-0009 6.2.2.1). */
static struct str undo_prefix(struct str to, struct str *leading)
{
	*leading = STR("");
	if (str_starts(to, STR("~/")))
		*leading = STR("/");
	else if (str_starts(to, STR("_/")))
		*leading = STR("//");
	return leading->len ? str_from(to, 2) : to;
}

static void map_path(struct request *req, struct str path)
{
	char *text = arena_alloc(&req->arena, path.len + 1), *to = text;
	struct str rest = path, leading, address;

	while (rest.ptr) {
		const char *wrong = add_segment(&to, str_split(&rest, '/'));

		if (wrong) {
			refusal_note(req, RSC_BAD_REQUEST, "path: %s", wrong);
			return;
		}
		if (rest.ptr)
			*to++ = '/';
	}
	address = undo_prefix(str_make(text, (size_t)(to - text)), &leading);
	request_set(req, PARAM_to, leading.len ? arena_join(&req->arena, leading, address, STR("")) : address);
}

static bool begins_with(struct str s, struct str prefix)
{
	return s.len >= prefix.len && str_eq_nocase(str_make(s.ptr, prefix.len), prefix);
}

/* RFC 7230 5.3.2: the absolute form must be accepted as well. */
static struct str strip_authority(struct str target)
{
	const struct str http = STR("http://"), https = STR("https://");
	const char *slash;

	if (begins_with(target, http))
		target = str_from(target, http.len);
	else if (begins_with(target, https))
		target = str_from(target, https.len);
	else
		return target;
	slash = memchr(target.ptr, '/', target.len);
	return slash ? str_from(target, (size_t)(slash - target.ptr)) : STR("/");
}

static bool strip_root(struct str *path, struct str root)
{
	if (!str_starts(*path, root))
		return false;
	*path = str_from(*path, root.len);
	return path->len > 0 && *path->ptr == '/';
}

bool target_is_bare(struct str target, struct str root)
{
	struct str path;

	target = strip_authority(target);
	path = str_split(&target, '?');
	if (root.len && str_starts(path, root))
		path = str_from(path, root.len);
	return str_eq(path, STR("/")) || (root.len && path.len == 0);
}

/* ---- query ---- */

static bool is_query_parameter(enum parameter parameter)
{
	switch (parameter) {
#define QUERY(name) case PARAM_##name:
#include "bindings/query.def"
#undef QUERY
		return true;
	default:
		return false;
	}
}

/* Decodes into the arena; ptr NULL (and a refusal) if that is not possible. */
static struct str decode_text(struct request *req, struct str in, const char *what)
{
	char *text = arena_alloc(&req->arena, in.len + 1);
	ptrdiff_t len = target_decode(text, in);
	struct str decoded = str_make(text, len > 0 ? (size_t)len : 0);

	if (len < 0)
		refusal_note(req, RSC_BAD_REQUEST, "query: bad percent escape in %s", what);
	else if (has_control(decoded, "\t\r\n") || !str_is_utf8(decoded))
		refusal_note(req, RSC_BAD_REQUEST, "query: control byte or malformed UTF-8 in %s", what);
	else
		return decoded;
	return str_make(NULL, 0);
}

static void add_condition(struct request *req, enum condition tag, struct str name, struct str in)
{
	struct str text = decode_text(req, in, "a filter condition");

	if (!text.ptr)
		return;
	if (req->filter.count == CONDITIONS_MAX) {
		refusal_note(req, RSC_BAD_REQUEST, "query: more than %d filter conditions", CONDITIONS_MAX);
		return;
	}
	req->filter.items[req->filter.count++] = (struct filter_item){tag, name, text};
}

static bool has_condition(const struct request *req, enum condition tag)
{
	for (unsigned i = 0; i < req->filter.count; i++)
		if (req->filter.items[i].tag == tag)
			return true;
	return false;
}

/* Members of a list are joined by `+` (TS-0009 6.2.2.2), but SPARQL has a `+` of its own, and an expression over labels
 * has blanks, which some clients send as `+`. */
static void map_condition(struct request *req, enum condition tag, struct str name, struct str in)
{
	bool is_many = condition_defs[tag].kind.is_list;

	if (!is_many && has_condition(req, tag)) {
		refusal_note(req, RSC_BAD_REQUEST, "query: %" STR_FMT " is given twice", STR_ARG(name));
		return;
	}
	if (!is_many || tag == FILTER_semanticsFilter || tag == FILTER_labelsQuery) {
		add_condition(req, tag, name, in);
		return;
	}
	while (in.ptr)
		add_condition(req, tag, name, str_split(&in, '+'));
}

/* The members of a list reach core as they came, joined by `+`. */
static void map_parameter(struct request *req, enum parameter parameter, struct str in)
{
	const struct parameter_def *def = &parameter_defs[parameter];
	struct str text;

	if (request_has(req, parameter)) {
		refusal_note(req, RSC_BAD_REQUEST, "query: %s is given twice", def->short_name);
		return;
	}
	text = decode_text(req, in, def->short_name);
	if (text.ptr)
		request_set(req, parameter, text);
}

/* `c.` and `p.` lead the names of a child's and the parent's attributes (TS-0009 6.2.2.2). */
static bool is_attribute(struct str name, const struct schema *schema)
{
	if (str_starts(name, STR("c.")) || str_starts(name, STR("p.")))
		name = str_from(name, 2);
	return name.len && name_by_short(schema, name) != ATTR_NONE;
}

static void map_pair(struct request *req, struct str pair, const struct schema *schema)
{
	struct str value = pair, name = decode_text(req, str_split(&value, '='), "a name");
	enum parameter parameter;
	enum condition condition;

	if (!name.ptr)
		return;
	if (!value.ptr)
		value = STR("");
	parameter = parameter_find(name);
	condition = condition_find(name);
	if (is_query_parameter(parameter))
		map_parameter(req, parameter, value);
	else if (condition != FILTER_COUNT)
		map_condition(req, condition, name, value);
	else if (is_attribute(name, schema))
		add_condition(req, FILTER_COUNT, name, value);
	else
		refusal_note(req, RSC_BAD_REQUEST, "query: unknown name %.*s", name.len < 60 ? (int)name.len : 60,
			     name.ptr);
}

static unsigned count_members(struct str query)
{
	unsigned count = 1;

	for (size_t i = 0; i < query.len && count < CONDITIONS_MAX; i++)
		count += query.ptr[i] == '&' || query.ptr[i] == '+';
	return count;
}

static void map_query(struct request *req, struct str query, const struct schema *schema)
{
	if (!query.len)
		return;
	req->filter.items = arena_alloc(&req->arena, count_members(query) * sizeof(*req->filter.items));
	while (query.ptr && req->refused == RSC_NONE) {
		struct str pair = str_split(&query, '&');

		if (pair.len)
			map_pair(req, pair, schema);
	}
}

/* ---- both ---- */

static bool has_foreign_byte(struct str target)
{
	for (size_t i = 0; i < target.len; i++)
		if ((unsigned char)target.ptr[i] <= ' ' || (unsigned char)target.ptr[i] >= 0x7f || target.ptr[i] == '#')
			return true;
	return false;
}

void target_map(struct request *req, struct str target, struct str root, const struct schema *schema)
{
	struct str query = strip_authority(target), path = str_split(&query, '?');

	if (has_foreign_byte(target))
		refusal_note(req, RSC_BAD_REQUEST, "request target has a byte that must be percent-escaped");
	else if (!strip_root(&path, root))
		refusal_note(req, RSC_NOT_FOUND, "path is outside of what is served");
	else
		map_path(req, str_from(path, 1));
	map_query(req, query, schema);
}

/* ---- the way back ---- */

void target_add_escaped(struct strbuf *out, struct str text, const char *also)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
		    (c && (strchr("-._~", c) || strchr(also, c))))
			strbuf_add_char(out, (char)c);
		else
			strbuf_add(out, (char[]){'%', hex[c >> 4], hex[c & 15]}, 3);
	}
}

void target_add_path(struct strbuf *out, struct str root, struct str cse_id, struct str to)
{
	const char *also = "/:@";

	strbuf_add_str(out, root);
	if (str_starts(to, STR("//"))) {
		STRBUF_LIT(out, "/_");
		to = str_from(to, 1);
	} else {
		STRBUF_LIT(out, "/~");
		if (!str_starts(to, STR("/"))) {
			target_add_escaped(out, cse_id, also);
			strbuf_add_char(out, '/');
		}
	}
	target_add_escaped(out, to, also);
}

void target_add_query(struct strbuf *out, const struct str *param)
{
	static const enum parameter parameters[] = {
#define QUERY(name) PARAM_##name,
#include "bindings/query.def"
#undef QUERY
	};
	struct str attribute = param[PARAM_to];
	char separator = '?';

	str_split(&attribute, '#');
	for (size_t i = 0; i < sizeof(parameters) / sizeof(parameters[0]); i++) {
		struct str value = param[parameters[i]];

		if (!value.ptr && parameters[i] == PARAM_attributeList)
			value = attribute;
		if (!value.ptr)
			continue;
		strbuf_add_char(out, separator);
		strbuf_add_str(out, str_of(parameter_defs[parameters[i]].short_name));
		strbuf_add_char(out, '=');
		target_add_escaped(out, value, "/:@+,");
		separator = '&';
	}
}
