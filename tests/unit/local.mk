# base
check_PROGRAMS += test_base
TESTS += test_base
test_base_SOURCES = tests/unit/test_base.c
test_base_LDADD = libbase.a -lcmocka -lpthread

# schemas

