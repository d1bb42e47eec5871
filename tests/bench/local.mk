# make bench: how fast, against a reference. ROWS=retrieve,create32 picks rows; FULL=1 measures at 5,000,000 instances.
check_PROGRAMS += tests/bench/load tests/bench/sink
if WITH_WEBSOCKET
check_PROGRAMS += tests/bench/ws_echo tests/bench/ws_load
endif
tests_bench_ws_echo_SOURCES = tests/bench/ws_echo.c
tests_bench_ws_echo_LDADD = -lwebsockets
tests_bench_ws_load_SOURCES = tests/bench/clocks.c tests/bench/clocks.h tests/bench/histogram.c tests/bench/histogram.h \
	tests/bench/ws_load.c
tests_bench_load_SOURCES = tests/bench/clocks.c tests/bench/clocks.h tests/bench/histogram.c tests/bench/histogram.h \
	tests/bench/load.c tests/bench/template.c tests/bench/template.h
tests_bench_sink_SOURCES = tests/bench/sink.c
if WITH_COAP
check_PROGRAMS += tests/bench/coap_load tests/bench/coap_reference
tests_bench_coap_load_SOURCES = tests/bench/coap_load.c tests/bench/clocks.c tests/bench/clocks.h tests/bench/histogram.c \
	tests/bench/histogram.h
tests_bench_coap_load_LDADD = libbindings.a libbase.a -lcoap-3-openssl
tests_bench_coap_reference_SOURCES = tests/bench/coap_reference.c
tests_bench_coap_reference_LDADD = -lcoap-3-openssl
endif
if WITH_MQTT
check_PROGRAMS += tests/bench/mqtt_load
tests_bench_mqtt_load_SOURCES = tests/bench/clocks.c tests/bench/clocks.h tests/bench/histogram.c tests/bench/histogram.h \
	tests/bench/mqtt_load.c
tests_bench_mqtt_load_LDADD = $(MQTT_LIBS)
endif
EXTRA_DIST += tests/bench/bench tests/bench/coap.py tests/bench/machine.py tests/bench/mqtt.py tests/bench/notify.py tests/bench/stand.py tests/bench/structural.py tests/bench/websocket.py

bench: copse$(EXEEXT) $(filter tests/bench/%,$(check_PROGRAMS))
	COPSE='$(abs_top_builddir)/copse' python3 $(top_srcdir)/tests/bench/bench --load tests/bench/load \
		--data '$(abs_top_builddir)/bench-data' --rows '$(ROWS)' $(if $(FULL),--full) \
		--command 'make bench$(if $(ROWS), ROWS=$(ROWS))$(if $(FULL), FULL=$(FULL))'
.PHONY: bench

# What the serializations cost: make tests/bench/codec && tests/bench/codec. What rows cost: make tests/bench/store &&
# tests/bench/store NEW_FILE.
EXTRA_PROGRAMS = tests/bench/codec tests/bench/store
tests_bench_codec_SOURCES = tests/bench/codec.c tests/unit/tables.c tests/unit/tables.h
tests_bench_codec_LDADD = libschemas.a libbase.a $(CJSON_LIBS) $(XML_LIBS) $(CBOR_LIBS) -lm
tests_bench_store_SOURCES = tests/bench/store.c
tests_bench_store_LDADD = libstore.a libbase.a $(SQLITE3_LIBS) -lpthread
CLEANFILES += tests/bench/codec tests/bench/store
