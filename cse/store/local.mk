# cse/store: keeping resources
noinst_LIBRARIES += libstore.a
libstore_a_SOURCES = \
	cse/store/faulty.c \
	cse/store/memory.c \
	cse/store/memory_notes.c cse/store/memory_notes.h \
	cse/store/registry.c cse/store/registry.def \
	cse/store/series.c cse/store/series.h \
	cse/store/sqlite.c cse/store/sqlite.h \
	cse/store/sqlite_apply.c \
	cse/store/sqlite_checkpoint.c \
	cse/store/sqlite_files.c \
	cse/store/sqlite_read.c \
	cse/store/sqlite_schema.c \
	cse/store/sqlite_statements.def \
	cse/store/sqlite_tidy.c \
	cse/store/store.h cse/store/store_files.h \
	cse/store/varint.h
