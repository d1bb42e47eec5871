/* option: the options of oneM2M and Content-Formats by number, from option.def and format.def. */
#ifndef BINDINGS_COAP_OPTION_H
#define BINDINGS_COAP_OPTION_H

#include "bindings/coap/message.h"
#include "bindings/media.h"
#include "schemas/primitive.h"

/* TS-0008 6.2.2.4 */
enum onem2m_option {
#define OPTION(number, name, format, shortest, longest, parameter) ONEM2M_##name = number,
#include "bindings/coap/option.def"
#undef OPTION
};

struct option_def {
	unsigned number;
	const char *name; /* "oneM2M-FR" */
	bool is_uint;
	size_t shortest, longest; /* bytes of the value */
	enum parameter parameter; /* PARAM_COUNT: none of a request's alone */
};

/* All of them; returns how many. */
size_t option_defs(const struct option_def **defs);
/* NULL: no option of oneM2M's. */
const struct option_def *option_find(unsigned number);

/* What the options of a request ask for that is not understood, or has a length that makes it so, or is repeated (RFC
 * 7252 5.4.1, 5.4.3, 5.4.5): the code of the answer, 4.02 or 5.05, and why; 0: nothing. */
uint8_t option_refuses(const struct message *message, char *why, size_t size);

/* The media type behind a Content-Format; NULL: none that is known. */
const struct media_def *format_media(uint64_t number);
/* The Content-Format of a media type of answers or requests. */
unsigned format_number(const struct media_def *media);

#endif
