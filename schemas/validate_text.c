/* validate_text: a bare text, as a header or a query has it, against a kind. */
#include "schemas/kind_text.h"
#include "schemas/validate.h"

static bool is_in_range(const struct constraint *constraint, int64_t number)
{
	return !constraint || !constraint->is_set || (number >= constraint->min && number <= constraint->max);
}

static const char *integer_problem(const struct constraint *constraint, struct str text, int64_t low)
{
	int64_t number;

	if (str_to_i64(text, &number) < 0 || number < low)
		return low == 0 ? "must be a non-negative integer" : "must be an integer";
	return is_in_range(constraint, number) ? NULL : "is out of range";
}

static const char *enum_problem(const struct enum_def *def, struct str text)
{
	int64_t number;

	if (str_to_i64(text, &number) < 0)
		return "must be a number";
	return enum_value_name(def, number) ? NULL : "is no value of its enumeration";
}

/* A query may have 0 and 1 too: TS-0009 6.2.2.2. */
static const char *bool_problem(struct str text)
{
	static const char *const words[] = {"true", "false", "1", "0"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (str_eq(text, str_of(words[i])))
			return NULL;
	return "must be true or false";
}

/* Digits, with a point and an exponent or not. */
static const char *float_problem(struct str text)
{
	char buffer[64], *end;

	if (text.len == 0 || text.len >= sizeof(buffer) || memchr(text.ptr, 0, text.len))
		return "must be a number";
	memcpy(buffer, text.ptr, text.len);
	buffer[text.len] = 0;
	if (buffer[strspn(buffer, "+-.0123456789eE")])
		return "must be a number";
	strtod(buffer, &end);
	return *end || end == buffer ? "must be a number" : NULL;
}

static const char *single_problem(struct kind kind, const struct constraint *constraint, struct str text)
{
	switch (kind.base) {
	case KIND_UINT:
		return integer_problem(constraint, text, 0);
	case KIND_INT:
		return integer_problem(constraint, text, INT64_MIN);
	case KIND_FLOAT:
		return float_problem(text);
	case KIND_BOOL:
		return bool_problem(text);
	case KIND_ENUM:
		return enum_problem(kind.of, text);
	case KIND_COMPLEX:
	case KIND_ANY:
		return NULL;
	default:
		return kind_text_problem(kind.base, text);
	}
}

static struct str next_element(struct str *rest)
{
	size_t len = 0;
	struct str element;

	while (len < rest->len && rest->ptr[len] != '+' && rest->ptr[len] != ' ')
		len++;
	element = str_make(rest->ptr, len);
	*rest = len < rest->len ? str_from(*rest, len + 1) : str_make(NULL, 0);
	return element;
}

const char *validate_text(struct kind kind, const struct constraint *constraint, struct str text)
{
	const char *problem = NULL;

	if (!kind.is_list)
		return single_problem(kind, constraint, text);
	while (text.ptr && !problem)
		problem = single_problem(kind, NULL, next_element(&text));
	return problem;
}
