# copse: the program, and its manual page.
config_parts = cse/config.c cse/config.h cse/config.def cse/config_options.c
bin_PROGRAMS += copse
copse_SOURCES = \
	cse/main.c \
	cse/arguments.def \
	cse/backup.c \
	cse/check_config.c \
	cse/caller.c cse/caller.h \
	cse/caller_listener.c \
	cse/command.c cse/command.h \
	$(config_parts) \
	cse/config_print.c \
	cse/describe.c cse/describe.h cse/describe_json.c cse/describe_xsd.c \
	cse/dump.c \
	cse/pretty.c \
	cse/protocols.c cse/protocols.h \
	cse/request.c \
	cse/serve.c \
	cse/supervisor.c cse/supervisor.h \
	cse/verify.c
# From the top floor down.
copse_LDADD = libbindings.a libresources.a libcore.a libstore.a libschemas.a libbase.a \
	$(BINDING_LIBS) $(SQLITE3_LIBS) $(CJSON_LIBS) $(INIH_LIBS) \
	$(XML_LIBS) $(CBOR_LIBS) -lm

man1_MANS = copse.1
CLEANFILES += copse.1
copse.1: copse$(EXEEXT)
	$(AM_V_GEN)./copse$(EXEEXT) describe --manual >$@.tmp && mv $@.tmp $@
