/* rules: see rules.h. */
#include "bindings/mqtt/rules.h"

#include "cse/base/strbuf.h"
#include "schemas/codec/base64.h"

#include <ctype.h>
#include <mosquitto.h>
#include <stdio.h>

enum { WILD_CARDS_MAX = 9, RULES_MAX = 1000 };

/* ---- reading them ---- */

static struct str next_word(struct str *rest)
{
	struct str word = {0};

	while (rest->ptr && !word.len)
		word = str_split(rest, ' ');
	return word.ptr ? word : STR("");
}

/* contentInfo is "media type:encoding[:security]"; encodings 1 and 2 are base64 (TS-0004 6.3.5.5). */
static bool says_base64(struct str info)
{
	(void)str_split(&info, ':');
	if (info.ptr)
		info = str_split(&info, ':');
	return info.ptr && (str_eq(info, STR("1")) || str_eq(info, STR("2")));
}

static unsigned wild_cards(struct str filter)
{
	unsigned count = 0;

	for (size_t i = 0; i < filter.len; i++)
		count += filter.ptr[i] == '+' || filter.ptr[i] == '#';
	return count;
}

/* What does the target refer to that the filter has not got? */
static bool refers_beyond(struct str target, unsigned count)
{
	for (size_t i = 0; i + 1 < target.len; i++)
		if (target.ptr[i] == '$' && (target.ptr[i + 1] < '1' || target.ptr[i + 1] > (char)('0' + count)))
			return true;
	return target.len && target.ptr[target.len - 1] == '$';
}

static const char *parse_rule(struct rule *rule, struct str text, struct arena *arena)
{
	struct str rest = text, filter = next_word(&rest);

	rule->target = next_word(&rest);
	rule->originator = next_word(&rest);
	rule->content_info = next_word(&rest);
	if (!rule->originator.len || next_word(&rest).len)
		return "must be FILTER TARGET ORIGINATOR [CONTENTINFO]";
	rule->filter = arena_cstr(arena, filter);
	if (!str_is_utf8(text))
		return "is malformed UTF-8";
	if (mosquitto_sub_topic_check(rule->filter) != MOSQ_ERR_SUCCESS)
		return "the first word is no filter of topics";
	if (wild_cards(filter) > WILD_CARDS_MAX)
		return "the filter has too many wild cards";
	if (refers_beyond(rule->target, wild_cards(filter)))
		return "the target has a $ for a wild card that the filter has not got";
	rule->is_binary = says_base64(rule->content_info);
	return NULL;
}

int rules_parse(struct rules *rules, struct str text, struct arena *arena, char *message, size_t size)
{
	struct str rest = text, item;
	const char *why = NULL;

	*rules = (struct rules){0};
	while ((item = str_next_item(&rest)).ptr)
		rules->count++;
	if (rules->count > RULES_MAX) {
		snprintf(message, size, "more than %d rules", RULES_MAX);
		return -1;
	}
	rules->items = arena_zalloc(arena, (rules->count + 1) * sizeof(*rules->items));
	rest = text;
	for (size_t i = 0; i < rules->count && !why; i++) {
		item = arena_copy(arena, str_next_item(&rest));
		why = parse_rule(&rules->items[i], item, arena);
	}
	if (why)
		snprintf(message, size, "rule \"%.*s\": %s", item.len < 80 ? (int)item.len : 80, item.ptr, why);
	return why ? -1 : 0;
}

/* ---- applying them ---- */

/* MQTT 4.7; libmosquitto's own reads on behind a topic without a NUL. */
static bool filter_takes(struct str filter, struct str topic)
{
	bool is_hidden = topic.len && topic.ptr[0] == '$';

	if (is_hidden && filter.len && (filter.ptr[0] == '+' || filter.ptr[0] == '#'))
		return false;
	while (filter.ptr && topic.ptr) {
		struct str wanted = str_split(&filter, '/'), level = str_split(&topic, '/');

		if (str_eq(wanted, STR("#")))
			return true;
		if (!str_eq(wanted, STR("+")) && !str_eq(wanted, level))
			return false;
	}
	return !topic.ptr && (!filter.ptr || str_eq(filter, STR("#")));
}

