/* refusal: see refusal.h. */
#include "bindings/refusal.h"

#include <stdarg.h>
#include <stdio.h>

/* Input that is quoted may be cut inside a character. */
static void make_ascii(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text >= 0x80 || (unsigned char)*text < ' ')
			*text = '?';
}

void refusal_note(struct request *req, enum rsc code, const char *format, ...)
{
	char why[200];
	va_list args;

	if (req->refused != RSC_NONE)
		return;
	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	make_ascii(why);
	req->refused = code;
	req->refused_why = arena_cstr(&req->arena, str_of(why));
}
