/* cbor_write: from the canonical form to CBOR (RFC 7049), TS-0004 8.5. Its tokens stand in the order in which CBOR has
 * its items, and CBOR tells kinds apart as JSON does, so that no table is asked. */
#include "schemas/codec/cbor.h"

#include <endian.h>
#include <stdio.h>

#include "schemas/codec/decimal.h"
#include "schemas/quote.h"

enum { MAJOR_UINT = 0, MAJOR_NEGATIVE = 1, MAJOR_TEXT = 3, MAJOR_ARRAY = 4, MAJOR_MAP = 5, MAJOR_OTHER = 7 };
enum { OTHER_FALSE = 20, OTHER_TRUE = 21, OTHER_NULL = 22, OTHER_FLOAT = 26, OTHER_DOUBLE = 27 };

/* The shortest head of an item that has this number. */
static void write_head(struct strbuf *out, unsigned major, uint64_t number)
{
	unsigned size = number < 24	       ? 0
			: number <= UINT8_MAX  ? 1
			: number <= UINT16_MAX ? 2
			: number <= UINT32_MAX ? 4
					       : 8;
	unsigned info = size == 0 ? (unsigned)number : size == 1 ? 24 : size == 2 ? 25 : size == 4 ? 26 : 27;
	uint64_t big = htobe64(number);

	strbuf_add_char(out, (char)(major << 5 | info));
	strbuf_add(out, (char *)&big + sizeof(big) - size, size);
}

static void write_other(struct strbuf *out, unsigned info)
{
	strbuf_add_char(out, (char)(MAJOR_OTHER << 5 | info));
}

static void write_text(struct strbuf *out, struct str text)
{
	write_head(out, MAJOR_TEXT, text.len);
	strbuf_add_str(out, text);
}

/* In 32 bits if they hold the same value, else in 64; never in 16, which the standard does not have. */
static void write_double(struct strbuf *out, double number)
{
	float narrow = (float)number;
	uint32_t bits32;
	uint64_t bits64;

	if ((double)narrow == number) {
		memcpy(&bits32, &narrow, sizeof(bits32));
		bits32 = htobe32(bits32);
		write_other(out, OTHER_FLOAT);
		strbuf_add(out, &bits32, sizeof(bits32));
		return;
	}
	memcpy(&bits64, &number, sizeof(bits64));
	bits64 = htobe64(bits64);
	write_other(out, OTHER_DOUBLE);
	strbuf_add(out, &bits64, sizeof(bits64));
}

/* Integers of major types 0 and 1: from -2^64 to 2^64-1. */
static int write_integer(struct strbuf *out, struct str text)
{
	bool is_negative = text.ptr[0] == '-';
	uint64_t size;

	if (str_eq(text, STR("-18446744073709551616"))) {
		write_head(out, MAJOR_NEGATIVE, UINT64_MAX);
		return 0;
	}
	if (str_to_u64(str_from(text, is_negative), &size) < 0)
		return -1;
	if (is_negative && size > 0)
		write_head(out, MAJOR_NEGATIVE, size - 1);
	else
		write_head(out, MAJOR_UINT, size);
	return 0;
}

static int write_number(struct strbuf *out, struct value v)
{
	double number;

	if (value_token(v)->integer)
		return write_integer(out, value_text(v));
	if (decimal_to_double(value_text(v), &number) < 0)
		return -1;
	write_double(out, number);
	return 0;
}

static int write_token(struct strbuf *out, struct value v, struct arena *arena)
{
	switch (value_type(v)) {
	case VALUE_OBJECT:
		write_head(out, MAJOR_MAP, value_token(v)->count);
		return 0;
	case VALUE_ARRAY:
		write_head(out, MAJOR_ARRAY, value_token(v)->count);
		return 0;
	case VALUE_STRING:
		write_text(out, value_string(v, arena));
		return 0;
	case VALUE_NUMBER:
		return write_number(out, v);
	default:
		write_other(out, value_type(v) == VALUE_NULL   ? OTHER_NULL
				 : value_type(v) == VALUE_TRUE ? OTHER_TRUE
							       : OTHER_FALSE);
		return 0;
	}
}

int cbor_write(const struct schema *schema, enum codec_form form, struct str json, struct arena *arena,
	       struct strbuf *out, struct decode_error *error)
{
	static const struct decode_limits limits = {.bytes = SIZE_MAX, .depth = 255, .tokens = UINT32_MAX};
	char number[QUOTE_SIZE];
	size_t start = out->len;
	struct doc doc;

	(void)schema;
	(void)form;
	if (json_decode(json, &limits, arena, &doc, error) < 0)
		return ERROR_FORMAT;
	for (uint32_t i = 0; i < doc.count; i++) {
		struct value v = {&doc, i};

		if (write_token(out, v, arena) == 0)
			continue;
		out->len = start;
		error->offset = doc.tokens[i].start;
		snprintf(error->message, sizeof(error->message), "CBOR has no number %s without a loss",
			 quote(number, value_text(v)));
		return ERROR_FORMAT;
	}
	return 0;
}
