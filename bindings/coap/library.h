/* library: libcoap, without the macros that are names of log levels here. */
#ifndef BINDINGS_COAP_LIBRARY_H
#define BINDINGS_COAP_LIBRARY_H

#include <coap3/coap.h>

#undef LOG_INFO
#undef LOG_DEBUG

enum { COAP_LOG_NOTHING = LOG_EMERG };

#endif
