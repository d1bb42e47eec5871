# base
check_PROGRAMS += test_base
TESTS += test_base
test_base_SOURCES = tests/unit/test_base.c
test_base_LDADD = libbase.a -lcmocka -lpthread

# schemas


# core
check_PROGRAMS += test_commit
TESTS += test_commit
test_commit_SOURCES = tests/unit/test_commit.c
test_commit_LDADD = libresources.a libcore.a libstore.a libschemas.a libbase.a \
	-lcmocka $(SQLITE3_LIBS) $(CJSON_LIBS) -lpthread
