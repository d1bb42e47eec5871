# The contract of the store, held against every store, and what is SQLite's own.
check_LIBRARIES += libstoretest.a
libstoretest_a_SOURCES = \
	tests/store/database.c tests/store/database.h \
	tests/store/helpers.c tests/store/helpers.h \
	tests/store/stores.c tests/store/stores.h

STORE_TESTS = test_series test_contract test_notes test_memory_notes test_load test_model test_sqlite test_sqlite_room
STORE_TEST_LIBS = libstoretest.a libstore.a libbase.a $(SQLITE3_LIBS) -lcmocka -lpthread

check_PROGRAMS += $(STORE_TESTS)
TESTS += $(STORE_TESTS)
test_series_SOURCES = tests/store/test_series.c
test_series_LDADD = $(STORE_TEST_LIBS)
test_contract_SOURCES = tests/store/test_contract.c
test_contract_LDADD = $(STORE_TEST_LIBS)
test_notes_SOURCES = tests/store/test_notes.c
test_notes_LDADD = $(STORE_TEST_LIBS)
test_memory_notes_SOURCES = tests/store/test_memory_notes.c
test_memory_notes_LDADD = $(STORE_TEST_LIBS)
test_load_SOURCES = tests/store/test_load.c
test_load_LDADD = $(STORE_TEST_LIBS)
test_model_SOURCES = tests/store/test_model.c
test_model_LDADD = $(STORE_TEST_LIBS)
test_sqlite_SOURCES = tests/store/test_sqlite.c
test_sqlite_LDADD = $(STORE_TEST_LIBS)
test_sqlite_room_SOURCES = tests/store/test_sqlite_room.c
test_sqlite_room_LDADD = $(STORE_TEST_LIBS)
