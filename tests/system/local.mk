# The built program as its users run it: its commands, SIGKILL under load, disks that are full, read-only or broken.
SYSTEM_TESTS = \
	tests/system/test_cli.py \
	tests/system/test_discovery.py \
	tests/system/test_disk.py \
	tests/system/test_kill.py \
	tests/system/test_readme.py
dist_check_SCRIPTS += $(SYSTEM_TESTS)
TESTS += $(SYSTEM_TESTS)
EXTRA_DIST += tests/system/copse_harness.py
