# Checks of the source tree itself, and the tests of each folder.
EXTRA_DIST += tests/thread-sanitizer.txt
dist_check_SCRIPTS += tests/check-floors tests/check-rules tests/check-style
TESTS += tests/check-floors tests/check-rules tests/check-style

include tests/unit/local.mk
include tests/store/local.mk
include tests/scenario/local.mk
include tests/http/local.mk
include tests/peers/local.mk
include tests/system/local.mk
include tests/fuzz/local.mk
include tests/bench/local.mk
