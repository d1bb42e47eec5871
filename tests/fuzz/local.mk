# Fuzz targets. `make check` replays their seeds; `make fuzz` builds them with libFuzzer into fuzz/, whatever this tree is
# configured for: fuzz/fuzz_xml -runs=1000000 DIRECTORY tests/fuzz/seeds/xml.
check_PROGRAMS += fuzz_xml fuzz_cbor
TESTS += fuzz_xml fuzz_cbor
fuzz_sources = tests/fuzz/fuzz.c tests/fuzz/fuzz.h tests/unit/same_value.c tests/unit/same_value.h \
	tests/unit/tables.c tests/unit/tables.h
fuzz_xml_SOURCES = tests/fuzz/fuzz_xml.c tests/fuzz/replay.c $(fuzz_sources)
fuzz_xml_LDADD = libschemas.a libbase.a $(CJSON_LIBS) $(XML_LIBS) $(CBOR_LIBS) -lm
fuzz_cbor_SOURCES = tests/fuzz/fuzz_cbor.c tests/fuzz/replay.c $(fuzz_sources)
fuzz_cbor_LDADD = $(fuzz_xml_LDADD)
EXTRA_DIST += tests/fuzz/seeds

fuzz: $(BUILT_SOURCES)
	$(MKDIR_P) fuzz
	for target in xml cbor; do \
		clang -std=c11 $(AM_CPPFLAGS) -g -O1 -pthread -fsanitize=fuzzer,address,undefined \
			-fno-sanitize-recover=undefined $(FUZZ_FLAGS) \
			$(CJSON_CFLAGS) $(XML_CFLAGS) $(CBOR_CFLAGS) -o fuzz/fuzz_$$target \
			$(top_srcdir)/tests/fuzz/fuzz_$$target.c $(addprefix $(top_srcdir)/,$(filter %.c,$(fuzz_sources) \
			$(libschemas_a_SOURCES) $(libbase_a_SOURCES))) schemas/builtin.c \
			$(CJSON_LIBS) $(XML_LIBS) $(CBOR_LIBS) -lm || exit 1; \
	done
clean-local:
	rm -rf fuzz
.PHONY: fuzz