struct rule *rules_find(const struct rules *rules, struct str topic)
{
	for (size_t i = 0; i < rules->count; i++)
		if (filter_takes(str_of(rules->items[i].filter), topic))
			return &rules->items[i];
	return NULL;
}

/* What the filter's wild cards stand for in a topic that matches. # may stand for nothing. */
static void match(struct str filter, struct str topic, struct str found[WILD_CARDS_MAX])
{
	unsigned count = 0;

	while (filter.ptr && count < WILD_CARDS_MAX) {
		struct str level = str_split(&filter, '/');

		if (str_eq(level, STR("#")))
			found[count++] = topic.ptr ? topic : STR("");
		else if (str_eq(level, STR("+")))
			found[count++] = topic.ptr ? str_split(&topic, '/') : STR("");
		else if (topic.ptr)
			(void)str_split(&topic, '/');
	}
}

/* Only what a resource's name may be made of goes into an address (TS-0001 table 7.2-1); # may bring several. */
static bool is_address(struct str text)
{
	static const struct str marks = {"-._~/", 5};

	for (size_t i = 0; i < text.len; i++)
		if (!isalnum((unsigned char)text.ptr[i]) && !memchr(marks.ptr, text.ptr[i], marks.len))
			return false;
	return text.len > 0 && text.ptr[0] != '/' && text.ptr[text.len - 1] != '/' &&
	       !memmem(text.ptr, text.len, "//", 2);
}

static bool fill_in(const struct rule *rule, struct str topic, struct request *req)
{
	struct str found[WILD_CARDS_MAX] = {{0}};
	struct strbuf out = {0};
	bool is_good = true;

	match(str_of(rule->filter), topic, found);
	for (size_t i = 0; i < rule->target.len; i++) {
		struct str piece = str_make(rule->target.ptr + i, 1);

		if (piece.ptr[0] == '$') {
			piece = found[rule->target.ptr[++i] - '1'];
			is_good = is_good && is_address(piece);
		}
		strbuf_add_str(&out, piece);
	}
	request_set(req, PARAM_to, arena_copy(&req->arena, strbuf_str(&out)));
	strbuf_finish(&out);
	return is_good;
}

static void add_member(struct strbuf *out, struct str name, struct str value)
{
	strbuf_add_json(out, name);
	strbuf_add_char(out, ':');
	strbuf_add_json(out, value);
}

static struct str instance(const struct rule *rule, const struct schema *schema, struct str content,
			   struct arena *arena)
{
	const struct type_def *type = schema_type(schema, TY_contentInstance);
	struct strbuf out = {0};
	struct str json;

	strbuf_addf(&out, "{\"%s:%s\":{", type->space, type->short_name);
	if (rule->content_info.len) {
		add_member(&out, name_short(schema, ATTR_contentInfo), rule->content_info);
		strbuf_add_char(&out, ',');
	}
	add_member(&out, name_short(schema, ATTR_content), content);
	STRBUF_LIT(&out, "}}");
	json = arena_copy(arena, strbuf_str(&out));
	strbuf_finish(&out);
	return json;
}

const char *rule_apply(const struct rule *rule, const struct schema *schema, struct str topic, struct str payload,
		       struct request *req)
{
	if (!fill_in(rule, topic, req))
		return "the topic has a level that is no resource name";
	if (rule->is_binary)
		payload = base64_encode(payload, &req->arena);
	else if (!str_is_utf8(payload) || memchr(payload.ptr, '\0', payload.len))
		return "the payload is no text, and contentInfo of the rule does not say base64";
	request_set(req, PARAM_operation, STR("1"));
	request_set(req, PARAM_resourceType, arena_printf(&req->arena, "%d", TY_contentInstance));
	request_set(req, PARAM_from, arena_copy(&req->arena, rule->originator));
	req->content = instance(rule, schema, payload, &req->arena);
	return NULL;
}
