# bindings: protocols; libbindings.a.
noinst_LIBRARIES += libbindings.a
libbindings_a_SOURCES = \
	bindings/registry.c bindings/registry.def bindings/registry.h \
	bindings/http/chunked.c bindings/http/chunked.h \
	bindings/http/connection.c bindings/http/connection.h \
	bindings/http/front.c bindings/http/front.h \
	bindings/http/head.c bindings/http/head.h bindings/http/header.def \
	bindings/http/input.c bindings/http/input.h \
	bindings/http/listener.c bindings/http/listener.h \
	bindings/http/mapping.c bindings/http/mapping.h \
	bindings/http/media.c bindings/http/media.h bindings/http/media.def \
	bindings/http/response.c bindings/http/response.h \
	bindings/http/target.c bindings/http/target.h bindings/http/query.def
