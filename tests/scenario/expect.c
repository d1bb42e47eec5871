/* Holding an answer against what the scenario expects of it. */
#include "tests/scenario/run.h"

static const struct decode_limits limits = {.bytes = 1 << 24, .depth = 64, .tokens = 1 << 20};

/* The one member of the content, and its value; absent if there is none. */
static struct value content_member(struct run *run, const struct reply *reply)
{
	struct doc *doc = arena_zalloc(&run->arena, sizeof(*doc));
	struct decode_error error;

	if (!reply->content.len || json_decode(reply->content, &limits, &run->arena, doc, &error) != 0)
		return (struct value){0};
	return value_first(doc_root(doc));
}

static bool contains_nocase(struct str text, struct str words)
{
	for (size_t i = 0; i + words.len <= text.len; i++)
		if (str_eq_nocase(str_make(text.ptr + i, words.len), words))
			return true;
	return false;
}

bool run_expect_text(struct run *run, struct matching *matching, const struct node *pattern, struct str text,
		     const char *what)
{
	struct doc *doc = arena_zalloc(&run->arena, sizeof(*doc));
	struct decode_error error;
	struct strbuf quoted = {0};

	strbuf_add_json(&quoted, text);
	struct str json = arena_copy(&run->arena, strbuf_str(&quoted));

	strbuf_finish(&quoted);
	if (json_decode(json, &limits, &run->arena, doc, &error) != 0)
		return false;
	return node_match(matching, pattern, doc_root(doc), what);
}

static bool check_dbg(struct run *run, const struct statement *statement, const struct item *item, struct value member)
{
	struct str words = node_text(item->node, &run->variables);
	struct str text = value_is_absent(member) ? STR("") : value_string(member, &run->arena);

	if (contains_nocase(text, words))
		return true;
	return run_fail(run, statement, "expected \"%.*s\" in m2m:dbg, came \"%.*s\"", STR_ARG(words), STR_ARG(text));
}

static bool check_root(struct run *run, const struct statement *statement, struct str name, struct value member)
{
	struct str came = value_is_absent(member) ? STR("no content") : value_name(member);
	struct str want = memchr(name.ptr, ':', name.len) ? name : arena_join(&run->arena, STR("m2m:"), name, STR(""));

	return str_eq(came, want) ? true
				  : run_fail(run, statement, "expected %.*s, came %.*s", STR_ARG(want), STR_ARG(came));
}

static bool check_text_item(struct run *run, const struct item *item, const struct reply *reply,
			    struct matching *matching)
{
	if (run->transport->is_whole)
		return true;
	switch (item->kind) {
	case ITEM_LOCATION:
		return run_expect_text(run, matching, item->node, reply->location, "location");
	case ITEM_ETAG:
		return run_expect_text(run, matching, item->node, reply->etag, "etag");
	case ITEM_STATUS:
		return !run->transport->is_http ||
		       run_expect_text(
			       run, matching,
			       &(struct node){.kind = NODE_WORD, .text = node_text(item->node, &run->variables)},
			       arena_printf(&run->arena, "%u", reply->status), "HTTP status");
	default: {
		struct str name = item->name;

		if (name.len && name.ptr[name.len - 1] == ':')
			name.len--;
		struct str value = reply_header(reply, name);

		return run_expect_text(run, matching, item->node, value.ptr ? value : STR(""), "header");
	}
	}
}

bool run_expect_item(struct run *run, const struct statement *statement, const struct item *item,
		     const struct reply *reply)
{
	struct value member = content_member(run, reply);
	struct matching matching = {.variables = &run->variables};
	bool holds = true;

	switch (item->kind) {
	case ITEM_ROOT:
		return check_root(run, statement, item->name, member);
	case ITEM_DBG:
		return check_dbg(run, statement, item, member);
	case ITEM_CAPTURE:
		variables_set(&run->variables, item->name, value_is_absent(member) ? STR("null") : value_text(member));
		return true;
	case ITEM_CAPTURE_ETAG:
		variables_set(&run->variables, item->name, arena_printf(&run->arena, "\"%.*s\"", STR_ARG(reply->etag)));
		return true;
	case ITEM_NO_CONTENT:
		return reply->content.len == 0 ? true
					       : run_fail(run, statement, "a content: %.*s", STR_ARG(reply->content));
	case ITEM_COMPLETE:
		return !reply->offset.ptr ? true : run_fail(run, statement, "the content is partial");
	case ITEM_PARTIAL:
		if (reply->offset.ptr && item->name.len)
			variables_set(&run->variables, item->name, reply->offset);
		return reply->offset.ptr ? true : run_fail(run, statement, "the content is not partial");
	case ITEM_VALUE:
		holds = node_match(&matching, item->node, member, "");
		break;
	case ITEM_CONTENT:
		matching.exact = true;
		if (!value_is_absent(member))
			member.token = 0;
		holds = node_match(&matching, item->node, member, "");
		break;
	default:
		holds = check_text_item(run, item, reply, &matching);
	}
	return holds ? true : run_fail(run, statement, "%s\n   came: %.*s", matching.failure, STR_ARG(reply->content));
}

static bool check_status(struct run *run, const struct statement *statement, const struct reply *reply)
{
	unsigned expected = status_find(reply->rsc)->http;

	for (const struct item *item = statement->expect.items; item; item = item->next)
		if (item->kind == ITEM_STATUS)
			return true;
	if (!reply->status || reply->status == expected)
		return true;
	return run_fail(run, statement, "HTTP status %u for %d instead of %u", reply->status, reply->rsc, expected);
}

bool run_expect(struct run *run, const struct statement *statement, const struct reply *reply)
{
	if (reply->rsc != (int)statement->expect.rsc)
		return run_fail(run, statement, "expected %u, came %d %.*s", statement->expect.rsc, reply->rsc,
				STR_ARG(reply->content));
	if (!check_status(run, statement, reply))
		return false;
	for (const struct item *item = statement->expect.items; item; item = item->next)
		if (!run_expect_item(run, statement, item, reply))
			return false;
	return true;
}
