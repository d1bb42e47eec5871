/* Random rules, and their JSON. */
#include "tests/unit/policy_maker.h"

#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ANY(random, array) ((array)[chance((random), COUNT(array))])

unsigned chance(uint64_t *random, unsigned n)
{
	*random = *random * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(*random >> 33) % n;
}

static void random_object(uint64_t *random, struct model_object *object)
{
	static const int parents[] = {0, 0, TY_AE_, TY_CNT}, children[] = {TY_POLICY, TY_CNT, TY_CIN, TY_GRP};

	object->parent_ty = ANY(random, parents);
	object->count = 1 + (int)chance(random, 2);
	for (int i = 0; i < object->count; i++)
		object->child_ty[i] = ANY(random, children);
}

static void random_context(uint64_t *random, struct model_context *context)
{
	static const char *const ranges[] = {"10.0.0.0/8",	    "10.1.0.0/16", "10.1.2.3",
					     "192.0.2.0/31",	    "0.0.0.0/0",   "2001:db8::/32",
					     "::ffff:10.0.0.0/104", "2001:db8::5", "2001:db8::/31"};

	context->has_window = chance(random, 2);
	context->has_range = chance(random, 2);
	context->has_region = chance(random, 6) == 0;
	context->window.minute_from = (int)chance(random, 40);
	context->window.minute_to = context->window.minute_from + (int)chance(random, 20);
	context->window.hour_step = 1 + (int)chance(random, 2);
	context->window.weekday = (int)chance(random, 8) - 1;
	if (context->window.weekday > 3)
		context->window.weekday = -1;
	context->range = ANY(random, ranges);
}

static void random_rule(uint64_t *random, struct model_rule *rule)
{
	static const char *const originators[] = {
		"all",
		"C0",
		"C1",
		"C2",
		"/id-in/C3",
		"//sp.example/id-in/C4",
		"C*",
		"Cx*y",
		"*",
		"/id-mn",
		"/id-mn/C*",
		"/id-*/C1",
		"/*",
		"//other.example",
		"//*/id/C1",
		"//sp.example",
		"guard@x.example",
		"g0",
		"cse-in/g1",
		"/id-in/cse-in/g2",
	};

	rule->originators = 1 + (int)chance(random, MOST_ITEMS);
	for (int i = 0; i < rule->originators; i++)
		snprintf(rule->originator[i], TEXT, "%s",
			 originators[chance(random, 4) ? 1 + chance(random, COUNT(originators) - 1) : 0]);
	rule->operations = (int)(chance(random, 3) ? chance(random, 64) : 63);
	rule->contexts = chance(random, 3) ? 0 : 1 + (int)chance(random, 2);
	for (int i = 0; i < rule->contexts; i++)
		random_context(random, &rule->context[i]);
	rule->objects = chance(random, 3) ? 0 : 1 + (int)chance(random, 2);
	for (int i = 0; i < rule->objects; i++)
		random_object(random, &rule->object[i]);
	rule->authenticated = chance(random, 6) == 0;
}

void make_rules(uint64_t *random, struct model_rules *rules, unsigned least)
{
	*rules = (struct model_rules){.count = (int)(least + chance(random, MOST_RULES + 1 - least))};
	for (int i = 0; i < rules->count; i++)
		random_rule(random, &rules->rule[i]);
}

static void write_context(struct strbuf *out, const struct model_context *context)
{
	const char *comma = "";

	strbuf_add_char(out, '{');
	if (context->has_window) {
		strbuf_addf(out, "\"actw\":[\"* %d-%d */%d * * ", context->window.minute_from,
			    context->window.minute_to, context->window.hour_step);
		if (context->window.weekday < 0)
			STRBUF_LIT(out, "* *\"]");
		else
			strbuf_addf(out, "%d *\"]", context->window.weekday);
		comma = ",";
	}
	if (context->has_range) {
		strbuf_addf(out, "%s\"acip\":{\"%s\":[\"%s\"]}", comma, strchr(context->range, ':') ? "ipv6" : "ipv4",
			    context->range);
		comma = ",";
	}
	if (context->has_region)
		strbuf_addf(out, "%s\"aclr\":{\"accc\":[\"DE\"]}", comma);
	strbuf_add_char(out, '}');
}

static void write_object(struct strbuf *out, const struct model_object *object)
{
	strbuf_add_char(out, '{');
	if (object->parent_ty)
		strbuf_addf(out, "\"ty\":%d,", object->parent_ty);
	STRBUF_LIT(out, "\"chty\":[");
	for (int i = 0; i < object->count; i++)
		strbuf_addf(out, "%s%d", i ? "," : "", object->child_ty[i]);
	STRBUF_LIT(out, "]}");
}

static void write_rule(struct strbuf *out, const struct model_rule *rule)
{
	STRBUF_LIT(out, "{\"acor\":[");
	for (int i = 0; i < rule->originators; i++)
		strbuf_addf(out, "%s\"%s\"", i ? "," : "", rule->originator[i]);
	strbuf_addf(out, "],\"acop\":%d", rule->operations);
	for (int i = 0; i < rule->contexts; i++) {
		strbuf_addf(out, i ? "," : ",\"acco\":[");
		write_context(out, &rule->context[i]);
	}
	if (rule->contexts)
		strbuf_add_char(out, ']');
	for (int i = 0; i < rule->objects; i++) {
		strbuf_addf(out, i ? "," : ",\"acod\":[");
		write_object(out, &rule->object[i]);
	}
	if (rule->objects)
		strbuf_add_char(out, ']');
	strbuf_addf(out, "%s}", rule->authenticated ? ",\"acaf\":true" : "");
}

void write_rules(struct strbuf *out, const char *name, const struct model_rules *rules)
{
	strbuf_addf(out, "\"%s\":{\"acr\":[", name);
	for (int i = 0; i < rules->count; i++) {
		strbuf_addf(out, i ? "," : "");
		write_rule(out, &rules->rule[i]);
	}
	STRBUF_LIT(out, "]}");
}
