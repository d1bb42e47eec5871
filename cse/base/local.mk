# cse/base: C helpers that know nothing of oneM2M
noinst_LIBRARIES += libbase.a
libbase_a_SOURCES = \
	cse/base/arena.c cse/base/arena.h \
	cse/base/banned.h \
	cse/base/clock.c cse/base/clock.h \
	cse/base/error.c cse/base/error.h \
	cse/base/id.c cse/base/id.h \
	cse/base/list.h \
	cse/base/log.c cse/base/log.h \
	cse/base/setting.c cse/base/setting.h \
	cse/base/loop.c cse/base/loop.h \
	cse/base/map.c cse/base/map.h \
	cse/base/str.c cse/base/str.h \
	cse/base/strbuf.c cse/base/strbuf.h \
	cse/base/thread.c cse/base/thread.h
