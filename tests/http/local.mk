# The HTTP front and mapping, over raw sockets and without a core.
check_PROGRAMS += http_test_server
http_test_server_SOURCES = \
	tests/http/http_test_server.c \
	tests/http/fake_core.c tests/http/fake_core.h \
	tests/unit/tables.c tests/unit/tables.h
http_test_server_LDADD = libbindings.a libschemas.a libbase.a $(BINDING_LIBS) $(CJSON_LIBS) $(XML_LIBS) $(CBOR_LIBS) -lm
TESTS += tests/http/test_http_raw.py
EXTRA_DIST += tests/http/test_http_raw.py tests/http/raw.py

# What it sends, against sinks on loopback.
check_PROGRAMS += http_test_client
http_test_client_SOURCES = \
	tests/http/http_test_client.c \
	tests/http/fake_core.c tests/http/fake_core.h \
	tests/unit/tables.c tests/unit/tables.h
http_test_client_LDADD = libbindings.a libschemas.a libbase.a $(BINDING_LIBS) $(CJSON_LIBS) $(XML_LIBS) $(CBOR_LIBS) -lm
TESTS += tests/http/test_http_client.py
EXTRA_DIST += tests/http/test_http_client.py tests/http/sink.py
