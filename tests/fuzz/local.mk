# Fuzz targets (README.md). `make check` replays their seeds; `make fuzz` builds them with clang's libFuzzer into fuzz/,
# whatever this tree is configured for.
fuzz_codecs = tests/fuzz/fuzz_codec.c tests/unit/same_value.c tests/unit/same_value.h \
	tests/unit/tables.c tests/unit/tables.h
fuzz_cse = tests/fuzz/small_cse.c tests/fuzz/small_cse.h tests/scenario/answers.c tests/scenario/answers.h \
	tests/scenario/coverage.c tests/scenario/coverage.h tests/scenario/inspect.c \
	tests/scenario/contents.c tests/scenario/contents.h tests/scenario/node.c tests/scenario/node.h tests/scenario/match.c tests/scenario/scenario.h \
	tests/scenario/sink.c tests/scenario/sink.h tests/scenario/transport.h tests/scenario/transport_core.c \
	tests/scenario/transport_http.c tests/scenario/world.c tests/scenario/world.h $(config_parts)

# The sources of each target, but for its own one.
fuzz_address_parts = $(fuzz_cse)
fuzz_cbor_parts = $(fuzz_codecs)
fuzz_coap_parts = tests/http/fake_core.c tests/http/fake_core.h tests/unit/tables.c tests/unit/tables.h
fuzz_config_parts = $(config_parts) cse/config_print.c
fuzz_http_parts = tests/http/fake_core.c tests/http/fake_core.h tests/unit/tables.c tests/unit/tables.h
fuzz_json_parts = $(fuzz_codecs)
fuzz_number_parts =
fuzz_mqtt_parts = $(fuzz_cse)
fuzz_query_parts = $(fuzz_cse)
fuzz_reply_parts =
fuzz_request_parts = $(fuzz_cse)
fuzz_time_parts =
fuzz_websocket_parts = $(fuzz_cse)
fuzz_xml_parts = $(fuzz_codecs)

fuzz_targets = fuzz_address fuzz_cbor fuzz_config fuzz_http fuzz_json fuzz_number fuzz_query fuzz_reply fuzz_request fuzz_time fuzz_xml
if WITH_MQTT
fuzz_targets += fuzz_mqtt
endif
if WITH_WEBSOCKET
fuzz_targets += fuzz_websocket
endif
if WITH_COAP
fuzz_targets += fuzz_coap
endif
check_PROGRAMS += $(fuzz_targets)
TESTS += $(fuzz_targets)
fuzz_common = tests/fuzz/replay.c tests/fuzz/fuzz.c tests/fuzz/fuzz.h
fuzz_libraries = $(BINDING_LIBS) $(SQLITE3_LIBS) $(CJSON_LIBS) $(INIH_LIBS) $(XML_LIBS) $(CBOR_LIBS) -lm
fuzz_link = libresources.a libbindings.a libcore.a libstore.a libschemas.a libbase.a $(fuzz_libraries)
fuzz_address_SOURCES = tests/fuzz/fuzz_address.c $(fuzz_common) $(fuzz_address_parts)
fuzz_address_LDADD = $(fuzz_link)
fuzz_cbor_SOURCES = tests/fuzz/fuzz_cbor.c $(fuzz_common) $(fuzz_cbor_parts)
fuzz_cbor_LDADD = $(fuzz_link)
fuzz_coap_SOURCES = tests/fuzz/fuzz_coap.c $(fuzz_common) $(fuzz_coap_parts)
fuzz_coap_LDADD = $(fuzz_link)
fuzz_config_SOURCES = tests/fuzz/fuzz_config.c $(fuzz_common) $(fuzz_config_parts)
fuzz_config_LDADD = $(fuzz_link)
fuzz_http_SOURCES = tests/fuzz/fuzz_http.c $(fuzz_common) $(fuzz_http_parts)
fuzz_http_LDADD = $(fuzz_link)
fuzz_json_SOURCES = tests/fuzz/fuzz_json.c $(fuzz_common) $(fuzz_json_parts)
fuzz_json_LDADD = $(fuzz_link)
fuzz_number_SOURCES = tests/fuzz/fuzz_number.c $(fuzz_common) $(fuzz_number_parts)
fuzz_number_LDADD = $(fuzz_link)
fuzz_mqtt_SOURCES = tests/fuzz/fuzz_mqtt.c $(fuzz_common) $(fuzz_mqtt_parts)
fuzz_mqtt_LDADD = $(fuzz_link)
fuzz_query_SOURCES = tests/fuzz/fuzz_query.c $(fuzz_common) $(fuzz_query_parts)
fuzz_query_LDADD = $(fuzz_link)
fuzz_reply_SOURCES = tests/fuzz/fuzz_reply.c $(fuzz_common) $(fuzz_reply_parts)
fuzz_reply_LDADD = $(fuzz_link)
fuzz_request_SOURCES = tests/fuzz/fuzz_request.c $(fuzz_common) $(fuzz_request_parts)
fuzz_request_LDADD = $(fuzz_link)
fuzz_time_SOURCES = tests/fuzz/fuzz_time.c $(fuzz_common) $(fuzz_time_parts)
fuzz_time_LDADD = $(fuzz_link)
fuzz_websocket_SOURCES = tests/fuzz/fuzz_websocket.c $(fuzz_common) $(fuzz_websocket_parts)
fuzz_websocket_LDADD = $(fuzz_link)
fuzz_xml_SOURCES = tests/fuzz/fuzz_xml.c $(fuzz_common) $(fuzz_xml_parts)
fuzz_xml_LDADD = $(fuzz_link)
EXTRA_DIST += tests/fuzz/README.md tests/fuzz/seeds tests/fuzz/run

