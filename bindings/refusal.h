/* refusal: what a binding finds wrong with a request, for Recv-1.0 to answer. */
#ifndef BINDINGS_REFUSAL_H
#define BINDINGS_REFUSAL_H

#include "cse/core/request.h"

/* Notes the first refusal of a request; the sentence, cut and made safe, lives in the request's arena. */
void refusal_note(struct request *req, enum rsc code, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
