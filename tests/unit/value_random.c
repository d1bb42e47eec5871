/* value_random: see value_random.h. */
#include "tests/unit/value_random.h"

#include <math.h>

#include "schemas/codec/decimal.h"
#include "tests/unit/value_maker.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

uint64_t random_below(struct random *random, uint64_t limit)
{
	random->state ^= random->state << 13;
	random->state ^= random->state >> 7;
	random->state ^= random->state << 17;
	return (random->state >> 11) % limit;
}

static void add_text(struct strbuf *out, const char *text)
{
	strbuf_add_str(out, str_of(text));
}

/* ---- texts ---- */

static void random_string(struct strbuf *out, struct random *random)
{
	static const char *const pieces[] = {
		"a",
		"Z9",
		" ",
		"  ",
		"\\n",
		"\\r",
		"\\t",
		"\\r\\n",
		"<",
		">",
		"&",
		"]]>",
		"&amp;",
		"<!--",
		"\\\"",
		"'",
		"\\\\",
		"\\/",
		"\xc3\xa4",
		"\\u00e4",
		"\xe2\x82\xac",
		"true",
		"5",
		"\\ud83d\\ude00",
		"\xf0\x9f\x98\x80",
		"\x7f",
		"\\u0085",
		"\xef\xbf\xbd",
		"null",
		"{",
		"[",
	};
	uint64_t count = random_below(random, 6);

	strbuf_add_char(out, '"');
	for (uint64_t i = 0; i < count; i++)
		add_text(out, pieces[random_below(random, COUNT(pieces))]);
	strbuf_add_char(out, '"');
}

/* ---- numbers ---- */

static void random_integer(struct strbuf *out, struct random *random, int64_t min, int64_t max)
{
	static const int64_t edges[] = {0, 1, 23, 24, 255, 256, 65535, 65536, 4294967295, 4294967296, INT64_MAX};
	int64_t number = edges[random_below(random, COUNT(edges))];

	if (min < 0 && random_below(random, 2))
		number = -number - (int64_t)random_below(random, 2);
	if (number < min)
		number = min;
	if (number > max)
		number = max;
	strbuf_addf(out, "%lld", (long long)number);
}

static void random_number(struct strbuf *out, struct random *random)
{
	char text[DECIMAL_SIZE];
	double number = (double)(int64_t)(random_below(random, 2000000) - 1000000);

	switch (random_below(random, 4)) {
	case 0:
		random_integer(out, random, INT64_MIN, INT64_MAX);
		return;
	case 1:
		number /= 10;
		break;
	case 2:
		number = (double)(float)(number / 3);
		break;
	default:
		number *= pow(10, (double)random_below(random, 500) - 250);
		break;
	}
	strbuf_add(out, text, decimal_print(number, text));
}

/* ---- any JSON ---- */

static void random_object(struct strbuf *out, struct random *random, unsigned depth)
{
	static const char *const plain[] = {"a", "temp", "x-1", "_", "B.c"};
	static const char *const odd[] = {"",	      "1", "a b",   "@id",	   "m2m:any",
					  "\xc3\xa4", "-", "a\\nb", "\\u0061\\\"", "x:y"};
	bool is_plain = random_below(random, 2) == 0;
	uint64_t first = random_below(random, 5), count = random_below(random, 4);

	strbuf_add_char(out, '{');
	for (uint64_t i = 0; i < count; i++) {
		const char *const *names = is_plain || i == 0 ? plain : odd;

		strbuf_addf(out, "%s\"%s\":", i ? "," : "", names[(first + i) % COUNT(plain)]);
		random_json(out, random, depth);
	}
	strbuf_add_char(out, '}');
}

static void random_array(struct strbuf *out, struct random *random, unsigned depth)
{
	uint64_t count = random_below(random, 4);

	strbuf_add_char(out, '[');
	for (uint64_t i = 0; i < count; i++) {
		add_text(out, i ? "," : "");
		random_json(out, random, depth);
	}
	strbuf_add_char(out, ']');
}

