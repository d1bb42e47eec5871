# What data looks like: tables, values, validation, serializations.
noinst_LIBRARIES += libschemas.a
libschemas_a_SOURCES = \
	schemas/checks.c schemas/checks.h \
	schemas/codec/codec.h schemas/codec/json.c \
	schemas/complex.def schemas/enums.def schemas/filter.def schemas/names.def \
	schemas/primitive.def schemas/resource_types.def schemas/status.def \
	schemas/define_type.h schemas/rows.h \
	schemas/lookup.c \
	schemas/primitive.c schemas/primitive.h \
	schemas/schema.c schemas/schema.h \
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
	schemas/validate_kind.c schemas/validate_kind.h \
	schemas/validate_text.c \
	schemas/value.c schemas/value.h
