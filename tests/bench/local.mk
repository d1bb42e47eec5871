# make bench: how fast, against a reference. ROWS=retrieve,create32 picks rows; FULL=1 measures at 5,000,000 instances.
check_PROGRAMS += tests/bench/load tests/bench/sink
tests_bench_load_SOURCES = tests/bench/cpu.c tests/bench/cpu.h tests/bench/histogram.c tests/bench/histogram.h \
	tests/bench/load.c tests/bench/template.c tests/bench/template.h
tests_bench_sink_SOURCES = tests/bench/sink.c
if WITH_COAP
coap_bench = tests/bench/coap_load$(EXEEXT) tests/bench/coap_reference$(EXEEXT)
check_PROGRAMS += tests/bench/coap_load tests/bench/coap_reference
tests_bench_coap_load_SOURCES = tests/bench/coap_load.c tests/bench/cpu.c tests/bench/cpu.h tests/bench/histogram.c \
	tests/bench/histogram.h
tests_bench_coap_load_LDADD = libbindings.a libbase.a $(COAP_LIBS)
tests_bench_coap_reference_SOURCES = tests/bench/coap_reference.c
tests_bench_coap_reference_LDADD = $(COAP_LIBS)
endif
EXTRA_DIST += tests/bench/bench tests/bench/coap.py tests/bench/machine.py tests/bench/notify.py tests/bench/stand.py tests/bench/structural.py

bench: copse$(EXEEXT) tests/bench/load$(EXEEXT) tests/bench/sink$(EXEEXT) $(coap_bench)
	COPSE='$(abs_top_builddir)/copse' python3 $(top_srcdir)/tests/bench/bench --load tests/bench/load \
		--data '$(abs_top_builddir)/bench-data' --rows '$(ROWS)' $(if $(FULL),--full) \
		--command 'make bench$(if $(ROWS), ROWS=$(ROWS))$(if $(FULL), FULL=$(FULL))'
.PHONY: bench

# What the serializations cost: make tests/bench/codec && tests/bench/codec.
EXTRA_PROGRAMS = tests/bench/codec
tests_bench_codec_SOURCES = tests/bench/codec.c tests/unit/tables.c tests/unit/tables.h
tests_bench_codec_LDADD = libschemas.a libbase.a $(CJSON_LIBS) $(XML_LIBS) $(CBOR_LIBS) -lm
CLEANFILES += tests/bench/codec