void random_json(struct strbuf *out, struct random *random, unsigned depth)
{
	static const char *const roots[] = {
		"{\"m2m:cin\":{\"con\":\"1\",\"lbl\":[\"a\",\"b\"],\"cs\":1}}",
		"{\"m2m:uri\":\"cse-in/a\"}",
		"{\"m2m:uril\":[]}",
		"{\"m2m:cnt\":{}}",
		"{\"cod:tempe\":{\"rn\":\"t\",\"curT0\":21.5}}",
		"{\"m2m:dbg\":\"\"}",
	};

	switch (random_below(random, depth ? 8 : 5)) {
	case 0:
		add_text(out, "null");
		return;
	case 1:
		add_text(out, random_below(random, 2) ? "true" : "false");
		return;
	case 2:
		random_number(out, random);
		return;
	case 5:
		random_array(out, random, depth - 1);
		return;
	case 6:
		random_object(out, random, depth - 1);
		return;
	case 7:
		add_text(out, roots[random_below(random, COUNT(roots))]);
		return;
	default:
		random_string(out, random);
		return;
	}
}

/* ---- by kind ---- */

static bool is_optional(const struct attr_def *row)
{
	bool stays = row->kind.is_list && row->kind.base == KIND_COMPLEX && row->constraint.is_set;

	return row->create != M && !stays;
}

static void random_complex(struct strbuf *out, struct random *random, const struct complex_def *def)
{
	size_t chosen = random_below(random, def->count), shown = 0;

	strbuf_add_char(out, '{');
	for (size_t i = 0; i < def->count; i++) {
		const struct attr_def *row = &def->members[i];

		if (def->is_choice ? i != chosen : is_optional(row) && random_below(random, 2))
			continue;
		strbuf_addf(out, "%s\"%.*s\":", shown++ ? "," : "", STR_ARG(name_short(NULL, row->name)));
		random_value(out, random, row->kind, &row->constraint);
	}
	strbuf_add_char(out, '}');
}

static void random_single(struct strbuf *out, struct random *random, struct kind kind,
			  const struct constraint *constraint)
{
	const struct enum_def *values = kind.of;
	bool is_ranged = constraint && constraint->is_set;

	switch (kind.base) {
	case KIND_STRING:
		random_string(out, random);
		break;
	case KIND_UINT:
	case KIND_INT:
		random_integer(out, random,
			       is_ranged	       ? constraint->min
			       : kind.base == KIND_INT ? INT64_MIN
						       : 0,
			       is_ranged ? constraint->max : INT64_MAX);
		break;
	case KIND_FLOAT:
		random_number(out, random);
		break;
	case KIND_BOOL:
		add_text(out, random_below(random, 2) ? "true" : "false");
		break;
	case KIND_ENUM:
		strbuf_addf(out, "%lld",
			    is_ranged ? (long long)constraint->min
				      : (long long)values->values[random_below(random, values->count)].value);
		break;
	case KIND_COMPLEX:
		random_complex(out, random, kind.of);
		break;
	case KIND_ANY:
		random_json(out, random, 3);
		break;
	default:
		make_value(out, kind, NULL);
		break;
	}
}

void random_value(struct strbuf *out, struct random *random, struct kind kind, const struct constraint *constraint)
{
	bool is_set = constraint && constraint->is_set;
	uint64_t least = is_set ? (uint64_t)constraint->min : 1, count = least + random_below(random, 3);

	if (constraint && constraint->check) {
		make_value(out, kind, constraint);
		return;
	}
	if (!kind.is_list) {
		random_single(out, random, kind, constraint);
		return;
	}
	if (is_set && count > (uint64_t)constraint->max)
		count = (uint64_t)constraint->max;
	strbuf_add_char(out, '[');
	for (uint64_t i = 0; i < count; i++) {
		add_text(out, i ? "," : "");
		if (kind.base == KIND_STRING && random->no_blanks)
			add_text(out, "\"b:c\"");
		else
			random_single(out, random, (struct kind){kind.base, false, kind.of}, NULL);
	}
	strbuf_add_char(out, ']');
}
