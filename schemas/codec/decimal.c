/* decimal: see decimal.h. */
#include "schemas/codec/decimal.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { DIGITS = 17, EXPONENT_MAX = 100000 }; /* what a double can tell apart; beyond any double */

static size_t digits_at(struct str text, size_t at)
{
	size_t end = at;

	while (end < text.len && text.ptr[end] >= '0' && text.ptr[end] <= '9')
		end++;
	return end - at;
}

static bool is_at(struct str text, size_t at, const char *chars)
{
	return at < text.len && text.ptr[at] != 0 && strchr(chars, text.ptr[at]);
}

/* The parts of a number: sign, digits, then a point with digits, then an exponent with a sign and digits; each but the
 * exponent's digits may be missing here. */
struct parts {
	struct str sign, whole, fraction, exponent;
	bool has_point;
};

static bool split(struct str text, struct parts *parts)
{
	size_t at = 0, start;

	*parts = (struct parts){0};
	at += is_at(text, at, "+-");
	parts->sign = str_make(text.ptr, at);
	parts->whole = str_make(text.ptr + at, digits_at(text, at));
	at += parts->whole.len;
	parts->has_point = is_at(text, at, ".");
	at += parts->has_point;
	parts->fraction = str_make(text.ptr + at, parts->has_point ? digits_at(text, at) : 0);
	at += parts->fraction.len;
	start = at;
	if (is_at(text, at, "eE")) {
		at += 1 + is_at(text, at + 1, "+-");
		if (digits_at(text, at) == 0)
			return false;
		at += digits_at(text, at);
	}
	parts->exponent = str_make(text.ptr + start, at - start);
	return at == text.len && parts->whole.len + parts->fraction.len > 0;
}

bool decimal_is_json(struct str text, bool *is_integer)
{
	struct parts parts;

	*is_integer = false;
	if (!split(text, &parts) || parts.whole.len == 0 || str_eq(parts.sign, STR("+")))
		return false;
	if ((parts.whole.len > 1 && parts.whole.ptr[0] == '0') || (parts.has_point && parts.fraction.len == 0))
		return false;
	*is_integer = !parts.has_point && parts.exponent.len == 0;
	return true;
}

struct str decimal_from_xml(struct str text, struct arena *arena)
{
	struct parts parts;
	bool is_integer;

	if (decimal_is_json(text, &is_integer))
		return text;
	if (!split(text, &parts))
		return (struct str){0};
	while (parts.whole.len > 1 && parts.whole.ptr[0] == '0')
		parts.whole = str_from(parts.whole, 1);
	return arena_printf(arena, "%s%.*s%s%.*s%.*s", str_eq(parts.sign, STR("-")) ? "-" : "",
			    parts.whole.len ? (int)parts.whole.len : 1, parts.whole.len ? parts.whole.ptr : "0",
			    parts.fraction.len ? "." : "", STR_ARG(parts.fraction), STR_ARG(parts.exponent));
}

/* ---- doubles ---- */

static bool reads_back(double number, int precision, char out[DECIMAL_SIZE])
{
	snprintf(out, DECIMAL_SIZE, "%.*g", precision, number);
	return strtod(out, NULL) == number;
}

size_t decimal_print(double number, char out[DECIMAL_SIZE])
{
	/* Numbers that small have less digits; all others at least 15 that tell them apart, and most no more. */
	int low = fabs(number) < DBL_MIN ? 1 : DIGITS - 2, high = DIGITS;
	size_t len;

	while (low < high) {
		int middle = low + (high - low) / 4;

		if (reads_back(number, middle, out))
			high = middle;
		else
			low = middle + 1;
	}
	len = (size_t)snprintf(out, DECIMAL_SIZE, "%.*g", low, number);
	if (!strpbrk(out, ".e"))
		len += (size_t)snprintf(out + len, DECIMAL_SIZE - len, ".0");
	return len;
}

/* A value: 0.digits times ten to the exponent, the digits without zeros at either end. */
struct decimal {
	char digits[DIGITS + 1];
	int count;
	long exponent;
	bool is_negative;
};

static long exponent_of(struct str text)
{
	long value = 0;
	bool is_negative = is_at(text, 1, "-");

	for (size_t i = 1 + is_at(text, 1, "+-"); i < text.len; i++)
		if (value < EXPONENT_MAX)
			value = value * 10 + (text.ptr[i] - '0');
	return is_negative ? -value : value;
}

/* Takes in digits; *zeros are those at the end so far, which count only if another digit follows. */
static bool add_digits(struct decimal *decimal, struct str digits, long *zeros)
{
	for (size_t i = 0; i < digits.len; i++) {
		if (digits.ptr[i] == '0') {
			*zeros += decimal->count > 0;
			continue;
		}
		if (decimal->count + *zeros >= DIGITS)
			return false;
		for (; *zeros > 0; (*zeros)--)
			decimal->digits[decimal->count++] = '0';
		decimal->digits[decimal->count++] = digits.ptr[i];
	}
	return true;
}

static size_t leading_zeros(struct str digits)
{
	size_t count = 0;

	while (count < digits.len && digits.ptr[count] == '0')
		count++;
	return count;
}

static bool read_decimal(struct str text, struct decimal *decimal)
{
	struct parts parts;
	long zeros = 0;
	size_t leading;

	*decimal = (struct decimal){0};
	if (!split(text, &parts) || !add_digits(decimal, parts.whole, &zeros) ||
	    !add_digits(decimal, parts.fraction, &zeros))
		return false;
	decimal->is_negative = str_eq(parts.sign, STR("-"));
	if (decimal->count == 0)
		return true;
	leading = leading_zeros(parts.whole);
	decimal->exponent = (long)(parts.whole.len - leading);
	if (leading == parts.whole.len)
		decimal->exponent = -(long)leading_zeros(parts.fraction);
	if (parts.exponent.len)
		decimal->exponent += exponent_of(parts.exponent);
	return true;
}

int decimal_to_double(struct str text, double *number)
{
	struct decimal wanted, got;
	char buffer[DECIMAL_SIZE + DIGITS];
	size_t len;

	if (!read_decimal(text, &wanted))
		return -1;
	snprintf(buffer, sizeof(buffer), "%s0.%se%ld", wanted.is_negative ? "-" : "", wanted.digits, wanted.exponent);
	*number = strtod(buffer, NULL);
	if (!isfinite(*number))
		return -1;
	len = decimal_print(*number, buffer);
	if (!read_decimal(str_make(buffer, len), &got) || got.count != wanted.count ||
	    got.exponent != wanted.exponent || memcmp(got.digits, wanted.digits, (size_t)got.count) != 0)
		return -1;
	return 0;
}
