# base
check_PROGRAMS += test_base test_loop
TESTS += test_base test_loop
test_base_SOURCES = tests/unit/test_base.c
test_base_LDADD = libbase.a -lcmocka
test_loop_SOURCES = tests/unit/test_loop.c
test_loop_LDADD = libbase.a -lcmocka -lpthread

# schemas
check_PROGRAMS += test_json test_timestamp test_schedule test_schema test_validate test_validate_words test_specialization test_describe
TESTS += test_json test_timestamp test_schedule test_schema test_validate test_validate_words test_specialization test_describe
schema_test_libraries = libschemas.a libbase.a -lcmocka $(CJSON_LIBS)
codec_test_libraries = $(schema_test_libraries) $(XML_LIBS) $(CBOR_LIBS) -lm
test_json_SOURCES = tests/unit/test_json.c
test_json_LDADD = $(schema_test_libraries)
test_timestamp_SOURCES = tests/unit/test_timestamp.c
test_timestamp_LDADD = $(schema_test_libraries)
test_schedule_SOURCES = tests/unit/test_schedule.c
test_schedule_LDADD = $(schema_test_libraries)
test_schema_SOURCES = tests/unit/test_schema.c tests/unit/tables.c tests/unit/tables.h
test_schema_LDADD = $(schema_test_libraries)
validation_parts = tests/unit/validation.c tests/unit/validation.h tests/unit/tables.c tests/unit/tables.h \
	tests/unit/value_maker.c tests/unit/value_maker.h
test_validate_SOURCES = tests/unit/test_validate.c $(validation_parts)
test_validate_LDADD = $(schema_test_libraries)
test_validate_words_SOURCES = tests/unit/test_validate_words.c $(validation_parts)
test_validate_words_LDADD = $(schema_test_libraries)
test_specialization_SOURCES = tests/unit/test_specialization.c tests/unit/tables.c tests/unit/tables.h
test_specialization_LDADD = $(schema_test_libraries)
test_describe_SOURCES = tests/unit/test_describe.c cse/describe_json.c cse/describe.h \
	tests/unit/tables.c tests/unit/tables.h
test_describe_LDADD = $(schema_test_libraries)

# codecs
check_PROGRAMS += test_codec test_xml test_cbor
TESTS += test_codec test_xml test_cbor
value_makers = tests/unit/tables.c tests/unit/tables.h tests/unit/value_maker.c tests/unit/value_maker.h \
	tests/unit/value_random.c tests/unit/value_random.h tests/unit/same_value.c tests/unit/same_value.h
test_codec_SOURCES = tests/unit/test_codec.c $(value_makers)
test_codec_LDADD = $(codec_test_libraries)
codec_cases = tests/unit/codec_case.c tests/unit/codec_case.h tests/unit/tables.c tests/unit/tables.h
check_PROGRAMS += emit_documents
emit_documents_SOURCES = tests/unit/emit_documents.c cse/describe_json.c cse/describe_xsd.c cse/describe.h $(value_makers)
emit_documents_LDADD = $(codec_test_libraries)
dist_check_SCRIPTS += tests/unit/test_schemas.py
TESTS += tests/unit/test_schemas.py
test_xml_SOURCES = tests/unit/test_xml.c $(codec_cases)
test_xml_LDADD = $(codec_test_libraries)
test_cbor_SOURCES = tests/unit/test_cbor.c $(codec_cases)
test_cbor_LDADD = $(codec_test_libraries)

# core
check_PROGRAMS += test_commit
TESTS += test_commit
test_commit_SOURCES = tests/unit/test_commit.c
test_commit_LDADD = libresources.a libcore.a libstore.a libschemas.a libbase.a \
	-lcmocka $(SQLITE3_LIBS) $(CJSON_LIBS) $(XML_LIBS) $(CBOR_LIBS) -lm -lpthread

# access control
check_PROGRAMS += test_originator test_policy_model
TESTS += test_originator test_policy_model
test_originator_SOURCES = tests/unit/test_originator.c
test_originator_LDADD = libcore.a libbase.a -lcmocka
test_policy_model_SOURCES = tests/unit/test_policy_model.c tests/unit/policy_maker.c tests/unit/policy_maker.h \
	tests/unit/policy_oracle.c tests/unit/policy_oracle.h
test_policy_model_LDADD = libresources.a libcore.a libstore.a libschemas.a libbase.a \
	-lcmocka $(SQLITE3_LIBS) $(CJSON_LIBS) $(XML_LIBS) $(CBOR_LIBS) -lm -lpthread

# fan-out
check_PROGRAMS += test_fanout
TESTS += test_fanout
test_fanout_SOURCES = tests/unit/test_fanout.c
test_fanout_LDADD = libresources.a libcore.a libstore.a libschemas.a libbase.a \
	-lcmocka $(SQLITE3_LIBS) $(CJSON_LIBS) $(XML_LIBS) $(CBOR_LIBS) -lm -lpthread

# filter criteria and the catalog
check_PROGRAMS += test_filter
TESTS += test_filter
test_filter_SOURCES = tests/unit/test_filter.c
test_filter_LDADD = libresources.a libcore.a libstore.a libschemas.a libbase.a \
	-lcmocka $(SQLITE3_LIBS) $(CJSON_LIBS) $(XML_LIBS) $(CBOR_LIBS) -lm -lpthread

# bindings
check_PROGRAMS += test_guard
TESTS += test_guard
test_guard_SOURCES = tests/unit/test_guard.c
test_guard_LDADD = libbindings.a libbase.a -lcmocka
check_PROGRAMS += test_primitive
TESTS += test_primitive
binding_test_libraries = libbindings.a libcore.a libstore.a libschemas.a libbase.a \
	-lcmocka $(BINDING_LIBS) $(SQLITE3_LIBS) $(CJSON_LIBS) $(XML_LIBS) $(CBOR_LIBS) -lm -lpthread
test_primitive_SOURCES = tests/unit/test_primitive.c tests/unit/tables.c tests/unit/tables.h
test_primitive_LDADD = $(binding_test_libraries)
if WITH_MQTT
check_PROGRAMS += test_mqtt
TESTS += test_mqtt
test_mqtt_SOURCES = tests/unit/test_mqtt.c tests/unit/tables.c tests/unit/tables.h
test_mqtt_LDADD = $(binding_test_libraries)
endif

# connections of entities
check_PROGRAMS += test_connected
TESTS += test_connected
test_connected_SOURCES = tests/unit/test_connected.c tests/fuzz/fuzz.c tests/fuzz/fuzz.h $(fuzz_cse)
test_connected_LDADD = -lcmocka $(fuzz_link)
if WITH_WEBSOCKET
check_PROGRAMS += test_websocket_parts
TESTS += test_websocket_parts
endif
test_websocket_parts_SOURCES = tests/unit/test_websocket_parts.c
test_websocket_parts_LDADD = libbindings.a libbase.a -lcmocka -lz -lpthread
