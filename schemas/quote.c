/* quote: see quote.h. */
#include "schemas/quote.h"

const char *quote(char out[QUOTE_SIZE], struct str text)
{
	static const char dots[] = "...";
	size_t room = QUOTE_SIZE - sizeof(dots), len = text.len < room ? text.len : room;

	for (size_t i = 0; i < len; i++) {
		char c = text.ptr[i];

		out[i] = (char)(c < ' ' || c > '~' || c == '"' || c == '\\' ? '?' : c);
	}
	memcpy(out + len, dots, sizeof(dots));
	if (len == text.len)
		out[len] = 0;
	return out;
}
