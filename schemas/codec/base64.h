/* base64: RFC 4648 with padding, one line. */
#ifndef SCHEMAS_CODEC_BASE64_H
#define SCHEMAS_CODEC_BASE64_H

#include "cse/base/arena.h"

struct str base64_encode(struct str bytes, struct arena *arena);

#endif