# Everything once more, instrumented for libFuzzer. An object is made anew when any header is.
fuzz_of_libraries = $(libresources_a_SOURCES) $(libbindings_a_SOURCES) $(libcore_a_SOURCES) $(libstore_a_SOURCES) \
	$(libschemas_a_SOURCES) $(libbase_a_SOURCES) $(nodist_libschemas_a_SOURCES)
fuzz_objects = $(patsubst %.c,fuzz/%.o,$(filter %.c,$(1)))
fuzz_instrument = -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined $(FUZZ_FLAGS)

fuzz_parts = $(foreach target,$(fuzz_targets),$($(target)_parts)) $(fuzz_common)

fuzz/%.o: %.c $(filter %.h %.def,$(fuzz_of_libraries) $(fuzz_parts)) | $(BUILT_SOURCES)
	@$(MKDIR_P) $(@D)
	$(AM_V_CC)clang -std=c11 $(AM_CPPFLAGS) -g -O1 -pthread $(fuzz_instrument) $(CJSON_CFLAGS) $(SQLITE3_CFLAGS) \
		$(INIH_CFLAGS) $(CURL_CFLAGS) $(XML_CFLAGS) $(CBOR_CFLAGS) $(COAP_CFLAGS) -c -o $@ $<
fuzz/libcopse.a: $(call fuzz_objects,$(fuzz_of_libraries))
	$(AM_V_AR)rm -f $@ && $(AR) cr $@ $^
.SECONDEXPANSION:
$(addprefix fuzz/,$(fuzz_targets)): fuzz/fuzz_%: fuzz/tests/fuzz/fuzz_%.o fuzz/tests/fuzz/fuzz.o \
		$$(call fuzz_objects,$$(fuzz_$$*_parts)) fuzz/libcopse.a
	$(AM_V_CCLD)clang -pthread -fsanitize=fuzzer,address,undefined $(FUZZ_FLAGS) -o $@ $^ $(fuzz_libraries)
# make fuzz SECONDS=60: each of them for a minute.
fuzz: $(addprefix fuzz/,$(fuzz_targets))
	test -z "$(SECONDS)" || $(srcdir)/tests/fuzz/run fuzz "$(SECONDS)" $(fuzz_targets)
clean-local:
	rm -rf fuzz
.PHONY: fuzz
