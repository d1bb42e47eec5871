# What data looks like: tables, values, validation, serializations.
noinst_LIBRARIES += libschemas.a
libschemas_a_SOURCES = \
	schemas/builtin.h \
	schemas/checks.c schemas/checks.h \
	schemas/codec/base64.c schemas/codec/base64.h \
	schemas/codec/canon.c schemas/codec/canon.h \
	schemas/codec/cbor.h schemas/codec/cbor_read.c schemas/codec/cbor_write.c \
	schemas/codec/codec.c schemas/codec/codec.h schemas/codec/registry.def \
	schemas/codec/decimal.c schemas/codec/decimal.h \
	schemas/codec/json.c \
	schemas/codec/xml.c schemas/codec/xml.h schemas/codec/xml_parse.c \
	schemas/codec/xml_read.c schemas/codec/xml_read.h schemas/codec/xml_write.c \
	schemas/complex.def schemas/enums.def schemas/filter.def schemas/names.def \
	schemas/primitive.def schemas/resource_types.def schemas/roots.def schemas/status.def \
	schemas/define_type.h schemas/rows.h \
	schemas/index.c schemas/index.h \
	schemas/kind_text.c schemas/kind_text.h \
	schemas/load.c schemas/load_kind.c schemas/load_kind.h \
	schemas/lookup.c \
	schemas/primitive.c schemas/primitive.h \
	schemas/quote.c schemas/quote.h \
	schemas/schedule.c schemas/schedule.h \
	schemas/schema.c schemas/schema.h schemas/schema_state.h \
	schemas/shape.c schemas/shape.h \
	schemas/status.c schemas/status.h \
	schemas/tables.c \
	schemas/timestamp.c schemas/timestamp.h \
	schemas/types/AE.def schemas/types/CSEBase.def schemas/types/accessControlPolicy.def \
	schemas/types/container.def schemas/types/contentInstance.def schemas/types/flexContainer.def \
	schemas/types/group.def schemas/types/mgmtObj.def schemas/types/node.def \
	schemas/types/pollingChannel.def schemas/types/remoteCSE.def schemas/types/request.def \
	schemas/types/schedule.def schemas/types/subscription.def schemas/types/timeSeries.def \
	schemas/types/timeSeriesInstance.def \
	schemas/validate.c schemas/validate.h \
	schemas/validate_kind.c \
	schemas/validate_text.c \
	schemas/value.c schemas/value.h

# The specializations that are compiled in.
specializations = \
	schemas/specializations/battery.json \
	schemas/specializations/memory.json \
	schemas/specializations/temperature.json
schemas/builtin.c: schemas/embed.sh $(specializations)
	$(AM_V_at)$(MKDIR_P) schemas
	$(AM_V_GEN)cd $(srcdir) && $(SHELL) schemas/embed.sh $(specializations) > $(abs_builddir)/schemas/builtin.c.new
	$(AM_V_at)mv schemas/builtin.c.new $@
nodist_libschemas_a_SOURCES = schemas/builtin.c
BUILT_SOURCES += schemas/builtin.c
CLEANFILES += schemas/builtin.c schemas/builtin.c.new
EXTRA_DIST += schemas/embed.sh schemas/specializations/README.md $(specializations)
